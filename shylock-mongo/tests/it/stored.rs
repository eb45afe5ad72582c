//! Reads what is stored, without the backend's own code.

use std::collections::BTreeMap;

use mongodb::bson::{Bson, Document};
use shylock_core::queue::{Claim, Queue};
use shylock_core::{FencingToken, Mode, Owner, Value};

use crate::support::Fixture;

/// A record as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Stored {
    pub(crate) queue: Queue,
    pub(crate) at: u64,
    pub(crate) next: Option<String>,
    /// A record with a value has none.
    pub(crate) purge_at: Option<u64>,
}

/// Every record of the collection, by lock name.
pub(crate) async fn records(fixture: &Fixture) -> BTreeMap<String, Stored> {
    let mut cursor = fixture.collection().find(Document::new()).await.expect("a cursor");
    let mut records = BTreeMap::new();
    while cursor.advance().await.expect("a document") {
        let document = cursor.deserialize_current().expect("a document");
        records.insert(document.get_str("_id").expect("a name").to_owned(), stored(&document));
    }
    records
}

pub(crate) fn stored(record: &Document) -> Stored {
    const FIELDS: [&str; 8] = ["_id", "ticket", "claims", "at", "next", "purgeAt", "value", "abandoned"];
    assert!(record.keys().all(|key| FIELDS.contains(&key.as_str())), "nothing else is stored: {record}");
    assert!(record.contains_key("purgeAt") != record.contains_key("value"), "{record}");
    let mut queue = Queue::default();
    queue.ticket = number(record, "ticket");
    queue.claims = record.get_array("claims").expect("claims").iter().map(claim).collect();
    queue.value =
        record.get("value").map(|value| Value::new(value.as_str().expect("a text")).expect("a value"));
    queue.abandoned = record.get("abandoned").map(|_| FencingToken::new(number(record, "abandoned")));
    Stored {
        queue,
        at: date(record, "at"),
        next: record.get_str("next").ok().map(str::to_owned),
        purge_at: record.get("purgeAt").map(|_| date(record, "purgeAt")),
    }
}

fn claim(claim: &Bson) -> Claim {
    let claim = claim.as_document().expect("a claim");
    let owner = claim.get_document("owner").expect("an owner");
    let max = u32::try_from(number(claim, "max")).expect("a u32");
    let shared = claim.get_bool("shared").expect("shared or not");
    assert!(shared || max == 1, "an exclusive claim allows one");
    let mut stored = Claim::new(
        claim.get_str("id").expect("an id").parse().expect("32 digits"),
        if shared { Mode::Shared { max } } else { Mode::Exclusive },
        FencingToken::new(number(claim, "token")),
        claim.get("joinedAt").map_or(0, |_| date(claim, "joinedAt")),
        date(claim, "expiresAt"),
        Owner::new(
            owner.get_str("host").expect("a host"),
            u32::try_from(number(owner, "pid")).expect("a u32"),
            owner.get_str("label").ok().map(str::to_owned),
        ),
    );
    stored.leaving = claim.get("leaving").is_some_and(|leaving| leaving.as_bool().expect("leaving or not"));
    stored
}

fn number(document: &Document, field: &str) -> u64 {
    u64::try_from(document.get_i64(field).expect(field)).expect(field)
}

fn date(document: &Document, field: &str) -> u64 {
    u64::try_from(document.get_datetime(field).expect(field).timestamp_millis()).expect(field)
}
