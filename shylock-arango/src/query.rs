//! The queue of leases as AQL: the steps of [`shylock_core::queue`] in ArangoDB's own language.
//!
//! Each query that changes a record has the same shape:
//!
//! 1. `now`: the server's time, taken once, so that everything in the query happens at the same moment.
//! 2. `live`: the claims of the record whose leases last.
//! 3. `claims`: the queue after the step.
//! 4. Write that, if the record is still the one that was read: `guard` names its revision, and the server compares it
//!    because of `ignoreRevs: false`. A query that comes too late gets error 1200 and writes nothing.
//!
//! The grammar has traps, so nothing here depends on precedences. `IN` is an operator that binds tighter than `? :`,
//! which makes `WITH a ? b : c IN d` a syntax error. Hence every operand of a write is a name, and operators are in
//! parentheses.
//!
//! Whatever a user may choose travels as a bind variable. Only arrays and plain values are written: an array is
//! replaced as a whole, while the attributes of an object would be merged with those that were there. An attribute that
//! is set to null is removed (`keepNull: false`).

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use shylock_core::{ClaimId, FencingToken, JoinRequest, ListPage, LockName, Mode, Owner, Renewal};

use crate::key::{hex, key};
use crate::options::{ArangoOptions, millis};

/// A query with the values of its bind variables.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Query {
    pub(crate) text: String,
    pub(crate) binds: Value,
}

/// How every step on one record begins: the record, the claims whose leases last, and the token of a holder that
/// lapsed. That is the last claim to lapse before every live one, unless its owner had left.
const READ: &str = "LET now = DATE_NOW()
FOR d IN @@locks
  FILTER d._key == @key
  LET live = d.claims[* FILTER CURRENT.expiresAt > now]";

const LAPSED: &str = "LET head = FIRST(live)
  LET lapsed = d.claims[* FILTER (CURRENT.expiresAt <= now) && (CURRENT.leaving != true)
    && ((head == null) || (CURRENT.token < head.token))]
  LET noted = (LENGTH(lapsed) > 0) ? LAST(lapsed).token : d.abandoned";

/// The claim of the step, and whether it holds: whether no claim up to it allows fewer holders.
const MINE: &str = "LET mine = FIRST(live[* FILTER CURRENT.id == @id])
  FILTER mine != null
  LET before = live[* FILTER CURRENT.token <= mine.token]
  LET holds = LENGTH(before) <= MIN(before[*].max)";

/// When the last lease ends, in milliseconds, and when the record may be purged, in seconds. A record that has a value
/// is kept for good.
const TIMES: &str = "LET liveUntil = MAX(PUSH(claims[*].expiresAt, 0))
  LET expired = (MAX([now, liveUntil]) + @retention) / 1000
  LET purgeAt = (value == null) ? MAX([d.purgeAt, expired]) : null";

/// Writes, if the record is still the one that was read.
const GUARD: &str = "LET guard = { _key: d._key, _rev: d._rev }";

/// [`Queue::join`](shylock_core::queue::Queue::join) on an existing record. Without a record it returns no row.
///
/// A refused join writes an empty change, and without a revision: more than the key would be a change to the server,
/// and would make others lose.
pub(crate) fn join(options: &ArangoOptions, request: &JoinRequest) -> Query {
    let sync = options.wait_for_sync;
    let text = format!(
        "{READ}
  {LAPSED}
  LET known = LENGTH(live[* FILTER CURRENT.id == @id]) > 0
  LET fits = LENGTH(live) < MIN(PUSH(live[*].max, @max))
  LET admitted = known || (!@onlyIfGranted) || fits
  LET ticket = known ? d.ticket : MAX([d.ticket + @step, now * @step])
  LET extended = live[* RETURN ((CURRENT.id == @id) && (CURRENT.leaving != true))
    ? MERGE(CURRENT, {{ expiresAt: MAX([CURRENT.expiresAt, now + @ttl]) }})
    : CURRENT]
  LET joined = PUSH(live, {{
    id: @id, shared: @shared, max: @max, token: ticket, joinedAt: now, expiresAt: now + @ttl, leaving: false,
    owner: @owner
  }})
  LET claims = known ? extended : (admitted ? joined : live)
  LET value = d.value
  {TIMES}
  LET guard = admitted ? {{ _key: d._key, _rev: d._rev }} : {{ _key: d._key }}
  LET change = admitted
    ? {{ at: now, ticket: ticket, claims: claims, abandoned: noted, liveUntil: liveUntil, purgeAt: purgeAt }}
    : {{ }}
  UPDATE guard WITH change IN @@locks
    OPTIONS {{ waitForSync: {sync}, mergeObjects: false, keepNull: false, ignoreRevs: false }}
  RETURN {{ now: now, claims: claims, value: value, abandoned: noted, written: admitted }}"
    );
    let mut binds = new_claim(options, request);
    binds["onlyIfGranted"] = request.only_if_granted.into();
    Query { text, binds }
}

/// [`Queue::join`](shylock_core::queue::Queue::join) on a lock without a record. If there is one, it is a conflict.
pub(crate) fn create(options: &ArangoOptions, request: &JoinRequest) -> Query {
    let sync = options.wait_for_sync;
    let text = format!(
        "LET now = DATE_NOW()
LET claims = [{{
  id: @id, shared: @shared, max: @max, token: now * @step, joinedAt: now, expiresAt: now + @ttl, leaving: false,
  owner: @owner
}}]
LET record = {{
  _key: @key, name: @name, at: now, ticket: now * @step, claims: claims, liveUntil: now + @ttl,
  purgeAt: (now + @ttl + @retention) / 1000
}}
INSERT record IN @@locks OPTIONS {{ waitForSync: {sync} }}
RETURN {{ now: now, claims: claims, written: true }}"
    );
    let mut binds = new_claim(options, request);
    binds["name"] = request.lock.as_str().into();
    Query { text, binds }
}

/// [`Queue::renew`](shylock_core::queue::Queue::renew) of many claims. For each record that it changed it returns the
/// key, and the claims that it extended.
///
/// A record is written once, however many of its claims are renewed: a second write would not see the first one.
pub(crate) fn renew(options: &ArangoOptions, records: &[Value]) -> Query {
    let sync = options.wait_for_sync;
    let text = format!(
        "LET now = DATE_NOW()
FOR r IN @records
  FOR d IN @@locks
  FILTER d._key == r.key
  LET live = d.claims[* FILTER CURRENT.expiresAt > now]
  {LAPSED}
  LET claims = live[* RETURN (HAS(r.ttls, CURRENT.id) && (CURRENT.leaving != true))
    ? MERGE(CURRENT, {{ expiresAt: MAX([CURRENT.expiresAt, now + r.ttls[CURRENT.id]]) }})
    : CURRENT]
  LET extended = claims[* FILTER HAS(r.ttls, CURRENT.id) && (CURRENT.leaving != true)
    RETURN {{ id: CURRENT.id, expiresAt: CURRENT.expiresAt }}]
  FILTER LENGTH(extended) > 0
  LET value = d.value
  {TIMES}
  {GUARD}
  LET change = {{ at: now, claims: claims, abandoned: noted, liveUntil: liveUntil, purgeAt: purgeAt }}
  UPDATE guard WITH change IN @@locks
    OPTIONS {{ waitForSync: {sync}, mergeObjects: false, keepNull: false, ignoreRevs: false }}
  RETURN {{ key: r.key, extended: extended }}"
    );
    let binds =
        json!({ "@locks": options.collection, "records": records, "retention": millis(options.retention) });
    Query { text, binds }
}

/// The renewals of each record: its key, and the ttl of each claim.
pub(crate) fn by_record(renewals: &[Renewal]) -> Vec<Value> {
    let mut records: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
    for renewal in renewals {
        let ttls = records.entry(key(&renewal.lock)).or_default();
        let ttl = ttls.entry(renewal.claim.to_string()).or_default();
        *ttl = millis(renewal.ttl).max(*ttl);
    }
    records.into_iter().map(|(key, ttls)| json!({ "key": key, "ttls": ttls })).collect()
}

/// [`Queue::leave`](shylock_core::queue::Queue::leave). It returns no row if the claim is not there.
///
/// It does not wait for the disk: a claim that a power cut brings back ends with its lease.
pub(crate) fn leave(options: &ArangoOptions, lock: &LockName, claim: ClaimId, linger: Duration) -> Query {
    let text = format!(
        "{READ}
  {LAPSED}
  {MINE}
  LET without = live[* FILTER CURRENT.id != @id]
  LET lingering = live[* RETURN ((CURRENT.id == @id) && (CURRENT.leaving != true))
    ? MERGE(CURRENT, {{ leaving: true, expiresAt: now + @linger }})
    : CURRENT]
  LET claims = (@linger == 0) ? without : lingering
  LET abandoned = holds ? null : noted
  LET value = d.value
  {TIMES}
  {GUARD}
  LET change = {{ at: now, claims: claims, abandoned: abandoned, liveUntil: liveUntil, purgeAt: purgeAt }}
  UPDATE guard WITH change IN @@locks
    OPTIONS {{ mergeObjects: false, keepNull: false, ignoreRevs: false }}
  RETURN true"
    );
    let mut binds = of_claim(options, lock, claim);
    binds["linger"] = millis(linger).into();
    Query { text, binds }
}

/// [`Queue::write`](shylock_core::queue::Queue::write). It returns no row if the claim does not hold the lock.
pub(crate) fn write(
    options: &ArangoOptions,
    lock: &LockName,
    claim: ClaimId,
    value: Option<&shylock_core::Value>,
) -> Query {
    let sync = options.wait_for_sync;
    let text = format!(
        "{READ}
  {LAPSED}
  {MINE}
  FILTER holds && (mine.leaving != true)
  LET claims = live
  LET value = @value
  {TIMES}
  {GUARD}
  LET change = {{
    at: now, claims: claims, abandoned: noted, value: value, liveUntil: liveUntil, purgeAt: purgeAt
  }}
  UPDATE guard WITH change IN @@locks
    OPTIONS {{ waitForSync: {sync}, mergeObjects: false, keepNull: false, ignoreRevs: false }}
  RETURN true"
    );
    let mut binds = of_claim(options, lock, claim);
    binds["value"] = value.map(shylock_core::Value::as_str).into();
    Query { text, binds }
}

/// [`Queue::downgrade`](shylock_core::queue::Queue::downgrade). It returns no row if the claim does not hold the lock,
/// or holds it in another shared mode.
pub(crate) fn downgrade(options: &ArangoOptions, lock: &LockName, claim: ClaimId, mode: Mode) -> Query {
    let sync = options.wait_for_sync;
    let text = format!(
        "{READ}
  {LAPSED}
  {MINE}
  LET same = (mine.shared == @shared) && (mine.max == @max)
  FILTER holds && (mine.leaving != true) && (same || (mine.shared == false))
  LET claims = live[* RETURN (CURRENT.id == @id) ? MERGE(CURRENT, {{ shared: @shared, max: @max }}) : CURRENT]
  LET value = d.value
  {TIMES}
  {GUARD}
  LET change = {{ at: now, claims: claims, abandoned: noted, liveUntil: liveUntil, purgeAt: purgeAt }}
  UPDATE guard WITH change IN @@locks
    OPTIONS {{ waitForSync: {sync}, mergeObjects: false, keepNull: false, ignoreRevs: false }}
  RETURN true"
    );
    let mut binds = of_claim(options, lock, claim);
    binds["shared"] = is_shared(mode).into();
    binds["max"] = mode.max_holders().into();
    Query { text, binds }
}

/// The record of a lock and the server's time, without writing.
pub(crate) fn queue(options: &ArangoOptions, lock: &LockName) -> Query {
    let text = "LET now = DATE_NOW()
FOR d IN @@locks
  FILTER d._key == @key
  RETURN { now: now, claims: d.claims, value: d.value, abandoned: d.abandoned }";
    Query { text: text.into(), binds: json!({ "@locks": options.collection, "key": key(lock) }) }
}

/// The records with these keys as they are now, to see whether a write is in them.
pub(crate) fn stored(options: &ArangoOptions, keys: &[&str]) -> Query {
    let text = "LET now = DATE_NOW()
FOR key IN @keys
  FOR d IN @@locks
  FILTER d._key == key
  RETURN { key: key, now: now, claims: d.claims, value: d.value, abandoned: d.abandoned }";
    Query { text: text.into(), binds: json!({ "@locks": options.collection, "keys": keys }) }
}

/// The names that have a live queue. The server compares text by its collation, and hexadecimal digits of bytes as
/// bytes.
pub(crate) fn list(options: &ArangoOptions, page: &ListPage) -> Query {
    let text = "LET now = DATE_NOW()
FOR d IN @@locks
  FILTER d.liveUntil > now
  LET bytes = TO_HEX(d.name)
  FILTER (LEFT(bytes, @length) == @prefix) && (bytes > @after)
  SORT bytes
  LIMIT @limit
  RETURN d.name";
    let prefix = hex(page.prefix.as_bytes());
    let after = page.after.as_ref().map(|name| hex(name.as_str().as_bytes())).unwrap_or_default();
    let binds = json!({
        "@locks": options.collection,
        "length": prefix.len(),
        "prefix": prefix,
        "after": after,
        "limit": page.limit.min(u32::MAX as usize),
    });
    Query { text: text.into(), binds }
}

fn new_claim(options: &ArangoOptions, request: &JoinRequest) -> Value {
    let mut binds = of_claim(options, &request.lock, request.claim);
    binds["shared"] = is_shared(request.mode).into();
    binds["max"] = request.mode.max_holders().into();
    binds["owner"] = owner(&request.owner);
    binds["ttl"] = millis(request.ttl).into();
    binds["step"] = FencingToken::STEP.into();
    binds
}

fn of_claim(options: &ArangoOptions, lock: &LockName, claim: ClaimId) -> Value {
    json!({
        "@locks": options.collection,
        "key": key(lock),
        "id": claim.to_string(),
        "retention": millis(options.retention),
    })
}

fn is_shared(mode: Mode) -> bool {
    matches!(mode, Mode::Shared { .. })
}

fn owner(owner: &Owner) -> Value {
    let mut object = json!({ "host": owner.host, "pid": owner.pid });
    if let Some(label) = &owner.label {
        object["label"] = label.as_str().into();
    }
    object
}
