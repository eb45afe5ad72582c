//! Wakeups, for stores that push them.

use std::future::poll_fn;
use std::pin::Pin;

use futures_core::stream::{BoxStream, Stream};

use crate::backend::{Interest, Wakeup};
use crate::conformance::probe::{BRIEF, LONG, Probe, READER};
use crate::conformance::wait::SOON;
use crate::conformance::{Backend, Harness};
use crate::queue::Mode::Exclusive;
use crate::queue::{ClaimId, FencingToken, LockName, ManagerId};

type Wakeups = BoxStream<'static, Wakeup>;

/// Subscribes to the wakeups for a manager's claims.
async fn subscribe<B: Backend>(probe: &Probe<B>, manager: ManagerId) -> Wakeups {
    let wakeups = probe.backend.wakeups(&Interest::new(manager)).await.expect("wakeups can be opened");
    wakeups.expect("a store that says that it pushes does so")
}

/// The token of this claim, if the wakeup names it as a holder.
fn token_in(wakeup: &Wakeup, claim: ClaimId) -> Option<FencingToken> {
    wakeup.holders.iter().find(|(id, _)| *id == claim).map(|(_, token)| *token)
}

async fn next(wakeups: &mut Wakeups) -> Wakeup {
    let next = poll_fn(|cx| Pin::new(&mut *wakeups).poll_next(cx));
    let next = tokio::time::timeout(SOON, next).await;
    next.expect("no wakeup comes").expect("the stream of wakeups goes on")
}

/// The first wakeup that names this claim as a holder; others may come before it.
async fn woken(wakeups: &mut Wakeups, lock: &LockName, claim: ClaimId) -> Wakeup {
    let named = async {
        loop {
            let wakeup = next(wakeups).await;
            if wakeup.lock == *lock && token_in(&wakeup, claim).is_some() {
                return wakeup;
            }
        }
    };
    let named = tokio::time::timeout(SOON, named).await;
    named.unwrap_or_else(|_| panic!("no wakeup named the new holder of {lock:?}"))
}

pub async fn wakeups_are_pushed_just_when_the_store_says_so<H: Harness>(harness: &H) {
    let lock = Probe::open(harness, "lock").await;
    let wakeups = lock.backend.wakeups(&Interest::new(lock.manager)).await.expect("wakeups can be opened");
    assert_eq!(wakeups.is_some(), lock.backend.capabilities().wakeups);
}

pub async fn every_handle_has_the_same_capabilities<H: Harness>(harness: &H) {
    let (ours, theirs) = (harness.backend().await, harness.backend().await);
    assert_eq!(ours.capabilities(), theirs.capabilities());
}

pub async fn a_leave_that_grants_wakes_the_new_holder<H: Harness>(harness: &H) {
    let lock = Probe::open(harness, "lock").await;
    let mut wakeups = subscribe(&lock, lock.manager).await;
    let (holder, waiter) = (lock.join(Exclusive).await, lock.join(Exclusive).await);
    lock.leave(holder).await;
    woken(&mut wakeups, &lock.lock, waiter).await;
}

pub async fn a_leave_that_grants_several_wakes_them_all<H: Harness>(harness: &H) {
    let lock = Probe::open(harness, "lock").await;
    // A store may name them all at once, so there is a subscription for each.
    let subscriptions = [subscribe(&lock, lock.manager).await, subscribe(&lock, lock.manager).await];
    let writer = lock.join(Exclusive).await;
    let readers = [lock.join(READER).await, lock.join(READER).await];
    lock.leave(writer).await;
    for (mut wakeups, reader) in subscriptions.into_iter().zip(readers) {
        woken(&mut wakeups, &lock.lock, reader).await;
    }
}

pub async fn a_downgrade_wakes_the_readers_that_it_lets_in<H: Harness>(harness: &H) {
    let (lock, readers) = (Probe::open(harness, "lock").await, Probe::open(harness, "lock").await);
    let mut wakeups = subscribe(&readers, readers.manager).await;
    let (writer, reader) = (lock.join(Exclusive).await, readers.join(READER).await);
    lock.downgrade(writer, READER).await;
    woken(&mut wakeups, &lock.lock, reader).await;
}

pub async fn a_wakeup_reaches_every_subscription_on_any_handle<H: Harness>(harness: &H) {
    let (ours, theirs) = (Probe::open(harness, "lock").await, Probe::open(harness, "lock").await);
    let subscriptions = [subscribe(&ours, theirs.manager).await, subscribe(&theirs, theirs.manager).await];
    let (holder, waiter) = (ours.join(Exclusive).await, theirs.join(Exclusive).await);
    ours.leave(holder).await;
    for mut wakeups in subscriptions {
        woken(&mut wakeups, &ours.lock, waiter).await;
    }
}

pub async fn every_manager_is_woken_for_its_own_claims<H: Harness>(harness: &H) {
    let (ours, theirs) = (Probe::open(harness, "lock").await, Probe::open(harness, "lock").await);
    let mut our_wakeups = subscribe(&ours, ours.manager).await;
    let mut their_wakeups = subscribe(&ours, theirs.manager).await;
    let holder = ours.join(Exclusive).await;
    let (their, our) = (theirs.join(Exclusive).await, ours.join(Exclusive).await);
    ours.leave(holder).await;
    woken(&mut their_wakeups, &ours.lock, their).await;
    theirs.leave(their).await;
    woken(&mut our_wakeups, &ours.lock, our).await;
}

pub async fn wakeups_name_their_lock<H: Harness>(harness: &H) {
    let probe = Probe::open(harness, "lock").await;
    let mut wakeups = subscribe(&probe, probe.manager).await;
    for name in ["$", "a.b", "nul\0", "🔒", "%2F"] {
        let lock = probe.on(name);
        let (holder, waiter) = (lock.join(Exclusive).await, lock.join(Exclusive).await);
        lock.leave(holder).await;
        woken(&mut wakeups, &lock.lock, waiter).await;
    }
}

pub async fn a_wakeup_tells_the_token_of_the_holder<H: Harness>(harness: &H) {
    let lock = Probe::open(harness, "lock").await;
    let mut wakeups = subscribe(&lock, lock.manager).await;
    let (holder, waiter) = (lock.join(Exclusive).await, lock.join(Exclusive).await);
    lock.leave(holder).await;
    let wakeup = woken(&mut wakeups, &lock.lock, waiter).await;
    assert_eq!(lock.queue().await.granted_token(waiter), token_in(&wakeup, waiter));
    assert_eq!(wakeup.abandoned, None, "the holder has left");
}

pub async fn no_wakeup_names_a_claim_that_waits<H: Harness>(harness: &H) {
    let lock = Probe::open(harness, "lock").await;
    let mut wakeups = subscribe(&lock, lock.manager).await;
    let (holder, granted) = (lock.join(Exclusive).await, lock.join(Exclusive).await);
    let (leaver, last) = (lock.join(Exclusive).await, lock.join(Exclusive).await);
    lock.leave(leaver).await;
    lock.leave(holder).await;
    let until_granted = async {
        loop {
            let wakeup = next(&mut wakeups).await;
            let waits = [last, leaver].into_iter().find(|claim| token_in(&wakeup, *claim).is_some());
            assert_eq!(waits, None, "{wakeup:?}");
            if token_in(&wakeup, granted).is_some() {
                break;
            }
        }
    };
    tokio::time::timeout(SOON, until_granted).await.expect("no wakeup named the new holder");
}

pub async fn a_wakeup_tells_what_was_abandoned<H: Harness>(harness: &H) {
    let lock = Probe::open(harness, "lock").await;
    let mut wakeups = subscribe(&lock, lock.manager).await;
    let crashed = lock.request(READER, BRIEF);
    let token = lock.send(&crashed).await.claim(crashed.claim).map(|claim| claim.token);
    // The crashed reader, another one, a writer that waits for both, and a reader behind it.
    let (other, writer, late) =
        (lock.join(READER).await, lock.join(Exclusive).await, lock.join(READER).await);
    lock.until_lapsed(crashed.claim).await;
    lock.leave(writer).await;
    let wakeup = woken(&mut wakeups, &lock.lock, late).await;
    assert_eq!(lock.holders().await, [other, late]);
    assert_eq!(wakeup.abandoned, token);
}

pub async fn a_leave_tells_the_first_that_waits_to_look<H: Harness>(harness: &H) {
    let lock = Probe::open(harness, "lock").await;
    let mut wakeups = subscribe(&lock, lock.manager).await;
    let holder = lock.join(Exclusive).await;
    let (next_holder, first_waiter) = (lock.join(Exclusive).await, lock.join(Exclusive).await);
    lock.leave(holder).await;
    assert_eq!(woken(&mut wakeups, &lock.lock, next_holder).await.next, Some(first_waiter));
    // A holder that lingers lets nobody in, but it is going.
    lock.linger(next_holder, LONG).await;
    let wakeup = next(&mut wakeups).await;
    assert_eq!((token_in(&wakeup, first_waiter), wakeup.next), (None, Some(first_waiter)));
}
