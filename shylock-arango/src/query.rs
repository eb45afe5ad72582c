//! The queue of leases as AQL: [`shylock_core::queue`] in ArangoDB's own words.
//!
//! Each query that changes a record has the same shape:
//!
//! 1. take the server's time once, so that everything in the query happens at the same moment;
//! 2. `live`: the claims of the record whose leases last;
//! 3. `claims`: what becomes of them;
//! 4. write that, if the record is still the one that was read.
//!
//! The last point is said in so many words, with `_rev` and `ignoreRevs: false`, rather than left to the way in which
//! a server or a cluster runs a query. Who comes too late gets error 1200, and nothing is written.
//!
//! Whatever a user may choose travels as a bind variable. What is written are arrays and plain values: an array is
//! replaced as a whole, while the attributes of an object would be merged with those that were there.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use shylock_core::{ClaimId, FencingToken, JoinRequest, ListPage, LockName, Mode, Owner, Renewal};

use crate::key::{hex, key};
use crate::options::{ArangoOptions, millis};

/// A query with the values that belong into it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Query {
    pub(crate) text: String,
    pub(crate) binds: Value,
}

/// [`Queue::join`](shylock_core::queue::Queue::join) on a record that is there; otherwise it answers nothing.
///
/// A join that is refused writes an empty change, which leaves the record and its `_rev` as they are.
pub(crate) fn join(options: &ArangoOptions, request: &JoinRequest) -> Query {
    let sync = options.wait_for_sync;
    let text = format!(
        "LET now = DATE_NOW()
         FOR d IN @@locks
           FILTER d._key == @key
           LET live = d.claims[* FILTER CURRENT.expiresAt > now]
           LET known = @id IN live[*].id
           LET admitted = known || !@onlyIfGranted || LENGTH(live) < MIN(PUSH(live[*].max, @max))
           LET ticket = known ? d.ticket : MAX([d.ticket + @step, now * @step])
           LET joined = known
             ? live[* RETURN CURRENT.id == @id
                 ? MERGE(CURRENT, {{ expiresAt: MAX([CURRENT.expiresAt, now + @ttl]) }})
                 : CURRENT]
             : PUSH(live, {{
                 id: @id, shared: @shared, max: @max, token: ticket, expiresAt: now + @ttl, owner: @owner
               }})
           LET claims = admitted ? joined : live
           UPDATE {{ _key: d._key, _rev: d._rev }} WITH admitted
             ? {{ ticket: ticket, {KEPT} }}
             : {{}}
             IN @@locks OPTIONS {{ waitForSync: {sync}, mergeObjects: false, ignoreRevs: false }}
           RETURN {{ now: now, claims: claims }}"
    );
    let mut binds = new_claim(options, request);
    binds["onlyIfGranted"] = request.only_if_granted.into();
    Query { text, binds }
}

/// [`Queue::join`](shylock_core::queue::Queue::join) on a lock that has no record yet; otherwise it is a conflict.
pub(crate) fn create(options: &ArangoOptions, request: &JoinRequest) -> Query {
    let sync = options.wait_for_sync;
    let text = format!(
        "LET now = DATE_NOW()
         LET claims = [{{
           id: @id, shared: @shared, max: @max, token: now * @step, expiresAt: now + @ttl, owner: @owner
         }}]
         INSERT {{
           _key: @key, name: @name, ticket: now * @step, claims: claims, at: now, liveUntil: now + @ttl,
           purgeAt: (now + @ttl + @retention) / 1000
         }} IN @@locks OPTIONS {{ waitForSync: {sync} }}
         RETURN {{ now: now, claims: claims }}"
    );
    let mut binds = new_claim(options, request);
    binds["name"] = request.lock.as_str().into();
    Query { text, binds }
}

/// [`Queue::renew`](shylock_core::queue::Queue::renew) of many claims: it answers for each record that it changed the
/// key, and the ids of the claims that it extended.
///
/// A record is written once, whatever number of its claims are renewed: a second write would not see the first one.
pub(crate) fn renew(options: &ArangoOptions, records: &[Value]) -> Query {
    let sync = options.wait_for_sync;
    let text = format!(
        "LET now = DATE_NOW()
         FOR r IN @records
           FOR d IN @@locks
             FILTER d._key == r.key
             LET live = d.claims[* FILTER CURRENT.expiresAt > now]
             LET extended = live[* FILTER HAS(r.ttls, CURRENT.id) RETURN CURRENT.id]
             FILTER LENGTH(extended) > 0
             LET claims = live[* RETURN HAS(r.ttls, CURRENT.id)
               ? MERGE(CURRENT, {{ expiresAt: MAX([CURRENT.expiresAt, now + r.ttls[CURRENT.id]]) }})
               : CURRENT]
             UPDATE {{ _key: d._key, _rev: d._rev }} WITH {{
               at: now,
               claims: claims,
               liveUntil: MAX(claims[*].expiresAt),
               purgeAt: MAX([d.purgeAt, (now + r.longest + @retention) / 1000])
             }} IN @@locks OPTIONS {{ waitForSync: {sync}, mergeObjects: false, ignoreRevs: false }}
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
    let record = |(key, ttls): (String, BTreeMap<String, u64>)| {
        let longest = ttls.values().max().copied();
        json!({ "key": key, "ttls": ttls, "longest": longest })
    };
    records.into_iter().map(record).collect()
}

/// [`Queue::leave`](shylock_core::queue::Queue::leave). It need not wait for the disk: who comes back to life after a
/// power cut ends with its lease.
pub(crate) fn leave(options: &ArangoOptions, lock: &LockName, claim: ClaimId, linger: Duration) -> Query {
    let text = format!(
        "LET now = DATE_NOW()
         FOR d IN @@locks
           FILTER d._key == @key
           LET live = d.claims[* FILTER CURRENT.expiresAt > now]
           FILTER @id IN live[*].id
           LET claims = @ttl == 0
             ? live[* FILTER CURRENT.id != @id]
             : live[* RETURN CURRENT.id == @id ? MERGE(CURRENT, {{ expiresAt: now + @ttl }}) : CURRENT]
           UPDATE {{ _key: d._key, _rev: d._rev }} WITH {{ {KEPT} }}
             IN @@locks OPTIONS {{ mergeObjects: false, ignoreRevs: false }}"
    );
    let binds = json!({
        "@locks": options.collection,
        "key": key(lock),
        "id": claim,
        "ttl": millis(linger),
        "retention": millis(options.retention),
    });
    Query { text, binds }
}

/// The record of a lock and the server's time, without writing.
pub(crate) fn queue(options: &ArangoOptions, lock: &LockName) -> Query {
    let text = "FOR d IN @@locks FILTER d._key == @key RETURN { now: DATE_NOW(), claims: d.claims }".into();
    Query { text, binds: json!({ "@locks": options.collection, "key": key(lock) }) }
}

/// The names that have a live queue. The server compares text as dictionaries do; digits of bytes it compares as bytes.
pub(crate) fn list(options: &ArangoOptions, page: &ListPage) -> Query {
    let text = "LET now = DATE_NOW()
         FOR d IN @@locks
           FILTER d.liveUntil > now
           LET bytes = TO_HEX(d.name)
           FILTER LEFT(bytes, @length) == @prefix && bytes > @after
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

/// What every change of one record writes. `purgeAt` is in seconds, and only ever garbage collection.
const KEPT: &str = "claims: claims, at: now, liveUntil: MAX(PUSH(claims[*].expiresAt, 0)), \
                    purgeAt: MAX([d.purgeAt, (now + @ttl + @retention) / 1000])";

fn new_claim(options: &ArangoOptions, request: &JoinRequest) -> Value {
    json!({
        "@locks": options.collection,
        "key": key(&request.lock),
        "id": request.claim,
        "shared": matches!(request.mode, Mode::Shared { .. }),
        "max": request.mode.max_holders(),
        "owner": owner(&request.owner),
        "ttl": millis(request.ttl),
        "step": FencingToken::STEP,
        "retention": millis(options.retention),
    })
}

fn owner(owner: &Owner) -> Value {
    let mut object = json!({ "host": owner.host, "pid": owner.pid });
    if let Some(label) = &owner.label {
        object["label"] = label.as_str().into();
    }
    object
}
