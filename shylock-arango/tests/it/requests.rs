//! How many requests a step costs.

use shylock_arango::{ArangoBackend, ArangoOptions, Authentication};
use shylock_arango_emulator::{Config, Emulator};
use shylock_core::{Backend, ClaimId, LockManager, Renewal, Renewed};

use crate::support::{LONG, TestDatabase, join, lock};

fn queries(emulator: &Emulator) -> u64 {
    let queries = emulator.requests_to("/_api/cursor");
    let all: u64 = emulator.requests().values().sum();
    assert_eq!(queries, all, "nothing but queries: {:?}", emulator.requests());
    emulator.reset_requests();
    queries
}

#[tokio::test]
async fn on_a_single_server_a_step_is_one_request_and_one_more_for_a_new_name() {
    count(Config::new(), 1).await;
}

#[tokio::test]
async fn in_a_cluster_a_step_that_writes_is_read_back() {
    count(Config::new().cluster(), 2).await;
}

#[tokio::test]
async fn a_server_that_does_not_tell_what_it_is_is_treated_as_a_cluster() {
    for role in [None, Some("UNDEFINED")] {
        count(Config::new().role(role), 2).await;
    }
}

/// `write` is the number of requests of a step that writes.
async fn count(config: Config, write: u64) {
    let database = TestDatabase::emulated(&config).await;
    let emulator = database.emulator();
    let locks = LockManager::new(database.backend().await);
    emulator.reset_requests();
    for new in [1, 0, 0] {
        let guard = locks.lock("lock").acquire().await.expect("a free lock");
        assert_eq!(queries(emulator), new + write);
        guard.release().await.expect("held");
        assert_eq!(queries(emulator), write);
    }
    let guard = locks.lock("lock").try_acquire().await.expect("an answer").expect("a free lock");
    assert_eq!(queries(emulator), write);
    let theirs = LockManager::new(database.backend().await);
    emulator.reset_requests();
    assert!(theirs.lock("lock").try_acquire().await.expect("an answer").is_none());
    assert_eq!(queries(emulator), 1, "to be refused writes nothing");
    guard.release().await.expect("held");
}

#[tokio::test]
async fn a_thousand_renewals_in_a_cluster_are_two_requests() {
    let database = TestDatabase::cluster().await;
    let backend = database.backend().await;
    let mut renewals = Vec::new();
    for n in 0..200 {
        let (name, claim) = (format!("lock {n}"), ClaimId::random());
        join(&backend, &name, claim).await;
        renewals.extend((0..5).map(|_| Renewal::new(lock(&name), claim, LONG)));
    }
    database.emulator().reset_requests();
    assert_eq!(backend.renew(&renewals).await.expect("answers"), vec![Renewed::Extended; 1_000]);
    assert_eq!(queries(database.emulator()), 2);
}

#[tokio::test]
async fn to_open_a_prepared_collection_is_fourteen_requests_in_four_round_trips() {
    let database = TestDatabase::emulated(&Config::new()).await;
    database.backend().await;
    database.emulator().reset_requests();
    let options = ArangoOptions::new().authentication(Authentication::Basic);
    ArangoBackend::connect_with_options(&database.url(), options).await.expect("a backend");
    let requests = database.emulator().requests();
    assert_eq!(requests.values().sum::<u64>(), 14, "{requests:?}");
}
