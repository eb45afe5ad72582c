//! Where the sources of ArangoDB leave open which of two answers a server gives, each of them will do.

use std::time::{Duration, Instant};

use shylock_arango::ArangoBackend;
use shylock_arango_emulator::{Config, Fault, Rights};
use shylock_core::{Backend, BackendErrorKind, ClaimId, LockManager, Renewal, Renewed};
use tokio::task::JoinSet;

use crate::stored::records;
use crate::support::{LONG, TestDatabase, exclusive, join, lock, persist};

const CROWD: usize = 8;

/// Claims that join a new name at once stand in one order, and every one of them is in the store.
async fn crowd(database: &TestDatabase) {
    let mut crowd = JoinSet::new();
    for _ in 0..CROWD {
        let backend = database.backend().await;
        crowd.spawn(async move { join(&backend, "new", ClaimId::random()).await });
    }
    let mut sizes: Vec<usize> = crowd.join_all().await.iter().map(|snapshot| snapshot.claims.len()).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, (1..=CROWD).collect::<Vec<_>>());
    assert_eq!(records(database).await["new"].queue.claims.len(), CROWD);
}

/// Of two who create a record at once, the loser is told 1210 where that is a document request, and 1200 otherwise.
#[tokio::test]
async fn one_who_loses_the_creation_of_a_record_may_be_told_either_number() {
    for config in [
        Config::new(),
        Config::new().cluster().single_document_inserts(true),
        Config::new().cluster().single_document_inserts(false),
    ] {
        let database = TestDatabase::emulated(&config.commit_delay(Duration::from_millis(2))).await;
        crowd(&database).await;
        let backend = database.backend().await;
        for number in [1200, 1210] {
            database.emulator().inject(Fault::error(409, number).when_body_contains("INSERT"));
            let claim = ClaimId::random();
            let joined = join(&backend, &format!("lost {number}"), claim).await;
            assert!(joined.granted_token(claim).is_some(), "{number}");
        }
    }
}

/// A refused join changes nothing. Since 3.11 it locks the key all the same, and may lose; before, it may not.
#[tokio::test]
async fn a_refused_join_may_or_may_not_lose_to_a_writer() {
    for locks in [true, false] {
        let config = Config::new().lock_unchanged(locks).version(if locks { "3.11.0" } else { "3.10.0" });
        let database = TestDatabase::emulated(&config).await;
        let backend = database.backend().await;
        let holder = ClaimId::random();
        join(&backend, "lock", holder).await;
        let before = records(&database).await;
        let fault = database.emulator().inject(Fault::conflict_after_evaluation());
        let request = exclusive("lock", ClaimId::random()).only_if_granted(true);
        let refused = backend.join(&request).await.expect("an answer");
        assert_eq!((refused.claims.len(), refused.position(request.claim)), (1, None));
        assert_eq!(database.emulator().fired(fault), u64::from(locks));
        assert_eq!(records(&database).await, before, "not even another revision");
    }
}

/// Rights may be looked at when a query starts, or only when it writes. In either case the user is told.
#[tokio::test]
async fn a_missing_right_is_told_when_the_backend_is_opened_or_when_it_writes() {
    for late in [false, true] {
        let database = TestDatabase::emulated(&Config::new().late_rights(late)).await;
        database.backend().await;
        let (emulator, name) = (database.emulator(), database.database.name());
        emulator.add_user("joe", "pwd", name, Rights::READ_ONLY);
        let opened =
            ArangoBackend::connect(&format!("arangodb://joe:pwd@{}/{name}", emulator.address())).await;
        let error = match opened {
            Err(error) if !late => error,
            Ok(backend) if late => {
                backend.join(&exclusive("lock", ClaimId::random())).await.expect_err("no right")
            }
            other => panic!("{late}: {other:?}"),
        };
        assert!(error.to_string().contains("write to the collection") || !late, "{error}");
        assert!(error.to_string().contains("1004"), "{error}");
    }
}

/// A server without authentication answers a log-in with 404: with an error as JSON, or with nothing.
#[tokio::test]
async fn a_server_without_log_ins_may_answer_with_an_empty_body() {
    let database = TestDatabase::emulated(&Config::new().without_authentication()).await;
    for fault in [Fault::empty_body(404), Fault::error(404, 404)] {
        database.emulator().inject(fault.on_path("/_open/auth"));
        ArangoBackend::connect(&database.url()).await.expect("a backend");
    }
}

/// A query waits 1 ms for a key that another one has locked. After a few attempts the core is asked to wait.
#[tokio::test]
async fn one_who_finds_the_record_locked_is_asked_to_wait_after_a_few_attempts() {
    let hold = Duration::from_secs(2);
    let database = TestDatabase::emulated(&Config::new()).await;
    let backend = database.backend().await;
    join(&backend, "lock", ClaimId::random()).await;
    database.emulator().set_commit_delay(hold);
    database.emulator().reset_requests();
    let start = Instant::now();
    let attempt = |claim| {
        let backend = backend.clone();
        async move { (backend.join(&exclusive("lock", claim)).await, start.elapsed()) }
    };
    let (one, other) = tokio::join!(attempt(ClaimId::random()), attempt(ClaimId::random()));
    let (winner, loser) = if one.0.is_ok() { (one, other) } else { (other, one) };
    assert!(winner.0.is_ok() && winner.1 >= hold, "{winner:?}");
    let error = loser.0.expect_err("the record was locked all the time");
    assert_eq!(error.kind(), BackendErrorKind::Transient);
    assert!(error.to_string().contains("other clients changed the record"), "{error}");
    assert!(loser.1 < hold, "it did not wait: {:?}", loser.1);
    assert_eq!(database.emulator().requests_to("/_api/cursor"), 4, "one win, three attempts");
}

/// In a cluster the winner keeps the record locked through replication and commit. With the pauses of the core everybody
/// gets through.
#[tokio::test]
async fn many_managers_get_through_where_each_win_locks_the_record_for_long() {
    let database =
        TestDatabase::emulated(&Config::new().cluster().commit_delay(Duration::from_millis(10))).await;
    let mut crowd = JoinSet::new();
    for _ in 0..CROWD {
        let locks = LockManager::new(database.backend().await);
        crowd.spawn(async move {
            for _ in 0..3 {
                let guard = locks.lock("lock").acquire().await.expect("its turn");
                guard.release().await.expect("held");
            }
        });
    }
    crowd.join_all().await;
    assert!(records(&database).await["lock"].queue.claims.is_empty());
}

/// Velocypack prints a calculated number with an exponent when it ends in many zeros.
#[tokio::test]
async fn times_and_tokens_may_be_printed_with_an_exponent() {
    let database = TestDatabase::emulated(&Config::new()).await;
    let backend = database.backend().await;
    let claim = ClaimId::random();
    join(&backend, "lock", claim).await;
    let round = "FOR d IN @@locks LET c = d.claims[* RETURN MERGE(CURRENT, { expiresAt: 17 * 100000000000000,
        token: 17 * 100000000000000, joinedAt: 17 * 100000000000 })]
        UPDATE d WITH { claims: c, ticket: 17 * 100000000000000 } IN @@locks";
    database.query(round, &[]).await;
    let queue = backend.queue(&lock("lock")).await.expect("a queue");
    assert_eq!(queue.claims[0].token.get(), 1_700_000_000_000_000);
    let renewal = Renewal::new(lock("lock"), claim, LONG);
    assert_eq!(persist!(backend.renew(std::slice::from_ref(&renewal))), [Renewed::Extended]);
    let second = join(&backend, "lock", ClaimId::random()).await;
    assert!(second.claims[1].token.get() >= 1_700_000_000_001_024);
}
