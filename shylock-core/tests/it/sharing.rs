//! Callers of one process who share claims: readers, permits, hand-overs.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use shylock_core::conformance::faults::Faulty;
use shylock_core::memory::MemoryBackend;
use shylock_core::{LockGuard, LockManager, RetryPolicy};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use crate::storm::TROUBLES;
use crate::support::{Hooked, manager, pass, secs, store};

const TTL: Duration = Duration::from_secs(30);

#[tokio::test(start_paused = true)]
async fn a_place_in_the_queue_is_not_passed_on_to_a_caller_with_another_limit() {
    let store = store();
    let others = LockManager::new(store.clone());
    let theirs = others.lock("a").acquire().await.expect("a free lock");
    let locks = LockManager::new(store);
    let (wide, narrow) = (locks.semaphore("a", 5), locks.semaphore("a", 1));
    let mut wide = Box::pin(async move { wide.acquire().await });
    assert!(timeout(secs(0.5), &mut wide).await.is_err());
    let narrow = tokio::spawn(async move { narrow.acquire().await });
    pass(0.5).await;
    drop(wide);
    pass(0.5).await;
    theirs.release().await.expect("it was held");
    let narrow = timeout(secs(7.0), narrow).await.expect("in time").expect("no panic").expect("its turn");
    // It holds alone, as it asked.
    let tried = others.semaphore("a", 5).try_acquire().await.expect("the store answers");
    assert!(tried.is_none());
    drop(narrow);
}

#[tokio::test(start_paused = true)]
async fn a_permit_is_not_passed_on_past_the_caller_who_is_first() {
    let locks = LockManager::builder(store()).max_handover_time(TTL).build().expect("settings");
    let held = locks.semaphore("a", 2).acquire().await.expect("a free permit");
    // The first in line wants it alone; the one behind it would fit.
    let (first, second) = (locks.semaphore("a", 1), locks.semaphore("a", 2));
    let first = tokio::spawn(async move { first.acquire().await });
    pass(0.1).await;
    let second = tokio::spawn(async move { second.acquire().await });
    pass(0.1).await;
    held.release().await.expect("it was held");
    let first = timeout(secs(1.0), first).await.expect("in time").expect("no panic").expect("its turn");
    assert!(!second.is_finished());
    first.release().await.expect("it was held");
    let second = timeout(secs(1.0), second).await.expect("in time").expect("no panic");
    drop(second.expect("its turn"));
}

/// A guard with a ttl of an hour hands over to one with a ttl of a second, whose process then crashes.
#[tokio::test(start_paused = true)]
async fn a_guard_with_a_short_ttl_delays_others_by_no_more_than_that() {
    let store = store();
    let others = LockManager::new(store.clone());
    let mut doomed =
        Some(LockManager::builder(store.clone()).max_handover_time(TTL).build().expect("settings"));
    let locks = doomed.as_ref().expect("a manager");
    let long = locks.lock("a").ttl(secs(3600.0)).acquire().await.expect("a free lock");
    let short = locks.lock("a").ttl(secs(1.0)).auto_renew(false);
    let short = tokio::spawn(async move { short.acquire().await });
    pass(0.1).await;
    long.release().await.expect("it was held");
    let short = short.await.expect("no panic").expect("its turn");
    let expires_in = others.inspect("a").await.expect("the store answers").claims[0].expires_in;
    assert!(expires_in <= secs(1.0), "{expires_in:?}");
    drop((short, doomed.take()));
}

#[tokio::test(start_paused = true)]
async fn a_guard_with_a_longer_ttl_is_renewed_for_it() {
    let store = store();
    let locks = LockManager::builder(store.clone()).max_handover_time(TTL).build().expect("settings");
    let first = locks.lock("a").ttl(secs(2.0)).acquire().await.expect("a free lock");
    let second = locks.lock("a").ttl(secs(60.0));
    let second = tokio::spawn(async move { second.acquire().await });
    pass(0.1).await;
    let before = first.fencing_token();
    first.release().await.expect("it was held");
    let second = second.await.expect("no panic").expect("its turn");
    assert!(second.fencing_token() > before);
    pass(0.1).await;
    assert!(second.remaining() > secs(50.0), "{:?}", second.remaining());
    second.release().await.expect("it was held");
}

#[tokio::test(start_paused = true)]
async fn readers_of_one_process_share_a_claim_and_let_a_writer_in() {
    let store = store();
    let locks = LockManager::new(store.clone());
    let shared = locks.rw_lock("a");
    let readers: Vec<LockGuard> = {
        let mut readers = Vec::new();
        for _ in 0..50 {
            readers.push(shared.read().await.expect("no writer"));
        }
        readers
    };
    assert_eq!(locks.inspect("a").await.expect("the store answers").claims.len(), 1);
    let tokens: std::collections::BTreeSet<_> = readers.iter().map(LockGuard::fencing_token).collect();
    assert_eq!(tokens.len(), readers.len(), "each has its own");
    let writer = shared.clone();
    let writer = tokio::spawn(async move { writer.write().await });
    pass(0.01).await;
    assert!(shared.try_read().await.expect("the store answers").is_none(), "a reader overtakes a writer");
    let late = shared.clone();
    let late = tokio::spawn(async move { late.read().await });
    pass(0.01).await;
    for reader in readers {
        assert!(!writer.is_finished());
        reader.release().await.expect("it was held");
    }
    let writer = writer.await.expect("no panic").expect("its turn");
    assert!(writer.fencing_token() > *tokens.last().expect("readers") && !late.is_finished());
    let token = writer.fencing_token();
    writer.release().await.expect("it was held");
    assert!(late.await.expect("no panic").expect("its turn").fencing_token() > token);
}

/// Readers come and go without a pause; a writer of another process gets its turn all the same.
#[tokio::test(start_paused = true)]
async fn readers_do_not_share_a_claim_for_ever() {
    let store = store();
    let shared = LockManager::new(store.clone()).rw_lock("a");
    let mut crowd = JoinSet::new();
    for i in 0..5 {
        let shared = shared.clone();
        crowd.spawn(async move {
            pass(f64::from(i) * 0.02).await;
            loop {
                let reader = shared.read().await.expect("its turn");
                pass(0.1).await;
                reader.release().await.expect("it was held");
            }
        });
    }
    pass(1.0).await;
    let writer = LockManager::new(store).rw_lock("a");
    for _ in 0..5 {
        timeout(secs(2.0), writer.write())
            .await
            .expect("in time")
            .expect("its turn")
            .release()
            .await
            .expect("held");
    }
}

/// Between processes the order of joining counts, whatever is asked for.
#[tokio::test(start_paused = true)]
async fn grants_follow_the_order_of_joining_in_every_mode() {
    let store = store();
    let first = LockManager::new(store.clone()).lock("a").acquire().await.expect("a free lock");
    let order = Arc::new(Mutex::new(Vec::new()));
    let mut crowd = JoinSet::new();
    for n in 0..24 {
        let (locks, order) = (LockManager::new(store.clone()), order.clone());
        crowd.spawn(async move {
            let guard = match n % 4 {
                0 => locks.rw_lock("a").read().await,
                1 => locks.rw_lock("a").write().await,
                2 => locks.semaphore("a", 3).acquire().await,
                _ => locks.semaphore("a", 2).acquire().await,
            };
            let guard = guard.expect("its turn");
            order.lock().expect("no panic").push((guard.fencing_token(), n));
            pass(0.05).await;
            guard.release().await.expect("it was held");
        });
        pass(0.05).await;
    }
    first.release().await.expect("it was held");
    crowd.join_all().await;
    let mut order = order.lock().expect("no panic").clone();
    order.sort_unstable();
    assert!(order.iter().map(|(_, n)| *n).eq(0..24), "{order:?}");
}

/// Who holds one lock name just now: the greatest number that may hold together, for each holder.
#[derive(Default)]
struct World {
    holders: HashMap<u64, u32>,
    next: u64,
    last_exclusive: u64,
    grants: u64,
}

impl World {
    fn enter(&mut self, guard: &LockGuard, max: u32) -> u64 {
        self.next += 1;
        self.grants += 1;
        self.holders.insert(self.next, max);
        let least = self.holders.values().min().copied().unwrap_or(u32::MAX) as usize;
        assert!(self.holders.len() <= least, "{:?} hold together", self.holders);
        let token = guard.fencing_token().get();
        assert!(token > self.last_exclusive, "{token} after {}", self.last_exclusive);
        if max == 1 {
            self.last_exclusive = token;
        }
        self.next
    }
}

/// One program of a process: it takes the lock in any way, and goes away in any way.
async fn program(locks: LockManager, worlds: Arc<[Mutex<World>]>, mut rng: fastrand::Rng) {
    for _ in 0..12 {
        let which = rng.usize(..worlds.len());
        let (name, world) = (format!("lock {which}"), &worlds[which]);
        // Readers of one process are one claim in the store, so readers and permits of one name are not counted together.
        let max = [[1, 1, 2, 3], [1, 1, u32::MAX, u32::MAX]][which][rng.usize(..4)];
        let ttl = [secs(2.0), secs(3.0), secs(10.0)][rng.usize(..3)];
        let (patience, at_once) = (secs(rng.f64() * 6.0), rng.u8(..5) == 0);
        let acquire = async {
            let result = match (max, at_once) {
                (1, false) => locks.lock(name).ttl(ttl).acquire().await.map(Some),
                (1, true) => locks.lock(name).ttl(ttl).try_acquire().await,
                (u32::MAX, false) => locks.rw_lock(name).ttl(ttl).read().await.map(Some),
                (u32::MAX, true) => locks.rw_lock(name).ttl(ttl).try_read().await,
                (n, false) => locks.semaphore(name, n).ttl(ttl).acquire_timeout(patience).await.map(Some),
                (n, true) => locks.semaphore(name, n).ttl(ttl).try_acquire().await,
            };
            result.ok().flatten()
        };
        let limit = if rng.bool() { patience } else { secs(60.0) };
        let Ok(Some(guard)) = timeout(limit, acquire).await else { continue };
        if guard.is_lost() {
            continue;
        }
        let holder = world.lock().expect("no panic").enter(&guard, max);
        let work = pass(rng.f64() * 2.0);
        tokio::select! { biased; _ = guard.lost() => {}, () = work => {} }
        world.lock().expect("no panic").holders.remove(&holder);
        match rng.u8(..4) {
            0 => drop(guard),
            1 => drop(timeout(secs(0.01), guard.release()).await),
            _ => drop(guard.release().await),
        }
    }
}

async fn random_programs(seed: u64) {
    fastrand::seed(seed);
    let store: MemoryBackend = store();
    let worlds: Arc<[Mutex<World>]> = (0..2).map(|_| Mutex::default()).collect();
    let mut crowd = JoinSet::new();
    let mut managers = Vec::new();
    for process in 0..3 {
        let quiet = Hooked::yielding(&store, 1).pushes(process != 0);
        let (backend, faults) = Faulty::new(quiet);
        faults.at_random(seed * 3 + process, 0.1, TROUBLES);
        let retry = RetryPolicy::default().attempt_timeout(secs(1.0));
        let locks = LockManager::builder(backend).retry(retry).build().expect("settings");
        for task in 0..4 {
            let rng = fastrand::Rng::with_seed(seed * 100 + process * 10 + task);
            crowd.spawn(program(locks.clone(), worlds.clone(), rng));
        }
        managers.push(locks);
    }
    timeout(secs(3600.0), crowd.join_all()).await.expect("everybody comes to an end");
    for locks in managers {
        timeout(secs(60.0), locks.shutdown()).await.expect("in time").expect("it ends");
    }
    let grants: u64 = worlds.iter().map(|world| world.lock().expect("no panic").grants).sum();
    assert!(grants > 20, "only {grants} grants");
    // Stragglers may bring a claim back once.
    let begun = Instant::now();
    while !LockManager::new(store.clone()).list("").await.expect("the store answers").is_empty() {
        assert!(begun.elapsed() < TTL, "a claim stays behind");
        pass(0.5).await;
    }
}

#[tokio::test(start_paused = true)]
async fn random_programs_over_every_primitive_exclude_each_other_and_end() {
    for seed in 0..20 {
        random_programs(seed).await;
    }
}

/// However a caller goes away, at whatever await, the next one gets the lock and nothing stays behind.
#[tokio::test(start_paused = true)]
async fn a_call_may_be_dropped_at_every_await() {
    for polls in 0..40 {
        for call in
            ["acquire", "try", "timeout", "read", "permit", "release", "drop", "with", "value", "shutdown"]
        {
            let store = store();
            let locks = LockManager::new(Hooked::yielding(&store, 3));
            // Somebody waits behind the caller, in line, as well.
            let lock = locks.lock("a").ttl(TTL * 100);
            let work = async {
                match call {
                    "acquire" => drop(lock.acquire().await),
                    "try" => drop(lock.try_acquire().await),
                    "timeout" => drop(lock.acquire_timeout(secs(1.0)).await),
                    "read" => drop(locks.rw_lock("a").read().await),
                    "permit" => drop(locks.semaphore("a", 2).acquire().await),
                    "release" => drop(lock.acquire().await.expect("free").release().await),
                    "drop" => drop(lock.acquire().await.expect("free")),
                    "with" => drop(lock.with(async |_| tokio::task::yield_now().await).await),
                    "value" => drop(lock.acquire().await.expect("free").set_value(None).await),
                    _ => drop(locks.shutdown().await),
                }
            };
            let mut work = Box::pin(work);
            let mut behind = Vec::new();
            for i in 0..polls {
                let done =
                    std::future::poll_fn(|cx| std::task::Poll::Ready(work.as_mut().poll(cx).is_ready()));
                if done.await {
                    break;
                }
                if i == 0 {
                    let lock = locks.lock("a");
                    behind
                        .push(tokio::spawn(async move { lock.acquire_timeout(secs(20.0)).await.map(drop) }));
                }
                tokio::task::yield_now().await;
            }
            drop(work);
            let context = format!("{call} after {polls} polls");
            for behind in behind {
                let result = behind.await.expect("no panic");
                assert!(result.is_ok() || call == "shutdown", "{context}: {result:?}");
            }
            let others = LockManager::new(store);
            timeout(secs(2.0), others.lock("a").acquire())
                .await
                .expect(&context)
                .expect("free")
                .release()
                .await
                .expect("held");
            timeout(secs(2.0), locks.shutdown()).await.expect(&context).expect("it ends");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_dropped_leaves_no_pool_behind() {
    let (locks, _) = manager(store(), TTL);
    for i in 0..1000 {
        drop(locks.lock(format!("{i}")).acquire().await.expect("free"));
    }
    pass(1.0).await;
    assert_eq!(locks.list("").await.expect("the store answers").len(), 0);
}
