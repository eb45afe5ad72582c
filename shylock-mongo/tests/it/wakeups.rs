//! A waiting claim is woken by the server, where the server can do that.

use std::sync::atomic::Ordering;
use std::time::Duration;

use mongodb::bson::doc;
use shylock_core::{Backend, ClaimId, LockManager, Wakeup};
use shylock_mongo::MongoBackend;
use shylock_testing::mongo::Topology;

use crate::support::{Fixture, counting_client, exclusive, lock};

async fn next(stream: &mut (impl futures_util::Stream<Item = Wakeup> + Unpin)) -> Wakeup {
    use futures_util::StreamExt;
    let patience = Duration::from_secs(30);
    tokio::time::timeout(patience, stream.next())
        .await
        .expect("a wakeup in time")
        .expect("the stream goes on")
}

fn ids(wakeup: &Wakeup) -> Vec<ClaimId> {
    wakeup.granted.iter().map(|(claim, _)| *claim).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_leave_that_lets_somebody_in_is_heard_and_nothing_else() {
    let fixture = Fixture::new(Topology::ReplicaSet).await;
    let mut stream = fixture.backend.wakeups().await.expect("no error").expect("a replica set has wakeups");
    let claims: Vec<ClaimId> = (0..4).map(|_| ClaimId::random()).collect();
    for claim in &claims {
        fixture.join("queue", *claim).await;
    }
    // Joins, renewals, and the leave of the last one in another queue say nothing.
    let alone = ClaimId::random();
    fixture.join("other", alone).await;
    fixture.leave("other", alone).await;
    fixture.backend.join(&exclusive("queue", claims[1])).await.expect("refreshed");

    for (left, next_one) in [(claims[0], claims[1]), (claims[1], claims[2]), (claims[2], claims[3])] {
        fixture.leave("queue", left).await;
        let wakeup = next(&mut stream).await;
        assert_eq!((&wakeup.lock, ids(&wakeup)), (&lock("queue"), vec![next_one]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_record_whose_changes_are_told_as_differences_wakes_too() {
    let fixture = Fixture::new(Topology::ReplicaSet).await;
    let mut stream = fixture.backend.wakeups().await.expect("no error").expect("a replica set has wakeups");
    let claims: Vec<ClaimId> = (0..200).map(|_| ClaimId::random()).collect();
    for claim in &claims {
        fixture.join("long", *claim).await;
    }
    for pair in claims.windows(2).take(20) {
        fixture.leave("long", pair[0]).await;
        assert_eq!(ids(&next(&mut stream).await), [pair[1]]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_on_its_own_has_none() {
    let fixture = Fixture::new(Topology::Standalone).await;
    assert!(fixture.backend.wakeups().await.expect("no error").is_none());
}

/// The core opens another stream then.
#[tokio::test(flavor = "multi_thread")]
async fn the_stream_ends_when_the_collection_is_dropped() {
    use futures_util::StreamExt;
    let fixture = Fixture::new(Topology::ReplicaSet).await;
    let mut stream = fixture.backend.wakeups().await.expect("no error").expect("a replica set has wakeups");
    fixture.join("a", ClaimId::random()).await;
    fixture.collection().drop().await.expect("dropped");
    let ended = tokio::time::timeout(Duration::from_secs(30), stream.next()).await.expect("it ends in time");
    assert_eq!(ended, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_manager_is_woken_and_reads_nothing() {
    let fixture = Fixture::new(Topology::ReplicaSet).await;
    let (client, sent) = counting_client(&fixture.server).await;
    let theirs = MongoBackend::new(client.database(fixture.database.name())).await.expect("a backend");
    let (ours, theirs) = (LockManager::new(fixture.backend.clone()), LockManager::new(theirs));
    // A hand-over costs the one who waits the request for the next events, and that only.
    let hand_over = async || {
        let guard = ours.lock("a").acquire().await.expect("acquired");
        let lock = theirs.lock("a");
        let waiting = tokio::spawn(async move { lock.acquire().await });
        while ours.inspect("a").await.expect("a queue").waiting().is_empty() {
            tokio::task::yield_now().await;
        }
        let before = sent.load(Ordering::Relaxed);
        guard.release().await.expect("released");
        let guard = waiting.await.expect("no panic").expect("acquired");
        let is_quiet = sent.load(Ordering::Relaxed) <= before + 1;
        guard.release().await.expect("released");
        is_quiet
    };
    // The first ones open the stream, and look while that is being done.
    let opened = async { while !hand_over().await {} };
    tokio::time::timeout(Duration::from_secs(60), opened).await.expect("a hand-over without looking");
    for _ in 0..4 {
        assert!(hand_over().await, "it asked, or polled");
    }
}
