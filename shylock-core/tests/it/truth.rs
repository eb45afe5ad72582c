//! Answers that are so: an outage is not "held by somebody", and the other way round (S7, S8).

use std::time::Duration;

use shylock_core::conformance::faults::{Fault, Step};
use shylock_core::{Error, ErrorKind, LockGuard, LockManager, Value};
use tokio::time::{Instant, timeout};

use crate::support::{Hooked, manager, pass, secs, store};

const TTL: Duration = Duration::from_secs(30);

fn kind(result: Result<LockGuard, Error>) -> Option<ErrorKind> {
    result.err().map(|error| error.kind())
}

/// The one who waits has seen that somebody holds the lock; then the store is cut off.
#[tokio::test(start_paused = true)]
async fn a_time_that_ends_in_an_outage_says_so() {
    for fault in [Fault::FailBefore, Fault::HangBefore, Fault::HangAfter] {
        for pushes in [true, false] {
            for outage_at in [0.5, 1.5, 2.5, 3.5] {
                let store = store();
                let _theirs = LockManager::new(store.clone()).lock("a").acquire().await.expect("free");
                let quiet = Hooked::new(&store, |_, _| Box::pin(async { Ok(()) })).pushes(pushes);
                let (locks, faults) = manager(quiet, TTL);
                let mut waiting = Vec::new();
                // The first waits in the store's queue, the others behind it in line.
                for _ in 0..3 {
                    let lock = locks.lock("a");
                    waiting.push(tokio::spawn(async move { lock.acquire_timeout(secs(4.0)).await }));
                }
                pass(outage_at).await;
                faults.everywhere(fault);
                for waiting in waiting {
                    let answer = kind(waiting.await.expect("no panic"));
                    let context = format!("{fault:?} at {outage_at}, pushes: {pushes}");
                    assert_eq!(answer, Some(ErrorKind::Unavailable), "{context}");
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_time_that_ends_while_a_claim_cannot_leave_says_so() {
    for fault in [Fault::FailBefore, Fault::HangBefore] {
        for is_dropped in [false, true] {
            let (locks, faults) = manager(store(), TTL);
            let guard = locks.lock("a").acquire().await.expect("a free lock");
            pass(0.5).await;
            let lock = locks.lock("a");
            let waiting = tokio::spawn(async move { lock.acquire_timeout(secs(3.0)).await });
            pass(1.0).await;
            faults.everywhere(fault);
            if is_dropped {
                drop(guard);
            } else {
                tokio::spawn(guard.release());
            }
            let answer = kind(waiting.await.expect("no panic"));
            assert_eq!(answer, Some(ErrorKind::Unavailable), "{fault:?}");
        }
    }
}

/// Somebody holds the lock all the time, and the store answers, if slowly.
#[tokio::test(start_paused = true)]
async fn a_time_that_ends_while_somebody_holds_is_a_timeout() {
    for latency in [0.0, 0.01, 0.2] {
        for pushes in [true, false] {
            let store = store();
            let _theirs = LockManager::new(store.clone()).lock("a").acquire().await.expect("free");
            let slow = Hooked::slow(&store, secs(latency)).pushes(pushes);
            let locks = LockManager::new(slow);
            let mut waiting = Vec::new();
            for i in 0..30 {
                let lock = locks.lock("a");
                let time = secs(1.0 + f64::from(i) * 0.1);
                waiting.push(tokio::spawn(async move { lock.acquire_timeout(time).await }));
            }
            for waiting in waiting {
                let answer = kind(waiting.await.expect("no panic"));
                assert_eq!(answer, Some(ErrorKind::Timeout), "{latency}, pushes: {pushes}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn to_try_in_an_outage_is_an_error_unless_a_holder_of_this_process_is_known() {
    for fault in [Fault::FailBefore, Fault::HangBefore] {
        let (locks, faults) = manager(store(), TTL);
        let guard = locks.lock("held").acquire().await.expect("a free lock");
        faults.everywhere(fault);
        assert!(locks.lock("held").try_acquire().await.expect("it is held").is_none());
        // Somebody of this process asks for it, and has no answer yet.
        let lock = locks.lock("asked for");
        let asking = tokio::spawn(async move { lock.acquire().await });
        pass(0.2).await;
        let answer = locks.lock("asked for").try_acquire().await.expect_err("nobody knows");
        assert_eq!(answer.kind(), ErrorKind::Unavailable);
        assert_eq!(kind(asking.await.expect("no panic")), Some(ErrorKind::Unavailable));
        drop(guard);
    }
}

/// A caller who has a place in the store's queue does not make others wait when the store is cut off for a while.
#[tokio::test(start_paused = true)]
async fn to_try_never_waits_behind_a_caller_who_waits() {
    let store = store();
    let _theirs = LockManager::new(store.clone()).lock("a").ttl(TTL * 100).acquire().await.expect("free");
    let quiet = Hooked::new(&store, |_, _| Box::pin(async { Ok(()) })).pushes(false);
    let (locks, faults) = manager(quiet, TTL);
    let lock = locks.lock("a");
    let _waiting = tokio::spawn(async move { lock.acquire().await });
    pass(1.0).await;
    faults.everywhere(Fault::FailBefore);
    pass(1.0).await;
    let lock = locks.lock("a");
    let trying = tokio::spawn(async move { lock.try_acquire().await });
    pass(1.0).await;
    faults.clear();
    let answer = timeout(secs(3.0), trying).await.expect("in time").expect("no panic");
    assert!(answer.expect("a waiter is known").is_none());
}

/// A leave of an earlier guard fails while the present one is held.
#[tokio::test(start_paused = true)]
async fn to_try_never_waits_behind_a_guard_of_this_process() {
    let (locks, faults) = manager(store(), TTL);
    let first = locks.lock("a").acquire().await.expect("a free lock");
    pass(0.5).await;
    // It leaves, and no answer ever comes.
    faults.always(Step::Leave, Fault::HangAfter);
    drop(first);
    let second = locks.lock("a").acquire().await.expect("its turn");
    for _ in 0..20 {
        let tried = timeout(secs(0.5), locks.lock("a").try_acquire()).await;
        assert!(tried.expect("in time").expect("it is held").is_none());
        pass(0.1).await;
    }
    drop(second);
}

#[tokio::test(start_paused = true)]
async fn a_value_that_cannot_be_written_any_more_ends_the_guard_for_all() {
    let store = store();
    let locks = LockManager::new(store.clone());
    let guard = locks.lock("a").acquire().await.expect("a free lock");
    let lock = locks.lock("a");
    let next = tokio::spawn(async move { lock.acquire().await });
    pass(0.5).await;
    locks.evict("a", guard.claim_id()).await.expect("the store answers");
    let refused = guard.set_value(Some(Value::new("x").expect("a value"))).await;
    assert_eq!(refused.expect_err("evicted").kind(), ErrorKind::Lost);
    let begun = Instant::now();
    let next = next.await.expect("no panic").expect("its turn");
    assert!(begun.elapsed() < secs(0.5), "{:?}", begun.elapsed());
    assert!(guard.is_lost() && next.fencing_token() > guard.fencing_token());
}

/// A guard is lost by the clock, its successor asks the store, and only then is the guard dropped.
#[tokio::test(start_paused = true)]
async fn one_caller_at_a_time_asks_the_store() {
    let store = store();
    let (locks, faults) = manager(store.clone(), TTL);
    let guard = locks.lock("a").acquire().await.expect("a free lock");
    let blocker = LockManager::new(store);
    blocker.evict("a", guard.claim_id()).await.expect("the store answers");
    let theirs = blocker.lock("a").acquire().await.expect("it was evicted");
    guard.set_value(None).await.expect_err("it is lost");
    let mut waiting = Vec::new();
    for _ in 0..4 {
        let lock = locks.lock("a");
        let mut acquire = Box::pin(async move { lock.acquire().await });
        assert!(futures_poll(&mut acquire).await);
        waiting.push(tokio::spawn(acquire));
    }
    drop(guard);
    pass(1.0).await;
    assert_eq!(blocker.inspect("a").await.expect("the store answers").claims.len(), 2);
    theirs.release().await.expect("it was held");
    for waiting in waiting {
        waiting.await.expect("no panic").expect("its turn").release().await.expect("it was held");
    }
    assert!(faults.calls(Step::Join) <= 6, "{}", faults.calls(Step::Join));
}

/// Polls once, and tells whether it is pending.
async fn futures_poll<F: Future>(future: &mut std::pin::Pin<Box<F>>) -> bool {
    std::future::poll_fn(|cx| std::task::Poll::Ready(future.as_mut().poll(cx).is_pending())).await
}
