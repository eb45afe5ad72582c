//! A server that a test may break.

use std::{path::PathBuf, time::Duration};

use mongodb::{Client, bson::doc, options::ClientOptions};
use tempfile::TempDir;

use super::{
    Error, Settings, Topology, client,
    error::{Context as _, or_panic},
    group::Group,
    keeper::{self, FileLock, private_folder},
    local::{self, Program},
    server::say_once,
};

/// Short, because tests wait for it.
const ELECTION_TIMEOUT: Duration = Duration::from_secs(2);

/// How long a set may be without a primary.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server, or a replica set, that belongs to one test: it may be killed, paused and restarted.
///
/// Always a `mongod` on this machine, whatever the source of the shared servers. It ends when this is dropped,
/// and soon after the end of the process if that is killed. Servers are counted from 0; a server on its own is 0.
///
/// Its methods panic when the machine refuses, or when `i` is no server; in a test there is nothing better
/// to do.
#[derive(Debug)]
pub struct PrivateServer {
    group: Group,
    topology: Topology,
    origin: String,
    // Dropped in this order: first the folder, then the lock that keeps the keeper away from it.
    _folder: TempDir,
    _use: FileLock,
}

impl PrivateServer {
    /// Starts servers, as the environment says.
    ///
    /// # Panics
    ///
    /// If there is no `mongod`. The message says what to set.
    pub async fn start(topology: Topology) -> Self {
        or_panic(Self::open(topology, &or_panic(Settings::from_env())).await)
    }

    /// Like [`Self::start`], with these settings.
    ///
    /// # Errors
    ///
    /// If there is no `mongod`. The message says what to set.
    pub async fn open(topology: Topology, settings: &Settings) -> Result<Self, Error> {
        let Program { path, origin } = local::find(settings).await?;
        let home: PathBuf = settings.state.join("private");
        private_folder(&home)?;
        let folder = tempfile::tempdir_in(&home).context("cannot make a folder for the servers")?;
        let in_use = keeper::use_servers(folder.path()).await?;
        keeper::watch(folder.path(), Duration::ZERO)?;
        let group = match Group::start(&path, folder.path(), topology, ELECTION_TIMEOUT).await {
            Ok(group) => group,
            Err(error) => {
                keeper::sweep(folder.path())?;
                return Err(error);
            }
        };
        say_once(&format!("private servers from {origin}"));
        Ok(Self { group, topology, origin, _folder: folder, _use: in_use })
    }

    /// The URL of the whole, without a database.
    pub fn url(&self) -> String {
        self.group.url()
    }

    /// The URL of one server, whatever set it is in.
    pub fn url_of(&self, i: usize) -> String {
        format!("mongodb://{}/?directConnection=true", self.group.servers[i].address())
    }

    /// The host and port of one server.
    pub fn address(&self, i: usize) -> String {
        self.group.servers[i].address()
    }

    /// How many servers there are.
    pub fn size(&self) -> usize {
        self.group.servers.len()
    }

    /// Topology and source, for people.
    pub fn describe(&self) -> String {
        format!("private {} from {}", self.topology, self.origin)
    }

    /// A new client of the whole, with the options of [`Self::client_options`].
    pub async fn client(&self) -> Client {
        or_panic(client::connect(&self.url()).await)
    }

    /// Up to 100 connections, and it gives up after five seconds without a server.
    pub async fn client_options(&self) -> ClientOptions {
        or_panic(client::options(&self.url()).await)
    }

    /// Ends a server at once, like a crash.
    pub fn kill(&mut self, i: usize) {
        or_panic(self.group.servers[i].kill());
    }

    /// Freezes a server: it holds its connections and answers nothing.
    pub fn pause(&mut self, i: usize) {
        or_panic(self.group.servers[i].pause());
    }

    /// Lets a frozen server go on.
    pub fn resume(&mut self, i: usize) {
        or_panic(self.group.servers[i].resume());
    }

    /// Starts a server again, on the same port and the same data, and waits until it answers. Kills it before,
    /// if it still runs. In a set it may be no member yet: see [`Self::primary`].
    pub async fn restart(&mut self, i: usize) {
        or_panic(self.group.servers[i].restart().await);
    }

    /// Waits until some server takes writes, and says which. Asks only servers that answer within a second.
    pub async fn primary(&self) -> usize {
        let mut clients = Vec::new();
        for server in &self.group.servers {
            clients.push(or_panic(client::direct(&server.address()).await));
        }
        let look = async || {
            for (i, client) in clients.iter().enumerate() {
                let asked = tokio::time::timeout(Duration::from_secs(1), client::hello(client)).await;
                if asked.is_ok_and(|hello| {
                    hello.is_ok_and(|hello| hello.get_bool("isWritablePrimary").unwrap_or(false))
                }) {
                    return Ok(i);
                }
            }
            Err("no server takes writes".to_owned())
        };
        or_panic(client::until("a primary", PATIENCE, look).await)
    }

    /// Makes the primary hand over, and waits for the next one, whose index it gives. For sets of three.
    pub async fn step_down(&self) -> usize {
        let old = self.primary().await;
        let client = or_panic(client::direct(&self.address(old)).await);
        let command = doc! { "replSetStepDown": 10, "secondaryCatchUpPeriodSecs": 5 };
        or_panic(client::admin(&client, command).await.context("replSetStepDown"));
        self.primary().await
    }
}

impl Drop for PrivateServer {
    fn drop(&mut self) {
        for server in &mut self.group.servers {
            // The keeper takes what is left.
            let _ = server.kill();
        }
    }
}
