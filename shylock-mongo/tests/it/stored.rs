//! Reads what is stored with other eyes than the backend's own.

use std::collections::BTreeMap;

use mongodb::bson::{Bson, Document};
use shylock_core::queue::{Claim, Queue};
use shylock_core::{FencingToken, Mode, Owner};

use crate::support::Fixture;

/// A record as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Stored {
    pub(crate) queue: Queue,
    pub(crate) at: u64,
    pub(crate) next: Option<String>,
    pub(crate) purge_at: u64,
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
    let fields: Vec<&str> = record.keys().map(String::as_str).filter(|key| *key != "next").collect();
    assert_eq!(fields.len(), 5, "nothing else is stored: {record}");
    Stored {
        queue: Queue {
            ticket: number(record, "ticket"),
            claims: record.get_array("claims").expect("claims").iter().map(claim).collect(),
        },
        at: date(record, "at"),
        next: record.get_str("next").ok().map(str::to_owned),
        purge_at: date(record, "purgeAt"),
    }
}

fn claim(claim: &Bson) -> Claim {
    let claim = claim.as_document().expect("a claim");
    let owner = claim.get_document("owner").expect("an owner");
    let max = u32::try_from(number(claim, "max")).expect("a u32");
    let shared = claim.get_bool("shared").expect("shared or not");
    assert!(shared || max == 1, "an exclusive claim allows one");
    Claim {
        id: claim.get_str("id").expect("an id").parse().expect("32 digits"),
        mode: if shared { Mode::Shared { max } } else { Mode::Exclusive },
        token: FencingToken::new(number(claim, "token")),
        expires_at: date(claim, "expiresAt"),
        owner: Owner::new(
            owner.get_str("host").expect("a host"),
            u32::try_from(number(owner, "pid")).expect("a u32"),
            owner.get_str("label").ok().map(str::to_owned),
        ),
    }
}

fn number(document: &Document, field: &str) -> u64 {
    u64::try_from(document.get_i64(field).expect(field)).expect(field)
}

fn date(document: &Document, field: &str) -> u64 {
    u64::try_from(document.get_datetime(field).expect(field).timestamp_millis()).expect(field)
}
