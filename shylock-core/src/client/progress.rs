//! What is known of the store while callers wait.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::backend::{BackendError, BackendErrorKind};
use crate::error::{Error, ErrorKind};
use crate::queue::LockName;

/// Whether the store answers requests for a lock. It tells a caller whose time is over whether the lock was taken or the
/// store out of reach.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    known: Mutex<Known>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Known {
    /// A request is under way since then.
    asked_at: Option<Instant>,
    answered_at: Option<Instant>,
    /// The latest request has failed, and since when none was answered.
    outage: Option<(Instant, Arc<BackendError>)>,
}

/// What is known of the latest request.
pub(crate) enum State {
    /// It was answered then. `None`: nothing was asked.
    Answered(Option<Instant>),
    /// It is under way since then.
    Asked(Instant),
    Failed(Arc<BackendError>),
}

impl Progress {
    /// A caller begins to ask the store. Outages before that do not count.
    pub(crate) fn begin(&self) {
        self.change(|known| {
            (known.asked_at, known.outage) = (Some(Instant::now()), None);
        });
    }

    /// A request is sent.
    pub(crate) fn asked(&self) {
        self.change(|known| known.asked_at = known.asked_at.or_else(|| Some(Instant::now())));
    }

    pub(crate) fn answered(&self) {
        self.change(|known| {
            *known = Known { answered_at: Some(Instant::now()), ..Known::default() };
        });
    }

    /// Nobody waits for the answer any more.
    pub(crate) fn withdrawn(&self) {
        self.change(|known| known.asked_at = None);
    }

    pub(crate) fn failed(&self, error: BackendError) {
        self.change(|known| {
            let asked_at = known.asked_at.take().unwrap_or_else(Instant::now);
            let since = known.outage.take().map_or(asked_at, |(since, _)| since);
            known.outage = Some((since, Arc::new(error)));
        });
    }

    /// Since when no request was answered, if the latest one has failed.
    pub(crate) fn failing_since(&self) -> Option<Instant> {
        self.known.lock().outage.as_ref().map(|(since, _)| *since)
    }

    pub(crate) fn state(&self) -> State {
        let known = self.known.lock();
        match (&known.outage, known.asked_at) {
            (Some((_, error)), _) => State::Failed(error.clone()),
            (None, Some(since)) => State::Asked(since),
            (None, None) => State::Answered(known.answered_at),
        }
    }

    /// What is known when the time of a caller is over. A request that is under way then is waited for, for as long as
    /// one attempt takes.
    pub(crate) async fn settled(&self, over_at: Instant, attempt: Duration) -> State {
        loop {
            let changed = self.changed.notified();
            let state = self.state();
            let State::Asked(asked_at) = state else { return state };
            if self.known.lock().answered_at.is_some_and(|at| at >= over_at) {
                return State::Answered(Some(over_at));
            }
            let until = asked_at + attempt;
            if Instant::now() >= until {
                return state;
            }
            tokio::select! {
                () = changed => {}
                () = tokio::time::sleep_until(until) => {}
            }
        }
    }

    fn change(&self, change: impl FnOnce(&mut Known)) {
        change(&mut self.known.lock());
        self.changed.notify_waiters();
    }
}

impl State {
    /// What to tell a caller whose time is over.
    pub(crate) fn timed_out(self, lock: &LockName, timeout: Duration) -> Error {
        let failed = |error: Arc<BackendError>| {
            Error::from_backend(&format!("lock {lock:?} could not be acquired within {timeout:?}"), error)
        };
        match self {
            Self::Answered(_) => {
                Error::new(ErrorKind::Timeout, format!("lock {lock:?} was not granted within {timeout:?}"))
            }
            Self::Asked(_) => {
                failed(Arc::new(BackendError::new(BackendErrorKind::Transient, "the store has not answered")))
            }
            Self::Failed(error) => failed(error),
        }
    }
}
