//! Random histories, through AQL on a server and through the queue of the core: the same records and the same answers
//! after every step.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;
use shylock_arango::ArangoBackend;
use shylock_core::conformance::differential::{Encoding, Step, Written, histories_agree};
use shylock_core::queue::Queue;

use crate::stored::{Stored, number, records};
use crate::support::{TestDatabase, hostile_strings};

const HISTORIES: u64 = 8;
const HOUR: u64 = 3_600_000;

#[tokio::test]
async fn random_histories_are_as_the_queue_has_them() {
    let database = TestDatabase::new().await;
    let backend = database.backend().await;
    let fixture = Fixture { database, backend };
    histories_agree(&fixture, 0..HISTORIES).await;
    fixture.database.close().await;
}

struct Fixture {
    database: TestDatabase,
    backend: ArangoBackend,
}

impl Encoding for Fixture {
    type Backend = ArangoBackend;
    type Record = Stored;

    fn backend(&self) -> &ArangoBackend {
        &self.backend
    }

    async fn records(&self) -> BTreeMap<String, Stored> {
        records(&self.database).await
    }

    fn queue(record: &Stored) -> &Queue {
        &record.queue
    }

    fn at(record: &Stored) -> u64 {
        record.at
    }

    async fn now(&self) -> u64 {
        number(&self.database.query("RETURN DATE_NOW()", &[]).await[0])
    }

    async fn warp(&self, lock: &str, by: i64, tokens: i64) {
        let update = "FOR d IN @@locks FILTER d.name == @name
            LET claims = d.claims[* RETURN MERGE(CURRENT, {
              expiresAt: CURRENT.expiresAt + @by, token: CURRENT.token + @tokens
            })]
            UPDATE d WITH {
              claims: claims, at: d.at + @by, ticket: d.ticket + @tokens,
              liveUntil: MAX(PUSH(claims[*].expiresAt, 0))
            } IN @@locks";
        let binds = [("name", json!(lock)), ("by", json!(by)), ("tokens", json!(tokens))];
        self.database.query(update, &binds).await;
    }

    async fn clear(&self) {
        self.database.query("FOR d IN @@locks REMOVE d IN @@locks", &[]).await;
    }

    fn hostile_strings(&self) -> Vec<String> {
        hostile_strings()
    }

    fn difference(&self, written: &Written<'_, Stored>) -> Option<&'static str> {
        if written.after.live_until != written.queue.live_until().unwrap_or(0) {
            return Some("another end of the last lease");
        }
        (!is_purged_in_time(written)).then_some("another date of purging")
    }
}

/// An hour after the end of the leases that the step gave, and never earlier than before. A renewal of a claim that is
/// gone may count too.
#[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
fn is_purged_in_time(written: &Written<'_, Stored>) -> bool {
    let end = |lease: Duration| {
        let lease = u64::try_from(lease.as_micros().div_ceil(1_000)).expect("a lease");
        (written.now + lease + HOUR) as f64 / 1_000.0
    };
    let was = written.before.map_or(0.0, |record| record.purge_at);
    let expected = match written.step {
        Step::Join(request) => was.max(end(request.ttl)),
        Step::Renew(renewals) => {
            let here = renewals.iter().filter(|renewal| renewal.lock.as_str() == written.lock);
            here.map(|renewal| end(renewal.ttl)).fold(was, f64::max)
        }
        Step::Leave(_, _, linger) => was.max(end(*linger)),
        Step::Queue(_) | Step::List(_) => was,
    };
    (written.after.purge_at - expected).abs() < 0.001
}
