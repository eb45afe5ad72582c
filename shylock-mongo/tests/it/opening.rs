//! Opening a backend: what is given, what goes wrong, and what is left behind.

use std::time::Duration;

use mongodb::Client;
use mongodb::bson::{Document, doc};
use shylock_core::{Backend, BackendErrorKind, ClaimId};
use shylock_mongo::{MongoBackend, MongoOptions, WriteConcern};
use shylock_testing::mongo::{MongoServer, PrivateServer, Topology};

use crate::support::{Fixture, exclusive, lock};

/// The message of the error with which this URL is refused.
async fn refused(url: &str, kind: BackendErrorKind) -> String {
    let error = MongoBackend::connect(url).await.expect_err(url);
    assert_eq!(error.kind(), kind, "{url}: {error}");
    error.to_string()
}

#[tokio::test]
async fn what_keeps_a_server_from_being_reached_can_be_told_from_the_message() {
    const SOON: &str = "serverSelectionTimeoutMS=1500&connectTimeoutMS=1000";
    let server = PrivateServer::start(Topology::ReplicaSet).await;
    let address = server.address(0);
    let outage = BackendErrorKind::Transient;

    let text = refused(&format!("mongodb://joe:s3cret@127.0.0.1:1/db?{SOON}"), outage).await;
    assert!(text.contains("nobody listens") && text.to_lowercase().contains("connection refused"), "{text}");
    assert!(!text.contains("s3cret") && !text.contains("joe"), "{text}");
    let text = refused(&format!("mongodb://{address}/db?replicaSet=wrong&{SOON}"), outage).await;
    assert!(text.contains("`replicaSet`") && text.contains("wrong"), "{text}");
    let text =
        refused(&format!("mongodb://{address}/db?tls=true&directConnection=true&{SOON}"), outage).await;
    assert!(text.contains("TLS") && text.contains("I/O error"), "{text}");
}

/// A server that stops answering while a backend is being opened holds up no more than the caller wants to wait.
#[tokio::test(flavor = "multi_thread")]
async fn giving_up_an_opening_closes_its_connections() {
    let mut server = PrivateServer::start(Topology::Standalone).await;
    let url = format!("mongodb://{}/locks?appName=given-up", server.address(0));
    let client = server.client().await;
    // It answers the driver's handshake, and then nothing.
    let slow = doc! { "failCommands": ["listCollections"], "blockConnection": true, "blockTimeMS": 60_000 };
    let command = doc! { "configureFailPoint": "failCommand", "mode": "alwaysOn", "data": slow };
    client.database("admin").run_command(command).await.expect("a fail point");

    let opening = tokio::spawn(async move { MongoBackend::connect(&url).await });
    let eventually = Duration::from_secs(60);
    let opened = async { while connections(&client, "given-up").await == 0 {} };
    tokio::time::timeout(eventually, opened).await.expect("it has begun");
    opening.abort();
    assert!(opening.await.expect_err("aborted").is_cancelled());
    let off = doc! { "configureFailPoint": "failCommand", "mode": "off" };
    client.database("admin").run_command(off).await.expect("no fail point");
    let closed = async { while connections(&client, "given-up").await > 0 {} };
    tokio::time::timeout(eventually, closed).await.expect("nothing of it is left");
    server.kill(0);
}

/// How many connections a program of this name has.
async fn connections(client: &Client, app: &str) -> usize {
    let all = doc! { "$currentOp": { "allUsers": true, "idleConnections": true } };
    let command = doc! { "aggregate": 1, "pipeline": [all, { "$match": { "appName": app } }], "cursor": {} };
    let reply: Document = client.database("admin").run_command(command).await.expect("an answer");
    reply.get_document("cursor").and_then(|cursor| cursor.get_array("firstBatch")).expect("a batch").len()
}

#[tokio::test]
async fn a_client_whose_runtime_has_ended_is_an_outage_that_names_the_runtime() {
    let server = MongoServer::shared(Topology::ReplicaSet).await;
    let (database, mut options) = (server.database(), server.client_options().await);
    options.server_selection_timeout = Some(Duration::from_secs(1));
    let made = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let client = Client::with_options(options).expect("a client");
            client.database("admin").run_command(doc! { "ping": 1 }).await.expect("an answer");
            client
        })
    });
    let client = made.join().expect("no panic");
    let opening = MongoBackend::new(client.database(database.name()));
    let error = tokio::time::timeout(Duration::from_secs(30), opening).await.expect("an answer");
    let error = error.expect_err("no server");
    assert!(error.is_retryable(), "{error}");
    assert!(error.to_string().contains("runtime"), "{error}");
}

#[tokio::test]
async fn an_option_of_any_value_is_refused_by_its_name_or_works() {
    let fixture = Fixture::new(Topology::ReplicaSet).await;
    let good = MongoOptions::new;
    let (tick, ever) = (Duration::from_millis(1), Duration::MAX);
    for options in [
        good().retention(Duration::ZERO),
        good().retention(tick),
        good().retention(ever),
        good().write_timeout(Duration::from_nanos(1)).write_concern(WriteConcern::Servers(1)),
        good().write_timeout(ever),
        good().max_time(ever),
        good().collection("x".repeat(150)),
        good().collection("\u{1f512} it's"),
    ] {
        let shown = format!("{options:?}");
        let opened = MongoBackend::with_options((*fixture.database).clone(), options).await;
        let backend = opened.unwrap_or_else(|error| panic!("{shown}: {error}"));
        let claim = ClaimId::random();
        let snapshot =
            backend.join(&exclusive("a", claim)).await.unwrap_or_else(|error| panic!("{shown}: {error}"));
        assert!(snapshot.claim(claim).is_some(), "{shown}");
        backend.leave(&lock("a"), claim, Duration::ZERO).await.expect("left");
    }
    for (options, name) in [
        (good().write_timeout(Duration::ZERO), "write_timeout"),
        (good().max_time(Duration::ZERO), "max_time"),
        (good().collection(""), "collection"),
        (good().write_concern(WriteConcern::Servers(0)), "write_concern"),
        (good().write_concern(WriteConcern::Servers(u32::MAX)), "MongoDB error"),
    ] {
        let error = MongoBackend::with_options((*fixture.database).clone(), options).await.expect_err(name);
        assert_eq!(error.kind(), BackendErrorKind::Misconfigured, "{error}");
        assert!(error.to_string().contains(name), "{error}");
    }
}

#[tokio::test]
async fn an_option_of_the_url_of_any_value_is_refused_by_its_name_or_works() {
    let fixture = Fixture::new(Topology::ReplicaSet).await;
    let url = fixture.database.url();
    let with = |option: &str| format!("{url}{}{option}", if url.contains('?') { '&' } else { '?' });
    for option in [
        "maxPoolSize=1",
        "maxPoolSize=4294967295",
        "minPoolSize=0",
        "connectTimeoutMS=0",
        "serverSelectionTimeoutMS=2147483647",
        "heartbeatFrequencyMS=500",
        "appName=",
        "w=0",
    ] {
        if let Err(error) = MongoBackend::connect(&with(option)).await {
            panic!("{option}: {error}");
        }
    }
    for option in [
        "maxPoolSize=0",
        "maxPoolSize=-1",
        "maxPoolSize=NaN",
        "serverSelectionTimeoutMS=0",
        "serverSelectionTimeoutMS=-1",
        "timeoutMS=5",
    ] {
        let text = refused(&with(option), BackendErrorKind::Misconfigured).await.to_lowercase();
        let name = option.split('=').next().expect("a name").to_lowercase();
        assert!(text.contains(&name), "{option}: {text}");
    }
    // The driver has a name of its own for it.
    let text = refused(&with("heartbeatFrequencyMS=1"), BackendErrorKind::Misconfigured).await;
    assert!(text.contains("heartbeat"), "{text}");
    let text = refused("mongodb://127.0.0.1:1/", BackendErrorKind::Misconfigured).await;
    assert!(text.contains("names no database"), "{text}");
}
