//! Getting to the server, or being told why not.

use std::error::Error as _;
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::{Duration, Instant};

use arangors::GenericConnection;
use serde_json::json;
use shylock_arango::{ArangoBackend, ArangoClient, ArangoOptions};
use shylock_arango_emulator::{Config, Fault};
use shylock_core::{BackendErrorKind, ClaimId};

use crate::support::{TestDatabase, join};

/// The error says what is wrong, and no part of it shows the password.
async fn refused(url: &str, kind: BackendErrorKind, words: &[&str]) {
    let start = Instant::now();
    let options =
        ArangoOptions::new().connect_timeout(Duration::from_secs(1)).request_timeout(Duration::from_secs(2));
    let error = ArangoBackend::connect_with_options(url, options).await.expect_err("refused");
    let mut text = format!("{error} {error:?}");
    let mut cause = error.source();
    while let Some(error) = cause {
        write!(text, " {error} {error:?}").expect("a string takes it");
        cause = error.source();
    }
    assert_eq!(error.kind(), kind, "{text}");
    for word in words {
        assert!(text.contains(word), "{word}: {text}");
    }
    assert!(!text.contains("s3cret"), "{text}");
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_wrong_password_or_user_is_denied() {
    let database = TestDatabase::emulated(&Config::new()).await;
    let place = format!("{}/{}", database.emulator().address(), database.database.name());
    for user in ["root:s3cret", "nobody:s3cret", "root"] {
        refused(&format!("arangodb://{user}@{place}"), BackendErrorKind::Denied, &["credentials", "401"])
            .await;
    }
    refused(&format!("arangodb://{place}"), BackendErrorKind::Denied, &["credentials", "401"]).await;
}

#[tokio::test]
async fn a_missing_database_is_named_as_the_reason() {
    let database = TestDatabase::emulated(&Config::new().credentials("root", "s3cret")).await;
    let url = format!("arangodb://root:s3cret@{}/elsewhere", database.emulator().address());
    refused(&url, BackendErrorKind::Misconfigured, &["1228", "database"]).await;
}

#[tokio::test]
async fn a_user_without_rights_is_denied() {
    let database = TestDatabase::emulated(&Config::new().credentials("root", "s3cret")).await;
    let emulator = database.emulator();
    let joe = json!({ "name": "of_joe", "users": [{ "username": "joe", "passwd": "s3cret" }] });
    let session = arangors_session(&emulator.url(), "s3cret").await;
    let system = session.url().join("_api/database").expect("a URL");
    arangors::client::ClientExt::post(&*session.session(), system, joe.to_string()).await.expect("made");
    let url = format!("arangodb://joe:s3cret@{}", emulator.address());
    ArangoBackend::connect(&format!("{url}/of_joe")).await.expect("a database of his own");
    refused(&format!("{url}/{}", database.database.name()), BackendErrorKind::Denied, &["rights"]).await;
}

async fn arangors_session(url: &str, password: &str) -> GenericConnection<ArangoClient> {
    GenericConnection::establish_basic_auth(url, "root", password).await.expect("a connection")
}

#[tokio::test]
async fn a_malformed_url_is_refused_without_its_password() {
    for url in ["arangodb://joe:s3cret@host", "arangodb://joe:s3cret@host:port/db", "joe:s3cret@host/db"] {
        refused(url, BackendErrorKind::Misconfigured, &["malformed"]).await;
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_reported_soon() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    // Connected, but nobody ever answers.
    refused(
        &format!("arangodb://joe:s3cret@{address}/db"),
        BackendErrorKind::Transient,
        &["cannot be reached"],
    )
    .await;
    drop(listener);
    let words = ["cannot be reached", "refused"];
    refused(&format!("arangodb://joe:s3cret@{address}/db"), BackendErrorKind::Transient, &words).await;
    let nowhere = "arangodb://joe:s3cret@nowhere.invalid/db";
    refused(nowhere, BackendErrorKind::Transient, &["cannot be reached"]).await;
}

#[tokio::test]
async fn a_server_that_is_not_arangodb_is_recognised() {
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n<html></html>",
        "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n{\"server\":\"odd\"}",
        "HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n",
    ] {
        let place = serve(answer);
        refused(&format!("arangodb://{place}/db"), BackendErrorKind::Misconfigured, &["version"]).await;
    }
    let place = serve("220 mail.example ESMTP\r\n");
    refused(&format!("arangodb://joe:s3cret@{place}/db"), BackendErrorKind::Transient, &[]).await;
    // TLS to a server that does not speak it.
    refused(&format!("arangodbs://joe:s3cret@{place}/db"), BackendErrorKind::Transient, &[]).await;
}

/// Answers every request in the same way, for as long as the test lives.
fn serve(answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    address
}

#[tokio::test]
async fn a_server_that_is_too_old_is_refused() {
    let database = TestDatabase::emulated(&Config::new()).await;
    for (version, fits) in [("3.9.12", false), ("2.8.0", false), ("3.10.0-rc.1", true), ("4.0.0", true)] {
        let body = json!({ "server": "arango", "license": "community", "version": version }).to_string();
        database.emulator().inject(Fault::plain_text(200, body).on_path("/_api/version"));
        let made = ArangoBackend::connect(&database.url()).await;
        assert_eq!(made.is_ok(), fits, "{version}: {made:?}");
    }
}

#[tokio::test]
async fn a_server_that_is_no_way_into_a_cluster_is_refused() {
    for role in ["PRIMARY", "AGENT"] {
        let database = TestDatabase::emulated(&Config::new().role(Some(role))).await;
        refused(&database.url(), BackendErrorKind::Misconfigured, &[role, "coordinator"]).await;
    }
    let database = TestDatabase::emulated(&Config::new()).await;
    let pair = Fault::plain_text(200, r#"{"role":"SINGLE","mode":"resilient"}"#);
    database.emulator().inject(pair.on_path("/_admin/server/role"));
    refused(&database.url(), BackendErrorKind::Misconfigured, &["active failover", "cluster"]).await;
}

#[tokio::test]
async fn a_server_that_does_not_accept_a_query_is_refused_when_it_is_opened() {
    let database = TestDatabase::emulated(&Config::new().version("3.13.0")).await;
    let asked = || Fault::error(400, 1501).on_path("/_api/query");
    for (part, name) in
        [("onlyIfGranted", "join"), ("INSERT", "create"), ("@records", "renew"), ("SORT", "list")]
    {
        database.emulator().inject(asked().when_body_contains(part));
        refused(&database.url(), BackendErrorKind::Broken, &[name, "3.13.0", "1501", "does not accept"])
            .await;
    }
    // A server that does not tell is no obstacle, and one that is busy is asked again later.
    database.emulator().inject(Fault::error(404, 404).on_path("/_api/query").times(9));
    ArangoBackend::connect(&database.url()).await.expect("a backend");
    database.emulator().inject(Fault::error(503, 21_003).on_path("/_api/query"));
    refused(&database.url(), BackendErrorKind::Throttled { retry_after: None }, &["check the query"]).await;
}

#[tokio::test]
async fn a_collection_that_cannot_hold_locks_is_refused() {
    for (index, word) in [
        (json!({ "type": "persistent", "fields": ["name"], "unique": true }), "Python"),
        (json!({ "type": "ttl", "fields": ["expiresAt"], "expireAfter": 0 }), "TTL"),
        (json!({ "type": "ttl", "fields": ["purgeAt"], "expireAfter": 60 }), "TTL"),
    ] {
        let database = TestDatabase::new().await;
        database.database.create_collection("shylock_locks").await.expect("a collection");
        let url = database.database.url().join("_api/index?collection=shylock_locks").expect("a URL");
        let session = database.database.session();
        arangors::client::ClientExt::post(&*session, url, index.to_string()).await.expect("an index");
        let error = ArangoBackend::connect(&database.url()).await.expect_err("refused");
        assert_eq!(error.kind(), BackendErrorKind::Misconfigured);
        assert!(error.to_string().contains(word), "{error}");
        database.close().await;
    }
    let database = TestDatabase::new().await;
    database.database.create_edge_collection("shylock_locks").await.expect("a collection");
    let error = ArangoBackend::connect(&database.url()).await.expect_err("refused");
    assert!(error.to_string().contains("edges"), "{error}");
    database.close().await;
}

#[tokio::test]
async fn a_handle_of_arangors_will_do() {
    let database = TestDatabase::new().await;
    let options = ArangoOptions::new().wait_for_sync(false);
    let backend = ArangoBackend::with_options(database.database.clone(), options).await.expect("a backend");
    let theirs = ArangoBackend::new(database.database.clone()).await.expect("a backend");
    join(&backend, "lock", ClaimId::random()).await;
    assert_eq!(join(&theirs, "lock", ClaimId::random()).await.claims.len(), 2);
    let text = format!("{backend:?}");
    assert!(text.contains(database.database.name()) && !text.contains("openSesame"), "{text}");
    database.close().await;
}

#[tokio::test]
async fn many_processes_may_set_up_at_once() {
    let database = TestDatabase::new().await;
    let mut crowd = tokio::task::JoinSet::new();
    for _ in 0..10 {
        let url = database.url();
        crowd.spawn(async move { ArangoBackend::connect(&url).await });
    }
    for made in crowd.join_all().await {
        made.expect("a backend");
    }
    database.close().await;
}
