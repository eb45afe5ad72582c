//! What the user of a lock is told when it does not work.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use crate::backend::{BackendError, BackendErrorKind};
use crate::client::lease::LossReason;
use crate::queue::{InvalidName, InvalidValue, LockName};

/// Why a lock could not be acquired, kept, released or looked at.
///
/// That somebody else holds a lock is never an error of [`try_acquire`](crate::Lock::try_acquire), and an
/// outage is never reported as if somebody held it: ask [`kind`](Error::kind).
#[derive(Clone)]
pub struct Error(Arc<Inner>);

struct Inner {
    kind: ErrorKind,
    message: String,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

/// The kinds of [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The lock was not granted in the time that the caller gave.
    Timeout,
    /// The lease ended before the lock was released.
    Lost,
    /// The store could not be reached, or did not answer, for as long as the retry policy allows.
    Unavailable,
    /// The store refuses the credentials or rights that it was given.
    Denied,
    /// The store, or the way it is used, must be changed first; the message says how.
    Misconfigured,
    /// The store's answer or record makes no sense, or the backend has a bug.
    Broken,
    /// An invalid name, option or value; the message says why.
    InvalidInput,
    /// `configure` was not called before a lock of the configured manager was used.
    NotConfigured,
    /// The manager was shut down.
    ShutDown,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Arc::new(Inner { kind, message: message.into(), source: None }))
    }

    fn caused(kind: ErrorKind, message: String, source: Arc<dyn StdError + Send + Sync>) -> Self {
        Self(Arc::new(Inner { kind, message, source: Some(source) }))
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidInput, message)
    }

    pub(crate) fn shut_down() -> Self {
        Self::new(ErrorKind::ShutDown, "the lock manager was shut down")
    }

    pub(crate) fn lost(lock: &LockName, reason: LossReason) -> Self {
        Self::new(ErrorKind::Lost, format!("lock {lock:?} was lost before it was released: {reason}"))
    }

    /// A store's error, while `doing` something: "lock "x" could not be acquired".
    pub(crate) fn from_backend(doing: &str, error: impl Into<Arc<BackendError>>) -> Self {
        let error = error.into();
        let kind = match error.kind() {
            BackendErrorKind::Transient | BackendErrorKind::Throttled { .. } => ErrorKind::Unavailable,
            BackendErrorKind::Denied => ErrorKind::Denied,
            BackendErrorKind::Misconfigured => ErrorKind::Misconfigured,
            BackendErrorKind::Broken => ErrorKind::Broken,
        };
        Self::caused(kind, format!("{doing}: {error}"), error)
    }

    /// What kind of trouble it is.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Whether the same call may work when it is repeated as it is.
    pub fn is_retryable(&self) -> bool {
        matches!(self.kind(), ErrorKind::Timeout | ErrorKind::Lost | ErrorKind::Unavailable)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Error");
        debug.field("kind", &self.0.kind).field("message", &self.0.message);
        if let Some(source) = &self.0.source {
            debug.field("source", source);
        }
        debug.finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        // The message of the backend's error is part of ours already: its cause comes next.
        self.0.source.as_ref().and_then(|source| source.source())
    }
}

impl From<BackendError> for Error {
    /// For a store that could not be opened; its message stands alone.
    fn from(error: BackendError) -> Self {
        Self::from_backend("the store could not be used", error)
    }
}

impl From<InvalidName> for Error {
    fn from(error: InvalidName) -> Self {
        Self::invalid(error.to_string())
    }
}

impl From<InvalidValue> for Error {
    fn from(error: InvalidValue) -> Self {
        Self::invalid(error.to_string())
    }
}
