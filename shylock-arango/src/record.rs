//! The record of a lock, as the server answers it.

use std::error::Error as StdError;

use serde_json::Value;
use shylock_core::queue::{Claim, Queue};
use shylock_core::{BackendError, BackendErrorKind, FencingToken, LockName, Mode, Owner, Snapshot};

type Reason = Box<dyn StdError + Send + Sync>;

/// The live queue in an answer that has `claims` and the server's `now`.
pub(crate) fn snapshot(lock: &LockName, answer: &Value) -> Result<Snapshot, BackendError> {
    decode(answer).map_err(|reason| {
        let message = format!(
            "the record of lock {lock:?} is not one of shylock's; look at it, and delete it if nobody holds the lock"
        );
        BackendError::new(BackendErrorKind::Broken, message).with_source(reason)
    })
}

fn decode(answer: &Value) -> Result<Snapshot, Reason> {
    let now = integer(answer, "now")?;
    let mut queue = Queue::default();
    for claim in answer["claims"].as_array().ok_or("claims is no array")? {
        queue.claims.push(decode_claim(claim)?);
    }
    Ok(queue.snapshot(now))
}

fn decode_claim(claim: &Value) -> Result<Claim, Reason> {
    let max = u32::try_from(integer(claim, "max")?)?;
    let shared = claim["shared"].as_bool().ok_or("shared is no truth value")?;
    Ok(Claim {
        id: text(claim, "id")?.parse()?,
        mode: if shared { Mode::Shared { max } } else { Mode::Exclusive },
        token: FencingToken::new(integer(claim, "token")?),
        expires_at: integer(claim, "expiresAt")?,
        owner: decode_owner(&claim["owner"])?,
    })
}

fn decode_owner(owner: &Value) -> Result<Owner, Reason> {
    let label = match &owner["label"] {
        Value::Null => None,
        _ => Some(text(owner, "label")?.to_owned()),
    };
    Ok(Owner::new(text(owner, "host")?, u32::try_from(integer(owner, "pid")?)?, label))
}

fn text<'a>(object: &'a Value, field: &str) -> Result<&'a str, Reason> {
    object[field].as_str().ok_or_else(|| format!("{field} is no text").into())
}

/// Numbers that were calculated on the server may come as floating point; below 2^53 that is exact.
fn integer(object: &Value, field: &str) -> Result<u64, Reason> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let number = &object[field];
    let float = number.as_f64().filter(|n| (0.0..=EXACT).contains(n) && n.fract() == 0.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it was just looked at")]
    let whole = number.as_u64().or_else(|| float.map(|n| n as u64));
    whole.ok_or_else(|| format!("{field} is no integer").into())
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
                { "id": "0".repeat(32), "shared": false, "max": 1, "token": 1024, "expiresAt": 1_000,
                  "owner": { "host": "a", "pid": 1 } },
                { "id": "1".repeat(32), "shared": true, "max": u32::MAX, "token": 2048.0, "expiresAt": 1.25e3,
                  "owner": { "host": "b", "pid": 2, "label": "@key" } },
            ],
        })
    }

    fn read(answer: &Value) -> Result<Snapshot, BackendError> {
        snapshot(&LockName::new("a").expect("a name"), answer)
    }

    #[test]
    fn a_snapshot_has_the_live_claims_and_the_time_left() {
        let snapshot = read(&answer()).expect("a record");
        assert_eq!(snapshot.claims.len(), 1, "the first one has lapsed");
        let claim = &snapshot.claims[0];
        assert_eq!(claim.mode, Mode::Shared { max: u32::MAX });
        assert_eq!(claim.token.get(), 2048);
        assert_eq!(claim.expires_in, Duration::from_millis(250));
        assert_eq!(claim.owner, Owner::new("b", 2, Some("@key".into())));
    }

    #[test]
    fn a_record_of_somebody_else_is_an_error_that_names_the_lock() {
        for field in ["id", "shared", "max", "token", "expiresAt", "owner"] {
            for other in [json!("something else"), json!(0.5), json!(-1), json!(1e17), Value::Null] {
                let mut answer = answer();
                answer["claims"][1][field] = other;
                let error = read(&answer).expect_err("no record");
                assert_eq!(error.kind(), BackendErrorKind::Broken, "{field}");
                assert!(error.to_string().contains("lock \"a\""), "{error}");
            }
        }
        assert!(read(&json!({ "claims": 3, "now": 1 })).is_err());
        assert!(read(&json!({ "claims": [] })).is_err());
    }
}
