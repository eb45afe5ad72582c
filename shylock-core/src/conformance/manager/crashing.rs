//! Processes that crash: a claim that nobody renews delays the others by at most its ttl.

use std::time::Instant;

use super::{manager, managers, soon, until_claims, within};
use crate::conformance::Harness;
use crate::conformance::probe::Probe;
use crate::guard::LockGuard;
use crate::manager::LockManagerBuilder;
use crate::queue::Mode::Exclusive;
use crate::queue::Renewed;

pub async fn a_crashed_holder_delays_the_next_by_at_most_its_ttl<H: Harness>(harness: &H) {
    let (manager, ttl) = (manager(harness).await, harness.ttl());
    let crashed = Probe::open(harness, "lock").await;
    let request = crashed.request(Exclusive, ttl);
    let sent = Instant::now();
    let token = crashed.send(&request).await.claims[0].token;
    let answered = Instant::now();

    let lock = manager.lock("lock").ttl(ttl * 100);
    let guard = within(ttl * 20, "the next one is granted", lock.acquire()).await.expect("its turn");
    assert!(sent.elapsed() > ttl * 9 / 10, "granted after {:?} of {ttl:?}", sent.elapsed());
    // Besides the lease, a ttl of leeway for a busy machine and a look at the queue.
    assert!(answered.elapsed() < ttl * 2, "granted after {:?} of {ttl:?}", answered.elapsed());
    assert!(guard.fencing_token() > token);
    assert_eq!(crashed.renew(request.claim, ttl).await, Renewed::Gone);
}

pub async fn a_crashed_waiter_delays_the_next_by_at_most_its_ttl<H: Harness>(harness: &H) {
    let (managers, ttl) = (managers(harness, 2).await, harness.ttl());
    let holder = managers[0].lock("lock").acquire().await.expect("a free lock");
    let crashed = Probe::open(harness, "lock").await;
    crashed.join_for(Exclusive, ttl).await;
    let joined = Instant::now();
    let lock = managers[1].lock("lock").ttl(ttl * 100);
    let next = tokio::spawn(async move { lock.acquire().await });
    until_claims(&managers[0], "lock", 3).await;
    holder.release().await.expect("it was held");
    let granted = within(ttl * 20, "the next one is granted", next).await.expect("no panic");
    assert!(granted.is_ok(), "{granted:?}");
    assert!(joined.elapsed() < ttl * 2, "granted after {:?} of {ttl:?}", joined.elapsed());
}

pub async fn a_crashed_process_is_no_obstacle_to_try_acquire<H: Harness>(harness: &H) {
    let lock = manager(harness).await.lock("lock");
    let crashed = Probe::open(harness, "lock").await;
    let claim = crashed.join_for(Exclusive, harness.ttl()).await;
    assert!(lock.try_acquire().await.expect("the store answers").is_none());
    crashed.until_lapsed(claim).await;
    assert!(lock.try_acquire().await.expect("the store answers").is_some());
}

pub async fn a_process_whose_runtime_ends_leaves_at_the_latest_by_its_ttl<H: Harness>(harness: &H) {
    let (manager, ttl) = (manager(harness).await, harness.ttl());
    let doomed = hold_on_another_runtime(super::builder(harness).await, "lock");
    let guard = within(ttl * 20, "the next one is granted", manager.lock("lock").acquire()).await;
    let guard = guard.expect("its turn");
    assert!(doomed.is_lost(), "two guards hold");
    assert!(guard.fencing_token() > doomed.fencing_token());
    soon("it can be released", guard.release()).await.expect("it was held");
}

/// A guard of a manager whose runtime has ended.
fn hold_on_another_runtime(builder: LockManagerBuilder, name: &'static str) -> LockGuard {
    let held = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async {
            let manager = builder.build().expect("settings");
            manager.lock(name).acquire().await.expect("a free lock")
        })
    });
    held.join().expect("no panic")
}
