//! The options of the backend.

use std::time::Duration;

use shylock_core::{BackendError, BackendErrorKind};

/// How the backend uses its file.
///
/// ```
/// use std::time::Duration;
/// use shylock_sqlite::{SqliteOptions, Synchronous};
///
/// let options = SqliteOptions::new()
///     .busy_timeout(Duration::from_millis(200))
///     .synchronous(Synchronous::Full);
/// ```
#[derive(Debug, Clone)]
pub struct SqliteOptions {
    pub(crate) busy_timeout: Duration,
    pub(crate) retention: Duration,
    pub(crate) synchronous: Synchronous,
}

/// When a step waits for the disk: SQLite's `PRAGMA synchronous`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Synchronous {
    /// At checkpoints only. Claims outlive every process, but a power cut may undo the last steps.
    ///
    /// Everybody who took them is gone as well then, because they ran on the machine. Tokens still grow, by the
    /// machine's clock.
    Normal,
    /// In each step, which takes some milliseconds. A power cut undoes nothing.
    ///
    /// Use it if the clock of the machine may be set back when it starts, and fencing tokens are checked elsewhere; or
    /// if a [value](shylock_core::Value) must not be lost.
    Full,
}

/// The longest wait that SQLite takes is 24 days; nobody means more than this.
const MAX_BUSY_TIMEOUT: Duration = Duration::from_secs(3600);

impl SqliteOptions {
    /// The defaults: a second for a busy file, records kept for an hour, [`Synchronous::Normal`].
    pub fn new() -> Self {
        Self {
            busy_timeout: Duration::from_secs(1),
            retention: Duration::from_secs(3600),
            synchronous: Synchronous::Normal,
        }
    }

    /// How long a step, or opening the file, waits while another process keeps the file locked, before it fails with a
    /// `Transient` error; at most an hour. Other users of this crate keep it locked for a fraction of a millisecond, or
    /// some milliseconds while they renew a thousand claims.
    ///
    /// It should be well below the shortest ttl, and below the time limit of an attempt (5 s by default).
    #[must_use]
    pub fn busy_timeout(mut self, limit: Duration) -> Self {
        self.busy_timeout = limit;
        self
    }

    /// How long the record of a lock is kept after its last lease could have ended. A record with a value is kept for
    /// good.
    ///
    /// A kept record lets fencing tokens grow even when the clock of the machine is set back by as much.
    #[must_use]
    pub fn retention(mut self, retention: Duration) -> Self {
        self.retention = retention;
        self
    }

    /// When a step waits for the disk.
    #[must_use]
    pub fn synchronous(mut self, synchronous: Synchronous) -> Self {
        self.synchronous = synchronous;
        self
    }

    pub(crate) fn validate(&self) -> Result<(), BackendError> {
        if self.busy_timeout <= MAX_BUSY_TIMEOUT {
            return Ok(());
        }
        let message = format!("invalid busy_timeout {:?}: must be at most an hour", self.busy_timeout);
        Err(BackendError::new(BackendErrorKind::Misconfigured, message))
    }
}

impl Synchronous {
    pub(crate) fn pragma(self) -> &'static str {
        match self {
            Self::Normal => "NORMAL",
            Self::Full => "FULL",
        }
    }
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self::new()
    }
}
