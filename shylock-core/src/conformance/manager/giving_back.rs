//! However a guard or a caller goes away, nothing is left behind.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use super::{manager, managers, poll_once, queue, soon, until_claims};
use crate::conformance::Harness;
use crate::conformance::wait::{SOON, until};
use crate::error::ErrorKind;

/// So long that nothing in these tests goes away by lapsing.
const LONG: Duration = Duration::from_secs(3600);

pub async fn a_released_lock_is_free_at_once_for_everybody<H: Harness>(harness: &H) {
    let managers = managers(harness, 2).await;
    let guard = managers[0].lock("lock").ttl(LONG).acquire().await.expect("a free lock");
    guard.release().await.expect("it can be released");
    assert_eq!(queue(&managers[1], "lock").await.claims, []);
    assert!(managers[1].lock("lock").try_acquire().await.expect("the store answers").is_some());
}

pub async fn a_dropped_guard_leaves_nothing_behind<H: Harness>(harness: &H) {
    let managers = managers(harness, 2).await;
    let guard = managers[0].lock("lock").ttl(LONG).acquire().await.expect("a free lock");
    drop(guard);
    until_claims(&managers[1], "lock", 0).await;
}

pub async fn a_guard_may_be_dropped_outside_the_runtime<H: Harness>(harness: &H) {
    let manager = manager(harness).await;
    let guard = manager.lock("lock").ttl(LONG).acquire().await.expect("a free lock");
    std::thread::spawn(move || drop(guard)).join().expect("to drop it does not panic");
    until_claims(&manager, "lock", 0).await;
}

pub async fn a_release_that_nobody_waits_for_is_done_all_the_same<H: Harness>(harness: &H) {
    let manager = manager(harness).await;
    let guard = manager.lock("lock").ttl(LONG).acquire().await.expect("a free lock");
    drop(guard.release());
    until_claims(&manager, "lock", 0).await;
}

/// Polls an acquire some times, with pauses in between, and drops it where it then is.
pub async fn an_acquire_that_is_dropped_leaves_nothing_behind<H: Harness>(harness: &H) {
    let managers = managers(harness, 2).await;
    let lock = managers[0].lock("lock").ttl(LONG);
    for patience in [0, 1, 2, 3, 5, 10, 30] {
        let patience = Duration::from_millis(patience);
        // Granted or not when it is dropped, nobody has a guard afterwards.
        drop(tokio::time::timeout(patience, lock.acquire()).await);
        drop(tokio::time::timeout(patience, lock.try_acquire()).await);
        until_claims(&managers[1], "lock", 0).await;
    }
}

pub async fn a_waiting_acquire_that_is_dropped_leaves_nothing_behind<H: Harness>(harness: &H) {
    let managers = managers(harness, 2).await;
    let guard = managers[0].lock("lock").ttl(LONG).acquire().await.expect("a free lock");
    let lock = managers[1].lock("lock").ttl(LONG);
    for patience in [0, 1, 2, 3, 5, 10, 30] {
        let acquired = tokio::time::timeout(Duration::from_millis(patience), lock.acquire()).await;
        assert!(acquired.is_err(), "somebody holds it");
        let queue = until_claims(&managers[0], "lock", 1).await;
        assert_eq!(queue.claims[0].id, guard.claim_id());
    }
    guard.release().await.expect("it can be released");
    assert!(soon("the lock is free", lock.acquire()).await.is_ok());
}

pub async fn a_caller_who_goes_away_does_not_hold_up_those_behind<H: Harness>(harness: &H) {
    let managers = managers(harness, 3).await;
    let guard = managers[0].lock("lock").ttl(LONG).acquire().await.expect("a free lock");
    let (impatient, patient) = (managers[1].lock("lock").ttl(LONG), managers[2].lock("lock"));
    let impatient = tokio::spawn(async move { impatient.acquire().await });
    until_claims(&managers[0], "lock", 2).await;
    let patient = tokio::spawn(async move { patient.acquire().await });
    until_claims(&managers[0], "lock", 3).await;
    impatient.abort();
    guard.release().await.expect("it can be released");
    assert!(soon("the one behind is granted", patient).await.expect("no panic").is_ok());
}

pub async fn of_callers_in_one_process_the_others_stay_in_line<H: Harness>(harness: &H) {
    let managers = managers(harness, 2).await;
    let guard = managers[0].lock("lock").acquire().await.expect("a free lock");
    let lock = managers[1].lock("lock");
    let goes = tokio::spawn({
        let lock = lock.clone();
        async move { lock.acquire().await }
    });
    let waiting = until_claims(&managers[0], "lock", 2).await.claims[1].id;
    let mut stays = Box::pin(async move { lock.acquire().await });
    assert!(poll_once(&mut stays).await.is_pending());
    goes.abort();
    assert!(goes.await.is_err_and(|ended| ended.is_cancelled()), "nobody has released the lock");
    assert!(poll_once(&mut stays).await.is_pending());
    assert_eq!(queue(&managers[0], "lock").await.claims[1].id, waiting, "the process lost its place");
    guard.release().await.expect("it can be released");
    assert!(soon("the other caller is granted", stays).await.is_ok());
}

pub async fn with_gives_the_lock_back_and_answers_what_the_work_did<H: Harness>(harness: &H) {
    let manager = manager(harness).await;
    let lock = manager.lock("lock").ttl(LONG);
    let seen = lock.with(async |guard| (guard.fencing_token(), queue(&manager, "lock").await)).await;
    let (token, during) = seen.expect("the lock was free");
    assert_eq!(during.claims[0].token, token);
    assert_eq!(queue(&manager, "lock").await.claims, []);
}

pub async fn a_panic_inside_with_gives_the_lock_back<H: Harness>(harness: &H) {
    let manager = manager(harness).await;
    let lock = manager.lock("lock").ttl(LONG);
    let mut work = Box::pin(lock.with(async |_guard| {
        tokio::task::yield_now().await;
        std::panic::resume_unwind(Box::new("the work fails"));
    }));
    let panicked = std::future::poll_fn(|cx| {
        match std::panic::catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(cx))) {
            Ok(poll) => poll.map(|_: Result<(), _>| false),
            Err(_) => std::task::Poll::Ready(true),
        }
    });
    assert!(soon("the work fails", panicked).await, "the panic of the work goes on");
    drop(work);
    until_claims(&manager, "lock", 0).await;
}

pub async fn a_lost_guard_cannot_be_released<H: Harness>(harness: &H) {
    let manager = manager(harness).await;
    let guard = manager.lock("lock").auto_renew(false).acquire().await.expect("a free lock");
    until(SOON + harness.ttl(), "the guard is lost", async || guard.is_lost().then_some(())).await;
    assert_eq!(guard.release().await.expect_err("it is lost").kind(), ErrorKind::Lost);
}

pub async fn shutdown_gives_up_everything<H: Harness>(harness: &H) {
    let managers = managers(harness, 2).await;
    let ours = &managers[0];
    let held = ours.lock("held").ttl(LONG).acquire().await.expect("a free lock");
    let theirs = managers[1].lock("waited for").acquire().await.expect("a free lock");
    let lock = ours.lock("waited for").ttl(LONG);
    let waiting = tokio::spawn(async move { lock.acquire().await });
    until_claims(&managers[1], "waited for", 2).await;

    soon("everything is given up", ours.shutdown()).await.expect("it can be shut down");
    assert_eq!(queue(&managers[1], "held").await.claims, []);
    assert_eq!(queue(&managers[1], "waited for").await.claims.len(), 1);
    assert_eq!(soon("the guard is told", held.lost()).await, crate::LossReason::ShutDown);
    let waited = soon("the waiter is told", waiting).await.expect("no panic");
    assert_eq!(waited.expect_err("it is shut down").kind(), ErrorKind::ShutDown);
    assert_eq!(ours.lock("new").acquire().await.expect_err("shut down").kind(), ErrorKind::ShutDown);
    assert!(!theirs.is_lost());
}
