//! Records as earlier versions stored them.

use std::time::Duration;

use mongodb::bson::doc;
use shylock_core::{Backend, ClaimId, Left, Mode, Renewal, Renewed, Value, Written};
use shylock_testing::mongo::Topology;

use crate::support::{Fixture, LONG, exclusive, lock};

/// Stores a record without the fields that came later; its claims are still live, but the first.
async fn store(fixture: &Fixture, claims: &[ClaimId]) {
    fixture.join("a", claims[0]).await;
    let claim = |id: &ClaimId, token: i64, expires: i64| {
        doc! {
            "id": id.to_string(), "shared": false, "max": 1_i64, "token": token,
            "expiresAt": { "$add": ["$$NOW", expires] }, "owner": { "host": "h", "pid": 1_i64 },
        }
    };
    let live = |(i, id): (usize, &ClaimId)| {
        let i = i64::try_from(i).expect("a number");
        claim(id, 1_700_000_000_000 * 1024 + i, if i == 0 { -1 } else { 600_000 })
    };
    let claims: Vec<_> = claims.iter().enumerate().map(live).collect();
    let record =
        doc! { "_id": "$_id", "ticket": "$ticket", "claims": claims, "at": "$at", "purgeAt": "$purgeAt" };
    let update = vec![doc! { "$replaceWith": record }];
    fixture.collection().update_one(doc! { "_id": "a" }, update).await.expect("stored");
}

#[tokio::test]
async fn a_record_of_an_earlier_version_is_read_and_every_step_works_on_it() {
    let fixture = Fixture::new(Topology::ReplicaSet).await;
    let claims: Vec<ClaimId> = (0..3).map(|_| ClaimId::random()).collect();
    let (name, value) = (lock("a"), Value::new("v").expect("a value"));
    let backend = &fixture.backend;

    store(&fixture, &claims).await;
    let read = backend.queue(&name).await.expect("a queue");
    assert_eq!(read.claims.iter().map(|claim| claim.id).collect::<Vec<_>>(), claims[1..]);
    assert_eq!(read.abandoned.map(u64::from), Some(1_700_000_000_000 * 1024));
    assert!(read.claims[0].joined_ago > Duration::from_secs(86_400), "by its token");
    assert_eq!(backend.join(&exclusive("a", claims[1])).await.expect("joined").abandoned, read.abandoned);

    store(&fixture, &claims).await;
    let renewals = [Renewal::new(name.clone(), claims[0], LONG), Renewal::new(name.clone(), claims[2], LONG)];
    assert_eq!(backend.renew(&renewals).await.expect("answers"), [Renewed::Gone, Renewed::Extended]);

    store(&fixture, &claims).await;
    assert_eq!(backend.write(&name, claims[2], Some(&value)).await.expect("an answer"), Written::NotHolding);
    assert_eq!(backend.write(&name, claims[1], Some(&value)).await.expect("an answer"), Written::Done);

    store(&fixture, &claims).await;
    assert_eq!(backend.downgrade(&name, claims[1], Mode::READER).await.expect("an answer"), Written::Done);

    store(&fixture, &claims).await;
    assert_eq!(backend.leave(&name, claims[0], Duration::ZERO).await.expect("an answer"), Left::Gone);
    assert_eq!(backend.leave(&name, claims[1], LONG).await.expect("an answer"), Left::Left);
    assert!(backend.queue(&name).await.expect("a queue").claims[0].leaving);
}
