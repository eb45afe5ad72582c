//! Many renewals in one query, while others change the same records.

use std::time::Duration;

use shylock_arango_emulator::{Config, Fault};
use shylock_core::{Backend, BackendErrorKind, ClaimId, Mode, Renewal, Renewed};

use crate::support::{LONG, TestDatabase, exclusive, join, lock, persist};

fn renewal(name: &str, claim: ClaimId) -> Renewal {
    Renewal::new(lock(name), claim, LONG)
}

#[tokio::test]
async fn a_thousand_renewals_are_one_query() {
    let database = TestDatabase::emulated(&Config::new()).await;
    let backend = database.backend().await;
    let names: Vec<String> = (0..200).map(|n| format!("lock {n}")).collect();
    let mut renewals = Vec::new();
    for name in &names {
        for n in 0..5 {
            let mut request = exclusive(name, ClaimId::random());
            request.mode = Mode::Shared { max: 9 };
            // Every fifth claim is not there.
            if n > 0 {
                backend.join(&request).await.expect("joined");
            }
            renewals.push(renewal(name, request.claim));
        }
    }
    database.emulator().reset_requests();
    let answers = backend.renew(&renewals).await.expect("answers");
    assert_eq!(database.emulator().requests_to("/_api/cursor"), 1);
    for (n, answer) in answers.iter().enumerate() {
        assert_eq!(*answer, if n % 5 == 0 { Renewed::Gone } else { Renewed::Extended }, "{n}");
    }
    assert_eq!(answers.len(), renewals.len());
}

#[tokio::test]
async fn a_conflict_in_one_record_does_not_spoil_the_batch() {
    let database = TestDatabase::emulated(&Config::new()).await;
    let (backend, emulator) = (database.backend().await, database.emulator());
    let claims: Vec<(String, ClaimId)> = (0..64).map(|n| (format!("lock {n}"), ClaimId::random())).collect();
    for (name, claim) in &claims {
        join(&backend, name, *claim).await;
    }
    let renewals: Vec<Renewal> = claims.iter().map(|(name, claim)| renewal(name, *claim)).collect();
    // All queries that touch one record lose, down to that record alone, and then some.
    emulator.inject(Fault::conflict_after_evaluation().when_body_contains("lock%2042\"").times(8));
    emulator.reset_requests();
    assert_eq!(backend.renew(&renewals).await.expect("answers"), vec![Renewed::Extended; 64]);
    let queries = emulator.requests_to("/_api/cursor");
    assert!((12..=20).contains(&queries), "{queries} queries");
    // Without end it is an error, and no claim that is there is said to be gone.
    emulator.inject(Fault::conflict_after_evaluation().when_body_contains("lock%2042\"").until_cleared());
    let error = backend.renew(&renewals).await.expect_err("too crowded");
    assert_eq!(error.kind(), BackendErrorKind::Transient);
}

#[tokio::test]
async fn renewals_and_joins_of_many_at_once_all_come_through() {
    let database = TestDatabase::emulated(&Config::new().commit_delay(Duration::from_millis(2))).await;
    let backend = database.backend().await;
    let claims: Vec<(String, ClaimId)> = (0..20).map(|n| (format!("lock {n}"), ClaimId::random())).collect();
    for (name, claim) in &claims {
        join(&backend, name, *claim).await;
    }
    let mut crowd = tokio::task::JoinSet::new();
    for (name, _) in claims.clone() {
        let backend = backend.clone();
        crowd.spawn(async move {
            for _ in 0..10 {
                let claim = ClaimId::random();
                join(&backend, &name, claim).await;
                persist!(backend.leave(&lock(&name), claim, Duration::ZERO));
            }
        });
    }
    let renewals: Vec<Renewal> = claims.iter().map(|(name, claim)| renewal(name, *claim)).collect();
    let mut renewed = 0;
    while crowd.try_join_next().is_some() || !crowd.is_empty() {
        let answers = persist!(backend.renew(&renewals));
        assert_eq!(answers, vec![Renewed::Extended; 20]);
        renewed += 1;
    }
    assert!(renewed > 0);
    for (name, claim) in &claims {
        assert_eq!(backend.queue(&lock(name)).await.expect("a queue").position(*claim), Some(0), "{name}");
    }
}
