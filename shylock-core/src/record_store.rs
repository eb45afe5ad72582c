//! The short way to a backend: a store of versioned records, and an adapter that runs the queue over it.

use std::collections::BTreeMap;
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
/// - [`load_many`](RecordStore::load_many) and [`store_many`](RecordStore::store_many) are for speed only. They are
///   given at least one lock, and none twice.
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

    /// Reads the records of many locks, each as [`load`](RecordStore::load) does, and answers them in the order of
    /// `locks`.
    ///
    /// Unless a store knows better, it calls `load` for one after the other. Renewals come here up to a thousand at a
    /// time, so one round trip for all of them is worth having.
    ///
    /// # Errors
    /// [`BackendError`].
    async fn load_many(&self, locks: &[LockName]) -> Result<Vec<Loaded>, BackendError> {
        let mut loaded = Vec::with_capacity(locks.len());
        for lock in locks {
            loaded.push(self.load(lock).await?);
        }
        Ok(loaded)
    }

    /// Writes many records, each as [`store`](RecordStore::store) does, and answers for each whether it did, in the
    /// order of `writes`. One whose version has changed hinders no other.
    ///
    /// Unless a store knows better, it calls `store` for one after the other. Renewals come here too: one round trip,
    /// or one transaction, for all of them is worth having.
    ///
    /// # Errors
    /// [`BackendError`]; which of the records were written is then unknown.
    async fn store_many(&self, writes: &[Write]) -> Result<Vec<bool>, BackendError> {
        let mut written = Vec::with_capacity(writes.len());
        for Write { lock, expected, record } in writes {
            written.push(self.store(lock, *expected, record).await?);
        }
        Ok(written)
    }

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

/// What [`RecordStore::load`] answers, and [`RecordStore::load_many`] for each lock.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The record and its version, if there is one.
    pub record: Option<(Record, u64)>,
    /// The store's clock, in milliseconds since 1970.
    pub now: u64,
}

impl Loaded {
    /// The queue of the lock; an empty one if there is no record.
    fn queue(&self, lock: &LockName) -> Result<Queue, BackendError> {
        self.record.as_ref().map_or_else(|| Ok(Queue::default()), |(record, _)| record.decode(lock))
    }
}

/// One of the writes that [`RecordStore::store_many`] does: what [`RecordStore::store`] is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// Whose record.
    pub lock: LockName,
    /// Write only if the record has this version; `None`: if there is no record yet.
    pub expected: Option<u64>,
    /// What to keep for it.
    pub record: Record,
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
    async fn update(
        &self,
        lock: &LockName,
        change: impl Fn(&mut Queue, u64) + Send + Sync,
    ) -> Result<Snapshot, BackendError> {
        for _ in 0..ROUNDS {
            let loaded = self.store.load(lock).await?;
            let (queue, write) = changed(lock, &loaded, &change)?;
            let done = match write {
                Some(write) => self.store.store(lock, write.expected, &write.record).await?,
                None => true,
            };
            if done {
                return Ok(queue.snapshot(loaded.now));
            }
        }
        Err(contended(lock))
    }

    /// Answers those locks whose records others have changed in between.
    async fn store_all(&self, writes: Vec<Write>) -> Result<Vec<LockName>, BackendError> {
        if writes.is_empty() {
            return Ok(Vec::new());
        }
        let written = complete(self.store.store_many(&writes).await?, writes.len())?;
        let too_late = writes.into_iter().zip(written).filter(|(_, written)| !written);
        Ok(too_late.map(|(write, _)| write.lock).collect())
    }
}

/// A store that answers less than it was asked would make what it left out seem done.
fn complete<T>(answers: Vec<T>, asked: usize) -> Result<Vec<T>, BackendError> {
    if answers.len() == asked {
        return Ok(answers);
    }
    let message = format!("the store has answered {} of {asked} requests of a batch", answers.len());
    Err(BackendError::new(BackendErrorKind::Broken, message))
}

/// The changed queue, and what is to be written if that is anything.
fn changed(
    lock: &LockName,
    loaded: &Loaded,
    change: impl FnOnce(&mut Queue, u64),
) -> Result<(Queue, Option<Write>), BackendError> {
    let before = loaded.queue(lock)?;
    let mut queue = before.clone();
    change(&mut queue, loaded.now);
    if queue == before {
        return Ok((queue, None));
    }
    let expected = loaded.record.as_ref().map(|(_, version)| *version);
    let record = Record::encode(&queue)?;
    Ok((queue, Some(Write { lock: lock.clone(), expected, record })))
}

fn contended(lock: &LockName) -> BackendError {
    let message =
        format!("the record of lock {lock:?} was changed by others {ROUNDS} times in a row; try again");
    BackendError::new(BackendErrorKind::Transient, message)
}

#[async_trait]
impl<S: RecordStore> Backend for RecordBackend<S> {
    async fn join(&self, request: &JoinRequest) -> Result<Snapshot, BackendError> {
        self.update(&request.lock, |queue, now| queue.join(request, now)).await
    }

    /// A record that cannot be decoded, or that others keep changing, is an error once all others have been written.
    async fn renew(&self, renewals: &[Renewal]) -> Result<Vec<Renewed>, BackendError> {
        // Claims of one lock share its record, and so a write.
        let mut of_lock = BTreeMap::<&LockName, Vec<usize>>::new();
        for (i, renewal) in renewals.iter().enumerate() {
            of_lock.entry(&renewal.lock).or_default().push(i);
        }
        let mut answers = vec![Renewed::Gone; renewals.len()];
        let mut unreadable = None;
        let mut locks: Vec<LockName> = of_lock.keys().map(|&lock| lock.clone()).collect();
        for _ in 0..ROUNDS {
            if locks.is_empty() {
                break;
            }
            let mut writes = Vec::new();
            let loaded = complete(self.store.load_many(&locks).await?, locks.len())?;
            for (lock, loaded) in locks.iter().zip(loaded) {
                let renew = |queue: &mut Queue, now| {
                    for &i in &of_lock[lock] {
                        answers[i] = queue.renew(renewals[i].claim, renewals[i].ttl, now);
                    }
                };
                match changed(lock, &loaded, renew) {
                    Ok((_, write)) => writes.extend(write),
                    Err(error) => unreadable = unreadable.or(Some(error)),
                }
            }
            locks = self.store_all(writes).await?;
        }
        let failed = unreadable.or_else(|| locks.first().map(contended));
        failed.map_or(Ok(answers), Err)
    }

    async fn leave(&self, lock: &LockName, claim: ClaimId, linger: Duration) -> Result<(), BackendError> {
        self.update(lock, |queue, now| queue.leave(claim, linger, now)).await?;
        Ok(())
    }

    async fn queue(&self, lock: &LockName) -> Result<Snapshot, BackendError> {
        let loaded = self.store.load(lock).await?;
        Ok(loaded.queue(lock)?.snapshot(loaded.now))
    }

    async fn list(&self, page: &ListPage) -> Result<Vec<LockName>, BackendError> {
        self.store.list(page).await
    }

    async fn wakeups(&self) -> Result<Option<BoxStream<'static, Wakeup>>, BackendError> {
        self.store.wakeups().await
    }
}
