//! Servers in a container, through testcontainers.
//!
//! All servers of a topology run in one container, each on a port that is the same inside and outside. So
//! `127.0.0.1` and the port name a member for the other members and for the test alike.

use std::{
    collections::HashMap,
    sync::{Arc, Weak},
    thread,
    time::Duration,
};

use testcontainers::{
    Container, GenericImage, ImageExt as _, TestcontainersError,
    core::{IntoContainerPort as _, client::ClientError},
    runners::SyncRunner as _,
};
use tokio::sync::Mutex;

use super::{
    Error, Settings, Topology,
    client::{direct, hello, until},
    group,
    process::{arguments, free_port},
    replica_set::{self, Member},
};
use crate::engine;

/// How long the servers in a container may take to answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// As in [`super::shared`]: no change of primary because the machine is busy.
const ELECTION_TIMEOUT: Duration = Duration::from_secs(10);

/// The containers that this process uses now.
static RUNNING: Mutex<Option<Running>> = Mutex::const_new(None);

/// Containers by image and topology.
type Running = HashMap<(String, Topology), Weak<DockerServer>>;

/// Servers in a container, which goes when this is dropped.
#[derive(Debug)]
pub(super) struct DockerServer {
    pub(super) url: String,
    container: Option<Container<GenericImage>>,
}

impl Drop for DockerServer {
    fn drop(&mut self) {
        // Its removal blocks, which the runtime of a test would not allow.
        let container = self.container.take();
        let _ = thread::spawn(move || drop(container)).join();
    }
}

/// Why there is no container.
#[derive(Debug)]
pub(super) enum Refusal {
    /// The engine cannot get the image.
    NoImage(String),
    /// Anything else.
    Failed(Error),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// Joins the container of this process for a topology, or starts it.
pub(super) async fn join(settings: &Settings, topology: Topology) -> Result<Arc<DockerServer>, Refusal> {
    let (name, tag) = settings.image();
    let mut running = RUNNING.lock().await;
    let known = running.get_or_insert_default().entry((format!("{name}:{tag}"), topology)).or_default();
    if let Some(server) = known.upgrade() {
        return Ok(server);
    }
    let server = Arc::new(start(name, tag, topology).await?);
    *known = Arc::downgrade(&server);
    Ok(server)
}

async fn start(name: &str, tag: &str, topology: Topology) -> Result<DockerServer, Refusal> {
    let in_set = topology.is_replica_set();
    let ports = (0..topology.size()).map(|_| free_port()).collect::<Result<Vec<u16>, Error>>()?;
    let (container, host) = run(name, tag, &ports, in_set).await?;
    let addresses: Vec<String> = ports.iter().map(|port| format!("{host}:{port}")).collect();
    // A set of one is reached directly, so that the engine may be on another host.
    let url = group::url(&addresses, topology == Topology::ThreeNodes);
    let server = DockerServer { url, container: Some(container) };
    for address in &addresses {
        let client = direct(address).await?;
        let look = async || hello(&client).await.map_err(|error| error.to_string());
        until("the servers in the container", PATIENCE, look).await?;
    }
    if in_set {
        let member = |(port, reached_at): (&u16, &String)| Member {
            known_as: format!("127.0.0.1:{port}"),
            reached_at: reached_at.clone(),
        };
        let members: Vec<Member> = ports.iter().zip(&addresses).map(member).collect();
        replica_set::initiate(&members, ELECTION_TIMEOUT).await?;
    }
    Ok(server)
}

/// Runs the container and tells on which host its ports are.
async fn run(
    name: &str,
    tag: &str,
    ports: &[u16],
    in_set: bool,
) -> Result<(Container<GenericImage>, String), Refusal> {
    let image =
        GenericImage::new(name, tag).with_cmd(["sh".to_owned(), "-c".to_owned(), script(ports, in_set)]);
    let image = ports.iter().fold(image, |image, &port| image.with_mapped_port(port, port.tcp()));
    let starting = tokio::task::spawn_blocking(move || {
        let container = image.start()?;
        let host = engine::host_of(&container)?;
        Ok((container, host))
    });
    starting.await.map_err(|error| Error::Start(error.to_string()))?.map_err(refusal)
}

fn refusal(error: TestcontainersError) -> Refusal {
    match error {
        TestcontainersError::Client(ClientError::PullImage { .. }) => Refusal::NoImage(error.to_string()),
        error => Refusal::Failed(Error::Start(format!("Docker: {error}"))),
    }
}

/// What the container runs: every server, in the background.
fn script(ports: &[u16], in_set: bool) -> String {
    let server = |port: &u16| {
        let folder = format!("/tmp/mongo-{port}");
        let arguments = arguments(&folder, *port, in_set).join(" ");
        format!("mkdir -p {folder}; mongod --bind_ip_all {arguments} &")
    };
    let servers: Vec<String> = ports.iter().map(server).collect();
    format!("{} wait", servers.join(" "))
}
