//! Where the work in the background runs, and what happens when that ends.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use shylock_core::memory::MemoryBackend;
use shylock_core::{ErrorKind, Lock, LockGuard, LockManager, configure};
use tokio::runtime::{Builder, Runtime};

const TTL: Duration = Duration::from_secs(2);

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime")
}

#[test]
fn a_runtime_that_ends_leaves_nothing_behind_for_longer_than_the_ttl() {
    let store = MemoryBackend::new();
    let (first, second) = (runtime(), runtime());
    let locks = LockManager::new(store.clone());
    let guard = first.block_on(locks.lock("a").ttl(TTL).acquire()).expect("acquired");
    let waiting = LockManager::new(store.clone());
    let waiter = first.spawn(async move { waiting.lock("a").ttl(TTL).acquire().await });
    let others = LockManager::new(store);
    second.block_on(async {
        while others.inspect("a").await.expect("a queue").claims.len() < 2 {
            tokio::task::yield_now().await;
        }
    });
    first.shutdown_background();
    let ended = Instant::now();
    drop((guard, waiter));
    drop(second.block_on(others.lock("a").acquire()).expect("acquired"));
    // Twice as long for a busy machine.
    assert!(ended.elapsed() < 2 * TTL, "{:?}", ended.elapsed());
}

/// The claim that both runtimes share was driven by the one that ends.
#[test]
fn a_caller_on_another_runtime_goes_on() {
    let (first, second) = (runtime(), runtime());
    let locks = LockManager::new(MemoryBackend::new());
    let guard = first.block_on(locks.lock("a").ttl(TTL).acquire()).expect("acquired");
    let lock = locks.lock("a").ttl(TTL);
    let waiting = second.spawn(async move { lock.acquire().await });
    second.block_on(async { tokio::task::yield_now().await });
    first.shutdown_background();
    drop(guard);
    let guard = second.block_on(waiting).expect("no panic").expect("acquired");
    second.block_on(guard.release()).expect("released");
}

#[test]
fn a_manager_with_a_runtime_of_its_own_outlives_those_of_its_callers() {
    let (own, callers) = (runtime(), runtime());
    let locks = LockManager::builder(MemoryBackend::new()).runtime(own.handle().clone()).ttl(TTL).build();
    let locks = locks.expect("a manager");
    let guard = callers.block_on(locks.lock("a").acquire()).expect("acquired");
    callers.shutdown_background();
    let end = Instant::now() + 3 * TTL;
    while Instant::now() < end {
        assert!(!guard.is_lost(), "it is renewed");
        std::thread::sleep(TTL / 10);
    }
    own.block_on(guard.release()).expect("released");
}

#[test]
fn without_a_runtime_there_is_an_error_and_no_panic() {
    let locks = LockManager::new(MemoryBackend::new());
    let lock = locks.lock("a");
    let mut acquire = pin!(lock.acquire());
    let Poll::Ready(Err(error)) = acquire.as_mut().poll(&mut Context::from_waker(Waker::noop())) else {
        panic!("nothing could be waited for");
    };
    assert_eq!(error.kind(), ErrorKind::Misconfigured);
    assert!(error.to_string().contains("runtime"), "{error}");
}

#[test]
fn a_guard_may_be_dropped_outside_any_runtime() {
    let runtime = runtime();
    let locks = LockManager::new(MemoryBackend::new());
    drop(runtime.block_on(locks.lock("a").acquire()).expect("acquired"));
    drop(runtime.block_on(locks.lock("a").acquire_timeout(Duration::from_secs(5))).expect("given back"));
}

#[tokio::test]
async fn the_configured_manager_is_found_from_anywhere() {
    let error = Lock::new("a").acquire().await.expect_err("not configured yet");
    assert_eq!(error.kind(), ErrorKind::NotConfigured);
    configure(LockManager::new(MemoryBackend::new()));
    Lock::new("a").acquire().await.expect("acquired").release().await.expect("released");
}

/// More hand-overs than there are numbers between two tokens of the store.
#[tokio::test]
async fn tokens_grow_through_any_number_of_hand_overs() {
    let locks =
        LockManager::builder(MemoryBackend::new()).max_handover_time(Duration::from_secs(3600)).build();
    let lock = locks.expect("a manager").lock("a");
    let mut tasks = Vec::new();
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    for _ in 0..4000 {
        let (lock, tell) = (lock.clone(), tell.clone());
        tasks.push(tokio::spawn(async move {
            let guard = lock.acquire().await.expect("acquired");
            tell.send(guard.fencing_token()).expect("somebody listens");
        }));
    }
    drop(tell);
    let mut tokens = Vec::new();
    while let Some(token) = told.recv().await {
        tokens.push(token);
    }
    assert_eq!(tokens.len(), 4000);
    assert!(tokens.is_sorted_by(|a, b| a < b));
}

/// Locks move into tasks, also from a temporary and with the work inside.
#[tokio::test(flavor = "multi_thread")]
async fn everything_moves_into_tasks() {
    fn movable<T: Send + Sync + 'static>(_: &T) {}
    let locks = LockManager::new(MemoryBackend::new());
    movable(&locks);
    movable(&locks.lock("a"));
    let guard: LockGuard = locks.lock("a").acquire().await.expect("acquired");
    movable(&guard);
    let lost = tokio::spawn(guard.lost());
    tokio::spawn(guard.release()).await.expect("no panic").expect("released");
    lost.abort();
    let work = async move { locks.lock("a").with(async |guard| guard.fencing_token()).await };
    tokio::spawn(work).await.expect("no panic").expect("acquired");
}
