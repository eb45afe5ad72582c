//! What is known of the store while callers wait.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::backend::{BackendError, BackendErrorKind};
use crate::error::{Error, ErrorKind};
use crate::queue::LockName;

/// Whether the store has answered the latest request for a lock. It tells a caller whose time is over whether the lock
/// was taken or the store out of reach.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    known: Mutex<Known>,
    changed: Notify,
}

#[derive(Debug, Default, Clone)]
enum Known {
    /// Nothing was asked, or the store has answered.
    #[default]
    Answered,
    /// A request is under way, and the store has not answered yet.
    Asked,
    /// The latest request has failed.
    Failed(Arc<BackendError>),
}

impl Progress {
    pub(crate) fn asked(&self) {
        self.set(Known::Asked);
    }

    pub(crate) fn answered(&self) {
        self.set(Known::Answered);
    }

    pub(crate) fn failed(&self, error: BackendError) {
        self.set(Known::Failed(Arc::new(error)));
    }

    pub(crate) fn is_answered(&self) -> bool {
        matches!(*self.known.lock(), Known::Answered)
    }

    /// Waits until the latest request was answered, or has failed.
    pub(crate) async fn known(&self) {
        loop {
            let changed = self.changed.notified();
            if !matches!(*self.known.lock(), Known::Asked) {
                return;
            }
            changed.await;
        }
    }

    /// What to tell a caller whose time is over.
    pub(crate) fn timed_out(&self, lock: &LockName, timeout: Duration) -> Error {
        let failed = |error| {
            Error::from_backend(&format!("lock {lock:?} could not be acquired within {timeout:?}"), error)
        };
        match self.known.lock().clone() {
            Known::Answered => {
                Error::new(ErrorKind::Timeout, format!("lock {lock:?} was not granted within {timeout:?}"))
            }
            Known::Asked => {
                failed(Arc::new(BackendError::new(BackendErrorKind::Transient, "the store has not answered")))
            }
            Known::Failed(error) => failed(error),
        }
    }

    fn set(&self, known: Known) {
        *self.known.lock() = known;
        self.changed.notify_waiters();
    }
}
