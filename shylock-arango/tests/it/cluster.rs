//! A cluster acknowledges writes that it does not commit: nothing counts before it is in the store.

use std::time::Duration;

use shylock_arango::ArangoBackend;
use shylock_arango_emulator::{Fault, FaultId};
use shylock_core::{
    Backend, BackendError, BackendErrorKind, ClaimId, FencingToken, Left, Renewal, Renewed, Snapshot, Value,
    Written,
};

use crate::stored::records;
use crate::support::{LONG, TestDatabase, exclusive, join, lock, persist};

const ROUNDS: usize = 1_000;

/// What goes wrong at the end of a query, and whether the write is in the store afterwards.
pub(crate) fn uncommitted() -> [(&'static str, Fault, bool); 6] {
    let moment = Duration::from_millis(3);
    [
        ("the finish request is lost", Fault::finish_lost(), false),
        ("the commit fails", Fault::commit_failed(), false),
        ("the answer to the finish request is lost", Fault::finish_answer_lost(), true),
        ("the leader dies before the commit", Fault::server_dies_before_commit(moment), false),
        ("the finish request hangs, and was not done", Fault::finish_hangs(moment, false), false),
        ("the finish request hangs, and was done", Fault::finish_hangs(moment, true), true),
    ]
}

/// The token with which a claim holds the lock, by what the cluster has committed, lapsed claims among it.
async fn committed(database: &TestDatabase, claim: ClaimId) -> Option<FencingToken> {
    let records = records(database).await;
    let queue = &records.get("lock")?.queue;
    queue.holders().iter().find(|holder| holder.id == claim).map(|holder| holder.token)
}

#[derive(Default)]
struct Count {
    granted: usize,
    failed: usize,
    last: Option<FencingToken>,
}

#[tokio::test]
async fn in_a_thousand_rounds_no_grant_is_given_whose_write_was_not_committed() {
    let database = TestDatabase::cluster().await;
    let (first, second) = (database.backend().await, database.backend().await);
    let faults: Vec<(&str, FaultId)> = (0..)
        .zip(uncommitted())
        .map(|(seed, (name, fault, _))| {
            (name, database.emulator().inject(fault.with_probability(0.15, seed)))
        })
        .collect();
    let mut count = Count::default();
    for _ in 0..ROUNDS {
        round(&database, &first, &second, &mut count).await;
    }
    for (name, fault) in faults {
        assert!(database.emulator().fired(fault) > 50, "{name}: {}", database.emulator().fired(fault));
    }
    assert!(count.granted > ROUNDS / 2 && count.failed > 20, "{} {}", count.granted, count.failed);
}

/// Two clients join at once; who is granted renews; both leave.
async fn round(database: &TestDatabase, first: &ArangoBackend, second: &ArangoBackend, count: &mut Count) {
    let claims = [ClaimId::random(), ClaimId::random()];
    let requests = claims.map(|claim| exclusive("lock", claim));
    let (one, other) = tokio::join!(first.join(&requests[0]), second.join(&requests[1]));
    let mut holders = 0;
    for ((backend, claim), answer) in [first, second].into_iter().zip(claims).zip([one, other]) {
        let Some(token) = granted(answer, claim, count) else { continue };
        holders += 1;
        assert_eq!(committed(database, claim).await, Some(token), "granted, but not in the store");
        assert!(count.last.replace(token) < Some(token), "tokens grow");
        renew(database, backend, claim).await;
    }
    assert!(holders < 2, "two claims hold an exclusive lock");
    for (backend, claim) in [first, second].into_iter().zip(claims) {
        persist!(backend.leave(&lock("lock"), claim, Duration::ZERO));
        let left = records(database).await["lock"].queue.claims.iter().all(|stored| stored.id != claim);
        assert!(left, "left, but still in the store");
    }
}

fn granted(
    answer: Result<Snapshot, BackendError>,
    claim: ClaimId,
    count: &mut Count,
) -> Option<FencingToken> {
    match answer {
        Ok(snapshot) => {
            let token = snapshot.granted_token(claim)?;
            count.granted += 1;
            Some(token)
        }
        Err(error) => {
            assert_eq!(error.kind(), BackendErrorKind::Transient, "{error}");
            count.failed += 1;
            None
        }
    }
}

async fn renew(database: &TestDatabase, backend: &ArangoBackend, claim: ClaimId) {
    let renewal = Renewal::new(lock("lock"), claim, LONG * 2);
    let earliest = database.emulator().now_ms().unsigned_abs() + 1_200_000;
    let Ok(answer) = backend.renew(&[renewal]).await else { return };
    assert_eq!(answer, [Renewed::Extended]);
    let records = records(database).await;
    let stored = records["lock"].queue.claims.iter().find(|stored| stored.id == claim).expect("in the store");
    assert!(stored.expires_at >= earliest, "extended, but not in the store: {stored:?}");
}

/// Each step by itself, with each fault: it is repeated until it is in the store, or fails.
#[tokio::test]
async fn every_step_counts_only_when_it_is_in_the_store() {
    for (name, fault, _) in uncommitted() {
        let database = TestDatabase::cluster().await;
        let backend = database.backend().await;
        let (holder, lock) = (ClaimId::random(), lock("lock"));
        let strike = || {
            database.emulator().inject(fault.clone());
        };
        strike();
        let joined = persist!(backend.join(&exclusive("lock", holder)));
        assert_eq!(committed(&database, holder).await, joined.granted_token(holder), "{name}: create");
        strike();
        let waiter = ClaimId::random();
        assert_eq!(join(&backend, "lock", waiter).await.position(waiter), Some(1), "{name}: join");
        assert_eq!(records(&database).await["lock"].queue.claims.len(), 2, "{name}: join");
        strike();
        renew(&database, &backend, holder).await;
        strike();
        let value = Value::new("x").expect("a value");
        let written = persist!(backend.write(&lock, holder, Some(&value)));
        assert_eq!(written, Written::Done, "{name}: write");
        assert_eq!(records(&database).await["lock"].queue.value, Some(value), "{name}: write");
        strike();
        let mode = shylock_core::Mode::READER;
        let changed = persist!(backend.downgrade(&lock, holder, mode));
        assert_eq!(changed, Written::Done, "{name}: downgrade");
        assert_eq!(records(&database).await["lock"].queue.claims[0].mode, mode, "{name}: downgrade");
        strike();
        let lingering = persist!(backend.leave(&lock, holder, LONG));
        assert_eq!(lingering, Left::Left, "{name}: linger");
        assert!(records(&database).await["lock"].queue.claims[0].leaving, "{name}: linger");
        strike();
        persist!(backend.leave(&lock, holder, Duration::ZERO));
        assert_eq!(records(&database).await["lock"].queue.claims[0].id, waiter, "{name}: leave");
    }
}

#[tokio::test]
async fn a_write_that_is_never_committed_is_reported_as_such() {
    let database = TestDatabase::cluster().await;
    let backend = database.backend().await;
    let claim = ClaimId::random();
    join(&backend, "lock", claim).await;
    let before = records(&database).await;
    database.emulator().inject(Fault::commit_failed().until_cleared());
    let renewal = Renewal::new(lock("lock"), claim, LONG * 2);
    let steps = [
        backend.join(&exclusive("lock", ClaimId::random())).await.map(drop),
        backend.renew(&[renewal]).await.map(drop),
        backend.leave(&lock("lock"), claim, Duration::ZERO).await.map(drop),
        backend.write(&lock("lock"), claim, Value::new("x").ok().as_ref()).await.map(drop),
        backend.downgrade(&lock("lock"), claim, shylock_core::Mode::READER).await.map(drop),
    ];
    for step in steps {
        let error = step.expect_err("it is not in the store");
        assert_eq!(error.kind(), BackendErrorKind::Transient);
        assert!(error.to_string().contains("did not commit"), "{error}");
    }
    assert_eq!(records(&database).await, before);
}

/// A claim that lapsed is dropped by the step that grants. If that was not committed, a coordinator whose clock is
/// behind may renew it, so the grant must not count.
#[tokio::test]
async fn a_grant_over_a_lapsed_claim_does_not_count_before_that_claim_is_gone() {
    let database = TestDatabase::cluster().await;
    let backend = database.backend().await;
    let (lapsed, waiter) = (ClaimId::random(), ClaimId::random());
    join(&backend, "lock", lapsed).await;
    join(&backend, "lock", waiter).await;
    // By another coordinator's clock the first lease is over, and the second one is renewed first.
    database
        .query(
            "FOR d IN @@locks LET c = d.claims[* RETURN CURRENT.id == @id
        ? MERGE(CURRENT, {expiresAt: DATE_NOW() + 1000}) : CURRENT] UPDATE d WITH {claims: c} IN @@locks",
            &[("id", lapsed.to_string().into())],
        )
        .await;
    database.emulator().set_clock_skew(5_000);
    database.emulator().inject(Fault::commit_failed().until_cleared());
    let error = backend.join(&exclusive("lock", waiter)).await.expect_err("not committed");
    assert_eq!(error.kind(), BackendErrorKind::Transient);
    database.emulator().set_clock_skew(0);
    database.emulator().clear_faults();
    let renewal = Renewal::new(lock("lock"), lapsed, LONG);
    assert_eq!(backend.renew(&[renewal]).await.expect("an answer"), [Renewed::Extended]);
}
