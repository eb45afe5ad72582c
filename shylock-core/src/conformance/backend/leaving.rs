//! Leaving a queue, at once and after a while, and what remains.

use std::time::Duration;

use crate::conformance::Harness;
use crate::conformance::probe::{BRIEF, LONG, Probe, READER};
use crate::queue::ClaimId;
use crate::queue::Mode::Exclusive;
use crate::queue::Renewed;

pub async fn when_the_holder_leaves_the_next_claim_holds<H: Harness>(harness: &H) {
    let lock = Probe::open(harness, "lock").await;
    let claims = [lock.join(Exclusive).await, lock.join(Exclusive).await, lock.join(Exclusive).await];
    lock.leave(claims[0]).await;
    assert_eq!(lock.holders().await, [claims[1]]);
    assert_eq!(lock.claims().await, claims[1..]);
}

pub async fn a_waiter_may_leave<H: Harness>(harness: &H) {
    let lock = Probe::open(harness, "lock").await;
    let claims = [lock.join(Exclusive).await, lock.join(Exclusive).await, lock.join(Exclusive).await];
    lock.leave(claims[1]).await;
    assert_eq!(lock.claims().await, [claims[0], claims[2]]);
    assert_eq!(lock.holders().await, [claims[0]]);
}

pub async fn to_leave_twice_changes_nothing_more<H: Harness>(harness: &H) {
    let lock = Probe::open(harness, "lock").await;
    let claims = [lock.join(Exclusive).await, lock.join(Exclusive).await];
    lock.leave(claims[0]).await;
    lock.leave(claims[0]).await;
    assert_eq!(lock.claims().await, [claims[1]]);
}

pub async fn to_leave_a_queue_that_one_is_not_in_is_no_error<H: Harness>(harness: &H) {
    let lock = Probe::open(harness, "lock").await;
    for linger in [Duration::ZERO, LONG] {
        lock.linger(ClaimId::random(), linger).await;
        assert_eq!(lock.claims().await, []);
    }
    assert_eq!(lock.list("", None, 10).await, [""; 0], "leaving made a queue");
    let holder = lock.join(Exclusive).await;
    for linger in [Duration::ZERO, LONG] {
        lock.linger(ClaimId::random(), linger).await;
        lock.on("other").linger(holder, linger).await;
        assert_eq!(lock.claims().await, [holder]);
    }
}

pub async fn one_who_left_joins_again_at_the_tail<H: Harness>(harness: &H) {
    let lock = Probe::open(harness, "lock").await;
    let request = lock.request(Exclusive, LONG);
    let token = lock.send(&request).await.claims[0].token;
    let other = lock.join(Exclusive).await;
    lock.leave(request.claim).await;
    lock.send(&request).await;
    assert_eq!(lock.claims().await, [other, request.claim]);
    assert!(lock.token(request.claim).await > token);
}

pub async fn tokens_grow_across_empty_queues<H: Harness>(harness: &H) {
    let lock = Probe::open(harness, "lock").await;
    let mut last = None;
    for _ in 0..10 {
        let claim = lock.join(Exclusive).await;
        let token = Some(lock.token(claim).await);
        assert!(token > last, "{token:?} after {last:?}");
        last = token;
        lock.leave(claim).await;
        assert_eq!(lock.claims().await, []);
    }
}

pub async fn one_who_lingers_holds_until_then<H: Harness>(harness: &H) {
    let lock = Probe::open(harness, "lock").await;
    let (holder, waiter) = (lock.join(Exclusive).await, lock.join(Exclusive).await);
    lock.linger(holder, LONG / 2).await;
    assert_eq!(lock.holders().await, [holder]);
    assert!(lock.expires_in(holder).await <= LONG / 2, "to linger ends a longer lease sooner");

    lock.linger(holder, BRIEF).await;
    lock.until_lapsed(holder).await;
    assert_eq!(lock.holders().await, [waiter]);
    assert_eq!(lock.renew(holder, LONG).await, Renewed::Gone);
}

pub async fn one_may_linger_for_longer_than_the_lease<H: Harness>(harness: &H) {
    let lock = Probe::open(harness, "lock").await;
    let holder = lock.join(Exclusive).await;
    lock.linger(holder, LONG * 2).await;
    assert!(lock.expires_in(holder).await > LONG);
    assert_eq!(lock.holders().await, [holder]);
}

pub async fn one_who_lingers_may_still_leave_at_once<H: Harness>(harness: &H) {
    let lock = Probe::open(harness, "lock").await;
    let (holder, waiter) = (lock.join(Exclusive).await, lock.join(Exclusive).await);
    lock.linger(holder, LONG).await;
    lock.leave(holder).await;
    assert_eq!(lock.claims().await, [waiter]);
}

pub async fn to_leave_one_lock_touches_no_other<H: Harness>(harness: &H) {
    let ours = Probe::open(harness, "ours").await;
    let theirs = ours.on("theirs");
    let (our, their) = (ours.join(READER).await, theirs.join(READER).await);
    ours.leave(our).await;
    assert_eq!(ours.claims().await, []);
    assert_eq!(theirs.claims().await, [their]);
}
