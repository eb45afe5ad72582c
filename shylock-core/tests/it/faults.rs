//! A manager over a store that fails: replies lost, requests repeated, outages, hangs (S5 to S8).

use std::time::Duration;

use shylock_core::conformance::faults::{Fault, Faults, Faulty, Step};
use shylock_core::memory::MemoryBackend;
use shylock_core::{
    BackendErrorKind, Error, ErrorKind, LockGuard, LockManager, LockManagerBuilder, LossReason, RetryPolicy,
};
use tokio::time::{Instant, timeout};

use crate::storm::TROUBLES;

const TTL: Duration = Duration::from_secs(10);

/// A store on tokio's clock, which the tests pause.
fn store() -> MemoryBackend {
    let (start, epoch) = (Instant::now(), std::time::SystemTime::now());
    MemoryBackend::with_clock(move || epoch + start.elapsed())
}

fn patient() -> RetryPolicy {
    RetryPolicy::default().max_elapsed(Duration::from_secs(30)).attempt_timeout(Duration::from_secs(1))
}

fn builder(store: &MemoryBackend) -> (LockManagerBuilder, Faults) {
    let (backend, faults) = Faulty::new(store.clone());
    (LockManager::builder(backend).ttl(TTL).retry(patient()), faults)
}

fn manager(store: &MemoryBackend) -> (LockManager, Faults) {
    let (builder, faults) = builder(store);
    (builder.build().expect("settings"), faults)
}

async fn holders(manager: &LockManager) -> usize {
    manager.inspect("lock").await.expect("the store answers").claims.len()
}

async fn until_left(store: &MemoryBackend) -> Duration {
    let (watcher, start) = (manager(store).0, Instant::now());
    while holders(&watcher).await > 0 {
        assert!(start.elapsed() < TTL * 2, "a claim stays behind");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    start.elapsed()
}

fn kind(result: Result<LockGuard, Error>) -> Option<ErrorKind> {
    result.err().map(|error| error.kind())
}

#[tokio::test(start_paused = true)]
async fn a_join_that_meets_trouble_is_repeated_and_stays_one_claim() {
    for trouble in TROUBLES {
        let store = store();
        let (locks, faults) = manager(&store);
        faults.next(Step::Join, [trouble]);
        let guard = locks.lock("lock").acquire().await.expect("it is repeated");
        assert_eq!(holders(&locks).await, 1, "{trouble:?}");
        assert!(!guard.is_lost());
        guard.release().await.expect("it is held");
    }
}

#[tokio::test(start_paused = true)]
async fn a_try_whose_answer_is_lost_still_gets_the_lock() {
    for trouble in TROUBLES {
        let store = store();
        let (locks, faults) = manager(&store);
        faults.next(Step::Join, [trouble]);
        assert!(locks.lock("lock").try_acquire().await.expect("it is repeated").is_some(), "{trouble:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_release_that_meets_trouble_is_repeated() {
    // A request that arrives twice, so that only the second answer comes, looks like an eviction.
    for trouble in TROUBLES.into_iter().filter(|trouble| *trouble != Fault::Repeat) {
        let store = store();
        let (locks, faults) = manager(&store);
        let guard = locks.lock("lock").acquire().await.expect("a free lock");
        faults.next(Step::Leave, [trouble, Fault::FailBefore]);
        guard.release().await.expect("it is repeated");
        assert_eq!(holders(&locks).await, 0, "{trouble:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_dropped_guard_leaves_through_trouble() {
    for trouble in TROUBLES {
        let store = store();
        let (locks, faults) = manager(&store);
        drop(locks.lock("lock").acquire().await.expect("a free lock"));
        faults.next(Step::Leave, [trouble, Fault::FailAfter]);
        assert!(until_left(&store).await < TTL / 2, "{trouble:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn renewals_are_repeated_for_as_long_as_the_lease_lives() {
    let store = store();
    let (locks, faults) = manager(&store);
    let guard = locks.lock("lock").acquire().await.expect("a free lock");
    for trouble in [Fault::FailBefore, Fault::FailAfter, Fault::HangBefore, Fault::HangAfter] {
        // An outage of half a ttl after each renewal that works.
        faults.everywhere(trouble);
        tokio::time::sleep(TTL / 2).await;
        faults.clear();
        tokio::time::sleep(TTL / 2).await;
        assert!(!guard.is_lost(), "{trouble:?}");
    }
    guard.release().await.expect("it was held all the time");
}

#[tokio::test(start_paused = true)]
async fn a_long_outage_loses_the_guard_in_time_and_says_so() {
    for trouble in [Fault::FailBefore, Fault::HangBefore] {
        let store = store();
        let (locks, faults) = manager(&store);
        let (others, _) = manager(&store);
        let guard = locks.lock("lock").acquire().await.expect("a free lock");
        faults.everywhere(trouble);
        let start = Instant::now();
        let next = tokio::spawn(async move { others.lock("lock").acquire().await });
        assert_eq!(guard.lost().await, LossReason::Expired);
        assert!(start.elapsed() < TTL && !next.is_finished(), "lost too late, {trouble:?}");
        assert!(start.elapsed() > TTL / 2, "given up too soon, {trouble:?}");
        let next = next.await.expect("no panic").expect("its turn");
        assert!(start.elapsed() <= TTL + Duration::from_secs(1), "{:?}", start.elapsed());
        assert!(next.fencing_token() > guard.fencing_token());
    }
}

#[tokio::test(start_paused = true)]
async fn a_guard_is_only_lost_when_it_is_gone_or_its_lease_has_ended() {
    let store = store();
    let (locks, faults) = manager(&store);
    let guard = locks.lock("lock").acquire().await.expect("a free lock");
    for kind in [
        BackendErrorKind::Transient,
        BackendErrorKind::Throttled { retry_after: None },
        BackendErrorKind::Denied,
        BackendErrorKind::Misconfigured,
        BackendErrorKind::Broken,
    ] {
        faults.always(Step::Renew, Fault::Refuse(kind));
        tokio::time::sleep(TTL * 2 / 5).await;
        faults.clear();
        tokio::time::sleep(TTL).await;
        assert!(!guard.is_lost(), "{kind}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_never_reported_as_held() {
    for trouble in [Fault::FailBefore, Fault::FailAfter, Fault::HangBefore, Fault::HangAfter] {
        let store = store();
        let (locks, faults) = manager(&store);
        faults.everywhere(trouble);
        let tried = locks.lock("lock").try_acquire().await;
        assert_eq!(tried.expect_err("an outage").kind(), ErrorKind::Unavailable, "{trouble:?}");
        assert_eq!(kind(locks.lock("lock").acquire().await), Some(ErrorKind::Unavailable), "{trouble:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_never_reported_as_a_timeout_of_waiting() {
    // Shorter and longer than one attempt may take.
    for time in [Duration::from_millis(300), Duration::from_secs(3)] {
        for trouble in [Fault::FailBefore, Fault::FailAfter, Fault::HangBefore, Fault::HangAfter] {
            let store = store();
            let (locks, faults) = manager(&store);
            faults.everywhere(trouble);
            let error = kind(locks.lock("lock").acquire_timeout(time).await);
            assert_eq!(error, Some(ErrorKind::Unavailable), "{trouble:?} for {time:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn held_is_never_reported_as_an_outage() {
    let store = store();
    let (locks, faults) = manager(&store);
    let _guard = manager(&store).0.lock("lock").acquire().await.expect("a free lock");
    faults.next(Step::Join, [Fault::FailBefore, Fault::FailAfter]);
    assert!(locks.lock("lock").try_acquire().await.expect("it is repeated").is_none());
    faults.next(Step::Join, [Fault::FailAfter]);
    let error = kind(locks.lock("lock").acquire_timeout(Duration::from_secs(3)).await);
    assert_eq!(error, Some(ErrorKind::Timeout));
}

#[tokio::test(start_paused = true)]
async fn what_the_store_refuses_is_reported_at_once_as_what_it_is() {
    for (refusal, expected) in [
        (BackendErrorKind::Denied, ErrorKind::Denied),
        (BackendErrorKind::Misconfigured, ErrorKind::Misconfigured),
        (BackendErrorKind::Broken, ErrorKind::Broken),
    ] {
        let store = store();
        let (locks, faults) = manager(&store);
        faults.everywhere(Fault::Refuse(refusal));
        let start = Instant::now();
        assert_eq!(kind(locks.lock("lock").acquire().await), Some(expected));
        assert_eq!(kind(locks.lock("lock").acquire_timeout(TTL).await), Some(expected));
        assert!(start.elapsed() < Duration::from_secs(1), "it was repeated in vain");
    }
}

#[tokio::test(start_paused = true)]
async fn one_who_waits_survives_an_outage_that_its_lease_survives() {
    let store = store();
    let ((locks, faults), (others, _)) = (manager(&store), manager(&store));
    let guard = others.lock("lock").acquire().await.expect("a free lock");
    let lock = locks.lock("lock");
    let waiting = tokio::spawn(async move { lock.acquire().await });
    tokio::time::sleep(TTL).await;
    let place = others.inspect("lock").await.expect("the store answers").claims[1].token;
    faults.everywhere(Fault::FailBefore);
    tokio::time::sleep(TTL / 2).await;
    faults.clear();
    tokio::time::sleep(TTL).await;
    guard.release().await.expect("it was held");
    let granted = waiting.await.expect("no panic").expect("its turn");
    assert_eq!(granted.fencing_token(), place, "it lost its place");
}

#[tokio::test(start_paused = true)]
async fn one_who_waits_is_granted_without_wakeups() {
    let store = store();
    let ((locks, faults), (others, _)) = (manager(&store), manager(&store));
    faults.always(Step::Wakeups, Fault::FailBefore);
    let guard = others.lock("lock").acquire().await.expect("a free lock");
    let lock = locks.lock("lock");
    let waiting = tokio::spawn(async move { lock.acquire().await });
    tokio::time::sleep(Duration::from_secs(3)).await;
    guard.release().await.expect("it was held");
    let granted = timeout(Duration::from_secs(1), waiting).await.expect("it polls");
    assert!(granted.expect("no panic").is_ok());
}

#[tokio::test(start_paused = true)]
async fn an_acquire_dropped_in_trouble_leaves_nothing_behind() {
    for trouble in TROUBLES {
        for patience in [0, 1, 20, 500, 1200, 2000] {
            let store = store();
            let (locks, faults) = manager(&store);
            faults.next(Step::Join, [trouble, trouble]);
            faults.next(Step::Leave, [trouble]);
            drop(timeout(Duration::from_millis(patience), locks.lock("lock").acquire()).await);
            // A straggler may bring the claim back once; then its lease ends.
            tokio::time::sleep(TTL + Duration::from_secs(5)).await;
            assert_eq!(holders(&locks).await, 0, "{trouble:?} after {patience} ms");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_wakeup_from_an_earlier_life_of_a_claim_grants_nothing() {
    let store = store();
    let ((locks, faults), (others, _)) = (manager(&store), manager(&store));
    // Somebody waits for another lock, so wakeups are heard.
    let _elsewhere = others.lock("elsewhere").acquire().await.expect("a free lock");
    let deaf = locks.lock("elsewhere");
    tokio::spawn(async move { deaf.acquire().await });
    tokio::time::sleep(Duration::from_secs(1)).await;

    // A claim joins without knowing it, is granted, and lapses.
    let first = others.lock("lock").acquire().await.expect("a free lock");
    faults.next(Step::Join, [Fault::FailAfter]);
    faults.always(Step::Join, Fault::FailBefore);
    let lock = locks.lock("lock");
    let unlucky = tokio::spawn(async move { lock.acquire().await });
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(holders(&others).await, 2);
    first.release().await.expect("it was held");
    let next = others.lock("lock").acquire().await.expect("its turn comes");

    // It joins again, behind the one that holds now.
    faults.clear();
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(holders(&others).await, 2);
    assert!(!next.is_lost() && !unlucky.is_finished(), "two guards at once");
    next.release().await.expect("it was held");
    assert!(unlucky.await.expect("no panic").is_ok());
}

/// The request to join arrives after the leave of its caller, who has gone, and the store fails just then.
#[tokio::test(start_paused = true)]
async fn a_late_join_leaves_although_its_leave_meets_trouble() {
    let (locks, faults) = manager(&store());
    faults.next(Step::Join, [Fault::DelayBefore(Duration::from_millis(500))]);
    faults.next(Step::Leave, [Fault::None, Fault::FailBefore]);
    let lock = locks.lock("lock");
    assert!(timeout(Duration::from_millis(10), lock.acquire()).await.is_err());
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(faults.calls(Step::Leave), 3);
    assert_eq!(holders(&locks).await, 0);
}
