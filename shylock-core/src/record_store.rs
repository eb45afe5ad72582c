//! The short way to a backend: a store of versioned records, and an adapter that runs the queue over it.

mod change;
mod record;

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;
use futures_core::stream::BoxStream;

use crate::backend::{Backend, BackendError, BackendErrorKind, Capabilities, Interest, ListPage, Wakeup};
use crate::queue::{
    ClaimId, JoinRequest, Left, LockName, Mode, Queue, Renewal, Renewed, Snapshot, Value, Written,
};

pub use change::Change;
use change::{Answer, Step};
pub use record::{Loaded, Record, Version, Write};

/// A store that keeps one record for each lock name and changes it by compare-and-swap.
///
/// This is all that a new store needs: [`RecordBackend`] makes a [`Backend`] of it. The chapter
/// [Writing a backend](crate::writing_a_backend) shows a complete one.
///
/// # Contract
/// - [`store`](RecordStore::store) is atomic, and durable when it returns `true`. After a failed call the record may or
///   may not have been written.
/// - Versions of one lock's record never repeat, so that a client that was stopped for long overwrites nothing: a
///   counter works if it does not start again with a record that was purged and made again.
/// - [`load_many`](RecordStore::load_many), [`store_many`](RecordStore::store_many) and [`update`](RecordStore::update)
///   are for speed only. They get at least one lock, and none twice.
/// - `now` is the store's clock, or that of the one machine on which all its users run. A store without a clock leaves it
///   out, and says so in its [`capabilities`](RecordStore::capabilities).
/// - A record may be purged some time after its [`needed_until`](Record::needed_until); an hour is a good retention.
/// - It never sleeps, retries or spawns. [`Backend`] has the rest of the contract.
#[async_trait]
pub trait RecordStore: Debug + Send + Sync + 'static {
    /// Reads the record of a lock together with its version and the time.
    ///
    /// # Errors
    /// [`BackendError`].
    async fn load(&self, lock: &LockName) -> Result<Loaded, BackendError>;

    /// Writes the record of a lock if its version still is `expected` (`None`: if there is no record yet), and returns
    /// whether it did.
    ///
    /// # Errors
    /// [`BackendError`]. Whether the record was written is then unknown.
    async fn store(
        &self,
        lock: &LockName,
        expected: Option<&Version>,
        record: &Record,
    ) -> Result<bool, BackendError>;

    /// Reads the records of many locks, each as [`load`](RecordStore::load) does, and returns them in the order of
    /// `locks`.
    ///
    /// By default it calls `load` for one after the other. Renewals come up to a thousand at a time, so one round trip
    /// for all of them is worthwhile.
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

    /// Writes many records, each as [`store`](RecordStore::store) does, and returns for each whether it did, in the
    /// order of `writes`. A record whose version has changed does not affect the others.
    ///
    /// By default it calls `store` for one after the other.
    ///
    /// # Errors
    /// [`BackendError`]. Which of the records were written is then unknown.
    async fn store_many(&self, writes: &[Write]) -> Result<Vec<bool>, BackendError> {
        let mut written = Vec::with_capacity(writes.len());
        for Write { lock, expected, record } in writes {
            written.push(self.store(lock, expected.as_ref(), record).await?);
        }
        Ok(written)
    }

    /// Applies each change to the record of its lock, atomically for each, and returns the applied changes.
    ///
    /// By default it loads, applies and stores by compare-and-swap, until nobody wrote in between. A store that has
    /// transactions can do it in one, as SQLite's does.
    ///
    /// # Errors
    /// [`BackendError`]. Which of the records were written is then unknown. A record that cannot be decoded is no error
    /// here: its change remembers it.
    async fn update(&self, changes: Vec<Change>) -> Result<Vec<Change>, BackendError> {
        compare_and_swap(self, changes).await
    }

    /// As [`Backend::list`]: the names whose [`live_until`](Record::live_until) is after the store's now.
    ///
    /// # Errors
    /// [`BackendError`].
    async fn list(&self, page: &ListPage) -> Result<Vec<LockName>, BackendError>;

    /// As [`Backend::wakeups`]. By default there are none, and waiting claims poll.
    ///
    /// # Errors
    /// [`BackendError`].
    async fn wakeups(&self, interest: &Interest) -> Result<Option<BoxStream<'static, Wakeup>>, BackendError> {
        let _ = interest;
        Ok(None)
    }

    /// What this store can do.
    fn capabilities(&self) -> Capabilities;
}

/// How often a step is tried when other clients change the record in between. One client succeeds in each
/// round, so this limit is only reached when very many compete. The core then backs off.
const ROUNDS: usize = 32;

async fn compare_and_swap<S: RecordStore + ?Sized>(
    store: &S,
    mut changes: Vec<Change>,
) -> Result<Vec<Change>, BackendError> {
    // The positions of the changes that are not done.
    let mut open: Vec<usize> = (0..changes.len()).collect();
    for _ in 0..ROUNDS {
        let locks: Vec<LockName> = open.iter().map(|&i| changes[i].lock().clone()).collect();
        let loaded = complete(store.load_many(&locks).await?, locks.len())?;
        let (mut writes, mut places) = (Vec::new(), Vec::new());
        for (&i, loaded) in open.iter().zip(&loaded) {
            if let Some(record) = changes[i].apply(loaded) {
                let expected = loaded.version().cloned();
                writes.push(Write::new(changes[i].lock().clone(), expected, record));
                places.push(i);
            }
        }
        if writes.is_empty() {
            return Ok(changes);
        }
        let written = complete(store.store_many(&writes).await?, writes.len())?;
        open = places.into_iter().zip(written).filter(|(_, written)| !written).map(|(i, _)| i).collect();
        if open.is_empty() {
            return Ok(changes);
        }
    }
    let lock = changes[open[0]].lock();
    let message = format!(
        "the record of lock {lock:?} was changed by other clients {ROUNDS} times in a row; try again"
    );
    Err(BackendError::new(BackendErrorKind::Transient, message))
}

/// If a store returns less than it was asked for, what it left out must not seem done.
fn complete<T>(answers: Vec<T>, asked: usize) -> Result<Vec<T>, BackendError> {
    if answers.len() == asked {
        return Ok(answers);
    }
    let message = format!("the store has answered {} of {asked} requests of a batch", answers.len());
    Err(BackendError::new(BackendErrorKind::Broken, message))
}

/// A [`Backend`] that runs the queue over a [`RecordStore`].
#[derive(Debug)]
pub struct RecordBackend<S> {
    store: S,
}

impl<S: RecordStore> RecordBackend<S> {
    /// A backend over this store.
    pub fn new(store: S) -> Self {
        Self { store }
    }

    /// The store.
    pub fn store(&self) -> &S {
        &self.store
    }

    async fn take(&self, lock: &LockName, step: Step) -> Result<Answer, BackendError> {
        let change = Change::new(lock.clone(), vec![step]);
        let changed = complete(self.store.update(vec![change]).await?, 1)?;
        let answers =
            changed.into_iter().next().map_or(Ok(Vec::new()), |change| change.into_answers(lock))?;
        Ok(complete(answers, 1)?.remove(0))
    }
}

#[async_trait]
impl<S: RecordStore> Backend for RecordBackend<S> {
    async fn join(&self, request: &JoinRequest) -> Result<Snapshot, BackendError> {
        self.take(&request.lock, Step::Join(request.clone())).await?.snapshot()
    }

    /// A record that cannot be decoded is an error once all others have been written.
    async fn renew(&self, renewals: &[Renewal]) -> Result<Vec<Renewed>, BackendError> {
        // Claims of one lock share its record, and so a write.
        let mut of_lock = BTreeMap::<&LockName, Vec<usize>>::new();
        for (i, renewal) in renewals.iter().enumerate() {
            of_lock.entry(&renewal.lock).or_default().push(i);
        }
        if of_lock.is_empty() {
            return Ok(Vec::new());
        }
        let step = |&i: &usize| Step::Renew(renewals[i].claim, renewals[i].ttl);
        let change = |(&lock, places): (&&LockName, &Vec<usize>)| {
            Change::new(lock.clone(), places.iter().map(step).collect())
        };
        let applied = self.store.update(of_lock.iter().map(change).collect()).await?;
        let applied = complete(applied, of_lock.len())?;
        let mut answers = vec![Renewed::Gone; renewals.len()];
        for ((lock, places), change) in of_lock.into_iter().zip(applied) {
            for (&i, answer) in places.iter().zip(complete(change.into_answers(lock)?, places.len())?) {
                answers[i] = answer.renewed()?;
            }
        }
        Ok(answers)
    }

    async fn leave(&self, lock: &LockName, claim: ClaimId, linger: Duration) -> Result<Left, BackendError> {
        self.take(lock, Step::Leave(claim, linger)).await?.left()
    }

    async fn write(
        &self,
        lock: &LockName,
        claim: ClaimId,
        value: Option<&Value>,
    ) -> Result<Written, BackendError> {
        self.take(lock, Step::Write(claim, value.cloned())).await?.written()
    }

    async fn downgrade(&self, lock: &LockName, claim: ClaimId, mode: Mode) -> Result<Written, BackendError> {
        self.take(lock, Step::Downgrade(claim, mode)).await?.written()
    }

    async fn queue(&self, lock: &LockName) -> Result<Snapshot, BackendError> {
        let loaded = self.store.load(lock).await?;
        let queue =
            loaded.record.as_ref().map_or_else(|| Ok(Queue::default()), |(record, _)| record.decode(lock));
        Ok(queue?.snapshot(loaded.now()))
    }

    async fn list(&self, page: &ListPage) -> Result<Vec<LockName>, BackendError> {
        self.store.list(page).await
    }

    async fn wakeups(&self, interest: &Interest) -> Result<Option<BoxStream<'static, Wakeup>>, BackendError> {
        self.store.wakeups(interest).await
    }

    fn capabilities(&self) -> Capabilities {
        self.store.capabilities()
    }
}
