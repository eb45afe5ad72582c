//! The record of a lock, as the server returns it.

use std::error::Error as StdError;

use serde_json::Value;
use shylock_core::queue::{Claim, Queue};
use shylock_core::{BackendError, BackendErrorKind, FencingToken, Mode, Owner};

type Reason = Box<dyn StdError + Send + Sync>;

/// A queue that the server returned, and its time then.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Seen {
    pub(crate) queue: Queue,
    pub(crate) now: u64,
}

/// Reads `claims`, `value`, `abandoned` and the server's `now`.
///
/// A claim without `joinedAt` and `leaving` is of the first form of these records, and is read as well: it has not left,
/// and its token tells when it joined.
pub(crate) fn seen(answer: &Value) -> Result<Seen, Reason> {
    let now = integer(answer, "now")?;
    let mut queue = Queue::default();
    for claim in answer["claims"].as_array().ok_or("claims is not an array")? {
        queue.claims.push(decode_claim(claim)?);
    }
    queue.value = match &answer["value"] {
        Value::Null => None,
        _ => Some(shylock_core::Value::new(text(answer, "value")?)?),
    };
    queue.abandoned = match &answer["abandoned"] {
        Value::Null => None,
        _ => Some(FencingToken::new(integer(answer, "abandoned")?)),
    };
    Ok(Seen { queue, now })
}

/// The error for a record that cannot be read.
pub(crate) fn unreadable(lock: &str, reason: Reason) -> BackendError {
    let message = format!(
        "the record of lock {lock:?} was not written by this version of shylock; look at it, and delete it if nobody holds the lock"
    );
    BackendError::new(BackendErrorKind::Broken, message).with_source(reason)
}

fn decode_claim(claim: &Value) -> Result<Claim, Reason> {
    let max = u32::try_from(integer(claim, "max")?)?;
    let shared = claim["shared"].as_bool().ok_or("shared is not a truth value")?;
    let mode = if shared { Mode::Shared { max } } else { Mode::Exclusive };
    let joined_at = if claim["joinedAt"].is_null() { 0 } else { integer(claim, "joinedAt")? };
    let mut decoded = Claim::new(
        text(claim, "id")?.parse()?,
        mode,
        FencingToken::new(integer(claim, "token")?),
        joined_at,
        integer(claim, "expiresAt")?,
        decode_owner(&claim["owner"])?,
    );
    decoded.leaving = match &claim["leaving"] {
        Value::Null => false,
        leaving => leaving.as_bool().ok_or("leaving is not a truth value")?,
    };
    Ok(decoded)
}

fn decode_owner(owner: &Value) -> Result<Owner, Reason> {
    let label = match &owner["label"] {
        Value::Null => None,
        _ => Some(text(owner, "label")?.to_owned()),
    };
    Ok(Owner::new(text(owner, "host")?, u32::try_from(integer(owner, "pid")?)?, label))
}

fn text<'a>(object: &'a Value, field: &str) -> Result<&'a str, Reason> {
    object[field].as_str().ok_or_else(|| format!("{field} is not a string").into())
}

/// Numbers that were calculated on the server come as floating point, such as `1.7e+15`; below 2^53 that is exact.
pub(crate) fn integer(object: &Value, field: &str) -> Result<u64, Reason> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let number = &object[field];
    let float = number.as_f64().filter(|n| (0.0..=EXACT).contains(n) && n.fract() == 0.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is in range")]
    let whole = number.as_u64().or_else(|| float.map(|n| n as u64));
    whole.ok_or_else(|| format!("{field} is not an integer").into())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;

    fn answer() -> Value {
        json!({
            "now": 1_000,
            "claims": [
                { "id": "0".repeat(32), "shared": false, "max": 1, "token": 1024, "joinedAt": 900,
                  "expiresAt": 1_000, "leaving": false, "owner": { "host": "a", "pid": 1 } },
                { "id": "1".repeat(32), "shared": true, "max": u32::MAX, "token": 2048.0, "joinedAt": 950,
                  "expiresAt": 1.25e3, "leaving": true, "owner": { "host": "b", "pid": 2, "label": "@key" } },
            ],
            "value": "@value",
            "abandoned": 512,
        })
    }

    #[test]
    fn a_record_has_claims_a_value_and_the_token_of_a_holder_that_lapsed() {
        let Seen { queue, now } = seen(&answer()).expect("a record");
        let snapshot = queue.snapshot(now);
        assert_eq!(snapshot.claims.len(), 1, "the first one has lapsed");
        let claim = &snapshot.claims[0];
        assert_eq!(claim.mode, Mode::Shared { max: u32::MAX });
        assert_eq!((claim.token.get(), claim.leaving), (2048, true));
        assert_eq!(claim.expires_in, Duration::from_millis(250));
        assert_eq!(claim.joined_ago, Duration::from_millis(50));
        assert_eq!(claim.owner, Owner::new("b", 2, Some("@key".into())));
        assert_eq!(snapshot.value.as_ref().map(shylock_core::Value::as_str), Some("@value"));
        assert_eq!(snapshot.abandoned, Some(FencingToken::new(1024)));
    }

    #[test]
    fn a_record_of_the_first_form_is_read() {
        let mut old = answer();
        for field in ["value", "abandoned"] {
            old.as_object_mut().expect("an object").remove(field);
        }
        for field in ["joinedAt", "leaving"] {
            old["claims"][1].as_object_mut().expect("an object").remove(field);
        }
        let Seen { queue, now } = seen(&old).expect("a record");
        assert_eq!((queue.value.as_ref(), queue.claims[1].leaving), (None, false));
        assert_eq!(queue.snapshot(now).claims[0].joined_ago, Duration::from_millis(998));
    }

    #[test]
    fn numbers_may_be_written_with_an_exponent() {
        let text = r#"{"now": 1.7e+12, "claims": [], "abandoned": 1.7e+15}"#;
        let Seen { queue, now } = seen(&serde_json::from_str(text).expect("JSON")).expect("a record");
        assert_eq!(
            (now, queue.abandoned),
            (1_700_000_000_000, Some(FencingToken::new(1_700_000_000_000_000)))
        );
    }

    #[test]
    fn a_record_that_makes_no_sense_is_refused() {
        for field in ["id", "shared", "max", "token", "expiresAt", "owner", "leaving", "joinedAt"] {
            for other in [json!("something else"), json!(0.5), json!(-1), json!(1e17)] {
                let mut answer = answer();
                answer["claims"][1][field] = other.clone();
                assert!(seen(&answer).is_err(), "{field}: {other}");
            }
        }
        for field in ["id", "shared", "max", "token", "expiresAt", "owner"] {
            let mut answer = answer();
            answer["claims"][1][field] = Value::Null;
            assert!(seen(&answer).is_err(), "{field}");
        }
        for (field, other) in [
            ("claims", json!(3)),
            ("now", json!(null)),
            ("value", json!(5)),
            ("abandoned", json!("x")),
            ("value", json!("x".repeat(5000))),
        ] {
            let mut answer = answer();
            answer[field] = other;
            assert!(seen(&answer).is_err(), "{field}");
        }

        let error = unreadable("a", "claims is not an array".into());
        assert_eq!(error.kind(), BackendErrorKind::Broken);
        assert!(error.to_string().contains("lock \"a\""), "{error}");
    }
}
