//! A write that a majority has not got is no answer.

use std::time::Duration;

use mongodb::bson::doc;
use shylock_core::{Backend, BackendError, BackendErrorKind, ClaimId, Mode, Renewal, Renewed, Value};
use shylock_mongo::{MongoBackend, MongoOptions, WriteConcern};
use shylock_testing::mongo::{PrivateServer, Topology};

use crate::support::{Fixture, LONG, exclusive, lock};

fn assert_unconfirmed<T: std::fmt::Debug>(answer: Result<T, BackendError>) {
    let error = answer.expect_err("not an answer");
    assert_eq!(error.kind(), BackendErrorKind::Transient, "{error:?}");
    assert!(error.to_string().contains("written, but not yet"), "{error}");
}

fn assert_impossible<T: std::fmt::Debug>(answer: Result<T, BackendError>) {
    let error = answer.expect_err("not an answer");
    assert_eq!(error.kind(), BackendErrorKind::Misconfigured, "{error:?}");
    assert!(error.to_string().contains("MongoDB error 100"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_without_a_majority_is_an_error_and_its_repetition_is_answered() {
    let mut server = PrivateServer::start(Topology::ThreeNodes).await;
    let client = server.client().await;
    // With the time that it takes to make the index.
    MongoBackend::new(client.database("locks")).await.expect("a backend");
    let options = MongoOptions::new().write_timeout(Duration::from_millis(300));
    let backend = MongoBackend::with_options(client.database("locks"), options).await.expect("a backend");
    let (held, new) = (ClaimId::random(), ClaimId::random());
    backend.join(&exclusive("held", held)).await.expect("joined");

    let primary = server.primary().await;
    let others: Vec<usize> = (0..server.size()).filter(|i| *i != primary).collect();
    for i in &others {
        server.pause(*i);
    }
    let renewal = [Renewal::new(lock("held"), held, 2 * LONG)];
    assert_unconfirmed(backend.join(&exclusive("new", new)).await);
    assert_unconfirmed(backend.renew(&renewal).await);
    // To say "held by another one" is an answer as well, and must be as sure.
    let mut asking = exclusive("held", ClaimId::random());
    asking.only_if_granted = true;
    assert_unconfirmed(backend.join(&asking).await);
    let value = Value::new("v").expect("a value");
    assert_unconfirmed(backend.write(&lock("held"), held, Some(&value)).await);
    assert_unconfirmed(backend.downgrade(&lock("held"), held, Mode::READER).await);
    assert_unconfirmed(backend.leave(&lock("held"), held, Duration::ZERO).await);
    for i in &others {
        server.resume(*i);
    }

    let repeated = async {
        loop {
            match backend.join(&exclusive("new", new)).await {
                Ok(snapshot) => break snapshot,
                Err(error) => assert!(error.is_retryable(), "{error:?}"),
            }
        }
    };
    let snapshot = tokio::time::timeout(Duration::from_secs(60), repeated).await.expect("a majority again");
    assert!(snapshot.granted_token(new).is_some());
    assert_eq!(snapshot.claims.len(), 1, "the repetition has not joined twice");
}

#[tokio::test]
async fn a_write_concern_that_fails_is_an_error_in_every_step() {
    let fixture = Fixture::new(Topology::ReplicaSet).await;
    let claim = ClaimId::random();
    fixture.join("a", claim).await;
    // The index is there, so that nothing is written before the first step.
    let options = MongoOptions::new().write_concern(WriteConcern::Servers(2));
    let backend = MongoBackend::with_options((*fixture.database).clone(), options).await.expect("a backend");
    let renewal = [Renewal::new(lock("a"), claim, 2 * LONG)];
    let value = Value::new("v").expect("a value");
    assert_impossible(backend.join(&exclusive("b", claim)).await);
    assert_impossible(backend.renew(&renewal).await);
    assert_impossible(backend.write(&lock("a"), claim, Some(&value)).await);
    assert_impossible(backend.downgrade(&lock("a"), claim, Mode::READER).await);
    assert_impossible(backend.leave(&lock("a"), claim, Duration::ZERO).await);
}

#[tokio::test]
async fn what_the_server_does_not_do_in_time_is_transient() {
    let server = PrivateServer::start(Topology::Standalone).await;
    let client = server.client().await;
    let backend = MongoBackend::new(client.database("locks")).await.expect("a backend");
    let claim = ClaimId::random();
    backend.join(&exclusive("a", claim)).await.expect("joined");
    let renewal = Renewal::new(lock("a"), claim, LONG);
    for code in [50, 112, 262] {
        fail_next(&server, code).await;
        let error = backend.join(&exclusive("a", claim)).await.expect_err("failed");
        assert_eq!(error.kind(), BackendErrorKind::Transient, "{code}: {error:?}");
        fail_next(&server, code).await;
        let error = backend.renew(std::slice::from_ref(&renewal)).await.expect_err("failed");
        assert_eq!(error.kind(), BackendErrorKind::Transient, "{code}: {error:?}");
    }
    assert_eq!(backend.renew(&[renewal]).await.expect("renewed"), [Renewed::Extended]);
}

/// Lets the next step fail with this code.
async fn fail_next(server: &PrivateServer, code: i32) {
    let data = doc! { "failCommands": ["findAndModify", "update"], "errorCode": code };
    let command = doc! { "configureFailPoint": "failCommand", "mode": { "times": 1 }, "data": data };
    server.client().await.database("admin").run_command(command).await.expect("a fail point");
}
