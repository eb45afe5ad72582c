//! One bad record, one slow answer, one outage, and the leases of the others (S10).

use std::time::Duration;

use shylock_core::conformance::faults::{Fault, Step};
use shylock_core::{BackendError, BackendErrorKind, LockGuard, LockManager};

use crate::support::{Hooked, manager, pass, secs, store};

/// From the shortest that is usual to the longest.
const TTLS: [f64; 6] = [1.0, 2.0, 5.0, 30.0, 300.0, 3600.0];

#[derive(Debug, Clone, Copy)]
enum Bad {
    Hangs,
    Refuses(BackendErrorKind),
    IsSlow(f64),
}

/// A store in which every batch with the bad record in it fares badly.
fn store_with(bad: Bad) -> Hooked {
    Hooked::new(&store(), move |step, locks| {
        let fares_badly = step == Step::Renew && locks.iter().any(|lock| lock.as_str() == "bad");
        Box::pin(async move {
            match bad {
                _ if !fares_badly => {}
                Bad::Hangs => std::future::pending().await,
                Bad::Refuses(kind) => return Err(BackendError::new(kind, "a bad record")),
                Bad::IsSlow(seconds) => pass(seconds).await,
            }
            Ok(())
        })
    })
}

fn lost(guards: &[LockGuard]) -> Vec<String> {
    guards.iter().filter(|guard| guard.is_lost()).map(|guard| guard.lock_name().to_string()).collect()
}

async fn many(locks: &LockManager, count: usize) -> Vec<LockGuard> {
    let mut guards = Vec::new();
    for i in 0..count {
        let lock = locks.lock(format!("{i}")).ttl(secs(TTLS[i % TTLS.len()]));
        guards.push(lock.acquire().await.expect("a free lock"));
        if i % 10 == 0 {
            pass(0.001).await;
        }
    }
    guards
}

async fn one_bad_record_costs_no_other_lock_its_lease(bad: Bad, count: usize, ttls: &[f64]) {
    for &ttl in ttls {
        let locks = LockManager::new(store_with(bad));
        let _bad = locks.lock("bad").ttl(secs(ttl)).acquire().await.expect("a free lock");
        let guards = many(&locks, count).await;
        for _ in 0..12 {
            pass(1.0).await;
            assert_eq!(lost(&guards), [""; 0], "{bad:?} with a ttl of {ttl} s");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_record_that_hangs_among_ten_thousand_costs_no_other_lock_its_lease() {
    one_bad_record_costs_no_other_lock_its_lease(Bad::Hangs, 10_000, &[1.0]).await;
    one_bad_record_costs_no_other_lock_its_lease(Bad::Hangs, 500, &TTLS).await;
}

#[tokio::test(start_paused = true)]
async fn a_record_that_is_refused_or_slow_costs_no_other_lock_its_lease() {
    let kinds = [BackendErrorKind::Transient, BackendErrorKind::Denied, BackendErrorKind::Broken];
    let bads = kinds.map(Bad::Refuses).into_iter().chain([0.3, 3.0].map(Bad::IsSlow));
    for bad in bads {
        one_bad_record_costs_no_other_lock_its_lease(bad, 300, &[1.0, 30.0, 3600.0]).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_that_is_shorter_than_the_lease_loses_nothing_and_few_renewals_are_sent() {
    const COUNT: usize = 1_000;
    for fault in [Fault::FailBefore, Fault::FailAfter, Fault::HangBefore, Fault::HangAfter] {
        let (locks, faults) = manager(store(), secs(30.0));
        let mut guards = Vec::new();
        for i in 0..COUNT {
            guards.push(locks.lock(format!("{i}")).acquire().await.expect("a free lock"));
            pass(0.009).await;
        }
        pass(30.0).await;
        let before = faults.calls(Step::Renew);
        faults.everywhere(fault);
        pass(15.0).await;
        faults.clear();
        pass(30.0).await;
        assert_eq!(lost(&guards), [""; 0], "{fault:?}");
        let calls = faults.calls(Step::Renew) - before;
        assert!(calls < COUNT, "{calls} calls to renew {COUNT} claims in an outage, {fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_that_ends_all_leases_sends_few_renewals() {
    const COUNT: usize = 1_000;
    for fault in [Fault::FailBefore, Fault::HangBefore] {
        let (locks, faults) = manager(store(), secs(10.0));
        let mut guards = Vec::new();
        for i in 0..COUNT {
            guards.push(locks.lock(format!("{i}")).acquire().await.expect("a free lock"));
            pass(0.003).await;
        }
        let before = faults.calls(Step::Renew);
        faults.everywhere(fault);
        pass(15.0).await;
        assert_eq!(lost(&guards).len(), COUNT, "{fault:?}");
        let calls = faults.calls(Step::Renew) - before;
        assert!(calls < 2 * COUNT, "{calls} calls to renew {COUNT} claims, {fault:?}");
    }
}

/// A renewal that hangs for a lease of an hour costs one of a second nothing.
#[tokio::test(start_paused = true)]
async fn renewals_do_not_wait_for_each_other() {
    let hangs = store_with(Bad::Hangs);
    let locks = LockManager::new(hangs);
    let _long = locks.lock("bad").ttl(secs(6.0)).acquire().await.expect("a free lock");
    let short = locks.lock("short").ttl(Duration::from_secs(1)).acquire().await.expect("a free lock");
    for _ in 0..100 {
        pass(0.1).await;
        assert!(!short.is_lost());
    }
}
