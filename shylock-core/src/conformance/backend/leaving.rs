//! Leaving a queue, at once and after a while, and what remains.

use std::time::Duration;

use crate::conformance::Harness;
use crate::conformance::probe::{BRIEF, LONG, Probe};
use crate::queue::Mode::Exclusive;
use crate::queue::{ClaimId, JoinRequest, Left, Renewed};

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

pub async fn to_leave_answers_whether_the_claim_was_there<H: Harness>(harness: &H) {
    let lock = Probe::open(harness, "lock").await;
    assert_eq!(lock.leave(ClaimId::random()).await, Left::Gone, "nobody ever joined this queue");
    let (holder, waiter) = (lock.join(Exclusive).await, lock.join(Exclusive).await);
    assert_eq!(lock.leave(waiter).await, Left::Left);
    assert_eq!(lock.on("other").leave(holder).await, Left::Gone);
    assert_eq!(lock.linger(holder, LONG).await, Left::Left);
    assert_eq!(lock.linger(holder, LONG).await, Left::Left);
    assert_eq!(lock.leave(holder).await, Left::Left);
    for claim in [holder, waiter] {
        assert_eq!(lock.leave(claim).await, Left::Gone);
        assert_eq!(lock.linger(claim, LONG).await, Left::Gone);
    }
    let lapsed = lock.join_for(Exclusive, BRIEF).await;
    lock.until_lapsed(lapsed).await;
    assert_eq!(lock.leave(lapsed).await, Left::Gone);
}

pub async fn one_who_lingers_holds_until_then<H: Harness>(harness: &H) {
    let lock = Probe::open(harness, "lock").await;
    let (holder, waiter) = (lock.join(Exclusive).await, lock.join(Exclusive).await);
    // Its lease is longer.
    lock.linger(holder, harness.ttl()).await;
    assert_eq!(lock.holders().await, [holder]);
    lock.until_lapsed(holder).await;
    assert_eq!(lock.holders().await, [waiter]);
    assert_eq!(lock.renew(holder, LONG).await, Renewed::Gone);
}

pub async fn one_who_lingers_is_shown_as_leaving<H: Harness>(harness: &H) {
    let lock = Probe::open(harness, "lock").await;
    let (holder, waiter) = (lock.join(Exclusive).await, lock.join(Exclusive).await);
    assert!(!lock.claim(holder).await.leaving);
    lock.linger(holder, LONG / 2).await;
    let queue = lock.queue().await;
    assert_eq!(queue.claims.iter().map(|claim| claim.leaving).collect::<Vec<_>>(), [true, false]);
    assert!(queue.claims[0].expires_in <= LONG / 2, "to linger ends a longer lease sooner");
    assert_eq!(queue.granted_token(holder), None);
    assert_eq!(lock.holders().await, [holder]);
    assert_eq!(lock.renew(waiter, LONG).await, Renewed::Extended, "the others are as they were");
}

pub async fn one_who_lingers_cannot_be_renewed<H: Harness>(harness: &H) {
    let lock = Probe::open(harness, "lock").await;
    let (holder, waiter) = (lock.join(Exclusive).await, lock.join(Exclusive).await);
    lock.linger(holder, LONG / 2).await;
    let renewals = [holder, waiter, holder].map(|claim| lock.renewal(claim, LONG * 2));
    let answers = [Renewed::Gone, Renewed::Extended, Renewed::Gone];
    assert_eq!(lock.renew_all(&renewals).await, answers);
    assert!(lock.expires_in(holder).await <= LONG / 2, "a late renewal made it whole again");
    assert!(lock.claim(holder).await.leaving);
}

pub async fn one_who_lingers_cannot_join_again_before_the_end<H: Harness>(harness: &H) {
    let lock = Probe::open(harness, "lock").await;
    let request = lock.request(Exclusive, LONG);
    let token = lock.send(&request).await.claims[0].token;
    lock.linger(request.claim, LONG / 2).await;
    for request in [request.clone(), JoinRequest { only_if_granted: true, ..request.clone() }] {
        let answer = lock.send(&request).await;
        assert_eq!(answer.granted_token(request.claim), None);
        assert_eq!((answer.claims.len(), answer.claims[0].token), (1, token));
        assert!(answer.claims[0].leaving && answer.claims[0].expires_in <= LONG / 2, "{answer:?}");
    }
    lock.leave(request.claim).await;
    assert!(lock.send(&request).await.granted_token(request.claim) > Some(token));
}

pub async fn a_second_linger_keeps_the_end_of_the_first<H: Harness>(harness: &H) {
    let lock = Probe::open(harness, "lock").await;
    for again in [LONG / 10, LONG * 2] {
        let claim = lock.join(Exclusive).await;
        lock.linger(claim, LONG / 2).await;
        lock.linger(claim, again).await;
        let left = lock.expires_in(claim).await;
        assert!(left > LONG / 4 && left <= LONG / 2, "{left:?} left after a second linger of {again:?}");
        lock.leave(claim).await;
    }
}

pub async fn a_waiter_may_linger<H: Harness>(harness: &H) {
    let lock = Probe::open(harness, "lock").await;
    let claims = [lock.join(Exclusive).await, lock.join(Exclusive).await, lock.join(Exclusive).await];
    lock.linger(claims[1], LONG).await;
    lock.leave(claims[0]).await;
    assert_eq!(lock.holders().await, [claims[1]], "it keeps its place until then");
    lock.leave(claims[1]).await;
    assert_eq!(lock.holders().await, [claims[2]]);
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
    let (our, their) = (ours.join(Exclusive).await, theirs.join(Exclusive).await);
    ours.leave(our).await;
    assert_eq!(ours.claims().await, []);
    assert_eq!(theirs.claims().await, [their]);
}
