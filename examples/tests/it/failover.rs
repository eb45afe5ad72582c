//! A server that goes away for a while.

use std::time::{Duration, Instant};

use shylock::mongo::MongoBackend;
use shylock_testing::mongo::{PrivateServer, Topology};

use crate::run::{command, output_of};

async fn has_begun(server: &PrivateServer, database: &str) -> bool {
    let locks =
        server.client().await.database(database).collection::<mongodb::bson::Document>("shylock_locks");
    locks.find_one(mongodb::bson::doc! { "_id": "counter" }).await.ok().flatten().is_some()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_primary_loses_no_increment() {
    let mut server = PrivateServer::start(Topology::ThreeNodes).await;
    let primary = server.primary().await;
    let url = server.url().replacen("/?", "/failover?", 1);
    let mut counter = command(env!("CARGO_BIN_EXE_counter"), &url);
    counter.args(["4", "2", "2000"]);
    let running = tokio::task::spawn_blocking(move || output_of(counter));

    // Somebody has joined; most of the work, which takes seconds, lies ahead.
    let deadline = Instant::now() + Duration::from_secs(60);
    while !has_begun(&server, "failover").await {
        assert!(Instant::now() < deadline, "the counter does not get going");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    server.kill(primary);
    assert!(!running.is_finished(), "the primary was killed too late for this test to mean anything");

    let said = running.await.expect("the counter ends well");
    assert!(said.contains("tokens grew in the order of the increments"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_away_for_a_moment_is_waited_for() {
    let mut server = PrivateServer::start(Topology::Standalone).await;
    let url = server.url().replacen("/?", "/away?", 1) + "&serverSelectionTimeoutMS=200";
    server.kill(0);
    MongoBackend::connect(&url).await.expect_err("nobody is there");
    // A server takes longer to start than the 200 ms after which the first attempt ends.
    let (store, ()) = tokio::join!(shylock::connect(&url), server.restart(0));
    store
        .expect("the store is back")
        .lock("a")
        .acquire()
        .await
        .expect("a lock")
        .release()
        .await
        .expect("released");
}
