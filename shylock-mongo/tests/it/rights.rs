//! Users with few rights.

use std::io::Write;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mongodb::Client;
use mongodb::bson::{Document, doc};
use mongodb::options::ClientOptions;
use shylock_core::{Backend, BackendError, BackendErrorKind, ClaimId, ListPage, Mode, Renewal};
use shylock_mongo::{MongoBackend, MongoOptions};
use shylock_testing::mongo::{PrivateServer, Topology};
use tempfile::TempDir;

use crate::support::{exclusive, lock};

/// A server that wants to know who asks.
struct Guarded {
    server: Child,
    port: u16,
    admin: Client,
    _folder: TempDir,
}

impl Guarded {
    async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let port =
            TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port").port();
        let server = Command::new(mongod().await)
            .args(["--auth", "--bind_ip=127.0.0.1", "--nounixsocket", "--wiredTigerCacheSizeGB=0.25"])
            .arg(format!("--port={port}"))
            .arg("--dbpath")
            .arg(folder.path())
            .stdout(Stdio::null())
            .spawn()
            .expect("a server");
        // Until there is a user, one who comes from the same machine may make the first.
        let client = Client::with_options(options(port, "").await).expect("a client");
        let root = doc! { "createUser": "root", "pwd": "s3cret", "roles": ["root"] };
        client.database("admin").run_command(root).await.expect("the first user");
        let admin = Client::with_options(options(port, "root:s3cret@").await).expect("a client");
        Self { server, port, admin, _folder: folder }
    }

    /// A user who has this role on the database `locks`.
    async fn user(&self, name: &str, role: &str) -> String {
        let user = doc! { "createUser": name, "pwd": "s3cret", "roles": [{ "role": role, "db": "locks" }] };
        self.run(user).await;
        self.url(name, "s3cret")
    }

    /// A user who may do just this with the collection.
    async fn user_with(&self, name: &str, actions: &[&str]) -> String {
        let resource = doc! { "db": "locks", "collection": "shylock_locks" };
        let privilege = doc! { "resource": resource, "actions": actions };
        let role = format!("role of {name}");
        self.run(doc! { "createRole": &role, "privileges": [privilege], "roles": [] }).await;
        self.user(name, &role).await
    }

    fn url(&self, user: &str, password: &str) -> String {
        format!("mongodb://{user}:{password}@127.0.0.1:{}/locks", self.port)
    }

    async fn run(&self, command: Document) {
        self.admin.database("locks").run_command(command).await.expect("done");
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// The program that the other tests' servers run.
async fn mongod() -> String {
    let server = PrivateServer::start(Topology::Standalone).await;
    let admin = server.client().await.database("admin");
    let started = admin.run_command(doc! { "getCmdLineOpts": 1 }).await.expect("an answer");
    started.get_array("argv").expect("words")[0].as_str().expect("a path").to_owned()
}

async fn options(port: u16, user: &str) -> ClientOptions {
    let mut options =
        ClientOptions::parse(format!("mongodb://{user}127.0.0.1:{port}/")).await.expect("options");
    options.server_selection_timeout = Some(Duration::from_secs(60));
    options
}

fn assert_denied(answer: Result<MongoBackend, BackendError>) {
    let error = answer.expect_err("denied");
    assert_eq!(error.kind(), BackendErrorKind::Denied, "{error:?}");
    let text = format!("{error} {error:?} {}", std::error::Error::source(&error).expect("a source"));
    assert!(error.to_string().contains("readWrite"), "{text}");
    assert!(!text.contains("s3cret") && !text.contains("wr0ng"), "{text}");
}

async fn assert_works(backend: &MongoBackend) {
    let claim = ClaimId::random();
    let snapshot = backend.join(&exclusive("a", claim)).await.expect("joined");
    assert!(snapshot.granted_token(claim).is_some());
    backend.leave(&lock("a"), claim, Duration::ZERO).await.expect("left");
}

/// Collects what is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("a log").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// What was logged since.
    fn take(&self) -> String {
        String::from_utf8(std::mem::take(&mut *self.0.lock().expect("a log"))).expect("text")
    }
}

#[tokio::test]
async fn rights_are_asked_for_at_once_and_only_those_that_are_needed() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone()).finish();
    let _logged = tracing::subscriber::set_default(subscriber);
    let server = Guarded::start().await;

    assert_denied(MongoBackend::connect(&server.url("root", "wr0ng")).await);
    let nobody = server.user_with("nobody", &["collStats"]).await;
    assert_denied(MongoBackend::connect(&nobody).await);
    assert_denied(MongoBackend::connect(&server.user("reader", "read").await).await);
    for (user, actions) in [
        ("no find", ["insert", "update"]),
        ("no insert", ["find", "update"]),
        ("no update", ["find", "insert"]),
    ] {
        let user = server.user_with(&user.replace(' ', ""), &actions).await;
        assert_denied(MongoBackend::connect(&user).await);
    }

    // Nobody has created the index yet, and these users may not: it works, and that is said once in a process.
    let least = server.user_with("least", &["find", "insert", "update"]).await;
    let backend = MongoBackend::connect(&least).await.expect("a backend");
    MongoBackend::connect(&least).await.expect("a backend");
    assert_eq!(log.take().matches("createIndex({purgeAt: 1}, {expireAfterSeconds: 0})").count(), 1);
    assert_works(&backend).await;

    // With a look at the indexes it knows that all is well, once somebody has created it.
    let writer = server.user("writer", "readWrite").await;
    let backend = MongoBackend::connect(&writer).await.expect("a backend");
    assert_works(&backend).await;
    let looks = server.user_with("looks", &["find", "insert", "update", "listIndexes"]).await;
    log.take();
    MongoBackend::connect(&looks).await.expect("a backend");
    assert_eq!(log.take(), "");
    assert!(!format!("{backend:?}").contains("s3cret"));
}

#[tokio::test]
async fn a_tool_that_only_looks_needs_only_the_right_to_read() {
    let server = Guarded::start().await;
    let reader = server.user("reader", "read").await;
    let options = || MongoOptions::new().read_only(true);
    let open = async || MongoBackend::connect_with_options(&reader, options()).await;
    let backend = open().await.expect("a backend");
    assert_eq!(server.admin.database("locks").list_collection_names().await.expect("names"), [""; 0]);
    assert_eq!(backend.list(&ListPage::new("", 10)).await.expect("names"), []);

    let writer = MongoBackend::connect(&server.user("writer", "readWrite").await).await.expect("a backend");
    let claim = ClaimId::random();
    writer.join(&exclusive("a", claim)).await.expect("joined");
    let backend = open().await.expect("a backend");
    assert_eq!(backend.list(&ListPage::new("", 10)).await.expect("names"), [lock("a")]);
    assert!(backend.queue(&lock("a")).await.expect("a queue").granted_token(claim).is_some());

    let renewal = Renewal::new(lock("a"), claim, Duration::from_secs(1));
    assert_refused(backend.join(&exclusive("a", claim)).await);
    assert_refused(backend.renew(&[renewal]).await);
    assert_refused(backend.leave(&lock("a"), claim, Duration::ZERO).await);
    assert_refused(backend.write(&lock("a"), claim, None).await);
    assert_refused(backend.downgrade(&lock("a"), claim, Mode::READER).await);

    let nobody = server.user_with("nobody", &["collStats"]).await;
    assert_denied(MongoBackend::connect_with_options(&nobody, options()).await);
}

fn assert_refused<T: std::fmt::Debug>(answer: Result<T, BackendError>) {
    let error = answer.expect_err("refused");
    assert_eq!(error.kind(), BackendErrorKind::Misconfigured);
    assert!(error.to_string().contains("read_only"), "{error}");
}
