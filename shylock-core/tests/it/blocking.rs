//! Locks without `async`.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use shylock_core::blocking::{Lock, LockManager, configure};
use shylock_core::memory::MemoryBackend;
use shylock_core::{BackendError, BackendErrorKind, ErrorKind};

fn locks() -> LockManager {
    LockManager::new(MemoryBackend::new()).expect("a manager")
}

#[test]
fn threads_exclude_each_other_and_the_tokens_grow() {
    let locks = locks();
    let (inside, last) = (AtomicU32::new(0), std::sync::atomic::AtomicU64::new(0));
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..50 {
                    let guard = locks.lock("a").acquire().expect("acquired");
                    assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "two are inside");
                    let token = guard.fencing_token().get();
                    assert!(last.swap(token, Ordering::SeqCst) < token, "tokens grow");
                    inside.fetch_sub(1, Ordering::SeqCst);
                    guard.release().expect("released");
                }
            });
        }
    });
}

#[test]
fn leases_are_renewed_between_calls() {
    let store = MemoryBackend::new();
    let locks = LockManager::new(store.clone()).expect("a manager");
    let others = LockManager::new(store).expect("another one");
    let ttl = Duration::from_secs(2);
    let guard = locks.lock("a").ttl(ttl).acquire().expect("acquired");
    // Nobody calls the manager meanwhile: its own thread renews.
    let end = Instant::now() + 3 * ttl;
    while Instant::now() < end {
        assert!(others.lock("a").try_acquire().expect("the store answers").is_none());
        thread::sleep(ttl / 10);
    }
    assert!(!guard.is_lost());
    guard.release().expect("it was held for three ttls");
}

#[test]
fn now_or_not_at_all_and_not_for_long() {
    let locks = locks();
    let guard = locks.lock("a").try_acquire().expect("no error").expect("free");
    assert!(locks.lock("a").try_acquire().expect("no error").is_none());
    let error = locks.lock("a").acquire_timeout(Duration::from_millis(20)).expect_err("it is held");
    assert_eq!(error.kind(), ErrorKind::Timeout);
    drop(guard);
    assert_eq!(locks.lock("a").with(|guard| guard.lock_name().to_string()).expect("acquired"), "a");
}

#[test]
fn a_panic_in_the_work_gives_the_lock_back() {
    let locks = locks();
    let work = || locks.lock("a").with(|_| panic!("on purpose"));
    assert!(catch_unwind(AssertUnwindSafe(work)).is_err());
    locks.lock("a").acquire_timeout(Duration::from_secs(5)).expect("given back").release().expect("released");
}

#[test]
fn the_configured_manager_is_found_from_anywhere() {
    let error = Lock::new("a").acquire().expect_err("not configured yet");
    assert_eq!(error.kind(), ErrorKind::NotConfigured);
    configure(locks());
    Lock::new("a").acquire().expect("acquired").release().expect("released");
}

#[test]
fn what_keeps_a_store_from_opening_is_told() {
    let refused = async { Err::<MemoryBackend, _>(BackendError::new(BackendErrorKind::Denied, "no")) };
    assert_eq!(LockManager::open(refused).expect_err("refused").kind(), ErrorKind::Denied);
}

#[test]
fn what_was_dropped_just_before_the_manager_is_given_back() {
    let store = MemoryBackend::new();
    let locks = LockManager::new(store.clone()).expect("a manager");
    drop(locks.lock("a").acquire().expect("acquired"));
    drop(locks);
    let others = LockManager::new(store).expect("another one");
    let patience = Duration::from_secs(10);
    others.lock("a").acquire_timeout(patience).expect("long before the ttl").release().expect("released");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_works_where_blocking_is_allowed() {
    let work = || locks().lock("a").with(|_| 7).expect("acquired");
    assert_eq!(tokio::task::spawn_blocking(work).await.expect("no panic"), 7);
}

#[tokio::test]
async fn in_async_code_it_says_what_to_do_instead() {
    let locks = locks();
    let call = || locks.lock("a").acquire().map(drop);
    let panic = catch_unwind(AssertUnwindSafe(call)).expect_err("it must not block the runtime");
    let message = panic.downcast_ref::<String>().map(String::as_str);
    let message = message.or_else(|| panic.downcast_ref::<&str>().copied()).expect("a message");
    assert!(message.contains("spawn_blocking"), "{message}");
}

#[tokio::test]
async fn to_drop_it_in_async_code_is_harmless() {
    let acquire = || {
        let locks = locks();
        (locks.lock("a").acquire().expect("acquired"), locks)
    };
    let (guard, locks) = tokio::task::spawn_blocking(acquire).await.expect("no panic");
    drop(guard);
    drop(locks);
}
