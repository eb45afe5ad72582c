//! Tokens end, and nobody notices.

use std::time::{Duration, Instant};

use shylock_arango::{ArangoBackend, ArangoOptions, Authentication};
use shylock_arango_emulator::{Config, Emulator, Fault};
use shylock_core::{BackendErrorKind, ClaimId, LockManager};

use crate::support::{TestDatabase, join, until};

fn log_ins(emulator: &Emulator) -> u64 {
    emulator.requests_to("/_open/auth")
}

async fn with_tokens_for(lifetime: Duration) -> (TestDatabase, ArangoBackend) {
    let database = TestDatabase::emulated(&Config::new().token_lifetime(lifetime)).await;
    let backend = database.backend().await;
    (database, backend)
}

#[tokio::test]
async fn a_lock_is_held_for_a_minute_on_tokens_of_two_seconds() {
    let (database, backend) = with_tokens_for(Duration::from_secs(2)).await;
    let locks = LockManager::builder(backend).ttl(Duration::from_secs(2)).build().expect("settings");
    let guard = locks.lock("lock").acquire().await.expect("a free lock");
    let token = guard.fencing_token();
    let lost = tokio::time::timeout(Duration::from_secs(60), guard.lost()).await;
    assert!(lost.is_err(), "lost: {lost:?}");
    assert_eq!(guard.fencing_token(), token);
    guard.release().await.expect("held all the time");
    assert!(log_ins(database.emulator()) > 30, "{}", log_ins(database.emulator()));
}

#[tokio::test]
async fn a_token_is_renewed_before_it_ends() {
    let (database, backend) = with_tokens_for(Duration::from_secs(5)).await;
    let emulator = database.emulator();
    let (start, mut steps) = (Instant::now(), 0);
    emulator.reset_requests();
    let (name, claim) = ("lock", ClaimId::random());
    join(&backend, name, claim).await;
    emulator.reset_requests();
    until("a second token", async || {
        join(&backend, name, claim).await;
        steps += 1;
        log_ins(emulator) == 1
    })
    .await;
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    assert_eq!(emulator.requests_to("/_api/cursor"), steps, "no request was refused");
}

#[tokio::test]
async fn a_token_that_ends_early_is_replaced_once() {
    let (database, backend) = with_tokens_for(Duration::from_secs(3600)).await;
    let emulator = database.emulator();
    emulator.reset_requests();
    emulator.revoke_tokens();
    let claim = ClaimId::random();
    join(&backend, "lock", claim).await;
    assert_eq!(log_ins(emulator), 1);
    // Or because the clock of the server is put forward.
    emulator.set_clock_skew(2 * 3_600_000);
    join(&backend, "lock", claim).await;
    assert_eq!(log_ins(emulator), 2);
    // Whom a new token does not help either is told so.
    emulator.inject(Fault::error(401, 11).until_cleared());
    emulator.reset_requests();
    let error = shylock_core::Backend::join(&backend, &crate::support::exclusive("lock", claim)).await;
    assert_eq!(error.expect_err("refused").kind(), BackendErrorKind::Denied);
    assert_eq!(emulator.requests_to("/_api/cursor"), 2);
}

#[tokio::test]
async fn while_a_token_lasts_a_log_in_that_fails_does_no_harm() {
    let (database, backend) = with_tokens_for(Duration::from_secs(20)).await;
    let emulator = database.emulator();
    let start = Instant::now();
    let failing = emulator.inject(Fault::error(503, 503).on_path("/_open/auth").until_cleared());
    until("a log-in has failed", async || {
        join(&backend, "lock", ClaimId::random()).await;
        emulator.fired(failing) > 0
    })
    .await;
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
}

#[tokio::test]
async fn many_who_need_a_token_at_once_ask_for_one() {
    let (database, backend) = with_tokens_for(Duration::from_secs(3600)).await;
    let emulator = database.emulator();
    emulator.revoke_tokens();
    let claims = (0..20).map(|_| ClaimId::random());
    // One finds out for all, and asks for a new token, which takes its time.
    emulator.inject(Fault::slow(Duration::from_millis(300)).on_path("/_open/auth"));
    emulator.reset_requests();
    let mut crowd = tokio::task::JoinSet::new();
    for (n, claim) in claims.enumerate() {
        let backend = backend.clone();
        crowd.spawn(async move { join(&backend, &format!("lock {n}"), claim).await });
    }
    crowd.join_all().await;
    assert!(log_ins(emulator) <= 2, "{}", log_ins(emulator));
}

#[tokio::test]
async fn a_server_may_want_the_password_each_time_or_no_log_in_at_all() {
    let database = TestDatabase::emulated(&Config::new()).await;
    database.emulator().reset_requests();
    let options = ArangoOptions::new().authentication(Authentication::Basic);
    let backend = ArangoBackend::connect_with_options(&database.url(), options).await.expect("a backend");
    join(&backend, "lock", ClaimId::random()).await;
    assert_eq!(log_ins(database.emulator()), 0);

    let open = TestDatabase::emulated(&Config::new().without_authentication()).await;
    let (_, place) = open.url().split_once('@').map(|(a, b)| (a.to_owned(), b.to_owned())).expect("a user");
    for url in [open.url(), format!("arangodb://{place}")] {
        let backend = ArangoBackend::connect(&url).await.expect("a backend");
        join(&backend, "lock", ClaimId::random()).await;
    }
}
