//! The server that tests share.

use std::{
    fs,
    sync::Arc,
    time::{Duration, SystemTime},
};

use mongodb::{Client, bson::doc, options::ClientOptions};

use super::{
    Error, Settings, Source, TestDatabase, Topology, client,
    docker::{self, DockerServer, Refusal},
    error::{Context as _, or_panic},
    keeper, local,
    shared::{self, Share},
};
use crate::{engine, say_once};

/// How long it is remembered that the engine cannot get the image, because to ask again takes long.
const NO_IMAGE_FOR: Duration = Duration::from_secs(600);

/// A server that tests share. Each test takes a [`TestDatabase`] of its own on it.
#[derive(Debug)]
pub struct MongoServer {
    url: String,
    topology: Topology,
    description: String,
    client: Client,
    _use: Use,
}

/// What keeps the server alive.
#[derive(Debug)]
#[expect(dead_code, reason = "held for what their drop does")]
enum Use {
    Nothing,
    Local(Share),
    Docker(Arc<DockerServer>),
}

/// What a source gives.
struct Found {
    url: String,
    origin: String,
    held: Use,
}

impl MongoServer {
    /// Joins the server of a topology, or starts it, as the environment says.
    ///
    /// A server that `SHYLOCK_TEST_MONGO_URL` names has the topology that it has: see [`Self::topology`].
    ///
    /// # Panics
    ///
    /// If there is no server. The message says what to set.
    pub async fn shared(topology: Topology) -> Self {
        or_panic(Self::open(topology, &or_panic(Settings::from_env())).await)
    }

    /// Like [`Self::shared`], with these settings.
    ///
    /// # Errors
    ///
    /// If there is no server. The message says what to set.
    pub async fn open(topology: Topology, settings: &Settings) -> Result<Self, Error> {
        let mut tried = Vec::new();
        for source in settings.sources() {
            match find(source, topology, settings).await? {
                Ok(found) => return Self::connect(found).await,
                Err(missing) => tried.push(format!("- {}: {missing}\n", source.word())),
            }
        }
        Err(Error::NoServer(tried.concat()))
    }

    async fn connect(found: Found) -> Result<Self, Error> {
        let Found { url, origin, held } = found;
        let client = client::connect(&url).await?;
        let answer = format!("MongoDB from {origin} does not answer");
        let hello = client::hello(&client).await.context(&answer)?;
        let build = client::admin(&client, doc! { "buildInfo": 1 }).await.context(&answer)?;
        let topology = Topology::of(&hello);
        let version = build.get_str("version").unwrap_or("of an unknown version");
        let description = format!("MongoDB {version}, {topology}, from {origin}");
        say_once(&description);
        Ok(Self { url, topology, description, client, _use: held })
    }

    /// The URL, without a database.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What the server is. Only a server from the environment may differ from what was asked for.
    pub fn topology(&self) -> Topology {
        self.topology
    }

    /// Version, topology and source, for people.
    pub fn describe(&self) -> &str {
        &self.description
    }

    /// A client of the server: up to 100 connections, and it gives up after five seconds without a server.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The options of [`Self::client`], for a client that differs in something.
    ///
    /// # Panics
    ///
    /// If the URL cannot be read.
    pub async fn client_options(&self) -> ClientOptions {
        or_panic(client::options(&self.url).await)
    }

    /// A new database, dropped with the answer.
    pub fn database(&self) -> TestDatabase {
        TestDatabase::new(&self.client, &self.url)
    }
}

/// Asks one source. The inner error says why it has no server, which is no failure: the next one is asked.
async fn find(
    source: Source,
    topology: Topology,
    settings: &Settings,
) -> Result<Result<Found, String>, Error> {
    let program = match source {
        Source::Env => return Ok(from_env(settings).ok_or("SHYLOCK_TEST_MONGO_URL is not set".to_owned())),
        Source::Docker => return from_docker(topology, settings).await,
        Source::Path => match local::on_path(settings) {
            Some(program) => program,
            None => return Ok(Err("there is no mongod on the PATH".to_owned())),
        },
        Source::Wheel => match local::from_wheel(settings).await {
            Ok(program) => program,
            Err(error) => return Ok(Err(error.to_string())),
        },
    };
    let share = shared::join(&program.path, topology, settings).await?;
    Ok(Ok(Found { url: share.url.clone(), origin: program.origin, held: Use::Local(share) }))
}

fn from_env(settings: &Settings) -> Option<Found> {
    let origin = "SHYLOCK_TEST_MONGO_URL".to_owned();
    settings.url.clone().map(|url| Found { url, origin, held: Use::Nothing })
}

async fn from_docker(topology: Topology, settings: &Settings) -> Result<Result<Found, String>, Error> {
    let (name, tag) = settings.image();
    let insists = settings.insists_on_docker();
    if !engine::answers() {
        let missing = "no Docker engine answers (DOCKER_HOST, or its socket)";
        return if insists { Err(no_docker(missing)) } else { Ok(Err(missing.to_owned())) };
    }
    let marker = settings.state.join(format!("no-image-{}-{tag}", name.replace('/', "-")));
    let since = fs::metadata(&marker).and_then(|marker| marker.modified());
    let fresh = since.is_ok_and(|since| SystemTime::now() < since + NO_IMAGE_FOR);
    if fresh && !insists {
        return Ok(Err(format!("the Docker engine could not get {name}:{tag} a few minutes ago")));
    }
    match docker::join(settings, topology).await {
        Ok(server) => {
            let origin = format!("Docker ({name}:{tag})");
            Ok(Ok(Found { url: server.url.clone(), origin, held: Use::Docker(server) }))
        }
        Err(Refusal::NoImage(reason)) if !insists => {
            say_once(&format!("Docker answers but has no image, so another source is used: {reason}"));
            keeper::private_folder(&settings.state)?;
            fs::write(&marker, "").context("cannot remember that there is no image")?;
            Ok(Err(reason))
        }
        Err(Refusal::NoImage(reason)) => Err(no_docker(&reason)),
        Err(Refusal::Failed(error)) => Err(error),
    }
}

fn no_docker(reason: &str) -> Error {
    let wish = "Docker is asked for by SHYLOCK_TEST_SERVERS or SHYLOCK_TEST_MONGO_IMAGE";
    Error::NoServer(format!("- docker: {reason}\n  ({wish})\n"))
}
