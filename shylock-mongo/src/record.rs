//! The record of a lock, as the server answers it.

use std::error::Error as StdError;

use mongodb::bson::{Bson, Document};
use shylock_core::queue::{Claim, Queue};
use shylock_core::{BackendError, BackendErrorKind, FencingToken, LockName, Mode, Owner, Snapshot, Value};

type Reason = Box<dyn StdError + Send + Sync>;

/// The live queue in a document that has `claims` and, as `at`, the server's time; `None` stands for no document.
pub(crate) fn snapshot(lock: &LockName, document: Option<&Document>) -> Result<Snapshot, BackendError> {
    let Some(document) = document else { return Ok(Snapshot::default()) };
    decode(document).map_err(|reason| {
        let message = format!(
            "the record of lock {lock:?} is not one of shylock's; look at it, and delete it if nobody holds the lock"
        );
        BackendError::new(BackendErrorKind::Broken, message).with_source(reason)
    })
}

fn decode(document: &Document) -> Result<Snapshot, Reason> {
    let now = date(document, "at")?;
    let mut queue = Queue::default();
    for claim in document.get_array("claims")? {
        let claim = claim.as_document().ok_or("a claim is no document")?;
        queue.claims.push(decode_claim(claim)?);
    }
    if document.contains_key("value") {
        queue.value = Some(Value::new(document.get_str("value")?)?);
    }
    if document.contains_key("abandoned") {
        queue.abandoned = Some(FencingToken::new(integer(document, "abandoned")?));
    }
    Ok(queue.snapshot(now))
}

fn decode_claim(claim: &Document) -> Result<Claim, Reason> {
    let max = u32::try_from(integer(claim, "max")?)?;
    let (id, token) = (claim.get_str("id")?.parse()?, FencingToken::new(integer(claim, "token")?));
    let mode = if claim.get_bool("shared")? { Mode::Shared { max } } else { Mode::Exclusive };
    // Earlier versions did not write down when a claim joined.
    let joined_at = if claim.contains_key("joinedAt") { date(claim, "joinedAt")? } else { 0 };
    let owner = decode_owner(claim.get_document("owner")?)?;
    let mut decoded = Claim::new(id, mode, token, joined_at, date(claim, "expiresAt")?, owner);
    decoded.leaving = claim.contains_key("leaving") && claim.get_bool("leaving")?;
    Ok(decoded)
}

fn decode_owner(owner: &Document) -> Result<Owner, Reason> {
    let label = match owner.get("label") {
        None => None,
        Some(_) => Some(owner.get_str("label")?.to_owned()),
    };
    Ok(Owner::new(owner.get_str("host")?, u32::try_from(integer(owner, "pid")?)?, label))
}

/// Milliseconds since 1970.
fn date(document: &Document, field: &str) -> Result<u64, Reason> {
    Ok(u64::try_from(document.get_datetime(field)?.timestamp_millis())?)
}

fn integer(document: &Document, field: &str) -> Result<u64, Reason> {
    match document.get(field) {
        Some(Bson::Int64(n)) => Ok(u64::try_from(*n)?),
        Some(Bson::Int32(n)) => Ok(u64::try_from(*n)?),
        _ => Err(format!("{field} is no integer").into()),
    }
}

#[cfg(test)]
mod tests {
    use mongodb::bson::{DateTime, doc};
    use std::time::Duration;

    use super::*;

    fn record() -> Document {
        doc! {
            "at": DateTime::from_millis(1_000),
            "claims": [
                { "id": "0".repeat(32), "shared": false, "max": 1_i64, "token": 1024_i64,
                  "expiresAt": DateTime::from_millis(1_000), "owner": { "host": "a", "pid": 1_i64 } },
                { "id": "1".repeat(32), "shared": true, "max": i64::from(u32::MAX), "token": 2048_i64,
                  "expiresAt": DateTime::from_millis(1_250),
                  "owner": { "host": "b", "pid": 2_i64, "label": "$_id" } },
            ],
        }
    }

    fn read(document: &Document) -> Result<Snapshot, BackendError> {
        snapshot(&LockName::new("a").expect("a name"), Some(document))
    }

    #[test]
    fn a_snapshot_has_the_live_claims_and_the_time_left() {
        let snapshot = read(&record()).expect("a record");
        assert_eq!(snapshot.claims.len(), 1, "the first one has lapsed");
        let claim = &snapshot.claims[0];
        assert_eq!(claim.mode, Mode::Shared { max: u32::MAX });
        assert_eq!(claim.token.get(), 2048);
        assert_eq!(claim.expires_in, Duration::from_millis(250));
        assert_eq!(claim.owner, Owner::new("b", 2, Some("$_id".into())));
    }

    #[test]
    fn a_record_of_the_older_form_tells_when_a_claim_joined_by_its_token() {
        let snapshot = read(&record()).expect("a record");
        assert_eq!(snapshot.claims[0].joined_ago, Duration::from_millis(998));
        assert!(!snapshot.claims[0].leaving);
        assert_eq!(snapshot.value, None);
    }

    #[test]
    fn a_snapshot_has_what_outlives_the_claims() {
        let mut record = record();
        record.insert("value", "$x");
        record.insert("abandoned", 1_i64);
        let claim = record.get_array_mut("claims").expect("claims")[1].as_document_mut().expect("a claim");
        claim.insert("joinedAt", DateTime::from_millis(400));
        claim.insert("leaving", true);
        let snapshot = read(&record).expect("a record");
        assert_eq!(snapshot.value, Some(Value::new("$x").expect("a value")));
        assert_eq!(snapshot.abandoned, Some(FencingToken::new(1024)), "the claim that has lapsed since");
        assert_eq!(
            (snapshot.claims[0].joined_ago, snapshot.claims[0].leaving),
            (Duration::from_millis(600), true)
        );
    }

    #[test]
    fn no_record_is_an_empty_queue() {
        let lock = LockName::new("a").expect("a name");
        assert_eq!(snapshot(&lock, None).expect("empty"), Snapshot::default());
    }

    #[test]
    fn a_record_of_somebody_else_is_an_error_that_names_the_lock() {
        for field in ["id", "shared", "max", "token", "joinedAt", "expiresAt", "leaving", "owner"] {
            let mut document = record();
            let claims = document.get_array_mut("claims").expect("claims");
            claims[1].as_document_mut().expect("a claim").insert(field, "something else");
            let error = read(&document).expect_err("no record");
            assert_eq!(error.kind(), BackendErrorKind::Broken, "{field}");
            assert!(error.to_string().contains("lock \"a\""), "{error}");
        }
        assert!(read(&doc! { "claims": 3, "at": DateTime::from_millis(1) }).is_err());
        assert!(read(&doc! { "claims": [] }).is_err());
    }
}
