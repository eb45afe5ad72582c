//! A change of one record, which a store may apply where its data is.

use std::time::Duration;

use super::record::{Loaded, Record};
use crate::backend::{BackendError, BackendErrorKind};
use crate::queue::{ClaimId, JoinRequest, Left, LockName, Mode, Queue, Renewed, Snapshot, Value, Written};

/// A change of the record of one lock: some steps of its queue, which remember their answers.
///
/// A store that overrides [`update`](super::RecordStore::update) applies it once to the record that it has read, inside
/// its transaction.
#[derive(Debug)]
pub struct Change {
    lock: LockName,
    steps: Vec<Step>,
    answers: Result<Vec<Answer>, BackendError>,
}

#[derive(Debug)]
pub(super) enum Step {
    Join(JoinRequest),
    Renew(ClaimId, Duration),
    Leave(ClaimId, Duration),
    Write(ClaimId, Option<Value>),
    Downgrade(ClaimId, Mode),
}

#[derive(Debug)]
pub(super) enum Answer {
    Snapshot(Snapshot),
    Renewed(Renewed),
    Left(Left),
    Written(Written),
}

impl Change {
    pub(super) fn new(lock: LockName, steps: Vec<Step>) -> Self {
        Self { lock, steps, answers: Ok(Vec::new()) }
    }

    /// Whose record it changes.
    pub fn lock(&self) -> &LockName {
        &self.lock
    }

    /// Applies the change to what was loaded, and returns the record to write, if it has changed.
    ///
    /// It may be applied again, to a record that was loaded later: the last time counts.
    pub fn apply(&mut self, loaded: &Loaded) -> Option<Record> {
        let applied = self.applied(loaded);
        let (answers, record) = match applied {
            Ok((answers, record)) => (Ok(answers), record),
            Err(error) => (Err(error), None),
        };
        self.answers = answers;
        record
    }

    fn applied(&self, loaded: &Loaded) -> Result<(Vec<Answer>, Option<Record>), BackendError> {
        let now = loaded.now();
        let before = match &loaded.record {
            Some((record, _)) => record.decode(&self.lock)?,
            None => Queue::default(),
        };
        let mut queue = before.clone();
        let answers = self.steps.iter().map(|step| step.take(&mut queue, now)).collect();
        let record = if queue == before { None } else { Some(Record::encode(&queue)?) };
        Ok((answers, record))
    }

    /// The answers of its steps, if it is the change of this lock.
    pub(super) fn into_answers(self, lock: &LockName) -> Result<Vec<Answer>, BackendError> {
        if self.lock == *lock { self.answers } else { Err(mixed_up()) }
    }
}

impl Step {
    fn take(&self, queue: &mut Queue, now: u64) -> Answer {
        match self {
            Self::Join(request) => {
                queue.join(request, now);
                Answer::Snapshot(queue.snapshot(now))
            }
            Self::Renew(claim, ttl) => Answer::Renewed(queue.renew(*claim, *ttl, now)),
            Self::Leave(claim, linger) => Answer::Left(queue.leave(*claim, *linger, now)),
            Self::Write(claim, value) => Answer::Written(queue.write(*claim, value.clone(), now)),
            Self::Downgrade(claim, mode) => Answer::Written(queue.downgrade(*claim, *mode, now)),
        }
    }
}

/// The answer of another step would be a bug of the store, which has mixed up its changes.
fn mixed_up() -> BackendError {
    BackendError::new(BackendErrorKind::Broken, "the store has returned the answer of another step")
}

impl Answer {
    pub(super) fn snapshot(self) -> Result<Snapshot, BackendError> {
        if let Self::Snapshot(snapshot) = self { Ok(snapshot) } else { Err(mixed_up()) }
    }

    pub(super) fn renewed(self) -> Result<Renewed, BackendError> {
        if let Self::Renewed(renewed) = self { Ok(renewed) } else { Err(mixed_up()) }
    }

    pub(super) fn left(self) -> Result<Left, BackendError> {
        if let Self::Left(left) = self { Ok(left) } else { Err(mixed_up()) }
    }

    pub(super) fn written(self) -> Result<Written, BackendError> {
        if let Self::Written(written) = self { Ok(written) } else { Err(mixed_up()) }
    }
}
