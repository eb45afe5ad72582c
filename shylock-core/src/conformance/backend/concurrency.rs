//! Many at once, and several handles on one store.

use std::collections::HashSet;

use tokio::task::JoinSet;

use crate::conformance::Harness;
use crate::conformance::probe::{LONG, Probe, READER, ids};
use crate::queue::Mode::Exclusive;
use crate::queue::{ClaimId, FencingToken};
use crate::queue::{JoinRequest, Snapshot};

const TASKS: usize = 16;

/// As many probes of one lock as there are tasks, over a few handles.
async fn probes<H: Harness>(harness: &H) -> Vec<Probe<H::Backend>> {
    let mut handles = Vec::new();
    for _ in 0..4 {
        handles.push(Probe::open(harness, "lock").await);
    }
    handles.iter().cycle().take(TASKS).cloned().collect()
}

pub async fn two_handles_see_one_store<H: Harness>(harness: &H) {
    let (ours, theirs) = (Probe::open(harness, "lock").await, Probe::open(harness, "lock").await);
    let (our, their) = (ours.join(Exclusive).await, theirs.join(Exclusive).await);
    assert_eq!(ours.claims().await, [our, their]);
    assert_eq!(theirs.claims().await, [our, their]);
    assert_eq!(theirs.list("", None, 10).await, ["lock"]);
    theirs.leave(our).await;
    assert_eq!(ours.holders().await, [their]);
    drop(theirs);
    assert_eq!(ours.claims().await, [their], "a claim does not hang on the handle that made it");
}

pub async fn claims_that_join_a_new_name_at_once_stand_in_one_order<H: Harness>(harness: &H) {
    let probes = probes(harness).await;
    let mut tasks = JoinSet::<(ClaimId, Snapshot)>::new();
    for probe in probes.clone() {
        tasks.spawn(async move {
            let request = probe.request(Exclusive, LONG);
            (request.claim, probe.send(&request).await)
        });
    }
    let answers = tasks.join_all().await;

    let queue = probes[0].queue().await;
    assert_eq!(queue.claims.len(), TASKS);
    assert!(queue.claims.is_sorted_by(|a, b| a.token < b.token), "{queue:?}");
    let holders = answers.iter().filter(|(claim, answer)| answer.granted_token(*claim).is_some());
    assert_eq!(holders.count(), 1, "just the first is granted");
    for (claim, answer) in &answers {
        assert!(answer.position(*claim).is_some(), "an answer without the claim that joined");
        assert!(ids(&queue).starts_with(&ids(answer)), "an answer in another order: {answer:?}, {queue:?}");
    }
}

pub async fn of_many_that_try_at_once_one_gets_the_lock<H: Harness>(harness: &H) {
    let probes = probes(harness).await;
    let mut tasks = JoinSet::new();
    for probe in probes.clone() {
        tasks.spawn(async move { probe.try_join(Exclusive).await });
    }
    let granted: Vec<_> = tasks.join_all().await.into_iter().filter(|(_, token)| token.is_some()).collect();
    assert_eq!(granted.len(), 1);
    assert_eq!(probes[0].claims().await, [granted[0].0]);
}

pub async fn a_join_repeated_at_once_is_one_claim<H: Harness>(harness: &H) {
    let probes = probes(harness).await;
    let request = probes[0].request(Exclusive, LONG);
    let mut tasks = JoinSet::new();
    for probe in probes.clone() {
        let request: JoinRequest = request.clone();
        tasks.spawn(async move { probe.send(&request).await.granted_token(request.claim) });
    }
    let tokens: HashSet<Option<FencingToken>> = tasks.join_all().await.into_iter().collect();
    assert_eq!(tokens.len(), 1, "{tokens:?}");
    assert_eq!(probes[0].claims().await, [request.claim]);
}

pub async fn after_many_joined_and_left_nothing_remains<H: Harness>(harness: &H) {
    let probes = probes(harness).await;
    let mut tasks = JoinSet::new();
    for (n, probe) in probes.iter().cloned().enumerate() {
        tasks.spawn(async move {
            let mut tokens = Vec::new();
            for _ in 0..5 {
                let claim = probe.join(if n % 2 == 0 { Exclusive } else { READER }).await;
                tokens.push(probe.token(claim).await);
                probe.leave(claim).await;
            }
            tokens
        });
    }
    let tokens: Vec<Vec<FencingToken>> = tasks.join_all().await;
    assert!(tokens.iter().all(|tokens| tokens.is_sorted_by(|a, b| a < b)), "{tokens:?}");
    assert_eq!(tokens.iter().flatten().collect::<HashSet<_>>().len(), TASKS * 5, "a token was drawn twice");
    assert_eq!(probes[0].claims().await, []);
    assert_eq!(probes[0].list("", None, 10).await, [""; 0]);
}

pub async fn renewals_and_joins_at_once_lose_nothing<H: Harness>(harness: &H) {
    let probes = probes(harness).await;
    let mut held = Vec::new();
    for probe in &probes {
        held.push(probe.join(READER).await);
    }
    let mut tasks = JoinSet::new();
    for (probe, claim) in probes.iter().cloned().zip(held.clone()) {
        tasks.spawn(async move {
            for _ in 0..3 {
                assert_eq!(probe.renew(claim, LONG * 2).await, crate::Renewed::Extended);
                let passing = probe.join(Exclusive).await;
                probe.leave(passing).await;
            }
        });
    }
    tasks.join_all().await;
    let queue = probes[0].queue().await;
    assert_eq!(ids(&queue), held);
    assert!(queue.claims.iter().all(|claim| claim.expires_in > LONG), "a renewal was lost: {queue:?}");
}

pub async fn to_look_at_a_queue_changes_nothing<H: Harness>(harness: &H) {
    let lock = Probe::open(harness, "lock").await;
    assert_eq!(lock.claims().await, []);
    assert_eq!(lock.list("", None, 10).await, [""; 0], "a look made a queue");
    let claim = lock.join(Exclusive).await;
    let first = lock.queue().await;
    let mut before = first.claims[0].expires_in;
    for _ in 0..3 {
        let again = lock.queue().await;
        let now = again.claims[0].expires_in;
        assert!(now <= before, "a look extended a lease");
        before = now;
        assert_eq!((ids(&again), again.claims[0].token), (vec![claim], first.claims[0].token));
    }
}
