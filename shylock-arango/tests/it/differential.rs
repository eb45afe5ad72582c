//! Random histories, through AQL on a server and through the queue of the core: the same records and the same answers
//! after every step.

use std::collections::BTreeMap;

use serde_json::json;
use shylock_arango::ArangoBackend;
use shylock_core::conformance::differential::{Encoding, WrittenRecord, histories_agree};
use shylock_core::queue::Queue;

use crate::stored::{Stored, number, records};
use crate::support::{TestDatabase, hostile_strings};

const HISTORIES: u64 = 8;
const HOUR: u64 = 3_600_000;

#[tokio::test]
async fn random_histories_are_as_the_queue_has_them() {
    agree(TestDatabase::new().await).await;
}

#[tokio::test]
async fn random_histories_in_a_cluster_are_as_the_queue_has_them() {
    agree(TestDatabase::cluster().await).await;
}

async fn agree(database: TestDatabase) {
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
              abandoned: (d.abandoned == null) ? null : (d.abandoned + @tokens),
              liveUntil: MAX(PUSH(claims[*].expiresAt, 0))
            } IN @@locks OPTIONS { keepNull: false }";
        let binds = [("name", json!(lock)), ("by", json!(by)), ("tokens", json!(tokens))];
        self.database.query(update, &binds).await;
    }

    async fn clear(&self) {
        self.database.query("FOR d IN @@locks REMOVE d IN @@locks", &[]).await;
    }

    fn hostile_strings(&self) -> Vec<String> {
        hostile_strings()
    }

    fn difference(&self, written: &WrittenRecord<'_, Stored>) -> Option<&'static str> {
        if written.after.live_until != written.queue.live_until().unwrap_or(0) {
            return Some("another end of the last lease");
        }
        (!is_purged_in_time(written)).then_some("another date of purging")
    }
}

/// An hour after the last lease ends, and never earlier than before; never, if the lock has a value.
#[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
fn is_purged_in_time(written: &WrittenRecord<'_, Stored>) -> bool {
    if written.queue.value.is_some() {
        return written.after.purge_at.is_none();
    }
    let was = written.before.and_then(|record| record.purge_at).unwrap_or(0.0);
    let end = written.queue.live_until().unwrap_or(0).max(written.now) + HOUR;
    let expected = was.max(end as f64 / 1_000.0);
    written.after.purge_at.is_some_and(|purge_at| (purge_at - expected).abs() < 0.001)
}
