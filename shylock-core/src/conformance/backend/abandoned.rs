//! What a holder is told of one before it that lapsed.

use crate::backend::Backend;
use crate::conformance::Harness;
use crate::conformance::probe::{BRIEF, LONG, Probe};
use crate::queue::Mode::Exclusive;
use crate::queue::{ClaimId, FencingToken};

/// A claim that joined with a brief lease, and its token.
async fn crash<H: Harness>(lock: &Probe<H::Backend>) -> (ClaimId, FencingToken) {
    let request = lock.request(Exclusive, BRIEF);
    let answer = lock.send(&request).await;
    (request.claim, answer.claim(request.claim).expect("it joined").token)
}

pub async fn the_next_holder_finds_that_the_last_one_lapsed<H: Harness>(harness: &H) {
    let lock = Probe::open(harness, "lock").await;
    let first = lock.join(Exclusive).await;
    assert_eq!(lock.queue().await.abandoned, None);
    lock.leave(first).await;
    let (crashed, token) = crash::<H>(&lock).await;
    lock.until_lapsed(crashed).await;
    assert_eq!(lock.queue().await.abandoned, Some(token), "a look tells it");
    let request = lock.request(Exclusive, LONG);
    let answer = lock.send(&request).await;
    assert!(answer.granted_token(request.claim) > Some(token));
    assert_eq!(answer.abandoned, Some(token), "the answer that grants tells it");
    assert_eq!(lock.send(&request).await.abandoned, Some(token), "and so does its repetition");
}

pub async fn a_waiter_that_comes_to_hold_finds_that_the_last_one_lapsed<H: Harness>(harness: &H) {
    let lock = Probe::open(harness, "lock").await;
    let (crashed, token) = crash::<H>(&lock).await;
    let request = lock.request(Exclusive, LONG);
    lock.send(&request).await;
    lock.until_lapsed(crashed).await;
    let answer = lock.send(&request).await;
    assert!(answer.granted_token(request.claim).is_some());
    assert_eq!(answer.abandoned, Some(token));
}

pub async fn of_several_that_lapsed_the_last_is_told<H: Harness>(harness: &H) {
    let lock = Probe::open(harness, "lock").await;
    let (first, _) = crash::<H>(&lock).await;
    let (second, _) = crash::<H>(&lock).await;
    lock.until_lapsed(first).await;
    lock.until_lapsed(second).await;
    let (third, token) = crash::<H>(&lock).await;
    lock.until_lapsed(third).await;
    lock.join(Exclusive).await;
    assert_eq!(lock.queue().await.abandoned, Some(token));
}

pub async fn it_is_told_until_a_holder_leaves<H: Harness>(harness: &H) {
    let lock = Probe::open(harness, "lock").await;
    let (crashed, token) = crash::<H>(&lock).await;
    lock.until_lapsed(crashed).await;
    let (holder, waiter) = (lock.join(Exclusive).await, lock.join(Exclusive).await);
    lock.leave(waiter).await;
    lock.leave(crashed).await;
    lock.leave(ClaimId::random()).await;
    assert_eq!(lock.queue().await.abandoned, Some(token), "no holder has left");
    lock.leave(holder).await;
    assert_eq!(lock.queue().await.abandoned, None);
    let request = lock.request(Exclusive, LONG);
    assert_eq!(lock.send(&request).await.abandoned, None);

    // To linger is to leave, too.
    let lock = lock.on("another lock");
    let (crashed, token) = crash::<H>(&lock).await;
    lock.until_lapsed(crashed).await;
    let holder = lock.join(Exclusive).await;
    assert_eq!(lock.queue().await.abandoned, Some(token));
    lock.linger(holder, LONG).await;
    assert_eq!(lock.queue().await.abandoned, None);
}

pub async fn to_write_and_renew_does_not_clear_it<H: Harness>(harness: &H) {
    let lock = Probe::open(harness, "lock").await;
    let (crashed, token) = crash::<H>(&lock).await;
    lock.until_lapsed(crashed).await;
    let holder = lock.join(Exclusive).await;
    lock.renew(holder, LONG * 2).await;
    if lock.backend.capabilities().values {
        lock.write(holder, Some("a")).await;
    }
    assert_eq!(lock.queue().await.abandoned, Some(token));
}

pub async fn a_release_in_time_abandons_nothing<H: Harness>(harness: &H) {
    let lock = Probe::open(harness, "lock").await;
    for _ in 0..3 {
        let request = lock.request(Exclusive, LONG);
        assert_eq!(lock.send(&request).await.abandoned, None);
        lock.leave(request.claim).await;
        assert_eq!(lock.queue().await.abandoned, None);
    }
}

pub async fn a_linger_that_ends_abandons_nothing<H: Harness>(harness: &H) {
    let lock = Probe::open(harness, "lock").await;
    let (holder, waiter) = (lock.join(Exclusive).await, lock.request(Exclusive, LONG));
    lock.send(&waiter).await;
    lock.linger(holder, BRIEF).await;
    lock.until_lapsed(holder).await;
    assert_eq!(lock.queue().await.abandoned, None);
    let answer = lock.send(&waiter).await;
    assert!(answer.granted_token(waiter.claim).is_some());
    assert_eq!(answer.abandoned, None);
}

pub async fn a_waiter_that_lapses_abandons_nothing<H: Harness>(harness: &H) {
    let lock = Probe::open(harness, "lock").await;
    let holder = lock.join(Exclusive).await;
    let (crashed, _) = crash::<H>(&lock).await;
    lock.until_lapsed(crashed).await;
    assert_eq!(lock.queue().await.abandoned, None);
    lock.renew(holder, LONG).await;
    lock.leave(holder).await;
    assert_eq!(lock.queue().await.abandoned, None);
}
