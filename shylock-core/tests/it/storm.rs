//! S1, S2 and S6 together: several processes under a storm of faults, with nothing but the lock to protect
//! what they do.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use shylock_core::conformance::faults::{Fault, Faulty};
use shylock_core::memory::MemoryBackend;
use shylock_core::{FencingToken, Lock, LockManager, RetryPolicy};
use tokio::task::{JoinSet, yield_now};
use tokio::time::{Instant, sleep};

/// All that a network and a failover do to a step that is then repeated.
pub(crate) const TROUBLES: [Fault; 8] = [
    Fault::FailBefore,
    Fault::FailAfter,
    Fault::HangBefore,
    Fault::HangAfter,
    Fault::Repeat,
    Fault::DelayBefore(Duration::from_millis(1500)),
    Fault::DelayAfter(Duration::from_millis(1500)),
    Fault::RepeatAfter(Duration::from_secs(3)),
];

/// Short beside the delays, so that leases end time and again.
const TTL: Duration = Duration::from_secs(3);
const MARGIN: Duration = Duration::from_millis(300);

const PROCESSES: u64 = 4;
const TASKS: usize = 2;
const TIMES: usize = 8;

/// What the lock protects.
#[derive(Default)]
struct Protected {
    busy: AtomicBool,
    tokens: Mutex<Vec<FencingToken>>,
}

impl Protected {
    async fn visit(&self, lock: &Lock) {
        let Ok(guard) = lock.acquire().await else { return };
        assert!(!guard.is_lost(), "a guard that is lost already");
        assert!(!self.busy.swap(true, Ordering::SeqCst), "two guards at once");
        self.tokens.lock().expect("no panic").push(guard.fencing_token());
        let work = async {
            for _ in 0..fastrand::u64(1..40) {
                sleep(Duration::from_millis(50)).await;
                yield_now().await;
            }
        };
        tokio::select! { _ = guard.lost() => {}, () = work => {} }
        self.busy.store(false, Ordering::SeqCst);
    }
}

/// A store whose servers' clocks differ by up to `skew`, and which answers from any of them.
fn store(skew: Duration) -> MemoryBackend {
    let (start, epoch) = (Instant::now(), SystemTime::now());
    MemoryBackend::with_clock(move || epoch + start.elapsed() + skew.mul_f64(fastrand::f64()))
}

async fn storm(seed: u64, skew: Duration) {
    // Jitter too is the same for the same seed.
    fastrand::seed(seed);
    let store = store(skew);
    let protected = Arc::new(Protected::default());
    let mut crowd = JoinSet::new();
    for process in 0..PROCESSES {
        let (backend, faults) = Faulty::new(store.clone());
        faults.at_random(seed * PROCESSES + process, 0.3, TROUBLES);
        let retry = RetryPolicy::default().attempt_timeout(Duration::from_secs(1));
        let locks = LockManager::builder(backend).ttl(TTL).retry(retry).build().expect("settings");
        for _ in 0..TASKS {
            let (lock, protected) = (locks.lock("lock"), protected.clone());
            crowd.spawn(async move {
                for _ in 0..TIMES {
                    protected.visit(&lock).await;
                }
            });
        }
    }
    crowd.join_all().await;
    let tokens = protected.tokens.lock().expect("no panic");
    assert!(tokens.len() > TIMES * TASKS, "only {} grants", tokens.len());
    assert!(tokens.is_sorted_by(|a, b| a < b), "tokens do not grow: {tokens:?}");
}

#[tokio::test(start_paused = true)]
async fn guards_exclude_each_other_in_a_storm_of_faults() {
    for seed in 0..10 {
        storm(seed, Duration::ZERO).await;
    }
}

#[tokio::test(start_paused = true)]
async fn guards_exclude_each_other_when_the_clocks_of_the_store_differ_by_less_than_the_margin() {
    for seed in 0..10 {
        storm(seed, MARGIN * 9 / 10).await;
    }
}
