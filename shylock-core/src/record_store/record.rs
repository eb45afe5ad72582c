//! What a record store keeps and returns.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use serde::Deserialize;

use crate::backend::{BackendError, BackendErrorKind};
use crate::queue::{Claim, ClaimId, FencingToken, LockName, Mode, Owner, Queue, Value};

/// The version of a record. It is opaque: an `ETag`, a revision or a counter, as the store has it.
///
/// ```
/// use shylock_core::record_store::Version;
///
/// assert_eq!(Version::from(17).as_str(), "17");
/// assert_eq!(Version::from("_iEyRgJe---"), Version::from("_iEyRgJe---".to_owned()));
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Version(Arc<str>);

impl Version {
    /// The version as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Version {
    fn from(version: &str) -> Self {
        Self(version.into())
    }
}

impl From<String> for Version {
    fn from(version: String) -> Self {
        Self(version.into())
    }
}

impl From<u64> for Version {
    fn from(version: u64) -> Self {
        version.to_string().into()
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

/// The result of [`RecordStore::load`](super::RecordStore::load).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Loaded {
    /// The record and its version, if there is one.
    pub record: Option<(Record, Version)>,
    /// The store's clock, in milliseconds since 1970; `None` for a store that has none.
    pub now: Option<u64>,
}

impl Loaded {
    /// What a store has read, at this time of its clock in milliseconds since 1970.
    pub fn new(record: Option<(Record, Version)>, now: u64) -> Self {
        Self { record, now: Some(now) }
    }

    /// What a store without a clock has read. The clock of this client takes its place.
    pub fn without_clock(record: Option<(Record, Version)>) -> Self {
        Self { record, now: None }
    }

    pub(super) fn version(&self) -> Option<&Version> {
        self.record.as_ref().map(|(_, version)| version)
    }

    pub(super) fn now(&self) -> u64 {
        self.now.unwrap_or_else(|| {
            let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX)
        })
    }
}

/// One of the writes of [`RecordStore::store_many`](super::RecordStore::store_many).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Write {
    /// Whose record.
    pub lock: LockName,
    /// Write only if the record has this version; `None`: if there is no record yet.
    pub expected: Option<Version>,
    /// The new record.
    pub record: Record,
}

impl Write {
    /// A write of this record.
    pub fn new(lock: LockName, expected: Option<Version>, record: Record) -> Self {
        Self { lock, expected, record }
    }
}

/// What a [`RecordStore`](super::RecordStore) keeps for a lock.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Record {
    /// The queue as text (JSON). The store does not look into it.
    pub body: String,
    /// When the last lease in it ends, in milliseconds since 1970; 0 if it is empty.
    pub live_until: u64,
    /// Until when the record is needed, in milliseconds since 1970; `None` if it has a value and is kept for good.
    ///
    /// Later, its leases have ended, and the next token is greater without it. Keep it for longer, because a clock may
    /// be set back.
    pub needed_until: Option<u64>,
}

impl Record {
    /// A record as a store has kept it.
    pub fn new(body: impl Into<String>, live_until: u64, needed_until: Option<u64>) -> Self {
        Self { body: body.into(), live_until, needed_until }
    }

    pub(super) fn encode(queue: &Queue) -> Result<Self, BackendError> {
        let body = serde_json::to_string(queue).map_err(|error| {
            BackendError::new(BackendErrorKind::Broken, "a queue could not be encoded").with_source(error)
        })?;
        Ok(Self::new(body, queue.live_until().unwrap_or(0), queue.needed_until()))
    }

    pub(super) fn decode(&self, lock: &LockName) -> Result<Queue, BackendError> {
        serde_json::from_str(&self.body).map(StoredQueue::into_queue).map_err(|error| {
            let message = format!(
                "the record of lock {lock:?} was not written by a version of shylock that this one knows; use the same \
                 version in all programs that share the store, or delete the record if nobody holds the lock"
            );
            BackendError::new(BackendErrorKind::Broken, message).with_source(error)
        })
    }
}

/// A [`Queue`] as it is read: with a field that this version does not know, it is refused. To leave the field out when
/// the record is written again would undo what a newer version has noted there.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredQueue {
    ticket: u64,
    claims: Vec<StoredClaim>,
    value: Option<Value>,
    abandoned: Option<FencingToken>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredClaim {
    id: ClaimId,
    mode: Mode,
    token: FencingToken,
    #[serde(default)]
    joined_at: u64,
    expires_at: u64,
    #[serde(default)]
    leaving: bool,
    owner: Owner,
}

impl StoredQueue {
    fn into_queue(self) -> Queue {
        let claims = self.claims.into_iter().map(StoredClaim::into_claim).collect();
        Queue { ticket: self.ticket, claims, value: self.value, abandoned: self.abandoned }
    }
}

impl StoredClaim {
    fn into_claim(self) -> Claim {
        let Self { id, mode, token, joined_at, expires_at, leaving, owner } = self;
        Claim { id, mode, token, joined_at, expires_at, leaving, owner }
    }
}
