//! A waiting claim is woken by the server, where the server can do that.

use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_core::stream::BoxStream;
use mongodb::bson::doc;
use shylock_core::{Backend, ClaimId, Interest, LockManager, ManagerId, Mode, Wakeup};
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
    wakeup.holders.iter().map(|(claim, _)| *claim).collect()
}

/// The wakeups of a manager.
async fn stream(fixture: &Fixture, manager: ManagerId) -> BoxStream<'static, Wakeup> {
    let wakeups = fixture.backend.wakeups(&Interest::new(manager)).await.expect("no error");
    wakeups.expect("a replica set has wakeups")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_leave_that_names_a_claim_of_the_manager_is_told_and_nothing_else() {
    let fixture = Fixture::new(Topology::ReplicaSet).await;
    let (ours, theirs) = (ManagerId::random(), ManagerId::random());
    let mut stream = stream(&fixture, ours).await;
    let claims = [ours.claim(0), theirs.claim(0), ours.claim(1), theirs.claim(1), ours.claim(2)];
    for claim in claims {
        fixture.join("queue", claim).await;
    }
    // Joins, renewals, and the leave of the last one in another queue tell nothing.
    let alone = ours.claim(3);
    fixture.join("other", alone).await;
    fixture.leave("other", alone).await;
    fixture.backend.join(&exclusive("queue", claims[1])).await.expect("extended");

    for left in &claims[..4] {
        fixture.leave("queue", *left).await;
    }
    // Each leave names a claim of the manager: as the holder, or as the next, which looks.
    for (holder, next_claim) in [(1, Some(2)), (2, Some(3)), (3, Some(4)), (4, None)] {
        let wakeup = next(&mut stream).await;
        assert_eq!((&wakeup.lock, ids(&wakeup)), (&lock("queue"), vec![claims[holder]]));
        assert_eq!(wakeup.next, next_claim.map(|n: usize| claims[n]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manager_whose_claims_wait_further_back_is_not_woken() {
    let fixture = Fixture::new(Topology::ReplicaSet).await;
    let (ours, theirs) = (ManagerId::random(), ManagerId::random());
    let mut stream = stream(&fixture, ours).await;
    let (first, waiting) = (theirs.claim(0), ours.claim(0));
    fixture.join("queue", first).await;
    let mut reader = exclusive("queue", theirs.claim(1));
    reader.mode = Mode::READER;
    fixture.backend.join(&reader).await.expect("joined");
    let between = theirs.claim(2);
    fixture.join("queue", between).await;
    fixture.join("queue", waiting).await;
    // The reader holds then. It allows many, so the note about the first claims names the last one too.
    fixture.leave("queue", first).await;
    fixture.leave("queue", reader.claim).await;
    let wakeup = next(&mut stream).await;
    assert_eq!((ids(&wakeup), wakeup.next), (vec![between], Some(waiting)), "the first that is told");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wakeup_tells_of_the_holder_that_lapsed() {
    let fixture = Fixture::new(Topology::ReplicaSet).await;
    let ours = ManagerId::random();
    let mut stream = stream(&fixture, ours).await;
    let lapsed = fixture.join("a", ClaimId::random()).await.claims[0].token;
    fixture.join("a", ours.claim(0)).await;
    let between = fixture.join("a", ClaimId::random()).await.claims[2].id;
    let past = doc! { "$set": { "claims.0.expiresAt": mongodb::bson::DateTime::from_millis(1) } };
    fixture.collection().update_one(doc! { "_id": "a" }, past).await.expect("lapsed");

    fixture.leave("a", between).await;
    let wakeup = next(&mut stream).await;
    assert_eq!((ids(&wakeup), wakeup.abandoned), (vec![ours.claim(0)], Some(lapsed)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_downgrade_wakes_those_who_hold_since() {
    let fixture = Fixture::new(Topology::ReplicaSet).await;
    let ours = ManagerId::random();
    let mut stream = stream(&fixture, ours).await;
    let writer = ClaimId::random();
    fixture.join("a", writer).await;
    let mut reader = exclusive("a", ours.claim(0));
    reader.mode = Mode::READER;
    fixture.backend.join(&reader).await.expect("joined");
    fixture.backend.downgrade(&lock("a"), writer, Mode::READER).await.expect("downgraded");
    assert_eq!(ids(&next(&mut stream).await), [writer, reader.claim]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_record_whose_changes_are_told_as_differences_wakes_too() {
    let fixture = Fixture::new(Topology::ReplicaSet).await;
    let ours = ManagerId::random();
    let mut stream = stream(&fixture, ours).await;
    let claims: Vec<ClaimId> = (0..200).map(|number| ours.claim(number)).collect();
    for claim in &claims {
        fixture.join("long", *claim).await;
    }
    for pair in claims.windows(2).take(20) {
        fixture.leave("long", pair[0]).await;
        assert_eq!(ids(&next(&mut stream).await), [pair[1]]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_on_its_own_has_none_and_says_so() {
    for topology in [Topology::Standalone, Topology::ReplicaSet] {
        let fixture = Fixture::new(topology).await;
        // A server from the environment is what it is.
        let is_alone = fixture.server.topology() == Topology::Standalone;
        assert_eq!(fixture.backend.capabilities().wakeups, !is_alone);
        let wakeups = fixture.backend.wakeups(&Interest::new(ManagerId::random())).await;
        assert_eq!(wakeups.expect("no error").is_none(), is_alone);
    }
}

/// The core opens another stream then.
#[tokio::test(flavor = "multi_thread")]
async fn the_stream_ends_when_the_collection_is_dropped() {
    use futures_util::StreamExt;
    let fixture = Fixture::new(Topology::ReplicaSet).await;
    let mut stream = stream(&fixture, ManagerId::random()).await;
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
        while ours.inspect("a").await.expect("a queue").waiters().is_empty() {
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
