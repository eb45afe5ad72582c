//! Wakeups, for stores that push them. A store that has none passes: the core polls it.

use std::future::poll_fn;
use std::pin::Pin;

use futures_core::stream::{BoxStream, Stream};

use crate::backend::{Interest, Wakeup};
use crate::conformance::probe::{Probe, READER};
use crate::conformance::wait::SOON;
use crate::conformance::{Backend, Harness};
use crate::queue::Mode::Exclusive;
use crate::queue::{ClaimId, FencingToken, LockName};

type Ears = BoxStream<'static, Wakeup>;

async fn ears<B: Backend>(probe: &Probe<B>) -> Option<Ears> {
    probe.backend.wakeups(&Interest::new(probe.manager)).await.expect("wakeups can be opened")
}

/// The token of this claim, if the wakeup names it as one that holds.
fn token_in(wakeup: &Wakeup, claim: ClaimId) -> Option<FencingToken> {
    wakeup.holders.iter().find(|(id, _)| *id == claim).map(|(_, token)| *token)
}

/// Listens until a wakeup names this claim as one that holds, and answers its token; others may come before it.
async fn hears(ears: &mut Ears, lock: &LockName, claim: ClaimId) -> FencingToken {
    let heard = async {
        loop {
            let next = poll_fn(|cx| Pin::new(&mut *ears).poll_next(cx)).await;
            let wakeup = next.expect("the stream of wakeups goes on");
            if let Some(token) = token_in(&wakeup, claim).filter(|_| wakeup.lock == *lock) {
                return token;
            }
        }
    };
    let heard = tokio::time::timeout(SOON, heard).await;
    heard.unwrap_or_else(|_| panic!("no wakeup named the new holder of {lock:?}"))
}

pub async fn a_leave_that_grants_wakes_the_new_holder<H: Harness>(harness: &H) {
    let lock = Probe::open(harness, "lock").await;
    let Some(mut ears) = ears(&lock).await else { return };
    let (holder, waiter) = (lock.join(Exclusive).await, lock.join(Exclusive).await);
    lock.leave(holder).await;
    hears(&mut ears, &lock.lock, waiter).await;
}

pub async fn a_leave_that_grants_several_wakes_them_all<H: Harness>(harness: &H) {
    let lock = Probe::open(harness, "lock").await;
    // A store may name them all at once, so each is listened for with ears of its own.
    let (Some(first), Some(second)) = (ears(&lock).await, ears(&lock).await) else { return };
    let writer = lock.join(Exclusive).await;
    let readers = [lock.join(READER).await, lock.join(READER).await];
    lock.leave(writer).await;
    for (mut ears, reader) in [first, second].into_iter().zip(readers) {
        hears(&mut ears, &lock.lock, reader).await;
    }
}

pub async fn every_listener_hears_a_leave_on_any_handle<H: Harness>(harness: &H) {
    let (ours, theirs) = (Probe::open(harness, "lock").await, Probe::open(harness, "lock").await);
    let (Some(mut our_ears), Some(mut their_ears)) = (ears(&ours).await, ears(&theirs).await) else { return };
    let (holder, waiter) = (ours.join(Exclusive).await, theirs.join(Exclusive).await);
    ours.leave(holder).await;
    hears(&mut our_ears, &ours.lock, waiter).await;
    hears(&mut their_ears, &ours.lock, waiter).await;
}

pub async fn wakeups_name_their_lock<H: Harness>(harness: &H) {
    let probe = Probe::open(harness, "lock").await;
    let Some(mut ears) = ears(&probe).await else { return };
    for name in ["$", "a.b", "nul\0", "🔒", "%2F"] {
        let lock = probe.on(name);
        let (holder, waiter) = (lock.join(Exclusive).await, lock.join(Exclusive).await);
        lock.leave(holder).await;
        hears(&mut ears, &lock.lock, waiter).await;
    }
}

pub async fn no_wakeup_names_a_claim_that_waits<H: Harness>(harness: &H) {
    let lock = Probe::open(harness, "lock").await;
    let Some(mut ears) = ears(&lock).await else { return };
    let (holder, next) = (lock.join(Exclusive).await, lock.join(Exclusive).await);
    let (leaver, last) = (lock.join(Exclusive).await, lock.join(Exclusive).await);
    lock.leave(leaver).await;
    lock.leave(holder).await;
    loop {
        let wakeup = poll_fn(|cx| Pin::new(&mut ears).poll_next(cx)).await.expect("the stream goes on");
        assert!([last, leaver].into_iter().all(|claim| token_in(&wakeup, claim).is_none()), "{wakeup:?}");
        if token_in(&wakeup, next).is_some() {
            break;
        }
    }
}

pub async fn a_wakeup_tells_the_token_of_the_holder<H: Harness>(harness: &H) {
    let lock = Probe::open(harness, "lock").await;
    let Some(mut ears) = ears(&lock).await else { return };
    let (holder, waiter) = (lock.join(Exclusive).await, lock.join(Exclusive).await);
    lock.leave(holder).await;
    let heard = hears(&mut ears, &lock.lock, waiter).await;
    assert_eq!(lock.queue().await.granted_token(waiter), Some(heard));
}
