//! What is in the documents.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value as Json;
use shylock_core::queue::{Claim, Queue};
use shylock_core::{Backend, ClaimId, FencingToken, Mode, Owner, Value};

use crate::support::{TestDatabase, exclusive, join, lock};

/// One document.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Stored {
    pub(crate) key: String,
    pub(crate) rev: String,
    pub(crate) queue: Queue,
    pub(crate) at: u64,
    pub(crate) live_until: u64,
    /// In seconds, as the TTL index wants it. A record that has a value has none.
    pub(crate) purge_at: Option<f64>,
}

/// All documents, by the names of their locks.
pub(crate) async fn records(database: &TestDatabase) -> BTreeMap<String, Stored> {
    let documents = database.query("FOR d IN @@locks RETURN d", &[]).await;
    documents.iter().map(|document| (text(&document["name"]), stored(document))).collect()
}

fn stored(document: &Json) -> Stored {
    let mut queue = Queue::default();
    queue.ticket = number(&document["ticket"]);
    queue.claims = document["claims"].as_array().expect("claims").iter().map(claim).collect();
    queue.value = document.get("value").map(|value| Value::new(text(value)).expect("a value"));
    queue.abandoned = document.get("abandoned").map(|token| FencingToken::new(number(token)));
    Stored {
        key: text(&document["_key"]),
        rev: text(&document["_rev"]),
        queue,
        at: number(&document["at"]),
        live_until: number(&document["liveUntil"]),
        purge_at: document.get("purgeAt").map(|time| time.as_f64().expect("a time")),
    }
}

fn claim(claim: &Json) -> Claim {
    let max = u32::try_from(number(&claim["max"])).expect("a max");
    let owner = &claim["owner"];
    let pid = u32::try_from(number(&owner["pid"])).expect("a pid");
    let mut stored = Claim::new(
        text(&claim["id"]).parse().expect("an id"),
        if claim["shared"] == true { Mode::Shared { max } } else { Mode::Exclusive },
        FencingToken::new(number(&claim["token"])),
        number(&claim["joinedAt"]),
        number(&claim["expiresAt"]),
        Owner::new(text(&owner["host"]), pid, owner["label"].as_str().map(str::to_owned)),
    );
    stored.leaving = claim["leaving"].as_bool().expect("a truth value");
    stored
}

pub(crate) fn number(value: &Json) -> u64 {
    let float = value.as_f64().unwrap_or_else(|| panic!("{value} is no number"));
    assert!(float >= 0.0 && float.fract() == 0.0 && float < 9e15, "{value} is not exact");
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it was just looked at")]
    let whole = float as u64;
    whole
}

fn text(value: &Json) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

#[tokio::test]
async fn a_document_is_what_the_documentation_says() {
    let database = TestDatabase::new().await;
    let backend = database.backend().await;
    let claim = ClaimId::random();
    join(&backend, "my/lock", claim).await;
    let documents = database.query("FOR d IN @@locks RETURN UNSET(d, '_id', '_rev')", &[]).await;
    let names: Vec<&String> = documents[0].as_object().expect("a document").keys().collect();
    assert_eq!(names, ["_key", "at", "claims", "liveUntil", "name", "purgeAt", "ticket"]);
    let record = &records(&database).await["my/lock"];
    assert_eq!(record.key, "my%2Flock");
    let claim = &record.queue.claims[0];
    assert_eq!(claim.token.get(), record.queue.ticket);
    assert_eq!(claim.expires_at, record.at + 600_000);
    assert_eq!(record.live_until, claim.expires_at);
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    let in_an_hour = (claim.expires_at + 3_600_000) as f64 / 1000.0;
    assert!((record.purge_at.expect("a time") - in_an_hour).abs() < 0.01, "{record:?}");
    database.close().await;
}

#[tokio::test]
async fn the_collection_has_an_index_that_purges_by_seconds() {
    let database = TestDatabase::new().await;
    database.backend().await;
    // Again, and by another process: nothing more is made.
    database.backend().await;
    let indexes = database.database.indexes("shylock_locks").await.expect("indexes").indexes;
    let purging: Vec<_> = indexes.iter().filter(|index| index.fields == ["purgeAt"]).collect();
    assert_eq!(purging.len(), 1, "{indexes:?}");
    assert_eq!(indexes.len(), 2, "{indexes:?}");
    database.close().await;
}

#[tokio::test]
async fn an_unused_record_is_purged_and_one_in_use_is_not() {
    let database = TestDatabase::emulated(&shylock_arango_emulator::Config::new()).await;
    let backend = database.backend().await;
    let (left, stays) = (ClaimId::random(), ClaimId::random());
    join(&backend, "left", left).await;
    backend.leave(&lock("left"), left, Duration::ZERO).await.expect("left");
    let mut request = exclusive("stays", stays);
    request.ttl = Duration::from_secs(3 * 3600);
    backend.join(&request).await.expect("joined");
    let token = records(&database).await["left"].queue.ticket;

    database.emulator().set_clock_skew(90 * 60 * 1000);
    assert_eq!(database.emulator().remove_expired(), 1);
    assert_eq!(records(&database).await.keys().collect::<Vec<_>>(), ["stays"]);
    let again = join(&backend, "left", left).await;
    assert!(again.claims[0].token.get() > token, "tokens grow past a purged record");
}

#[tokio::test]
async fn a_refused_join_leaves_the_record_as_it_is() {
    let database = TestDatabase::new().await;
    let backend = database.backend().await;
    join(&backend, "lock", ClaimId::random()).await;
    let before = records(&database).await;
    let mut request = exclusive("lock", ClaimId::random());
    request.only_if_granted = true;
    let refused = backend.join(&request).await.expect("an answer");
    assert_eq!(refused.position(request.claim), None);
    assert_eq!(records(&database).await, before, "not even another revision");
    database.close().await;
}
