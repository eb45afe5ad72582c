//! How many requests a step costs.

use shylock_arango_emulator::{Config, Emulator};
use shylock_core::LockManager;

use crate::support::TestDatabase;

fn queries(emulator: &Emulator) -> u64 {
    let queries = emulator.requests_to("/_api/cursor");
    let all: u64 = emulator.requests().values().sum();
    assert_eq!(queries, all, "nothing but queries: {:?}", emulator.requests());
    emulator.reset_requests();
    queries
}

#[tokio::test]
async fn to_acquire_and_to_release_is_one_request_each_and_one_more_for_a_new_name() {
    let database = TestDatabase::emulated(&Config::new()).await;
    let emulator = database.emulator();
    let locks = LockManager::new(database.backend().await);
    emulator.reset_requests();
    for acquires in [2, 1, 1, 1] {
        let guard = locks.lock("lock").acquire().await.expect("a free lock");
        assert_eq!(queries(emulator), acquires);
        guard.release().await.expect("held");
        assert_eq!(queries(emulator), 1);
    }
    let guard = locks.lock("lock").try_acquire().await.expect("an answer").expect("a free lock");
    assert_eq!(queries(emulator), 1);
    let theirs = LockManager::new(database.backend().await);
    emulator.reset_requests();
    assert!(theirs.lock("lock").try_acquire().await.expect("an answer").is_none());
    assert_eq!(queries(emulator), 1);
    guard.release().await.expect("held");
}
