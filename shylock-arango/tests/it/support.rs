//! A database of its own for each test, on a real server or on the emulator.

use std::time::{Duration, Instant};

use arangors::{Database, GenericConnection};
use serde_json::Value;
use shylock_arango::{ArangoBackend, ArangoClient};
use shylock_arango_emulator::{Config, Emulator};
use shylock_core::{
    Backend, BackendError, ClaimId, JoinRequest, LockName, Mode, Owner, Snapshot, conformance,
};
use shylock_testing::{arango, say_once, variable};
use url::Url;

use crate::container::KEEPER;

/// Long enough that no lease ends within a test.
pub(crate) const LONG: Duration = Duration::from_secs(600);

/// A server with a user who may do everything, as `arangodb://user:password@host:port`.
pub(crate) const SERVER: &str = "SHYLOCK_TEST_ARANGO_URL";

/// An empty database, and the emulator that has it unless it is on a real server.
pub(crate) struct TestDatabase {
    pub(crate) emulator: Option<Emulator>,
    connection: GenericConnection<ArangoClient>,
    pub(crate) database: Database<ArangoClient>,
    server: Url,
}

impl TestDatabase {
    /// On the server of the environment, or else in a container of its image, or else on an emulator.
    pub(crate) async fn new() -> Self {
        let (database, origin) = if let Some(url) = variable(SERVER) {
            (Self::at(&url).await, SERVER.to_owned())
        } else if let Some(image) = arango::image() {
            let url = arango::url(&image, KEEPER);
            (Self::at(url).await, format!("Docker ({image})"))
        } else {
            (Self::emulated(&Config::new()).await, "the emulator of the tests".to_owned())
        };
        let server = database.database.arango_version().await.expect("a version");
        say_once(&format!("ArangoDB {}, from {origin}", server.version));
        database
    }

    async fn at(url: &str) -> Self {
        Self::on(Url::parse(url).unwrap_or_else(|_| panic!("{SERVER} is no URL")), None).await
    }

    /// On an emulator, for tests that need its faults, its counters or its clock.
    pub(crate) async fn emulated(config: &Config) -> Self {
        let emulator = Emulator::start(config).expect("an emulator");
        let server = format!("arangodb://{}:{}@{}", emulator.user(), emulator.password(), emulator.address());
        Self::on(Url::parse(&server).expect("a URL"), Some(emulator)).await
    }

    /// On an emulated cluster.
    pub(crate) async fn cluster() -> Self {
        Self::emulated(&Config::new().cluster()).await
    }

    async fn on(server: Url, emulator: Option<Emulator>) -> Self {
        let http = format!("http://{}:{}", server.host_str().expect("a host"), server.port().unwrap_or(8529));
        let (user, password) = (server.username(), server.password().unwrap_or_default());
        let connection =
            GenericConnection::establish_basic_auth(&http, user, password).await.expect("a connection");
        let name = format!("shylock_test_{}", ClaimId::random());
        let database = connection.create_database(&name).await.expect("a database");
        Self { emulator, connection, database, server }
    }

    pub(crate) fn emulator(&self) -> &Emulator {
        self.emulator.as_ref().expect("this test asked for an emulator")
    }

    /// For `ArangoBackend::connect`.
    pub(crate) fn url(&self) -> String {
        format!("{}/{}", self.server.as_str().trim_end_matches('/'), self.database.name())
    }

    pub(crate) async fn backend(&self) -> ArangoBackend {
        ArangoBackend::connect(&self.url()).await.expect("a backend")
    }

    /// What a query answers, with the collection of the locks as `@@locks`.
    pub(crate) async fn query(&self, text: &str, binds: &[(&'static str, Value)]) -> Vec<Value> {
        let mut binds: std::collections::HashMap<&str, Value> = binds.iter().cloned().collect();
        if text.contains("@@locks") {
            binds.insert("@locks", "shylock_locks".into());
        }
        // In a cluster the leader may be away for a moment.
        let start = Instant::now();
        loop {
            match self.database.aql_bind_vars(text, binds.clone()).await {
                Ok(rows) => return rows,
                Err(error) => assert!(start.elapsed() < Duration::from_secs(20), "{error}"),
            }
        }
    }

    /// Removes the database after a test that went well.
    pub(crate) async fn close(self) {
        self.connection.drop_database(self.database.name()).await.expect("dropped");
    }
}

pub(crate) fn lock(name: &str) -> LockName {
    LockName::new(name).expect("a lock name")
}

pub(crate) fn exclusive(name: &str, claim: ClaimId) -> JoinRequest {
    JoinRequest::new(lock(name), claim, Mode::Exclusive, LONG, Owner::new("host", 1, None))
}

pub(crate) async fn join(backend: &ArangoBackend, name: &str, claim: ClaimId) -> Snapshot {
    persist!(backend.join(&exclusive(name, claim)))
}

/// Repeats a step while its error may pass, as the core does.
macro_rules! persist {
    ($step:expr) => {{
        let start = std::time::Instant::now();
        loop {
            match $step.await {
                Ok(answer) => break answer,
                Err(error) => $crate::support::wait_after(&error, start).await,
            }
        }
    }};
}
pub(crate) use persist;

pub(crate) async fn wait_after(error: &BackendError, start: Instant) {
    assert!(error.is_retryable() && start.elapsed() < Duration::from_secs(60), "{error}");
    tokio::time::sleep(Duration::from_millis(fastrand::u64(1..10))).await;
}

/// Waits until something is so.
pub(crate) async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let start = Instant::now();
    while !is_so().await {
        assert!(start.elapsed() < Duration::from_secs(60), "never: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Names and labels that mean something to AQL, to a URL, or to a careless program.
pub(crate) fn hostile_strings() -> Vec<String> {
    let own = [
        "@key",
        "@@locks",
        "d._key",
        "' || true || '",
        "\" RETURN 1 //",
        "`",
        "*/ REMOVE d IN shylock_locks /*",
        "../../_system/_api/version",
        "//evil.example/x",
        "foo:bar",
        "a?b#c",
        "%",
        "%25",
        "%00",
        "_",
        "sha256=0123",
    ];
    let long = ["x".repeat(254), "x".repeat(255), "🔒".repeat(256)];
    own.into_iter().map(str::to_owned).chain(long).chain(conformance::hostile_strings()).collect()
}
