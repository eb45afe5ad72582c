//! Every value that a user can give: it works, or the error names it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::time::Duration;

use shylock_core::memory::MemoryBackend;
use shylock_core::{
    Error, ErrorKind, Lock, LockManager, LockManagerBuilder, LockName, RetryPolicy, Value, blocking,
};
use tokio::time::timeout;

use crate::support::{Hooked, secs, store};

const DURATIONS: [Duration; 9] = [
    Duration::ZERO,
    Duration::from_nanos(1),
    Duration::from_millis(1),
    Duration::from_millis(99),
    Duration::from_secs(1),
    Duration::from_secs(30 * 24 * 3600),
    Duration::from_secs(30 * 24 * 3600 + 1),
    Duration::from_secs(u64::MAX / 1000),
    Duration::MAX,
];

fn texts() -> Vec<String> {
    vec![String::new(), "\0".into(), "é".repeat(300), "x".repeat(2000), "x".repeat(1_000_000)]
}

/// Slow enough that requests are sent again and times run out.
fn backend() -> Hooked {
    Hooked::slow(&store(), secs(0.4))
}

/// It worked, or the error says what is invalid.
fn check(what: &str, word: &str, result: Result<(), Error>) {
    if let Err(error) = result {
        let is_clear = error.kind() == ErrorKind::InvalidInput && error.to_string().contains(word);
        assert!(is_clear, "{what}: {error}");
    }
}

/// What users do with a lock.
async fn use_lock(lock: &Lock) -> Result<(), Error> {
    let guard = lock.acquire().await?;
    assert!(lock.try_acquire().await?.is_none());
    // With a short max_hold it may be lost by now.
    match guard.release().await {
        Err(error) if error.kind() == ErrorKind::Lost => {}
        result => result?,
    }
    drop(lock.acquire().await?);
    Ok(())
}

async fn ends<T>(what: &str, work: impl Future<Output = T>) -> T {
    timeout(secs(100.0 * 24.0 * 3600.0), work).await.unwrap_or_else(|_| panic!("{what}: hangs"))
}

#[tokio::test(start_paused = true)]
async fn every_duration_in_every_option_works_or_is_an_error_that_names_it() {
    type Setter = fn(Lock, Duration) -> Lock;
    let setters: [(&str, Setter); 3] =
        [("ttl", Lock::ttl), ("max_hold", Lock::max_hold), ("min_hold", Lock::min_hold)];
    for (word, setter) in setters {
        for time in DURATIONS {
            for auto_renew in [true, false] {
                let what = format!("{word} {time:?}");
                let lock = setter(LockManager::new(backend()).lock("a"), time).auto_renew(auto_renew);
                if word == "min_hold" {
                    // The lock stays taken for as long as that.
                    let guard = ends(&what, lock.acquire()).await;
                    check(&what, word, guard.map(drop));
                } else {
                    check(&what, word, ends(&what, use_lock(&lock)).await);
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn every_setting_of_a_manager_works_or_is_an_error_that_names_it() {
    type Set = fn(LockManagerBuilder, Duration) -> LockManagerBuilder;
    let settings: [(&str, Set); 2] =
        [("ttl", LockManagerBuilder::ttl), ("max_handover_time", LockManagerBuilder::max_handover_time)];
    for (word, set) in settings {
        for time in DURATIONS {
            let what = format!("{word} {time:?}");
            match set(LockManager::builder(backend()), time).build() {
                Ok(locks) => check(&what, word, ends(&what, use_lock(&locks.lock("a"))).await),
                Err(error) => check(&what, word, Err(error)),
            }
        }
    }
    for margin in
        [0.0, -0.0, f64::MIN_POSITIVE, 0.5, 0.51, 1.0, -1.0, f64::NAN, f64::INFINITY, -f64::INFINITY]
    {
        let what = format!("clock_skew_margin {margin}");
        match LockManager::builder(backend()).clock_skew_margin(margin).build() {
            Ok(locks) => check(&what, "", ends(&what, use_lock(&locks.lock("a"))).await),
            Err(error) => check(&what, "clock_skew_margin", Err(error)),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn every_setting_of_the_retry_policy_works_or_is_an_error_that_names_it() {
    type Set = fn(RetryPolicy, Duration) -> RetryPolicy;
    let settings: [(&str, Set); 4] = [
        ("initial_backoff", RetryPolicy::initial_backoff),
        ("max_backoff", RetryPolicy::max_backoff),
        ("max_elapsed", RetryPolicy::max_elapsed),
        ("attempt_timeout", RetryPolicy::attempt_timeout),
    ];
    for (word, set) in settings {
        for time in DURATIONS {
            let what = format!("{word} {time:?}");
            let builder = LockManager::builder(backend()).retry(set(RetryPolicy::default(), time));
            let locks = match builder.build() {
                Ok(locks) => locks,
                Err(error) => {
                    check(&what, word, Err(error));
                    continue;
                }
            };
            let result = ends(&what, use_lock(&locks.lock("a"))).await;
            // An attempt that is shorter than a round trip never works, and says so.
            match result {
                Err(error) if word == "attempt_timeout" && time < secs(0.4) => {
                    assert_eq!(error.kind(), ErrorKind::Unavailable, "{what}: {error}");
                }
                result => check(&what, word, result),
            }
        }
    }
}

/// The delays between attempts are never so short that a store is flooded, nor so long that a call hangs.
#[tokio::test(start_paused = true)]
async fn every_back_off_ends_in_an_outage() {
    use shylock_core::conformance::faults::{Fault, Faulty, Step};
    for initial in DURATIONS {
        for most in DURATIONS {
            let (backend, faults) = Faulty::new(store());
            let retry =
                RetryPolicy::default().initial_backoff(initial).max_backoff(most).max_elapsed(secs(3.0));
            let locks = LockManager::builder(backend).retry(retry).build().expect("settings");
            let _guard = locks.lock("held").ttl(secs(2.0)).acquire().await.expect("free");
            faults.everywhere(Fault::FailBefore);
            let what = format!("back-off from {initial:?} to {most:?}");
            let error =
                timeout(secs(9.0), locks.lock("a").acquire()).await.expect(&what).expect_err("an outage");
            assert_eq!(error.kind(), ErrorKind::Unavailable, "{what}");
            let calls = faults.calls(Step::Join) + faults.calls(Step::Renew);
            assert!(calls < 10_000, "{calls} calls in three seconds, {what}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn every_timeout_is_kept() {
    for time in DURATIONS {
        let what = format!("acquire_timeout {time:?}");
        let locks = LockManager::new(backend());
        let guard = ends(&what, locks.lock("a").acquire_timeout(time)).await.expect(&what);
        if time < secs(3600.0) {
            let error = ends(&what, locks.lock("a").acquire_timeout(time)).await.expect_err("it is held");
            assert_eq!(error.kind(), ErrorKind::Timeout, "{what}: {error}");
        }
        guard.release().await.expect("it was held");
        let reader = ends(&what, locks.rw_lock("a").read_timeout(time)).await.expect(&what);
        reader.release().await.expect("it was held");
    }
}

#[tokio::test(start_paused = true)]
async fn every_text_works_or_is_an_error_that_names_it() {
    for text in texts() {
        let what = format!("{} bytes", text.len());
        let locks = LockManager::new(backend());
        check(&what, "name", ends(&what, use_lock(&locks.lock(text.clone()))).await);
        check(&what, "label", ends(&what, use_lock(&locks.lock("a").label(text.clone()))).await);
        check(&what, "name", locks.inspect(&text).await.map(drop));
        locks.list(&text).await.expect("any prefix can be looked for");
        for (word, builder) in [
            ("prefix", LockManager::builder(backend()).prefix(text.clone())),
            ("label", LockManager::builder(backend()).owner_label(text.clone())),
        ] {
            match builder.build() {
                Ok(locks) => check(&what, "name", ends(&what, use_lock(&locks.lock("a"))).await),
                Err(error) => check(&what, word, Err(error)),
            }
        }
        if let Ok(value) = Value::new(text.clone()) {
            let guard = locks.lock("v").acquire().await.expect("free");
            guard.set_value(Some(value)).await.expect("it is held");
            guard.release().await.expect("it was held");
        }
        drop(LockName::new(text));
    }
}

#[tokio::test(start_paused = true)]
async fn every_number_of_permits_works_or_is_an_error_that_names_it() {
    for permits in [0, 1, 2, u32::MAX - 1, u32::MAX] {
        let semaphore = LockManager::new(backend()).semaphore("a", permits);
        let what = format!("{permits} permits");
        let result = ends(&what, async {
            let guard = semaphore.acquire().await?;
            assert_eq!(semaphore.try_acquire().await?.is_some(), permits > 1, "{what}");
            guard.release().await
        });
        check(&what, "permits", result.await);
    }
}

/// The same values in blocking code, in real time: a caller that would hang is not waited for.
#[test]
fn every_value_in_blocking_code_works_or_is_an_error_that_names_it() {
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        for time in DURATIONS {
            let run = move || {
                let locks = blocking::LockManager::new(MemoryBackend::new()).expect("a manager");
                for (word, lock) in [
                    ("ttl", locks.lock("ttl").ttl(time)),
                    ("max_hold", locks.lock("max").max_hold(time)),
                    ("min_hold", locks.lock("min").min_hold(time)),
                ] {
                    check(word, word, lock.acquire().map(drop));
                }
                drop(locks.lock("timeout").acquire_timeout(time).expect("free"));
                check("permits", "permits", locks.semaphore("s", 0).acquire().map(drop));
            };
            let result = catch_unwind(AssertUnwindSafe(run)).map_err(|_| time);
            tell.send(result).expect("the test waits");
        }
    });
    for _ in DURATIONS {
        told.recv_timeout(secs(30.0)).expect("it hangs").expect("it panics with this");
    }
}
