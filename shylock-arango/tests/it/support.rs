//! A database of its own for each test, on a real server or on the emulator.

use std::sync::Once;
use std::time::{Duration, Instant};

use arangors::{Database, GenericConnection};
use serde_json::Value;
use shylock_arango::{ArangoBackend, ArangoClient};
use shylock_arango_emulator::{Config, Emulator};
use shylock_core::{Backend, ClaimId, JoinRequest, LockName, Mode, Owner, Snapshot};
use url::Url;

/// Long enough that no lease ends within a test.
pub(crate) const LONG: Duration = Duration::from_secs(600);

/// A server with a user who may do everything, as `arangodb://user:password@host:port`.
const SERVER: &str = "SHYLOCK_TEST_ARANGO_URL";

/// An empty database, and the emulator that has it unless it is on a real server.
pub(crate) struct TestDatabase {
    pub(crate) emulator: Option<Emulator>,
    connection: GenericConnection<ArangoClient>,
    pub(crate) database: Database<ArangoClient>,
    server: Url,
}

impl TestDatabase {
    /// On the server of the environment, or else on an emulator.
    pub(crate) async fn new() -> Self {
        let Ok(url) = std::env::var(SERVER) else {
            say("the emulator");
            return Self::emulated(&Config::new()).await;
        };
        say("a real server");
        Self::on(Url::parse(&url).unwrap_or_else(|_| panic!("{SERVER} is no URL")), None).await
    }

    /// On an emulator, for tests that need its faults, its counters or its clock.
    pub(crate) async fn emulated(config: &Config) -> Self {
        let emulator = Emulator::start(config).expect("an emulator");
        let server = format!("arangodb://{}:{}@{}", emulator.user(), emulator.password(), emulator.address());
        Self::on(Url::parse(&server).expect("a URL"), Some(emulator)).await
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
        self.database.aql_bind_vars(text, binds).await.expect("an answer")
    }

    /// Removes the database after a test that went well.
    pub(crate) async fn close(self) {
        self.connection.drop_database(self.database.name()).await.expect("dropped");
    }
}

fn say(server: &str) {
    static SAID: Once = Once::new();
    SAID.call_once(|| println!("These tests run on {server}."));
}

pub(crate) fn lock(name: &str) -> LockName {
    LockName::new(name).expect("a lock name")
}

pub(crate) fn exclusive(name: &str, claim: ClaimId) -> JoinRequest {
    JoinRequest {
        lock: lock(name),
        claim,
        mode: Mode::Exclusive,
        ttl: LONG,
        owner: Owner::new("host", 1, None),
        only_if_granted: false,
    }
}

pub(crate) async fn join(backend: &ArangoBackend, name: &str, claim: ClaimId) -> Snapshot {
    backend.join(&exclusive(name, claim)).await.expect("joined")
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
    let strings = [
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
        "nul\0inside",
        "\0",
        "ünïcode 🔒",
        "e\u{301}",
        "é",
        "\\",
        "%",
        "%25",
        "%00",
        "_",
        " ",
        "line\nbreak",
        "\u{10ffff}",
        "\u{e000}",
        "0",
        "null",
        "LOCK",
        "lock",
        "sha256=0123",
    ];
    let long = ["x".repeat(254), "x".repeat(255), "x".repeat(LockName::MAX_BYTES), "🔒".repeat(256)];
    strings.into_iter().map(str::to_owned).chain(long).collect()
}
