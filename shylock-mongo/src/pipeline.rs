//! The queue of leases as update pipelines: [`shylock_core::queue`] in MongoDB's own words.
//!
//! Each pipeline runs on the server, on one document, as a whole. First it drops the claims that have lapsed and
//! notes when that was (`at`); then it changes the queue. The server reads a pipeline anew for every command, and
//! that costs it more than to run it: so they have as few stages and expressions as will do.
//!
//! `$$NOW` is the server's clock, frozen when the command starts. It can be behind the `$$NOW` of a command
//! that was done before, hence the `$max` wherever a lease is extended.
//!
//! Whatever a user may choose goes through `$literal`, because a string that begins with `$` would be taken
//! for the name of a field. Claim ids are hexadecimal digits, and need none.

use std::time::Duration;

use mongodb::bson::{Document, doc};
use shylock_core::{ClaimId, FencingToken, JoinRequest, Mode, Owner};

use crate::options::millis;

/// The server's answer to a renewal of a claim that is gone: `ConversionFailure`, see [`renew`].
pub(crate) const GONE: i32 = 241;

/// [`Queue::join`](shylock_core::queue::Queue::join). Works on a missing document too, with an upsert.
pub(crate) fn join(request: &JoinRequest, retention: Duration) -> Vec<Document> {
    let (claim, ttl) = (request.claim, request.ttl);
    let mut appended = doc! { "$concatArrays": ["$claims", [new_claim(request)]] };
    if request.only_if_granted {
        appended = doc! { "$cond": [is_granted_at_the_tail(request.mode), appended, "$claims"] };
    }
    let join = vec![
        look(ttl, retention),
        doc! { "$set": { "claims": { "$cond": [is_in(claim), extended(claim, ttl), appended] } } },
        // A new claim has the greatest token.
        doc! { "$set": { "ticket": { "$max": ["$ticket", { "$last": "$claims.token" }, 0_i64] } } },
    ];
    if request.only_if_granted { unless_refused(claim, join) } else { join }
}

/// Takes everything back if others hold the lock, so that to be refused costs no write.
fn unless_refused(claim: ClaimId, join: Vec<Document>) -> Vec<Document> {
    let remember = doc! { "$set": { "was": "$$ROOT" } };
    // Nobody holds it, and it is refused all the same, if it allows no holder at all.
    let stays = doc! { "$or": [is_in(claim), { "$eq": ["$claims", []] }] };
    let decide = doc! { "$replaceWith": { "$cond": [stays, "$$ROOT", "$was"] } };
    [vec![remember], join, vec![decide, doc! { "$unset": "was" }]].concat()
}

/// [`Queue::renew`](shylock_core::queue::Queue::renew), for an update with an upsert. It **fails** with [`GONE`]
/// if the claim is not in the live queue, and then writes nothing.
///
/// The failure is how one command with many statements tells which claims are gone: the reply names each
/// statement that failed, while of the others it only has a total. To look afterwards which claims live
/// would not do: a clock that runs behind (another primary's, say) makes a lapsed claim seem alive that was
/// never extended. The upsert makes a missing record fail in the same way.
pub(crate) fn renew(claim: ClaimId, ttl: Duration, retention: Duration) -> Vec<Document> {
    // No number. `$type` is there because the server works out constants, and fails, in advance.
    let fail = doc! { "$toInt": { "$concat": ["gone, in ", { "$type": "$claims" }] } };
    vec![
        look(ttl, retention),
        doc! { "$set": { "claims": { "$cond": [is_in(claim), extended(claim, ttl), fail] } } },
    ]
}

/// [`Queue::leave`](shylock_core::queue::Queue::leave). It also writes down who comes next, for wakeups.
pub(crate) fn leave(claim: ClaimId, linger: Duration, retention: Duration) -> Vec<Document> {
    let note = doc! { "$set": { "next": next() } };
    let is_other = doc! { "$ne": ["$$this.id", claim.to_string()] };
    if linger.is_zero() {
        let stays = doc! { "$and": [is_other, is_live()] };
        return vec![doc! { "$set": live(claims_where(stays)) }, note];
    }
    let ending = doc! { "$mergeObjects": ["$$this", { "expiresAt": now_plus(millis(linger)) }] };
    let claims = doc! { "$map": { "input": "$claims", "in": { "$cond": [is_other, "$$this", ending] } } };
    vec![look(linger, retention), doc! { "$set": { "claims": claims } }, note]
}

/// What a step does first that gives a lease: the claims that have lapsed go, and the record is kept for longer.
fn look(lease: Duration, retention: Duration) -> Document {
    let mut look = live(claims_where(is_live()));
    look.insert("purgeAt", purge_at(lease, retention));
    doc! { "$set": look }
}

/// What every step begins with: only these claims are left, at this time. Who came next is no longer true.
fn live(claims: Document) -> Document {
    doc! { "claims": claims, "at": "$$NOW", "next": "$$REMOVE" }
}

fn claims_where(condition: Document) -> Document {
    doc! { "$filter": { "input": { "$ifNull": ["$claims", []] }, "cond": condition } }
}

fn is_live() -> Document {
    doc! { "$gt": ["$$this.expiresAt", "$$NOW"] }
}

fn is_in(claim: ClaimId) -> Document {
    doc! { "$in": [claim.to_string(), "$claims.id"] }
}

/// At the tail a claim holds if there are less claims than each of them, and itself, allows.
fn is_granted_at_the_tail(mode: Mode) -> Document {
    let max = i64::from(mode.max_holders());
    let allowed = doc! { "$min": { "$concatArrays": ["$claims.max", [max]] } };
    doc! { "$lt": [{ "$size": "$claims" }, allowed] }
}

/// The claims, this one with a longer lease. A delayed renewal never shortens a later one.
fn extended(claim: ClaimId, ttl: Duration) -> Document {
    let longer = doc! { "expiresAt": { "$max": ["$$this.expiresAt", now_plus(millis(ttl))] } };
    let is_it = doc! { "$eq": ["$$this.id", claim.to_string()] };
    let claim = doc! { "$cond": [is_it, { "$mergeObjects": ["$$this", longer] }, "$$this"] };
    doc! { "$map": { "input": "$claims", "in": claim } }
}

/// When the record may be purged: at least the retention, and at the most twice as long, after this lease. Moved on
/// rarely, because that costs the server a change of its index.
fn purge_at(lease: Duration, retention: Duration) -> Document {
    let needed = now_plus(millis(lease.saturating_add(retention)));
    let later = now_plus(millis(lease.saturating_add(retention.saturating_mul(2))));
    doc! { "$cond": [{ "$lt": ["$purgeAt", needed] }, later, "$purgeAt"] }
}

fn new_claim(request: &JoinRequest) -> Document {
    let step = i64::try_from(FencingToken::STEP).unwrap_or(i64::MAX);
    let after_the_last = doc! { "$add": ["$ticket", step] };
    let by_the_clock = doc! { "$multiply": [{ "$toLong": "$$NOW" }, step] };
    doc! {
        "id": request.claim.to_string(),
        "shared": matches!(request.mode, Mode::Shared { .. }),
        "max": i64::from(request.mode.max_holders()),
        // Without a ticket yet there is only the clock.
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

/// The claims that may hold after a leave, as many as the first one allows, each with its id, how many holders it allows,
/// and its token. [`wakeup`](crate::wakeup) makes of it who holds. A string, because a change stream may tell
/// of an array only which places in it are new.
fn next() -> Document {
    // The server counts the parts of arrays in 32 bits.
    let most = doc! { "$min": [{ "$first": "$claims.max" }, i32::MAX] };
    let claims = doc! { "$slice": ["$claims", most] };
    let word = |field: &str| doc! { "$toString": format!("$$this.{field}") };
    let longer = doc! { "$concat": ["$$value", "$$this.id", " ", word("max"), " ", word("token"), " "] };
    doc! { "$reduce": { "input": claims, "initialValue": "", "in": longer } }
}

fn now_plus(millis: i64) -> Document {
    doc! { "$add": ["$$NOW", millis] }
}
