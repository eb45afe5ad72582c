//! Waiting that ends in time, neither late nor early.

use std::sync::atomic::Ordering;
use std::time::Duration;

use shylock_core::conformance::faults::{Fault, Step};
use shylock_core::{Error, ErrorKind, LockGuard, LockManager, RetryPolicy};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use crate::support::{Hooked, crashed, manager, pass, secs, store};

const TTL: Duration = Duration::from_secs(30);

fn kind(result: Result<LockGuard, Error>) -> Option<ErrorKind> {
    result.err().map(|error| error.kind())
}

#[tokio::test(start_paused = true)]
async fn a_timeout_of_zero_or_next_to_nothing_is_one_attempt() {
    for latency in [0.0, 0.02, 0.3, 0.9] {
        for time in [Duration::ZERO, Duration::from_nanos(1), Duration::from_millis(1), secs(0.1)] {
            let store = store();
            let others = LockManager::new(store.clone());
            let locks = LockManager::new(Hooked::slow(&store, secs(latency)));
            let context = format!("{time:?} with a latency of {latency} s");
            for _ in 0..3 {
                let guard = locks.lock("a").acquire_timeout(time).await;
                guard.expect(&context).release().await.expect("it was held");
            }
            let guard = locks.lock("a").acquire_timeout(time).await.expect(&context);
            assert_eq!(
                kind(locks.lock("a").acquire_timeout(time).await),
                Some(ErrorKind::Timeout),
                "{context}"
            );
            guard.release().await.expect("it was held");
            let theirs = others.lock("a").acquire().await.expect("a free lock");
            for _ in 0..3 {
                let answer = kind(locks.lock("a").acquire_timeout(time).await);
                assert_eq!(answer, Some(ErrorKind::Timeout), "{context}");
            }
            theirs.release().await.expect("it was held");
        }
    }
}

/// Its time is over while the release before it is under way, or its own join is.
#[tokio::test(start_paused = true)]
async fn a_time_that_ends_during_a_request_is_no_outage() {
    for released_at in [1.7, 1.75, 1.8, 1.85, 1.9, 1.95] {
        let store = store();
        let locks = LockManager::new(Hooked::slow(&store, secs(0.1)));
        let guard = locks.lock("a").acquire().await.expect("a free lock");
        let lock = locks.lock("a");
        let waiting = tokio::spawn(async move { lock.acquire_timeout(secs(2.0)).await });
        pass(released_at).await;
        // Not passed on in memory.
        guard.release().await.expect("it was held");
        let answer = kind(waiting.await.expect("no panic"));
        assert!(matches!(answer, None | Some(ErrorKind::Timeout)), "{answer:?} after {released_at}");
    }
}

#[tokio::test(start_paused = true)]
async fn try_acquire_does_not_wait_for_a_holder_after_a_caller_who_gave_up() {
    for latency in [0.0, 0.05] {
        for pushes in [true, false] {
            let store = store();
            let others = LockManager::new(store.clone());
            let theirs = others.lock("a").acquire().await.expect("a free lock");
            let locks = LockManager::new(Hooked::slow(&store, secs(latency)).pushes(pushes));
            for patience in [0.001, 0.03, 0.06, 0.5, 3.0] {
                drop(timeout(secs(patience), locks.lock("a").acquire()).await);
                let begun = Instant::now();
                assert!(locks.lock("a").try_acquire().await.expect("the store answers").is_none());
                assert!(begun.elapsed() < secs(1.0), "after {:?}", begun.elapsed());
            }
            theirs.release().await.expect("it was held");
        }
    }
}

/// Nobody holds the lock and nobody waits for it, only this process has just stopped to want it.
#[tokio::test(start_paused = true)]
async fn try_acquire_takes_a_free_lock_after_a_caller_who_gave_up() {
    for patience in [0.001, 0.049, 0.051, 0.099] {
        let store = store();
        let locks = LockManager::new(Hooked::slow(&store, secs(0.05)));
        drop(timeout(secs(patience), locks.lock("a").acquire()).await);
        let guard = locks.lock("a").try_acquire().await.expect("the store answers");
        guard.unwrap_or_else(|| panic!("it is free, {patience}")).release().await.expect("it was held");
        if patience > 0.05 {
            // It was granted, and a permit that is dropped is released in the background.
            continue;
        }
        let permits = locks.semaphore("b", 1);
        drop(timeout(secs(patience), permits.acquire()).await);
        let guard = permits.try_acquire().await.expect("the store answers");
        guard.unwrap_or_else(|| panic!("a permit is free, {patience}")).release().await.expect("it was held");
    }
}

/// Two processes crash while they wait for a lock whose holder has a long ttl.
#[tokio::test(start_paused = true)]
async fn crashed_waiters_delay_the_next_by_at_most_their_ttl() {
    for pushes in [true, false] {
        for dead in 1..5 {
            let store = store();
            let others = LockManager::new(store.clone());
            let theirs = others.lock("a").ttl(secs(3600.0)).acquire().await.expect("a free lock");
            let locks =
                LockManager::new(Hooked::new(&store, |_, _| Box::pin(async { Ok(()) })).pushes(pushes));
            for _ in 0..dead {
                crashed(&store, "a", secs(1.0)).await;
            }
            let lock = locks.lock("a");
            let waiting = tokio::spawn(async move { lock.acquire().await });
            pass(0.5).await;
            theirs.release().await.expect("it was held");
            let granted = timeout(secs(0.75), waiting).await;
            let granted = granted.unwrap_or_else(|_| panic!("{dead} crashed, pushes: {pushes}"));
            drop(granted.expect("no panic").expect("its turn"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_claim_that_lingers_is_waited_for_no_longer_than_it_lasts() {
    for pushes in [true, false] {
        for (min_hold, max_hold, ends) in [(Some(4.0), None, 4.0), (None, Some(4.0), 4.0 + 3.0)] {
            let store = store();
            let others = LockManager::new(store.clone());
            let mut theirs = others.lock("a").ttl(TTL);
            if let Some(time) = min_hold {
                theirs = theirs.min_hold(secs(time));
            }
            if let Some(time) = max_hold {
                theirs = theirs.max_hold(secs(time));
            }
            let begun = Instant::now();
            let guard = theirs.acquire().await.expect("a free lock");
            let locks =
                LockManager::new(Hooked::new(&store, |_, _| Box::pin(async { Ok(()) })).pushes(pushes));
            // Two wait, so that not only the next one is looked at.
            let (first, second) = (locks.rw_lock("a"), LockManager::new(store.clone()).rw_lock("a"));
            let first = tokio::spawn(async move { first.read().await });
            let second = tokio::spawn(async move { second.read().await });
            pass(1.0).await;
            let kept = if min_hold.is_some() {
                guard.release().await.expect("it was held");
                None
            } else {
                Some(guard)
            };
            let first = first.await.expect("no panic").expect("its turn");
            let took = begun.elapsed();
            assert!(took >= secs(ends) && took < secs(ends + 0.1), "{took:?} of {ends} s, pushes: {pushes}");
            let second = second.await.expect("no panic").expect("its turn");
            assert!(begun.elapsed() < secs(ends + 6.5), "{:?}", begun.elapsed());
            drop((first, second, kept));
        }
    }
}

/// The answer to the release is late, or nobody waits for it any more.
#[tokio::test(start_paused = true)]
async fn a_release_that_is_dropped_keeps_min_hold() {
    let store = store();
    let others = LockManager::new(store.clone());
    for fault in [Fault::DelayAfter(secs(0.5)), Fault::DelayBefore(secs(0.5)), Fault::HangAfter] {
        let (locks, faults) = manager(store.clone(), TTL);
        let guard = locks.lock("a").min_hold(secs(20.0)).acquire().await.expect("a free lock");
        let begun = Instant::now();
        faults.next(Step::Leave, [fault]);
        drop(timeout(secs(0.1), guard.release()).await);
        let next = others.lock("a").acquire().await.expect("its turn");
        assert!(begun.elapsed() >= secs(20.0), "free after {:?}, {fault:?}", begun.elapsed());
        next.release().await.expect("it was held");
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_reported_in_time_to_all_who_wait() {
    for fault in [Fault::FailBefore, Fault::HangBefore] {
        for pushes in [true, false] {
            let store = store();
            let others = LockManager::new(store.clone());
            let _theirs = others.lock("a").ttl(secs(3600.0)).acquire().await.expect("a free lock");
            let quiet = Hooked::new(&store, |_, _| Box::pin(async { Ok(()) })).pushes(pushes);
            let (locks, faults) = manager(quiet, secs(3600.0));
            let lock = locks.lock("a");
            let mut impatient = Box::pin(async move { lock.acquire_timeout(secs(8.0)).await });
            assert!(timeout(secs(0.1), &mut impatient).await.is_err());
            let mut patient = JoinSet::new();
            for _ in 0..3 {
                let lock = locks.lock("a");
                patient.spawn(async move { lock.acquire().await });
            }
            pass(1.0).await;
            faults.everywhere(fault);
            let begun = Instant::now();
            let impatient = impatient.await;
            assert_eq!(kind(impatient), Some(ErrorKind::Unavailable), "{fault:?}, pushes: {pushes}");
            while let Some(answer) = patient.join_next().await {
                assert_eq!(kind(answer.expect("no panic")), Some(ErrorKind::Unavailable));
                // Up to a look's pause with wakeups, then the limit and an attempt.
                let most = secs(if pushes { 6.5 } else { 0.5 } + 5.0 + 1.5);
                assert!(begun.elapsed() <= most, "{:?}, {fault:?}, pushes: {pushes}", begun.elapsed());
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_to_a_join_costs_a_part_of_an_attempt() {
    for fault in [Fault::HangBefore, Fault::HangAfter] {
        let store = store();
        let (locks, faults) = manager(store.clone(), TTL);
        faults.next(Step::Join, [fault]);
        let begun = Instant::now();
        let guard = locks.lock("a").acquire().await.expect("a free lock");
        assert!(begun.elapsed() <= secs(0.3), "{:?}", begun.elapsed());
        // The first request that hangs does not matter afterwards.
        guard.release().await.expect("it was held");
        let others = LockManager::new(store);
        assert!(others.lock("a").try_acquire().await.expect("the store answers").is_some());
    }
}

#[tokio::test(start_paused = true)]
async fn a_leave_without_an_answer_does_not_hold_up_the_next_caller() {
    for fault in [Fault::HangAfter, Fault::FailAfter, Fault::HangBefore] {
        for is_dropped in [false, true] {
            let (locks, faults) = manager(store(), TTL);
            let guard = locks.lock("a").acquire().await.expect("a free lock");
            pass(0.5).await;
            let lock = locks.lock("a");
            let next = tokio::spawn(async move { lock.acquire().await });
            pass(0.1).await;
            faults.next(Step::Leave, [fault]);
            let begun = Instant::now();
            if is_dropped {
                drop(guard);
            } else {
                tokio::spawn(guard.release());
            }
            drop(next.await.expect("no panic").expect("its turn"));
            assert!(begun.elapsed() < secs(0.8), "{:?}, {fault:?}", begun.elapsed());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn many_callers_of_few_permits_cost_a_few_calls_each() {
    for pushes in [true, false] {
        for tasks in [100, 400] {
            let store = store();
            let backend = Hooked::yielding(&store, 2).pushes(pushes);
            let calls = backend.calls();
            let permits = LockManager::new(backend).semaphore("a", 4);
            let mut crowd = JoinSet::new();
            for _ in 0..tasks {
                let permits = permits.clone();
                crowd.spawn(async move {
                    let permit = permits.acquire().await.expect("its turn");
                    pass(0.002).await;
                    permit.release().await.expect("it was held");
                });
            }
            crowd.join_all().await;
            let calls = calls.load(Ordering::Relaxed);
            assert!(calls < tasks * 6, "{calls} calls for {tasks} tasks, pushes: {pushes}");
        }
    }
}

/// A policy that gives up soon does so, also while an attempt hangs.
#[tokio::test(start_paused = true)]
async fn a_try_in_an_outage_ends_when_the_policy_says_so() {
    let (backend, faults) = shylock_core::conformance::faults::Faulty::new(store());
    let retry = RetryPolicy::default().max_elapsed(secs(3.0)).attempt_timeout(secs(1.0));
    let locks = LockManager::builder(backend).retry(retry).build().expect("settings");
    faults.everywhere(Fault::HangBefore);
    let begun = Instant::now();
    assert_eq!(locks.lock("a").try_acquire().await.expect_err("an outage").kind(), ErrorKind::Unavailable);
    assert!(begun.elapsed() <= secs(4.0), "{:?}", begun.elapsed());
}
