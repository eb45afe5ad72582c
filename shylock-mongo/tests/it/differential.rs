//! Random histories, through the pipelines on a real server and through the queue of the core: the same records
//! and the same answers after every step.

use std::collections::BTreeMap;
use std::time::Duration;

use mongodb::bson::{DateTime, doc};
use shylock_core::conformance::differential::{Encoding, Step, WrittenRecord, histories_agree};
use shylock_core::queue::Queue;
use shylock_core::{Backend, ClaimId, Renewal, Renewed};
use shylock_mongo::MongoBackend;
use shylock_testing::mongo::Topology;

use crate::stored::{Stored, records, stored};
use crate::support::{Fixture, exclusive, hostile_strings};

/// More of them, to look for what is rare: `SHYLOCK_TEST_HISTORIES=100`.
fn histories() -> std::ops::Range<u64> {
    0..std::env::var("SHYLOCK_TEST_HISTORIES").map_or(5, |count| count.parse().expect("a number"))
}

const HOUR: u64 = 3_600_000;

#[tokio::test]
async fn random_histories_are_as_the_queue_has_them_on_a_standalone() {
    histories_agree(&Fixture::new(Topology::Standalone).await, histories()).await;
}

#[tokio::test]
async fn random_histories_are_as_the_queue_has_them_on_a_replica_set() {
    histories_agree(&Fixture::new(Topology::ReplicaSet).await, histories()).await;
}

/// In each of so many milliseconds from now on a lease ends, so that the step hits one.
const AHEAD: i64 = 2_000;

#[tokio::test]
async fn a_lease_ends_in_its_very_millisecond() {
    let fixture = Fixture::new(Topology::ReplicaSet).await;
    // On a busy machine the step may come too late.
    for _ in 0..20 {
        if spread_and_join(&fixture).await {
            return;
        }
    }
    panic!("no step came in the millisecond in which a lease ends");
}

/// Whether the join came in a millisecond in which a lease ended. Then it was right.
async fn spread_and_join(fixture: &Fixture) -> bool {
    fixture.join("a", ClaimId::random()).await;
    let token = doc! { "$add": ["$ticket", "$$this"] };
    let ending = doc! { "expiresAt": { "$add": ["$$NOW", "$$this"] }, "token": token };
    let claim = doc! { "$mergeObjects": [{ "$arrayElemAt": ["$claims", 0] }, ending] };
    let spread = doc! { "$map": { "input": { "$range": [-10, AHEAD] }, "in": claim } };
    let update = vec![doc! { "$set": { "claims": spread, "ticket": { "$add": ["$ticket", AHEAD] } } }];
    fixture.collection().update_one(doc! { "_id": "a" }, update).await.expect("spread");
    let before = fixture.record("a").await.expect("a record");
    let request = exclusive("a", ClaimId::random());
    let snapshot = fixture.backend.join(&request).await.expect("joined");
    let after = stored(&fixture.record("a").await.expect("a record"));

    let mut queue = stored(&before).queue;
    if !queue.claims.iter().any(|claim| claim.expires_at == after.at) {
        return false;
    }
    queue.join(&request, after.at);
    assert_eq!(after.queue, queue);
    assert_eq!(snapshot, queue.snapshot(after.at));
    true
}

impl Encoding for Fixture {
    type Backend = MongoBackend;
    type Record = Stored;

    fn backend(&self) -> &MongoBackend {
        &self.backend
    }

    async fn records(&self) -> BTreeMap<String, Stored> {
        records(self).await
    }

    fn queue(record: &Stored) -> &Queue {
        &record.queue
    }

    fn at(record: &Stored) -> u64 {
        record.at
    }

    async fn now(&self) -> u64 {
        let reply = self.database.run_command(doc! { "hello": 1 }).await.expect("an answer");
        let now = reply.get_datetime("localTime").map(|now| DateTime::timestamp_millis(*now));
        now.expect("a time").try_into().expect("after 1970")
    }

    async fn warp(&self, lock: &str, by: i64, tokens: i64) {
        let later = doc! { "$add": ["$$this.expiresAt", by] };
        let token = doc! { "$add": ["$$this.token", tokens] };
        let claim = doc! { "$mergeObjects": ["$$this", { "expiresAt": later, "token": token }] };
        let claims = doc! { "$map": { "input": "$claims", "in": claim } };
        let at = doc! { "$add": ["$at", by] };
        let update =
            vec![doc! { "$set": { "claims": claims, "at": at, "ticket": { "$add": ["$ticket", tokens] } } }];
        self.collection().update_one(doc! { "_id": lock }, update).await.expect("warped");
    }

    async fn clear(&self) {
        self.collection().delete_many(doc! {}).await.expect("emptied");
    }

    fn hostile_strings(&self) -> Vec<String> {
        hostile_strings()
    }

    fn difference(&self, written: &WrittenRecord<'_, Stored>) -> Option<&'static str> {
        if written.after.next != expected_next(written) {
            return Some("another note on who holds");
        }
        (written.after.purge_at != expected_purge(written)).then_some("another date of purging")
    }
}

/// Only a leave and a downgrade write it down: what was abandoned, whether the claim lingers, and one more claim than the
/// first one allows.
fn expected_next(written: &WrittenRecord<'_, Stored>) -> Option<String> {
    let claims = &written.queue.claims;
    let most = claims.first().map_or(0, |claim| claim.mode.max_holders());
    let claims = claims.iter().take((most as usize).saturating_add(1));
    let claims: Vec<String> =
        claims.map(|claim| format!(" {} {} {}", claim.id, claim.mode.max_holders(), claim.token)).collect();
    let abandoned = written.queue.abandoned.map(|token| token.to_string()).unwrap_or_default();
    let tells = matches!(written.step, Step::Leave(..) | Step::Downgrade(..));
    let lingers = matches!(written.step, Step::Leave(_, _, linger) if !linger.is_zero());
    tells.then(|| abandoned + if lingers { "~" } else { "" } + &claims.concat())
}

/// An hour at least after the end of the leases that the step gave; if it has to be moved, by another hour. Never for
/// a record with a value.
fn expected_purge(written: &WrittenRecord<'_, Stored>) -> Option<u64> {
    if written.queue.value.is_some() {
        return None;
    }
    let after = |was: u64, lease: Duration| {
        let end = written.now + u64::try_from(lease.as_micros().div_ceil(1_000)).expect("a lease");
        if was < end + HOUR { end + 2 * HOUR } else { was }
    };
    let was = written.before.and_then(|record| record.purge_at).unwrap_or(0);
    Some(match written.step {
        Step::Join(request) => after(was, request.ttl),
        Step::Renew(renewals) => {
            let mut queue = written.before.map(|record| record.queue.clone()).unwrap_or_default();
            let mut extends = |renewal: &&Renewal| {
                queue.renew(renewal.claim, renewal.ttl, written.now) == Renewed::Extended
            };
            let here = renewals.iter().filter(|renewal| renewal.lock.as_str() == written.lock);
            here.filter(&mut extends).fold(was, |was, renewal| after(was, renewal.ttl))
        }
        Step::Leave(_, _, linger) if !linger.is_zero() => after(was, *linger),
        Step::Write(..) => written.queue.live_until().expect("the holder") + 2 * HOUR,
        _ => was,
    })
}
