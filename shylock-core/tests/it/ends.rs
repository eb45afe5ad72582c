//! What goes on and what ends when runtimes, tasks, handles and managers do (S9).

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak, mpsc};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use shylock_core::conformance::faults::{Fault, Step};
use shylock_core::memory::MemoryBackend;
use shylock_core::{Backend, ErrorKind, LockManager, LossReason, Value, blocking};
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

use crate::support::{Hooked, block_on, manager, pass, secs, store};

const TTL: Duration = Duration::from_secs(2);

/// For what does not wait for any lease.
const SOON: Duration = Duration::from_secs(20);

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime")
}

fn runtime_of_one_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// A store that tells when it is dropped.
fn watched() -> (MemoryBackend, Weak<()>) {
    let alive = Arc::new(());
    let is_alive = Arc::downgrade(&alive);
    let clock = move || {
        let _ = &alive;
        SystemTime::now()
    };
    (MemoryBackend::with_clock(clock), is_alive)
}

#[tokio::test(start_paused = true)]
async fn the_backend_is_dropped_with_the_last_handle() {
    for waits in [false, true] {
        let (backend, is_alive) = watched();
        let locks = LockManager::new(backend);
        let guard = locks.lock("a").ttl(Duration::from_secs(3600)).acquire().await.expect("a free lock");
        if waits {
            let waiting = locks.rw_lock("a");
            timeout(secs(1.0), waiting.read()).await.expect_err("it waits in the store");
        }
        guard.release().await.expect("it was held");
        drop(locks);
        pass(0.1).await;
        assert_eq!(is_alive.strong_count(), 0, "who has waited: {waits}");
    }
}

#[test]
fn the_backend_is_dropped_when_a_runtime_ends_with_callers_in_it() {
    let (backend, is_alive) = watched();
    let runtime = runtime();
    let locks = LockManager::new(backend);
    let guard = runtime.block_on(locks.lock("a").acquire()).expect("a free lock");
    for _ in 0..3 {
        let (lock, shared) = (locks.lock("a"), locks.rw_lock("a"));
        runtime.spawn(async move { lock.acquire().await });
        runtime.spawn(async move { shared.read().await });
    }
    runtime.block_on(async { while locks.inspect("a").await.expect("a queue").claims.len() < 2 {} });
    drop(runtime);
    drop((guard, locks));
    assert_eq!(is_alive.strong_count(), 0);
}

/// The job that renews was begun on the runtime that ends.
fn a_guard_survives_the_end_of(first: Runtime, end: impl FnOnce(Runtime), backend: impl Backend) {
    let second = runtime();
    let locks = LockManager::new(backend);
    let other = first.block_on(locks.lock("other").ttl(TTL).acquire()).expect("a free lock");
    let guard = second.block_on(locks.lock("a").ttl(TTL).acquire()).expect("a free lock");
    end(first);
    let end = Instant::now() + 2 * TTL;
    while Instant::now() < end {
        assert!(!guard.is_lost() && !other.is_lost(), "they are renewed on the other runtime");
        thread::sleep(TTL / 20);
    }
    second.block_on(guard.release()).expect("it was held");
    second.block_on(other.release()).expect("it was held");
}

#[test]
fn renewals_go_on_when_their_runtime_ends() {
    a_guard_survives_the_end_of(runtime(), Runtime::shutdown_background, MemoryBackend::new());
    a_guard_survives_the_end_of(runtime_of_one_thread(), drop, MemoryBackend::new());
}

#[test]
fn renewals_go_on_when_their_runtime_ends_in_a_panic() {
    let end = |runtime: Runtime| {
        let panics = move || {
            let runtime = runtime;
            runtime.block_on(async { std::panic::resume_unwind(Box::new("on purpose")) })
        };
        assert!(catch_unwind(AssertUnwindSafe(panics)).is_err());
    };
    a_guard_survives_the_end_of(runtime_of_one_thread(), end, MemoryBackend::new());
}

#[test]
fn a_renewal_that_hangs_when_its_runtime_ends_is_sent_again() {
    let (hangs, hung) = mpsc::channel();
    let first_time = AtomicBool::new(true);
    let backend = Hooked::new(&MemoryBackend::new(), move |step, _| {
        let is_stuck = step == Step::Renew && first_time.swap(false, Ordering::SeqCst);
        let hangs = hangs.clone();
        Box::pin(async move {
            if is_stuck {
                hangs.send(()).expect("the test waits");
                std::future::pending::<()>().await;
            }
            Ok(())
        })
    });
    let end = |runtime: Runtime| {
        // A runtime of one thread works only while somebody waits in it.
        runtime.block_on(async {
            while hung.try_recv().is_err() {
                tokio::time::sleep(TTL / 100).await;
            }
        });
    };
    a_guard_survives_the_end_of(runtime_of_one_thread(), end, backend);
}

#[test]
fn callers_go_on_when_the_runtime_of_another_caller_ends() {
    // Who is ahead of the caller: a holder, a caller in the store's queue, one whose release is under way.
    for ahead in ["holds", "waits", "releases"] {
        let (first, second) = (runtime(), runtime());
        let store = MemoryBackend::new();
        let others = LockManager::new(store.clone());
        let (locks, faults) = manager(store, TTL);
        let theirs = (ahead == "waits").then(|| second.block_on(others.lock("a").acquire()).expect("free"));
        let lock = locks.lock("a");
        let (tell, told) = mpsc::channel();
        if ahead == "releases" {
            faults.next(Step::Leave, [Fault::HangBefore; 3]);
        }
        first.spawn(async move {
            let mut acquire = Box::pin(lock.acquire());
            let begun = timeout(Duration::from_millis(50), &mut acquire).await;
            tell.send(()).expect("the test waits");
            match begun {
                Ok(guard) if ahead == "releases" => drop(guard.expect("free").release().await),
                Ok(_guard) => std::future::pending::<()>().await,
                Err(_) => drop(acquire.await),
            }
        });
        told.recv_timeout(SOON).expect("it has begun");
        let lock = locks.lock("a");
        let next = second.spawn(async move { lock.acquire().await });
        second
            .block_on(async { timeout(Duration::from_millis(50), std::future::pending::<()>()).await.ok() });
        first.shutdown_background();
        drop(theirs);
        let guard = second.block_on(async { timeout(SOON, next).await });
        let guard = guard.expect("in time").expect("no panic").expect("its turn");
        second.block_on(guard.release()).expect("it was held");
        second.block_on(async { timeout(SOON, locks.shutdown()).await }).expect("in time").expect("it ends");
    }
}

#[tokio::test(start_paused = true)]
async fn shutdown_does_not_wait_for_guards_that_were_lost() {
    let store = store();
    let (locks, faults) = manager(store.clone(), TTL);
    let expired = locks.lock("expired").acquire().await.expect("a free lock");
    faults.always(Step::Renew, Fault::FailBefore);
    assert_eq!(expired.lost().await, LossReason::Expired);
    faults.clear();
    let evicted = locks.lock("evicted").acquire().await.expect("a free lock");
    locks.evict("evicted", evicted.claim_id()).await.expect("the store answers");
    assert_eq!(evicted.lost().await, LossReason::Evicted);
    let ended = locks.lock("ended").max_hold(secs(0.5)).acquire().await.expect("a free lock");
    assert_eq!(ended.lost().await, LossReason::MaxHold);
    timeout(TTL, locks.shutdown()).await.expect("in time").expect("it ends");
}

#[tokio::test(start_paused = true)]
async fn shutdown_in_an_outage_ends_with_the_leases() {
    for fault in [Fault::FailBefore, Fault::HangBefore] {
        let (locks, faults) = manager(store(), TTL);
        let _held = locks.lock("held").acquire().await.expect("a free lock");
        faults.everywhere(fault);
        let lock = locks.lock("asked for");
        let asking = tokio::spawn(async move { lock.acquire().await });
        pass(0.1).await;
        timeout(2 * TTL, locks.shutdown()).await.expect("in time").expect("it ends");
        let error = asking.await.expect("no panic").expect_err("it was shut down");
        assert_eq!(error.kind(), ErrorKind::ShutDown);
    }
}

/// Every call of a manager, and what it answers.
fn every_call(locks: &LockManager) -> Vec<(&'static str, Option<ErrorKind>)> {
    fn kind<T>(result: Result<T, shylock_core::Error>) -> Option<ErrorKind> {
        result.err().map(|error| error.kind())
    }
    let lock = locks.lock("a");
    vec![
        ("acquire", kind(block_on(lock.acquire()))),
        ("try", kind(block_on(lock.try_acquire()))),
        ("timeout", kind(block_on(lock.acquire_timeout(Duration::from_millis(10))))),
        ("with", kind(block_on(lock.with(async |_| ())))),
        ("read", kind(block_on(locks.rw_lock("b").read()))),
        ("permit", kind(block_on(locks.semaphore("c", 2).acquire()))),
        ("inspect", kind(block_on(locks.inspect("a")))),
        ("list", kind(block_on(locks.list("")))),
        ("evict", kind(block_on(locks.evict("a", shylock_core::ClaimId::random())))),
        ("shutdown", kind(block_on(locks.shutdown()))),
    ]
}

#[test]
fn the_handle_of_a_runtime_that_has_ended_is_an_error() {
    let ended = runtime();
    let locks = LockManager::builder(MemoryBackend::new()).runtime(ended.handle().clone());
    drop(ended);
    let locks = locks.build().expect("settings");
    for (call, kind) in every_call(&locks) {
        assert_eq!(kind, Some(ErrorKind::Misconfigured), "{call}");
    }
}

#[test]
fn with_a_runtime_everything_works_where_there_is_none() {
    let own = runtime();
    let builders = [
        LockManager::builder(MemoryBackend::new()).runtime(own.handle().clone()),
        LockManager::builder(MemoryBackend::new()).background_thread(),
    ];
    for builder in builders {
        let locks = builder.build().expect("settings");
        let guard = block_on(locks.lock("d").acquire()).expect("a free lock");
        block_on(guard.set_value(Some(Value::new("x").expect("a value")))).expect("it is held");
        let late = block_on(locks.lock("d").acquire_timeout(Duration::from_millis(30)));
        assert_eq!(late.expect_err("it is held").kind(), ErrorKind::Timeout);
        block_on(locks.evict("d", guard.claim_id())).expect("the store answers");
        assert_eq!(block_on(guard.release()).expect_err("evicted").kind(), ErrorKind::Lost);
        for (call, kind) in every_call(&locks) {
            assert_eq!(kind, None, "{call}");
        }
    }
}

#[test]
fn a_caller_outside_any_runtime_is_told_when_the_managers_runtime_ends() {
    let own = runtime();
    let store = MemoryBackend::new();
    let locks = LockManager::builder(store.clone()).runtime(own.handle().clone()).build().expect("settings");
    let others = blocking::LockManager::new(store).expect("a manager");
    let _theirs = others.lock("a").acquire().expect("a free lock");
    let guard = block_on(locks.lock("mine").ttl(TTL).acquire()).expect("a free lock");
    let mut waiting = Vec::new();
    for _ in 0..3 {
        let (lock, (tell, told)) = (locks.lock("a"), mpsc::channel());
        thread::spawn(move || tell.send(block_on(lock.acquire())));
        waiting.push(told);
    }
    let (tell, told) = mpsc::channel();
    let lost = guard.lost();
    thread::spawn(move || tell.send(block_on(lost)));
    while others.inspect("a").expect("the store answers").waiters().is_empty() {}
    drop(own);
    for waiting in waiting {
        let error = waiting.recv_timeout(SOON).expect("it returns").expect_err("it cannot go on");
        assert_eq!(error.kind(), ErrorKind::Misconfigured);
    }
    assert_eq!(told.recv_timeout(SOON).expect("it returns"), LossReason::Expired);
    drop(guard);
}

/// Code that blocks every thread of the caller's runtime costs no lease.
#[test]
fn a_thread_of_its_own_renews_while_the_callers_runtime_is_blocked() {
    let locks = LockManager::builder(MemoryBackend::new()).background_thread().ttl(TTL / 2).build();
    let locks = locks.expect("settings");
    let callers = runtime();
    let guards = callers.block_on(async {
        let mut guards = Vec::new();
        for name in ["a", "b", "c"] {
            guards.push(locks.lock(name).acquire().await.expect("a free lock"));
        }
        guards
    });
    let blocked = callers.spawn(async { thread::sleep(TTL) });
    callers.block_on(blocked).expect("no panic");
    for guard in guards {
        callers.block_on(guard.release()).expect("it was held all the time");
    }
}

#[test]
fn the_drop_of_a_blocking_guard_has_released() {
    let store = MemoryBackend::new();
    let (ours, theirs) = (blocking::LockManager::new(store.clone()), blocking::LockManager::new(store));
    let (ours, theirs) = (ours.expect("a manager"), theirs.expect("a manager"));
    for _ in 0..100 {
        drop(ours.lock("a").acquire().expect("free"));
        drop(theirs.lock("a").try_acquire().expect("the store answers").expect("it was released"));
    }
}

#[test]
fn the_drop_of_a_blocking_guard_waits_for_no_longer_than_a_second() {
    let hung = Hooked::new(&MemoryBackend::new(), |step, _| {
        Box::pin(async move {
            if step == Step::Leave {
                std::future::pending::<()>().await;
            }
            Ok(())
        })
    });
    let locks = blocking::LockManager::new(hung).expect("a manager");
    let guard = locks.lock("a").acquire().expect("free");
    let begun = Instant::now();
    drop(guard);
    assert!(begun.elapsed() < SOON / 2, "{:?}", begun.elapsed());
}

#[test]
fn guards_may_be_dropped_when_every_runtime_has_ended() {
    let runtime = runtime();
    let locks = LockManager::new(MemoryBackend::new());
    let guards = runtime.block_on(async {
        let shared = locks.rw_lock("b");
        let permits = locks.semaphore("c", 2);
        vec![
            locks.lock("a").acquire().await.expect("free"),
            shared.read().await.expect("free"),
            shared.read().await.expect("free"),
            permits.acquire().await.expect("free"),
        ]
    });
    drop(runtime);
    drop(guards);
    drop(locks);
}

/// A panic in the task of a guard's owner ends its renewals with it, and the lock is free at once.
#[tokio::test(start_paused = true)]
async fn a_task_that_panics_leaves_nothing_behind() {
    let (locks, _) = manager(store(), TTL * 1000);
    for shared in [false, true] {
        let (lock, rw_lock) = (locks.lock("a"), locks.rw_lock("a"));
        let holder = tokio::spawn(async move {
            let _guard = if shared { rw_lock.read().await } else { lock.acquire().await };
            std::panic::resume_unwind(Box::new("on purpose"))
        });
        let _: tokio::task::JoinError = holder.await.map(|(): ()| ()).expect_err("it panics");
        let guard = timeout(TTL, locks.lock("a").acquire()).await.expect("in time").expect("free");
        guard.release().await.expect("it was held");
    }
}
