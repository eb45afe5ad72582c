//! Looking at queues: inspect, list, labels, prefixes.

use std::time::Duration;

use super::{builder, list, manager, managers, queue, until_claims};
use crate::conformance::Harness;

pub async fn inspect_shows_who_holds_and_who_waits<H: Harness>(harness: &H) {
    let managers = managers(harness, 2).await;
    let guard = managers[0].lock("lock").label("the holder").acquire().await.expect("a free lock");
    let lock = managers[1].lock("lock").label("the waiter");
    let waiting = tokio::spawn(async move { lock.acquire().await });
    let queue = until_claims(&managers[1], "lock", 2).await;
    let labels = queue.claims.iter().map(|claim| claim.owner.label.as_deref());
    assert!(labels.eq([Some("the holder"), Some("the waiter")]), "{queue:?}");
    assert_eq!(queue.holders().len(), 1);
    assert_eq!(queue.holders()[0].id, guard.claim_id());
    assert_eq!(queue.holders()[0].token, guard.fencing_token());
    assert!(queue.claims.iter().all(|claim| claim.owner.pid == std::process::id()));
    waiting.abort();
}

pub async fn the_label_of_a_manager_is_the_default<H: Harness>(harness: &H) {
    let manager = builder(harness).await.owner_label("worker 7").build().expect("settings");
    let plain = manager.lock("plain").acquire().await.expect("a free lock");
    let labelled = manager.lock("labelled").label("job").acquire().await.expect("a free lock");
    assert_eq!(queue(&manager, "plain").await.claims[0].owner.label.as_deref(), Some("worker 7"));
    assert_eq!(queue(&manager, "labelled").await.claims[0].owner.label.as_deref(), Some("job"));
    drop((plain, labelled));
}

pub async fn list_shows_the_locks_that_are_held<H: Harness>(harness: &H) {
    let managers = managers(harness, 2).await;
    let mut guards = Vec::new();
    for name in ["job/2", "job/1", "other", "job"] {
        guards.push(managers[0].lock(name).acquire().await.expect("a free lock"));
    }
    assert_eq!(list(&managers[1], "").await, ["job", "job/1", "job/2", "other"]);
    assert_eq!(list(&managers[1], "job/").await, ["job/1", "job/2"]);
    for guard in guards {
        guard.release().await.expect("it was held");
    }
    assert_eq!(list(&managers[1], "").await, [""; 0]);
}

pub async fn a_prefix_keeps_the_locks_of_managers_apart<H: Harness>(harness: &H) {
    let bare = manager(harness).await;
    let ours = builder(harness).await.prefix("ours/").build().expect("settings");
    let same = builder(harness).await.prefix("ours/").build().expect("settings");
    let guard = ours.lock("lock").acquire().await.expect("a free lock");
    assert!(same.lock("lock").try_acquire().await.expect("the store answers").is_none());
    assert!(bare.lock("ours/lock").try_acquire().await.expect("the store answers").is_none());
    let other = bare.lock("lock").try_acquire().await.expect("the store answers").expect("another lock");
    assert_eq!(queue(&same, "lock").await.claims[0].id, guard.claim_id());
    assert_eq!(list(&ours, "").await, ["lock"]);
    assert_eq!(list(&bare, "").await, ["lock", "ours/lock"]);
    ours.evict("lock", other.claim_id()).await.expect("the store answers");
    assert_eq!(queue(&bare, "lock").await.claims.len(), 1, "a claim of another lock was evicted");
}

pub async fn a_lock_has_a_ttl_of_its_own<H: Harness>(harness: &H) {
    let manager = manager(harness).await;
    let ttl = Duration::from_secs(600);
    let guard = manager.lock("lock").ttl(ttl).acquire().await.expect("a free lock");
    let expires_in = queue(&manager, "lock").await.claims[0].expires_in;
    assert!(expires_in <= ttl && expires_in > ttl / 2, "{expires_in:?}");
    assert!(guard.remaining() < expires_in, "a client trusts a lease for less than the store keeps it");
}
