//! One at a time, in order, with tokens that grow.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::task::{JoinSet, yield_now};

use super::{builder, manager, managers, poll_once, queue, soon, until_claims};
use crate::conformance::Harness;
use crate::lock::Lock;
use crate::queue::FencingToken;

/// What a lock protects: it notices when two are at it, and keeps the tokens of all who were.
#[derive(Default)]
struct Protected {
    busy: AtomicBool,
    value: AtomicU64,
    tokens: std::sync::Mutex<Vec<FencingToken>>,
}

impl Protected {
    async fn increment(&self, lock: &Lock) {
        let guard = lock.acquire().await.expect("the lock can be acquired");
        assert!(!self.busy.swap(true, Ordering::SeqCst), "two guards hold {lock:?}");
        let value = self.value.load(Ordering::SeqCst);
        for _ in 0..3 {
            yield_now().await;
        }
        self.value.store(value + 1, Ordering::SeqCst);
        self.tokens.lock().expect("nobody panicked").push(guard.fencing_token());
        assert!(!guard.is_lost());
        self.busy.store(false, Ordering::SeqCst);
        guard.release().await.expect("the lock can be released");
    }

    fn check(&self, increments: u64) {
        assert_eq!(self.value.load(Ordering::SeqCst), increments);
        let tokens = self.tokens.lock().expect("nobody panicked");
        assert!(tokens.is_sorted_by(|a, b| a < b), "tokens do not grow: {tokens:?}");
    }
}

async fn contend<H: Harness>(harness: &H, processes: usize, tasks: usize, times: usize) {
    let protected = Arc::new(Protected::default());
    let managers = managers(harness, processes).await;
    let mut crowd = JoinSet::new();
    for manager in &managers {
        for _ in 0..tasks {
            let (lock, protected) = (manager.lock("lock"), protected.clone());
            crowd.spawn(async move {
                for _ in 0..times {
                    protected.increment(&lock).await;
                }
            });
        }
    }
    crowd.join_all().await;
    protected.check((processes * tasks * times) as u64);
    until_claims(&managers[0], "lock", 0).await;
}

pub async fn tasks_of_one_process_exclude_each_other<H: Harness>(harness: &H) {
    contend(harness, 1, 100, 3).await;
}

pub async fn processes_exclude_each_other<H: Harness>(harness: &H) {
    contend(harness, 6, 1, 10).await;
}

pub async fn tasks_of_several_processes_exclude_each_other<H: Harness>(harness: &H) {
    contend(harness, 3, 4, 15).await;
}

pub async fn waiting_processes_are_granted_in_the_order_of_joining<H: Harness>(harness: &H) {
    let managers = managers(harness, 5).await;
    let first = managers[0].lock("lock").acquire().await.expect("a free lock");
    let order = Arc::new(std::sync::Mutex::new(Vec::new()));
    let mut waiting = JoinSet::new();
    for (n, manager) in managers.iter().enumerate().skip(1) {
        let (lock, order) = (manager.lock("lock"), order.clone());
        waiting.spawn(async move {
            let guard = lock.acquire().await.expect("its turn comes");
            order.lock().expect("nobody panicked").push(n);
            guard.release().await.expect("it can be released");
        });
        until_claims(manager, "lock", n + 1).await;
    }
    first.release().await.expect("it can be released");
    soon("everybody had a turn", waiting.join_all()).await;
    assert_eq!(*order.lock().expect("nobody panicked"), [1, 2, 3, 4]);
}

pub async fn waiting_tasks_are_granted_in_the_order_of_asking<H: Harness>(harness: &H) {
    let lock = manager(harness).await.lock("lock");
    let first = lock.acquire().await.expect("a free lock");
    let mut waiting: Vec<_> = (0..5).map(|_| Box::pin(lock.acquire())).collect();
    for acquire in &mut waiting {
        assert!(poll_once(acquire).await.is_pending(), "two guards at once");
    }
    let mut last = first.fencing_token();
    first.release().await.expect("it can be released");
    for acquire in waiting {
        let guard = soon("the next in line is granted", acquire).await.expect("its turn comes");
        assert!(guard.fencing_token() > last);
        last = guard.fencing_token();
        guard.release().await.expect("it can be released");
    }
}

pub async fn a_busy_process_lets_others_have_their_turn<H: Harness>(harness: &H) {
    let busy = builder(harness).await.max_handover_time(Duration::from_millis(50)).build().expect("settings");
    let done = Arc::new(AtomicBool::new(false));
    let mut crowd = JoinSet::new();
    for _ in 0..8 {
        let (lock, done) = (busy.lock("lock"), done.clone());
        crowd.spawn(async move {
            while !done.load(Ordering::SeqCst) {
                let guard = lock.acquire().await.expect("its turn comes");
                yield_now().await;
                drop(guard);
            }
        });
    }
    let other = manager(harness).await.lock("lock");
    for _ in 0..3 {
        let guard = soon("the other process gets its turn", other.acquire()).await.expect("its turn comes");
        guard.release().await.expect("it can be released");
    }
    done.store(true, Ordering::SeqCst);
    soon("the crowd goes home", crowd.join_all()).await;
}

pub async fn without_a_turn_each_guard_lets_the_others_in<H: Harness>(harness: &H) {
    let ours = builder(harness).await.max_handover_time(Duration::ZERO).build().expect("settings");
    let theirs = manager(harness).await;
    let first = ours.lock("lock").acquire().await.expect("a free lock");
    let (their_lock, our_lock) = (theirs.lock("lock"), ours.lock("lock"));
    let their = tokio::spawn(async move { their_lock.acquire().await });
    until_claims(&theirs, "lock", 2).await;
    let our = tokio::spawn(async move { our_lock.acquire().await });
    // The local caller lines up behind the guard; the other process is before it.
    yield_now().await;
    first.release().await.expect("it can be released");
    let their = soon("the other process is next", their).await.expect("no panic").expect("its turn");
    let token = their.fencing_token();
    their.release().await.expect("it can be released");
    let our = soon("then it is our turn", our).await.expect("no panic").expect("its turn");
    assert!(our.fencing_token() > token);
}

pub async fn locks_of_different_names_do_not_wait_for_each_other<H: Harness>(harness: &H) {
    let manager = manager(harness).await;
    let mut guards = Vec::new();
    for name in ["a", "A", "a ", "b"] {
        guards.push(soon("another lock is free", manager.lock(name).acquire()).await.expect("a free lock"));
        assert_eq!(queue(&manager, name).await.claims.len(), 1);
    }
}

pub async fn locks_with_different_options_are_one_lock<H: Harness>(harness: &H) {
    let manager = manager(harness).await;
    let guard = manager.lock("lock").acquire().await.expect("a free lock");
    let options = [
        manager.lock("lock").ttl(harness.ttl() * 2),
        manager.lock("lock").label("another"),
        manager.lock("lock").auto_renew(false),
        manager.lock("lock").max_hold(Duration::from_secs(9)),
    ];
    for lock in &options {
        assert!(lock.try_acquire().await.expect("the store answers").is_none(), "{lock:?}");
    }
    guard.release().await.expect("it can be released");
    for lock in &options {
        let guard = lock.try_acquire().await.expect("the store answers").expect("a free lock");
        guard.release().await.expect("it can be released");
    }
}
