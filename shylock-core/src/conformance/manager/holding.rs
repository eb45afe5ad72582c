//! How long a guard holds, and how it is lost.

use std::time::{Duration, Instant};

use super::{manager, managers, queue, soon, until_claims, within};
use crate::client::lease::LossReason;
use crate::conformance::Harness;
use crate::conformance::wait::{SOON, until};
use crate::error::ErrorKind;

pub async fn a_guard_that_is_kept_stays_held<H: Harness>(harness: &H) {
    let (managers, ttl) = (managers(harness, 2).await, harness.ttl());
    let guard = managers[0].lock("lock").acquire().await.expect("a free lock");
    let other = managers[1].lock("lock");
    let start = Instant::now();
    while start.elapsed() < ttl * 6 {
        assert!(!guard.is_lost(), "lost after {:?}", start.elapsed());
        assert!(guard.remaining() > Duration::ZERO && guard.remaining() <= ttl);
        assert!(other.try_acquire().await.expect("the store answers").is_none());
        tokio::time::sleep(ttl / 5).await;
    }
    guard.release().await.expect("it was held all the time");
}

pub async fn one_who_waits_for_many_ttls_keeps_its_place<H: Harness>(harness: &H) {
    let (managers, ttl) = (managers(harness, 3).await, harness.ttl());
    let guard = managers[0].lock("lock").acquire().await.expect("a free lock");
    let lock = managers[1].lock("lock");
    let second = tokio::spawn(async move { lock.acquire().await });
    let before = until_claims(&managers[0], "lock", 2).await;
    let start = Instant::now();
    while start.elapsed() < ttl * 4 {
        let now = queue(&managers[2], "lock").await;
        assert_eq!(now.position(before.claims[1].id), Some(1), "{now:?}");
        tokio::time::sleep(ttl / 5).await;
    }
    guard.release().await.expect("it was held all the time");
    let second = soon("the waiter is granted", second).await.expect("no panic").expect("its turn");
    assert_eq!(second.fencing_token(), before.claims[1].token);
}

pub async fn a_guard_without_renewal_is_lost_before_the_next_one_holds<H: Harness>(harness: &H) {
    let (managers, ttl) = (managers(harness, 2).await, harness.ttl());
    let start = Instant::now();
    let guard = managers[0].lock("lock").auto_renew(false).acquire().await.expect("a free lock");
    assert!(guard.remaining() <= ttl);
    let next = within(ttl * 3 + SOON, "the next one is granted", managers[1].lock("lock").acquire()).await;
    assert!(guard.is_lost(), "two guards hold");
    assert!(start.elapsed() > ttl / 2, "after {:?} of {ttl:?}", start.elapsed());
    assert_eq!(guard.lost().await, LossReason::Expired);
    assert_eq!(guard.remaining(), Duration::ZERO);
    assert!(next.expect("its turn").fencing_token() > guard.fencing_token());
}

pub async fn a_guard_without_renewal_can_be_released_in_time<H: Harness>(harness: &H) {
    let lock = manager(harness).await.lock("lock").ttl(Duration::from_secs(600)).auto_renew(false);
    for _ in 0..2 {
        let guard = lock.try_acquire().await.expect("the store answers").expect("a free lock");
        guard.release().await.expect("it was held");
    }
}

pub async fn max_hold_ends_a_guard_and_frees_the_lock<H: Harness>(harness: &H) {
    let (managers, ttl) = (managers(harness, 2).await, harness.ttl());
    let start = Instant::now();
    let lock = managers[0].lock("lock").max_hold(ttl * 2);
    let guard = lock.acquire().await.expect("a free lock");
    let reason = within(ttl * 2 + SOON, "the guard is lost", guard.lost()).await;
    assert_eq!(reason, LossReason::MaxHold);
    assert!(start.elapsed() >= ttl * 2, "after {:?}", start.elapsed());
    let next = within(ttl + SOON, "the next one is granted", managers[1].lock("lock").acquire()).await;
    assert!(next.expect("its turn").fencing_token() > guard.fencing_token());
    assert_eq!(guard.release().await.expect_err("it is lost").kind(), ErrorKind::Lost);
}

pub async fn a_lock_that_is_held_at_least_stays_taken_until_then<H: Harness>(harness: &H) {
    let (managers, time) = (managers(harness, 2).await, harness.ttl());
    let start = Instant::now();
    let guard = managers[0].lock("lock").min_hold(time).acquire().await.expect("a free lock");
    guard.release().await.expect("it can be released");
    assert!(start.elapsed() < time + SOON, "the release waits for the time to be over");
    until(SOON + time, "the lock is free", async || {
        let mut free = false;
        for manager in &managers {
            free |= manager.lock("lock").try_acquire().await.expect("the store answers").is_some();
        }
        assert!(!free || start.elapsed() >= time, "free after {:?} of {time:?}", start.elapsed());
        free.then_some(())
    })
    .await;
}

pub async fn held_for_longer_a_lock_is_free_at_once<H: Harness>(harness: &H) {
    let managers = managers(harness, 2).await;
    let lock = managers[0].lock("lock").min_hold(Duration::from_millis(1));
    let guard = lock.acquire().await.expect("a free lock");
    tokio::time::sleep(Duration::from_millis(5)).await;
    guard.release().await.expect("it can be released");
    assert!(managers[1].lock("lock").try_acquire().await.expect("the store answers").is_some());
}

pub async fn an_evicted_guard_is_lost_and_the_next_one_holds<H: Harness>(harness: &H) {
    let (managers, ttl) = (managers(harness, 3).await, harness.ttl());
    let guard = managers[0].lock("lock").acquire().await.expect("a free lock");
    let lock = managers[1].lock("lock");
    let next = tokio::spawn(async move { lock.acquire().await });
    until_claims(&managers[2], "lock", 2).await;
    managers[2].evict("lock", guard.claim_id()).await.expect("the store answers");
    assert_eq!(within(ttl + SOON, "the guard is told", guard.lost()).await, LossReason::Evicted);
    assert!(guard.is_lost());
    let next = soon("the next one is granted", next).await.expect("no panic").expect("its turn");
    assert!(next.fencing_token() > guard.fencing_token());
    drop(guard);
    assert_eq!(queue(&managers[2], "lock").await.holders()[0].id, next.claim_id());
}

pub async fn an_evicted_waiter_starts_anew<H: Harness>(harness: &H) {
    let managers = managers(harness, 2).await;
    let guard = managers[0].lock("lock").acquire().await.expect("a free lock");
    let lock = managers[1].lock("lock");
    let waiting = tokio::spawn(async move { lock.acquire().await });
    let evicted = until_claims(&managers[0], "lock", 2).await.claims[1].clone();
    managers[0].evict("lock", evicted.id).await.expect("the store answers");
    guard.release().await.expect("it was held");
    let guard = soon("it is granted", waiting).await.expect("no panic").expect("its turn");
    assert!(guard.fencing_token() > evicted.token, "it holds by a claim that was evicted");
}

pub async fn a_release_after_an_eviction_says_that_the_lock_was_lost<H: Harness>(harness: &H) {
    let managers = managers(harness, 2).await;
    let lock = managers[0].lock("lock").ttl(Duration::from_secs(600));
    // Before a renewal could tell, alone and with somebody else who holds by now.
    for is_taken in [false, true] {
        let guard = lock.acquire().await.expect("a free lock");
        managers[1].evict("lock", guard.claim_id()).await.expect("the store answers");
        let next = if is_taken { managers[1].lock("lock").try_acquire().await } else { Ok(None) };
        let next = next.expect("the store answers");
        assert_eq!(next.is_some(), is_taken);
        assert_eq!(guard.release().await.expect_err("it was evicted").kind(), ErrorKind::Lost);
        if let Some(next) = next {
            next.release().await.expect("it was held");
        }
    }
}

pub async fn with_after_an_eviction_says_that_the_lock_was_lost<H: Harness>(harness: &H) {
    let managers = managers(harness, 2).await;
    let lock = managers[0].lock("lock").ttl(Duration::from_secs(600));
    let work = lock.with(async |guard| {
        managers[1].evict("lock", guard.claim_id()).await.expect("the store answers");
    });
    assert_eq!(work.await.expect_err("it was evicted").kind(), ErrorKind::Lost);
}

pub async fn a_time_to_hold_that_is_longer_than_the_longest_is_invalid_input<H: Harness>(harness: &H) {
    let lock = manager(harness).await.lock("lock");
    let lock = lock.min_hold(Duration::from_secs(5)).max_hold(Duration::from_millis(500));
    let error = lock.acquire().await.expect_err("it cannot be both");
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().contains("min_hold"), "{error}");
}

pub async fn to_evict_nobody_is_no_error<H: Harness>(harness: &H) {
    let manager = manager(harness).await;
    manager.evict("lock", crate::ClaimId::random()).await.expect("the store answers");
    assert_eq!(queue(&manager, "lock").await.claims, []);
}

pub async fn work_is_dropped_when_its_lock_is_lost<H: Harness>(harness: &H) {
    struct Dropped<'a>(&'a std::sync::atomic::AtomicBool);
    impl Drop for Dropped<'_> {
        fn drop(&mut self) {
            self.0.store(true, std::sync::atomic::Ordering::SeqCst);
        }
    }
    let manager = manager(harness).await;
    let dropped = std::sync::atomic::AtomicBool::new(false);
    let lock = manager.lock("lock");
    let work = lock.with(async |guard| {
        let _dropped = Dropped(&dropped);
        manager.evict("lock", guard.claim_id()).await.expect("the store answers");
        std::future::pending::<()>().await;
    });
    let error = within(harness.ttl() + SOON, "the work ends", work).await.expect_err("it is lost");
    assert_eq!(error.kind(), ErrorKind::Lost);
    assert!(dropped.load(std::sync::atomic::Ordering::SeqCst));
}
