//! The queue of leases as update pipelines: [`shylock_core::queue`] in MongoDB's expression language.
//!
//! Each pipeline runs on the server, on one document, atomically. It keeps the old claims in `was` while it runs, drops
//! those that have lapsed, notes what the queue notes about them in `abandoned`, and then changes the queue. The server
//! parses a pipeline anew for every command, at about a microsecond for each expression, and that costs more than
//! running it. So there are as few expressions as possible.
//!
//! `$$NOW` is the server's clock, frozen when the command starts. It can be behind the `$$NOW` of a command that ran
//! before, hence the `$max` wherever a lease is extended.
//!
//! Everything that a user can choose goes through `$literal`, because a string that begins with `$` would be taken
//! for the name of a field. Claim ids are hexadecimal digits and need none.

use std::time::Duration;

use mongodb::bson::{Bson, Document, doc};
use shylock_core::{ClaimId, FencingToken, JoinRequest, Mode, Owner, Value};

use crate::options::{LONGEST, millis};

/// The server's answer to a step of a claim that cannot take it: `ConversionFailure`, see [`fail`].
pub(crate) const REFUSED: i32 = 241;

/// The server's answer to [`leave`] of a claim that is gone: `$slice` was asked for no elements, see [`holds`].
pub(crate) const NOTHING_TO_SLICE: i32 = 28_729;

/// Marks what a wakeup tells of a leave with a linger.
pub(crate) const LINGERS: char = '~';

/// [`Queue::join`](shylock_core::queue::Queue::join), for an update with an upsert.
pub(crate) fn join(request: &JoinRequest, retention: Duration) -> Vec<Document> {
    if request.only_if_granted {
        return join_if_granted(request, retention);
    }
    let appended = appended(request);
    let mut join = look("$claims", request.ttl, retention);
    join.push(doc! { "$set": { "abandoned": noted("$was"), "claims": extended_or(request, appended) } });
    // A new claim has the greatest token.
    join.push(doc! { "$set": { "ticket": { "$max": ["$ticket", { "$last": "$claims.token" }] }, "was": "$$REMOVE" } });
    join
}

/// Takes everything back if others hold the lock, so that a refusal costs no write.
fn join_if_granted(request: &JoinRequest, retention: Duration) -> Vec<Document> {
    let appended = doc! { "$cond": [is_granted_at_the_tail(request.mode), appended(request), "$claims"] };
    let mut join = vec![doc! { "$set": { "before": "$$ROOT" } }];
    join.extend(look("$claims", request.ttl, retention));
    join.push(doc! { "$set": { "abandoned": noted("$was"), "claims": extended_or(request, appended) } });
    join.push(doc! { "$set": { "ticket": { "$max": ["$ticket", { "$last": "$claims.token" }, 0_i64] } } });
    // A claim that allows no holder at all is refused even if nobody holds the lock.
    let stays = doc! { "$or": [is_in(request.claim), { "$eq": ["$claims", []] }] };
    join.push(doc! { "$replaceWith": { "$cond": [stays, "$$ROOT", "$before"] } });
    join.push(doc! { "$unset": ["before", "was"] });
    join
}

/// [`Queue::renew`](shylock_core::queue::Queue::renew), for an update with an upsert. It **fails** with [`REFUSED`] if
/// the claim is gone, and then writes nothing.
///
/// The failure is how one command with many statements tells which claims are gone: the reply names each statement
/// that failed, but of the others it has only a total. To look afterwards which claims live would not do: a clock that
/// runs behind (that of another primary) makes a lapsed claim seem alive that was never extended. The upsert makes a
/// missing record fail in the same way.
pub(crate) fn renew(claim: ClaimId, ttl: Duration, retention: Duration) -> Vec<Document> {
    let extended = doc! { "$cond": ["$$this.leaving", fail(), extended(ttl)] };
    let claims = doc! { "$cond": [is_in(claim), changed(claim, extended), fail()] };
    let mut renew = look("$claims", ttl, retention);
    renew.push(doc! { "$set": { "abandoned": noted("$was"), "claims": claims } });
    renew.push(doc! { "$unset": "was" });
    renew
}

/// [`Queue::leave`](shylock_core::queue::Queue::leave). It also writes down who holds then, for wakeups. It **fails**
/// with [`NOTHING_TO_SLICE`] if the claim is gone, and then writes nothing.
pub(crate) fn leave(claim: ClaimId, linger: Duration, retention: Duration) -> Vec<Document> {
    let mut look = live_of_existing();
    let claims = if linger.is_zero() {
        let is_other = doc! { "$ne": ["$$this.id", claim.to_string()] };
        doc! { "$filter": { "input": "$claims", "cond": is_other } }
    } else {
        look.insert("purgeAt", purge_at(linger, retention));
        let ending = doc! { "$mergeObjects": [
            "$$this",
            { "leaving": true, "expiresAt": now_plus(millis(linger)) },
        ] };
        changed(claim, doc! { "$cond": ["$$this.leaving", "$$this", ending] })
    };
    let abandoned = doc! { "$cond": [holds(claim), "$$REMOVE", noted("$was")] };
    vec![
        doc! { "$set": look },
        doc! { "$set": { "abandoned": abandoned, "claims": claims } },
        doc! { "$set": { "next": next(!linger.is_zero()), "was": "$$REMOVE" } },
    ]
}

/// [`Queue::write`](shylock_core::queue::Queue::write). It **fails** with [`REFUSED`] or [`NOTHING_TO_SLICE`] if the
/// claim does not hold, and then writes nothing.
///
/// A record with a value is not purged, so it has no `purgeAt`.
pub(crate) fn write(claim: ClaimId, value: Option<&Value>, retention: Duration) -> Vec<Document> {
    let (value, purge_at) = match value {
        Some(value) => (Bson::from(doc! { "$literal": value.as_str() }), Bson::from("$$REMOVE")),
        // Every lease that lasts gets its retention.
        None => ("$$REMOVE".into(), needed_for(doc! { "$max": "$claims.expiresAt" }, retention).into()),
    };
    let value =
        doc! { "$cond": [doc! { "$and": [holds(claim), { "$not": is_leaving(claim) }] }, value, fail()] };
    let mut look = live_of_existing();
    look.insert("next", "$$REMOVE");
    vec![
        doc! { "$set": look },
        doc! { "$set": { "abandoned": noted("$was"), "value": value, "purgeAt": purge_at, "was": "$$REMOVE" } },
    ]
}

/// [`Queue::downgrade`](shylock_core::queue::Queue::downgrade). It also writes down who holds then, for wakeups. It
/// **fails** with [`REFUSED`] or [`NOTHING_TO_SLICE`] if the claim does not hold in a way that can be downgraded, and
/// then writes nothing.
pub(crate) fn downgrade(claim: ClaimId, mode: Mode) -> Vec<Document> {
    let (shared, max) = (is_shared(mode), max_holders(mode));
    let is_same = doc! { "$and": [{ "$eq": ["$$this.shared", shared] }, { "$eq": ["$$this.max", max] }] };
    let is_allowed = doc! { "$and": [
        { "$not": "$$this.leaving" },
        { "$or": [{ "$not": "$$this.shared" }, is_same] },
    ] };
    let downgraded = doc! { "$mergeObjects": ["$$this", { "shared": shared, "max": max }] };
    let downgraded = changed(claim, doc! { "$cond": [is_allowed, downgraded, fail()] });
    vec![
        doc! { "$set": live_of_existing() },
        doc! { "$set": { "abandoned": noted("$was"), "claims": { "$cond": [holds(claim), downgraded, fail()] } } },
        doc! { "$set": { "next": next(false), "was": "$$REMOVE" } },
    ]
}

/// What a step does first that gives a lease: the claims that have lapsed go, and the record is kept for longer. Who
/// held after the last leave is not true any more. It works on a missing document too.
fn look(claims: &str, lease: Duration, retention: Duration) -> Vec<Document> {
    let live = doc! {
        "claims": { "$filter": { "input": "$was", "cond": is_live() } },
        "at": "$$NOW",
        "next": "$$REMOVE",
        "purgeAt": purge_at(lease, retention),
    };
    vec![doc! { "$set": { "was": { "$ifNull": [claims, []] } } }, doc! { "$set": live }]
}

/// As [`look`], of a document that is there, without giving a lease.
fn live_of_existing() -> Document {
    doc! {
        "was": "$claims",
        "claims": { "$filter": { "input": "$claims", "cond": is_live() } },
        "at": "$$NOW",
    }
}

fn is_live() -> Document {
    doc! { "$gt": ["$$this.expiresAt", "$$NOW"] }
}

/// What `abandoned` is after the lapsed claims were dropped: the greatest token of those that stood before every live
/// claim and were not leaving, if there is one.
fn noted(was: &str) -> Document {
    let keeps = doc! { "$or": ["$$this.leaving", { "$gte": ["$$this.token", "$$first"] }] };
    let noted = doc! { "$reduce": {
        "input": was,
        "initialValue": "$abandoned",
        "in": { "$cond": [keeps, "$$value", "$$this.token"] },
    } };
    let first = doc! { "$ifNull": [{ "$first": "$claims.token" }, i64::MAX] };
    doc! { "$let": { "vars": { "first": first }, "in": noted } }
}

/// Whether the claim is among the holders. Without the claim in the queue this **fails** with [`NOTHING_TO_SLICE`].
///
/// It holds if it has fewer claims before it than each of them, and it itself, allows.
fn holds(claim: ClaimId) -> Document {
    let position = || doc! { "$indexOfArray": ["$claims.id", claim.to_string()] };
    let up_to_it = doc! { "$slice": ["$claims.max", 0, { "$add": [position(), 1] }] };
    doc! { "$lt": [position(), { "$min": up_to_it }] }
}

/// Fails with [`REFUSED`]. The server evaluates constants in advance, so it is none.
fn fail() -> Document {
    doc! { "$toInt": "$claims" }
}

fn is_in(claim: ClaimId) -> Document {
    doc! { "$in": [claim.to_string(), "$claims.id"] }
}

fn is_leaving(claim: ClaimId) -> Document {
    let leaves = doc! { "$and": [{ "$eq": ["$$this.id", claim.to_string()] }, "$$this.leaving"] };
    doc! { "$anyElementTrue": { "$map": { "input": "$claims", "in": leaves } } }
}

/// At the tail a claim holds if there are fewer claims than each of them, and it itself, allows.
fn is_granted_at_the_tail(mode: Mode) -> Document {
    let allowed = doc! { "$min": { "$concatArrays": ["$claims.max", [max_holders(mode)]] } };
    doc! { "$lt": [{ "$size": "$claims" }, allowed] }
}

/// The claims, the requested one with a longer lease if it is there, otherwise `appended`. A claim that is leaving is
/// not extended.
fn extended_or(request: &JoinRequest, appended: Document) -> Document {
    let extended = doc! { "$cond": ["$$this.leaving", "$$this", extended(request.ttl)] };
    doc! { "$cond": [is_in(request.claim), changed(request.claim, extended), appended] }
}

/// A claim with a longer lease. A delayed renewal never shortens a later one.
fn extended(ttl: Duration) -> Document {
    let later = doc! { "$max": ["$$this.expiresAt", now_plus(millis(ttl))] };
    doc! { "$mergeObjects": ["$$this", { "expiresAt": later }] }
}

/// The claims, this one replaced.
fn changed(claim: ClaimId, replacement: Document) -> Document {
    let is_it = doc! { "$eq": ["$$this.id", claim.to_string()] };
    doc! { "$map": { "input": "$claims", "in": { "$cond": [is_it, replacement, "$$this"] } } }
}

/// When the record may be purged: at least the retention, and at most twice as long, after this lease. Moved on
/// rarely, because that costs the server a change of its index. A record with a value has no such time.
fn purge_at(lease: Duration, retention: Duration) -> Document {
    let needed = now_plus(millis(lease.saturating_add(retention)));
    let later = now_plus(millis(lease.saturating_add(retention.saturating_mul(2))));
    let is_right = doc! { "$or": ["$value", { "$gte": ["$purgeAt", needed] }] };
    doc! { "$cond": [is_right, "$purgeAt", later] }
}

/// When a record may be purged whose last lease ends then. The end of the longest lease leaves room for half as much.
fn needed_for(live_until: Document, retention: Duration) -> Document {
    doc! { "$add": [live_until, millis(retention.saturating_mul(2)).min(LONGEST / 2)] }
}

fn appended(request: &JoinRequest) -> Document {
    let step = i64::try_from(FencingToken::STEP).unwrap_or(i64::MAX);
    let after_the_last = doc! { "$add": ["$ticket", step] };
    let by_the_clock = doc! { "$multiply": [{ "$toLong": "$$NOW" }, step] };
    let chosen = doc! {
        "id": request.claim.to_string(),
        "shared": is_shared(request.mode),
        "max": max_holders(request.mode),
        "owner": owner(&request.owner),
    };
    let drawn = doc! {
        // Without a ticket yet there is only the clock.
        "token": { "$max": [after_the_last, by_the_clock] },
        "joinedAt": "$$NOW",
        "expiresAt": now_plus(millis(request.ttl)),
    };
    let claim = doc! { "$mergeObjects": [{ "$literal": chosen }, drawn] };
    doc! { "$concatArrays": ["$claims", [claim]] }
}

fn is_shared(mode: Mode) -> bool {
    mode != Mode::Exclusive
}

fn max_holders(mode: Mode) -> i64 {
    i64::from(mode.max_holders())
}

fn owner(owner: &Owner) -> Document {
    let mut document = doc! { "host": &owner.host, "pid": i64::from(owner.pid) };
    if let Some(label) = &owner.label {
        document.insert("label", label);
    }
    document
}

/// What a wakeup tells: `abandoned`, if there is one, and the first claims, one more than the first of them allows, each
/// with its id, how many holders it allows, and its token. [`wakeup`](crate::wakeup) reads it. It is a string, because
/// a change stream may tell of an array only which places in it are new. A holder that lingers holds on, so a mark tells
/// this note from the one before.
fn next(lingers: bool) -> Document {
    // The server counts the parts of arrays in 32 bits.
    let most = doc! { "$min": [{ "$add": [{ "$first": "$claims.max" }, 1] }, i32::MAX] };
    let claims = doc! { "$slice": ["$claims", most] };
    let word = |field: &str| doc! { "$toString": format!("$$this.{field}") };
    let longer = doc! { "$concat": ["$$value", " ", "$$this.id", " ", word("max"), " ", word("token")] };
    let abandoned = doc! { "$ifNull": [{ "$toString": "$abandoned" }, ""] };
    let begin = if lingers {
        doc! { "$concat": [abandoned, LINGERS.to_string()] }
    } else {
        abandoned
    };
    doc! { "$reduce": { "input": claims, "initialValue": begin, "in": longer } }
}

fn now_plus(millis: i64) -> Document {
    doc! { "$add": ["$$NOW", millis] }
}
