//! Leases and runtimes that are blocked or end.

use std::thread;
use std::time::Duration;

use shylock_core::{LockManager, blocking};
use shylock_sqlite::SqliteBackend;
use tokio::runtime::Builder;

use crate::support::fresh;

/// Code that blocks every thread of the caller's runtime costs no lease.
#[test]
fn a_thread_of_its_own_renews_while_the_callers_runtime_is_blocked() {
    let (_folder, path) = fresh();
    let ttl = Duration::from_secs(2);
    let callers = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    let guards = callers.block_on(async {
        let backend = SqliteBackend::open(&path).await.expect("the file opens");
        let locks = LockManager::builder(backend).background_thread().ttl(ttl).build().expect("settings");
        let mut guards = Vec::new();
        for name in ["a", "b", "c"] {
            guards.push(locks.lock(name).acquire().await.expect("a free lock"));
        }
        guards
    });
    let blocked = callers.spawn(async move { thread::sleep(2 * ttl) });
    callers.block_on(blocked).expect("no panic");
    for guard in guards {
        callers.block_on(guard.release()).expect("it was held all the time");
    }
}

#[test]
fn the_drop_of_a_blocking_guard_has_released() {
    let (_folder, path) = fresh();
    let open = |path: std::path::PathBuf| {
        blocking::LockManager::open(async move { SqliteBackend::open(&path).await }).expect("a manager")
    };
    let (ours, theirs) = (open(path.clone()), open(path));
    for _ in 0..5 {
        drop(ours.lock("a").acquire().expect("it is free"));
        theirs
            .lock("a")
            .acquire_timeout(Duration::from_secs(20))
            .expect("it was released")
            .release()
            .expect("held");
        assert!(ours.inspect("a").expect("the store answers").claims.is_empty());
    }
}
