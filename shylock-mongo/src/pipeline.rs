//! The queue of leases as update pipelines: [`shylock_core::queue`] in MongoDB's own words.
//!
//! Each pipeline runs on the server, on one document, as a whole. They share their shape:
//!
//! 1. `look`: drop the claims that have lapsed, and remember in `was` what there was;
//! 2. one stage of its own, which changes `claims`;
//! 3. `keep`: if `claims` is no longer what it was, write down when, who holds now, and until when the record
//!    is needed. If it still is, nothing is written: a refused join costs no write.
//!
//! `$$NOW` is the server's clock, frozen when the command starts. It can be behind the `$$NOW` of a command
//! that was done before, hence the `$max` wherever time is written down.
//!
//! Whatever a user may choose goes through `$literal`, because a string that begins with `$` would be taken
//! for the name of a field. Claim ids are hexadecimal digits, and need none.

use std::time::Duration;

use mongodb::bson::{Bson, Document, doc};
use shylock_core::{ClaimId, FencingToken, JoinRequest, Mode, Owner};

use crate::options::millis;

/// The server's answer to a renewal of a claim that is gone: `ConversionFailure`, see [`renew`].
pub(crate) const GONE: i32 = 241;

/// [`Queue::join`](shylock_core::queue::Queue::join). Works on a missing document too, with an upsert.
pub(crate) fn join(request: &JoinRequest, retention: Duration) -> Vec<Document> {
    let is_in = doc! { "$in": [request.claim.to_string(), "$claims.id"] };
    let appended = doc! { "$concatArrays": ["$claims", [new_claim(request)]] };
    let claims = doc! { "$switch": {
        "branches": [
            { "case": is_in, "then": extended(request.claim, request.ttl) },
            { "case": admitted(request), "then": appended },
        ],
        "default": "$claims",
    } };
    pipeline(claims, "$$REMOVE".into(), request.ttl, retention)
}

/// [`Queue::renew`](shylock_core::queue::Queue::renew), for an update with an upsert. It **fails** with [`GONE`]
/// if the claim is not in the live queue, and then writes nothing.
///
/// The failure is how one command with many statements tells which claims are gone: the reply names each
/// statement that failed, while of the others it only has a total. To look afterwards which claims live
/// would not do: a clock that runs behind (another primary's, say) makes a lapsed claim seem alive that was
/// never extended. The upsert makes a missing record fail in the same way.
pub(crate) fn renew(claim: ClaimId, ttl: Duration, retention: Duration) -> Vec<Document> {
    let is_in = doc! { "$in": [claim.to_string(), "$claims.id"] };
    // No number. `$type` is there because the server works out constants, and fails, in advance.
    let fail = doc! { "$toInt": { "$concat": ["gone, in ", { "$type": "$claims" }] } };
    let claims = doc! { "$cond": [is_in, extended(claim, ttl), fail] };
    pipeline(claims, "$$REMOVE".into(), ttl, retention)
}

/// [`Queue::leave`](shylock_core::queue::Queue::leave). It also writes down who holds now, for wakeups.
pub(crate) fn leave(claim: ClaimId, linger: Duration, retention: Duration) -> Vec<Document> {
    let is_other = doc! { "$ne": ["$$this.id", claim.to_string()] };
    let claims = if linger.is_zero() {
        doc! { "$filter": { "input": "$claims", "cond": is_other } }
    } else {
        let ending = doc! { "$mergeObjects": ["$$this", { "expiresAt": now_plus(millis(linger)) }] };
        doc! { "$map": { "input": "$claims", "in": { "$cond": [is_other, "$$this", ending] } } }
    };
    pipeline(claims, granted_ids().into(), linger, retention)
}

/// `granted` is what the field of this name becomes if the claims change.
fn pipeline(claims: Document, granted: Bson, lease: Duration, retention: Duration) -> Vec<Document> {
    let look = doc! { "$set": { "was": "$claims", "claims": live_claims() } };
    let if_changed = |new: Bson, old: &str| doc! { "$cond": [{ "$ne": ["$claims", "$was"] }, new, old] };
    let purge_at = doc! { "$max": ["$purgeAt", now_plus(millis(lease.saturating_add(retention)))] };
    let keep = doc! { "$set": {
        // A new claim has the greatest token.
        "ticket": { "$max": ["$ticket", { "$max": "$claims.token" }, 0_i64] },
        "at": if_changed("$$NOW".into(), "$at"),
        "granted": if_changed(granted, "$granted"),
        "purgeAt": if_changed(purge_at.into(), "$purgeAt"),
    } };
    vec![look, doc! { "$set": { "claims": claims } }, keep, doc! { "$unset": "was" }]
}

/// The claims whose leases last.
fn live_claims() -> Document {
    doc! { "$filter": {
        "input": { "$ifNull": ["$claims", []] },
        "cond": { "$gt": ["$$this.expiresAt", "$$NOW"] },
    } }
}

/// The claims, this one with a longer lease. A delayed renewal never shortens a later one.
fn extended(claim: ClaimId, ttl: Duration) -> Document {
    let longer = doc! { "expiresAt": { "$max": ["$$this.expiresAt", now_plus(millis(ttl))] } };
    let is_it = doc! { "$eq": ["$$this.id", claim.to_string()] };
    let claim = doc! { "$cond": [is_it, { "$mergeObjects": ["$$this", longer] }, "$$this"] };
    doc! { "$map": { "input": "$claims", "in": claim } }
}

/// Whether a claim that is not in the queue may join it: always, or if it would be granted at once.
fn admitted(request: &JoinRequest) -> Bson {
    if !request.only_if_granted {
        return true.into();
    }
    // At the tail it holds if there are less claims than each of them, and itself, allows.
    let max = i64::from(request.mode.max_holders());
    let allowed = doc! { "$min": { "$concatArrays": ["$claims.max", [max]] } };
    doc! { "$lt": [{ "$size": "$claims" }, allowed] }.into()
}

fn new_claim(request: &JoinRequest) -> Document {
    let step = i64::try_from(FencingToken::STEP).unwrap_or(i64::MAX);
    let after_the_last = doc! { "$add": [{ "$ifNull": ["$ticket", 0_i64] }, step] };
    let by_the_clock = doc! { "$multiply": [{ "$toLong": "$$NOW" }, step] };
    doc! {
        "id": request.claim.to_string(),
        "shared": matches!(request.mode, Mode::Shared { .. }),
        "max": i64::from(request.mode.max_holders()),
        "token": { "$max": [after_the_last, by_the_clock] },
        "expiresAt": now_plus(millis(request.ttl)),
        "owner": { "$literal": owner(&request.owner) },
    }
}

fn owner(owner: &Owner) -> Document {
    let mut document = doc! { "host": &owner.host, "pid": i64::from(owner.pid) };
    if let Some(label) = &owner.label {
        document.insert("label", label);
    }
    document
}

/// The ids of the claims that hold, with spaces between them, or no field if there are none: the rule of
/// [`granted_count`](shylock_core::queue::granted_count). A string, because a change stream may tell of an
/// array only which places in it are new.
fn granted_ids() -> Document {
    let start = doc! { "count": 0, "allowed": i64::from(u32::MAX) };
    let allowed = doc! { "$min": ["$$value.allowed", "$$this.max"] };
    // What is allowed never grows again, so after the first claim that waits the count stays as it is.
    let holds = doc! { "$lt": ["$$value.count", "$$allowed"] };
    let count = doc! { "$add": ["$$value.count", { "$cond": [holds, 1, 0] }] };
    let next = doc! { "$let": {
        "vars": { "allowed": allowed },
        "in": { "count": count, "allowed": "$$allowed" },
    } };
    let held = doc! { "$reduce": { "input": "$claims", "initialValue": start, "in": next } };
    doc! { "$let": {
        "vars": { "held": held },
        "in": { "$cond": [
            { "$gt": ["$$held.count", 0] },
            joined(doc! { "$slice": ["$claims.id", "$$held.count"] }),
            "$$REMOVE",
        ] },
    } }
}

/// Strings with spaces between them.
fn joined(strings: Document) -> Document {
    let separator = doc! { "$cond": [{ "$eq": ["$$value", ""] }, "", " "] };
    let longer = doc! { "$concat": ["$$value", separator, "$$this"] };
    doc! { "$reduce": { "input": strings, "initialValue": "", "in": longer } }
}

fn now_plus(millis: i64) -> Document {
    doc! { "$add": ["$$NOW", millis] }
}
