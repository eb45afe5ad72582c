//! Many at once.

use futures_util::future::join_all;
use shylock_core::{Backend, ClaimId, FencingToken, JoinRequest, Snapshot};
use shylock_mongo::MongoBackend;
use shylock_testing::mongo::Topology;

use crate::support::{Fixture, exclusive, lock};

/// MongoDB 4.4 leaves it to the client to repeat an upsert that collides with another one, and the core does.
async fn join(backend: &MongoBackend, request: &JoinRequest) -> Snapshot {
    loop {
        match backend.join(request).await {
            Ok(snapshot) => return snapshot,
            Err(error) => assert!(error.to_string().contains("MongoDB error 11000"), "{error}"),
        }
    }
}

async fn race(topology: Topology) {
    let fixture = Fixture::new(topology).await;
    for round in 0..20 {
        let name = format!("new {round}");
        let claims: Vec<ClaimId> = (0..24).map(|_| ClaimId::random()).collect();
        let tasks = claims.iter().map(|claim| {
            let (backend, request) = (fixture.backend.clone(), exclusive(&name, *claim));
            tokio::spawn(async move { join(&backend, &request).await })
        });
        let mut granted = 0;
        for (joined, claim) in join_all(tasks).await.into_iter().zip(&claims) {
            let snapshot = joined.expect("a task");
            granted += usize::from(snapshot.granted_token(*claim).is_some());
        }
        assert_eq!(granted, 1);
        let queue = fixture.backend.queue(&lock(&name)).await.expect("a queue");
        let tokens: Vec<FencingToken> = queue.claims.iter().map(|claim| claim.token).collect();
        assert_eq!(tokens.len(), claims.len(), "nobody's claim was lost");
        assert!(tokens.is_sorted_by(|a, b| a.get() + FencingToken::STEP <= b.get()), "{tokens:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_who_race_for_a_new_name_join_on_a_standalone() {
    race(Topology::Standalone).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_who_race_for_a_new_name_join_on_a_replica_set() {
    race(Topology::ReplicaSet).await;
}
