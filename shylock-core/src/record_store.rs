//! The short way to a backend: a store of versioned records, and an adapter that runs the queue over it.

use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;
use futures_core::stream::BoxStream;

use crate::backend::{
    Backend, BackendError, BackendErrorKind, JoinRequest, ListPage, Renewal, Renewed, Snapshot, Wakeup,
};
use crate::claim::{ClaimId, LockName};
use crate::queue::Queue;

/// A store that keeps one record for each lock name and changes it by compare-and-swap.
///
/// That is all that a new store needs: [`RecordBackend`] makes a [`Backend`] of it. The chapter
/// [Writing a backend](crate::writing_a_backend) walks through a whole one.
///
/// # Contract
/// - [`store`](RecordStore::store) is atomic, and durable when it answers `true`. After a failed call it may have
///   happened or not.
/// - Versions of one lock's record never repeat, so that somebody who was stopped for long overwrites nothing: a
///   counter will do, if it does not begin anew with a record that was purged and made again.
/// - `now` is the store's clock, or that of the one machine on which all its users run.
/// - A record may be purged some time after its [`needed_until`](Record::needed_until); an hour is a good retention.
/// - It never sleeps, retries or spawns; [`Backend`] says the rest.
#[async_trait]
pub trait RecordStore: Debug + Send + Sync + 'static {
    /// Reads the record of a lock together with its version and the time.
    ///
    /// # Errors
    /// [`BackendError`].
    async fn load(&self, lock: &LockName) -> Result<Loaded, BackendError>;

    /// Writes the record of a lock if its version still is `expected` (`None`: if there is no record yet),
    /// and answers whether it did.
    ///
    /// # Errors
    /// [`BackendError`]; whether the record was written is then unknown.
    async fn store(
        &self,
        lock: &LockName,
        expected: Option<u64>,
        record: &Record,
    ) -> Result<bool, BackendError>;

    /// As [`Backend::list`]: the names whose [`live_until`](Record::live_until) lies after the store's now.
    ///
    /// # Errors
    /// [`BackendError`].
    async fn list(&self, page: &ListPage) -> Result<Vec<LockName>, BackendError>;

    /// As [`Backend::wakeups`]. A store that has none answers `Ok(None)`.
    ///
    /// # Errors
    /// [`BackendError`].
    async fn wakeups(&self) -> Result<Option<BoxStream<'static, Wakeup>>, BackendError>;
}

/// What [`RecordStore::load`] answers.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The record and its version, if there is one.
    pub record: Option<(Record, u64)>,
    /// The store's clock, in milliseconds since 1970.
    pub now: u64,
}

/// What a [`RecordStore`] keeps for a lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The queue as text (JSON); the store does not look into it.
    pub body: String,
    /// When the last lease in it ends, in milliseconds since 1970; 0 if it is empty.
    pub live_until: u64,
    /// From when on the record is of no use, in milliseconds since 1970: its leases have ended, and the next token is
    /// greater without it. A clock that may be set back is a reason to keep it for longer.
    pub needed_until: u64,
}

impl Record {
    fn encode(queue: &Queue) -> Result<Self, BackendError> {
        let body = serde_json::to_string(queue).map_err(|error| {
            BackendError::new(BackendErrorKind::Broken, "a queue could not be encoded").with_source(error)
        })?;
        let live_until = queue.live_until().unwrap_or(0);
        Ok(Self { body, live_until, needed_until: queue.needed_until() })
    }

    fn decode(&self, lock: &LockName) -> Result<Queue, BackendError> {
        serde_json::from_str(&self.body).map_err(|error| {
            let message = format!(
                "the record of lock {lock:?} is not one of shylock's; look at it, and delete it if nobody holds the lock"
            );
            BackendError::new(BackendErrorKind::Broken, message).with_source(error)
        })
    }
}

/// Runs the queue over a [`RecordStore`].
#[derive(Debug)]
pub struct RecordBackend<S> {
    store: S,
}

/// How often a step is tried when others change the record in between. Somebody gets through in each
/// round, so this is reached only where very many compete; the core then backs off.
const ROUNDS: usize = 32;

impl<S: RecordStore> RecordBackend<S> {
    /// A backend over this store.
    pub fn new(store: S) -> Self {
        Self { store }
    }

    /// Loads, changes and stores a queue until nobody came in between; writes nothing if nothing changed.
    async fn update<T>(
        &self,
        lock: &LockName,
        change: impl Fn(&mut Queue, u64) -> T + Send + Sync,
    ) -> Result<(T, Queue, u64), BackendError>
    where
        T: Send,
    {
        for _ in 0..ROUNDS {
            let (before, version, now) = self.load(lock).await?;
            let mut queue = before.clone();
            let answer = change(&mut queue, now);
            if queue == before || self.store.store(lock, version, &Record::encode(&queue)?).await? {
                return Ok((answer, queue, now));
            }
        }
        let message =
            format!("the record of lock {lock:?} was changed by others {ROUNDS} times in a row; try again");
        Err(BackendError::new(BackendErrorKind::Transient, message))
    }

    async fn load(&self, lock: &LockName) -> Result<(Queue, Option<u64>, u64), BackendError> {
        let Loaded { record, now } = self.store.load(lock).await?;
        match record {
            Some((record, version)) => Ok((record.decode(lock)?, Some(version), now)),
            None => Ok((Queue::default(), None, now)),
        }
    }
}

#[async_trait]
impl<S: RecordStore> Backend for RecordBackend<S> {
    async fn join(&self, request: &JoinRequest) -> Result<Snapshot, BackendError> {
        let join = |queue: &mut Queue, now| queue.join(request, now);
        let ((), queue, now) = self.update(&request.lock, join).await?;
        Ok(queue.snapshot(now))
    }

    async fn renew(&self, renewals: &[Renewal]) -> Result<Vec<Renewed>, BackendError> {
        let mut answers = Vec::with_capacity(renewals.len());
        for renewal in renewals {
            let renew = |queue: &mut Queue, now| queue.renew(renewal.claim, renewal.ttl, now);
            answers.push(self.update(&renewal.lock, renew).await?.0);
        }
        Ok(answers)
    }

    async fn leave(&self, lock: &LockName, claim: ClaimId, linger: Duration) -> Result<(), BackendError> {
        let leave = |queue: &mut Queue, now| queue.leave(claim, linger, now);
        self.update(lock, leave).await?;
        Ok(())
    }

    async fn queue(&self, lock: &LockName) -> Result<Snapshot, BackendError> {
        let (queue, _, now) = self.load(lock).await?;
        Ok(queue.snapshot(now))
    }

    async fn list(&self, page: &ListPage) -> Result<Vec<LockName>, BackendError> {
        self.store.list(page).await
    }

    async fn wakeups(&self) -> Result<Option<BoxStream<'static, Wakeup>>, BackendError> {
        self.store.wakeups().await
    }
}
