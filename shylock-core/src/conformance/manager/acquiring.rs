//! Ways to acquire: at once, for a while, with names and options that can or cannot be.

use std::time::{Duration, Instant};

use super::{builder, manager, managers, queue, soon, until_claims};
use crate::conformance::Harness;
use crate::error::ErrorKind;
use crate::lock::Lock;

async fn is_free(lock: &Lock) -> bool {
    lock.try_acquire().await.expect("the store answers").is_some()
}

pub async fn try_acquire_is_none_while_somebody_holds<H: Harness>(harness: &H) {
    let managers = managers(harness, 2).await;
    let _guard = managers[0].lock("lock").acquire().await.expect("a free lock");
    for manager in &managers {
        assert!(!is_free(&manager.lock("lock")).await);
    }
    assert_eq!(queue(&managers[0], "lock").await.claims.len(), 1, "an attempt left a claim behind");
}

pub async fn try_acquire_takes_a_lock_right_after_its_release<H: Harness>(harness: &H) {
    let managers = managers(harness, 2).await;
    for manager in managers.iter().cycle().take(6) {
        let guard = manager.lock("lock").try_acquire().await.expect("the store answers");
        guard.expect("it was released").release().await.expect("it can be released");
    }
}

pub async fn try_acquire_takes_a_lock_right_after_its_guard_was_dropped<H: Harness>(harness: &H) {
    let lock = manager(harness).await.lock("lock");
    for _ in 0..5 {
        let guard = lock.try_acquire().await.expect("the store answers").expect("it was dropped");
        drop(guard);
    }
}

pub async fn acquire_waits_for_the_release<H: Harness>(harness: &H) {
    let managers = managers(harness, 2).await;
    let first = managers[0].lock("lock").acquire().await.expect("a free lock");
    let token = first.fencing_token();
    let lock = managers[1].lock("lock");
    let second = tokio::spawn(async move { lock.acquire().await });
    until_claims(&managers[0], "lock", 2).await;
    assert!(!second.is_finished());
    first.release().await.expect("it can be released");
    let second = soon("the waiter is granted", second).await.expect("no panic").expect("its turn");
    assert!(second.fencing_token() > token);
}

pub async fn acquire_timeout_gives_up_when_the_time_is_over<H: Harness>(harness: &H) {
    let managers = managers(harness, 2).await;
    let _guard = managers[0].lock("lock").acquire().await.expect("a free lock");
    for manager in &managers {
        let (start, timeout) = (Instant::now(), harness.ttl());
        let error = manager.lock("lock").acquire_timeout(timeout).await.expect_err("somebody holds it");
        assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
        assert!(start.elapsed() >= timeout, "after {:?}", start.elapsed());
    }
}

pub async fn a_timeout_leaves_nothing_behind<H: Harness>(harness: &H) {
    let managers = managers(harness, 2).await;
    let guard = managers[0].lock("lock").acquire().await.expect("a free lock");
    let claim = guard.claim_id();
    let lock = managers[1].lock("lock").ttl(Duration::from_secs(600));
    for timeout in [Duration::ZERO, Duration::from_millis(1), Duration::from_millis(50)] {
        lock.acquire_timeout(timeout).await.expect_err("somebody holds it");
        let queue = until_claims(&managers[0], "lock", 1).await;
        assert_eq!(queue.claims[0].id, claim);
    }
    guard.release().await.expect("it can be released");
    until_claims(&managers[0], "lock", 0).await;
}

pub async fn acquire_timeout_takes_a_lock_that_is_released_in_time<H: Harness>(harness: &H) {
    let managers = managers(harness, 2).await;
    let guard = managers[0].lock("lock").acquire().await.expect("a free lock");
    let lock = managers[1].lock("lock");
    let waiting = tokio::spawn(async move { lock.acquire_timeout(Duration::from_secs(60)).await });
    until_claims(&managers[0], "lock", 2).await;
    drop(guard);
    assert!(soon("the waiter is granted", waiting).await.expect("no panic").is_ok());
}

pub async fn a_name_that_cannot_be_is_invalid_input<H: Harness>(harness: &H) {
    let manager = manager(harness).await;
    for name in [String::new(), "x".repeat(1025), "é".repeat(513)] {
        let lock = manager.lock(name.clone());
        let errors = [
            lock.acquire().await.map(drop).expect_err("no such name"),
            lock.try_acquire().await.map(drop).expect_err("no such name"),
            lock.acquire_timeout(Duration::from_secs(9)).await.map(drop).expect_err("no such name"),
            manager.inspect(&name).await.map(drop).expect_err("no such name"),
        ];
        assert!(errors.iter().all(|error| error.kind() == ErrorKind::InvalidInput), "{errors:?}");
    }
}

pub async fn any_other_name_works<H: Harness>(harness: &H) {
    let manager = manager(harness).await;
    let names = ["$", ".", "a.b", "'", "\"", "nul\0", "%2F", " ", "é", "🔒", "/", &"x".repeat(1024)];
    for name in names {
        let guard = manager.lock(name).acquire().await.expect("a free lock");
        assert_eq!(guard.lock_name().as_str(), name);
        assert_eq!(queue(&manager, name).await.claims[0].id, guard.claim_id());
        guard.release().await.expect("it can be released");
    }
}

pub async fn an_option_that_cannot_be_is_invalid_input<H: Harness>(harness: &H) {
    let manager = manager(harness).await;
    let locks = [
        manager.lock("lock").ttl(Duration::ZERO),
        manager.lock("lock").ttl(Duration::MAX),
        manager.lock("lock").label("x".repeat(10_000)),
    ];
    for lock in locks {
        let error = lock.acquire().await.expect_err("no such option");
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    }
    for builder in [
        builder(harness).await.ttl(Duration::ZERO),
        builder(harness).await.clock_skew_margin(-0.1),
        builder(harness).await.clock_skew_margin(1.0),
        builder(harness).await.clock_skew_margin(f64::NAN),
        builder(harness).await.prefix("x".repeat(1024)),
    ] {
        assert_eq!(builder.build().expect_err("no such setting").kind(), ErrorKind::InvalidInput);
    }
}
