//! The counter on a replica set that loses its primary in the middle.

use std::time::{Duration, Instant};

use shylock_testing::mongo::{PrivateServer, Topology};

use crate::run::{command, output_of};

async fn tokens_drawn(server: &PrivateServer, database: &str) -> u64 {
    let locks =
        server.client().await.database(database).collection::<mongodb::bson::Document>("shylock_locks");
    let record = locks.find_one(mongodb::bson::doc! { "_id": "counter" }).await.ok().flatten();
    record.and_then(|record| record.get_i64("ticket").ok()).map_or(0, |ticket| ticket.try_into().unwrap_or(0))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_primary_loses_no_increment() {
    let mut server = PrivateServer::start(Topology::ThreeNodes).await;
    let url = server.url().replacen("/?", "/failover?", 1);
    let mut counter = command(env!("CARGO_BIN_EXE_counter"), &url);
    counter.args(["4", "2", "400"]);
    let running = tokio::task::spawn_blocking(move || output_of(counter));

    // Well under way: the token has grown by a few turns.
    let deadline = Instant::now() + Duration::from_secs(60);
    let mut first = 0;
    loop {
        let drawn = tokens_drawn(&server, "failover").await;
        first = if first == 0 { drawn } else { first };
        if first > 0 && drawn > first {
            break;
        }
        assert!(Instant::now() < deadline, "the counter does not get going");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let primary = server.primary().await;
    server.kill(primary);
    assert!(!running.is_finished(), "the primary was killed too late for this test to mean anything");

    let said = running.await.expect("the counter ends well");
    assert!(said.contains("tokens grew in the order of the increments"), "{said}");
}
