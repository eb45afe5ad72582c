//! What a user may choose.

use std::time::Duration;

/// How the backend uses its file.
///
/// ```
/// use std::time::Duration;
/// use shylock_sqlite::SqliteOptions;
///
/// let options = SqliteOptions::new().busy_timeout(Duration::from_millis(200));
/// ```
#[derive(Debug, Clone)]
pub struct SqliteOptions {
    pub(crate) busy_timeout: Duration,
    pub(crate) retention: Duration,
    pub(crate) survives_power_cuts: bool,
}

impl SqliteOptions {
    /// The defaults: a second for a busy file, records kept for an hour, claims that outlive every process but
    /// not a power cut.
    pub fn new() -> Self {
        Self {
            busy_timeout: Duration::from_secs(1),
            retention: Duration::from_secs(3600),
            survives_power_cuts: false,
        }
    }

    /// How long a step, or opening the file, waits while another process keeps the file locked, before it is an
    /// error that may pass. Another shylock keeps it locked for a fraction of a millisecond, or some milliseconds
    /// while it renews a thousand claims.
    ///
    /// It should be well below the shortest ttl, and below the time limit of an attempt (5 s by default).
    #[must_use]
    pub fn busy_timeout(mut self, limit: Duration) -> Self {
        self.busy_timeout = limit;
        self
    }

    /// How long the record of a lock is kept after its last lease could have ended.
    ///
    /// A kept record lets fencing tokens grow even when the clock of the machine is set back by as much.
    #[must_use]
    pub fn retention(mut self, retention: Duration) -> Self {
        self.retention = retention;
        self
    }

    /// Waits with each step until the disk has it, some milliseconds, so that even a power cut takes no claim back.
    ///
    /// Without it a power cut may lose the claims of the last moments, but all who made them are gone as well, since
    /// they ran on the machine. The tokens still grow, by the machine's clock. So this is for a machine whose clock
    /// may be set back when it starts, and whose fencing tokens are checked elsewhere.
    #[must_use]
    pub fn survive_power_cuts(mut self) -> Self {
        self.survives_power_cuts = true;
        self
    }
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self::new()
    }
}
