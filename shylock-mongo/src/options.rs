//! What a user may choose.

use std::time::Duration;

use mongodb::bson::{Document, doc};
use shylock_core::{BackendError, BackendErrorKind};

/// How the backend uses the database.
///
/// ```
/// use std::time::Duration;
/// use shylock_mongo::MongoOptions;
///
/// let options = MongoOptions::new().collection("my_locks").write_timeout(Duration::from_secs(2));
/// ```
#[derive(Debug, Clone)]
pub struct MongoOptions {
    pub(crate) collection: String,
    pub(crate) write_concern: WriteConcern,
    pub(crate) journal: bool,
    pub(crate) write_timeout: Duration,
    pub(crate) max_time: Duration,
    pub(crate) retention: Duration,
    pub(crate) read_only: bool,
}

/// How many servers must have a write before it counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum WriteConcern {
    /// A majority of the servers: no failover takes back what was granted.
    #[default]
    Majority,
    /// So many servers, at least 1. With less than a majority a failover may take a grant back, and then
    /// **two may hold the same lock**; use it where locks only save work.
    Servers(u32),
}

impl MongoOptions {
    /// The defaults: collection `shylock_locks`, a majority with journal within 5 s, 10 s for a command, records
    /// kept for an hour.
    pub fn new() -> Self {
        Self {
            collection: "shylock_locks".into(),
            write_concern: WriteConcern::Majority,
            journal: true,
            write_timeout: Duration::from_secs(5),
            max_time: Duration::from_secs(10),
            retention: Duration::from_secs(3600),
            read_only: false,
        }
    }

    /// The collection of the locks. All who want to lock each other out must name the same one.
    #[must_use]
    pub fn collection(mut self, name: impl Into<String>) -> Self {
        self.collection = name.into();
        self
    }

    /// How many servers must have a write before it counts.
    #[must_use]
    pub fn write_concern(mut self, write_concern: WriteConcern) -> Self {
        self.write_concern = write_concern;
        self
    }

    /// Whether a write counts only when it is in the journals, so that a power cut does not take back what
    /// was granted. `false` is for servers without a journal, and for locks that only save work.
    #[must_use]
    pub fn journal(mut self, journal: bool) -> Self {
        self.journal = journal;
        self
    }

    /// How long a write waits for the other servers before it is an error; at least a millisecond.
    #[must_use]
    pub fn write_timeout(mut self, limit: Duration) -> Self {
        self.write_timeout = limit;
        self
    }

    /// How long the server may work on one command before it gives it up; at least a millisecond.
    #[must_use]
    pub fn max_time(mut self, limit: Duration) -> Self {
        self.max_time = limit;
        self
    }

    /// How long the record of a lock is kept at least after the last lease in it could have ended; it is purged before
    /// twice that time is over.
    ///
    /// A kept record lets fencing tokens grow even when the clocks of two primaries differ by as much.
    #[must_use]
    pub fn retention(mut self, retention: Duration) -> Self {
        self.retention = retention;
        self
    }

    /// Whether the backend only reads: for tools that show locks. It then needs no right to write, creates nothing, and
    /// every step that would change a lock fails.
    ///
    /// ```no_run
    /// # async fn run() -> Result<(), shylock_core::BackendError> {
    /// use shylock_core::{Backend, ListPage};
    /// use shylock_mongo::{MongoBackend, MongoOptions};
    ///
    /// let options = MongoOptions::new().read_only(true);
    /// let backend = MongoBackend::connect_with_options("mongodb://localhost/projectdb", options).await?;
    /// for name in backend.list(&ListPage::new("invoices/", 100)).await? {
    ///     println!("{name}: {} claims", backend.queue(&name).await?.claims.len());
    /// }
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn read_only(mut self, read_only: bool) -> Self {
        self.read_only = read_only;
        self
    }

    /// The write concern of a command. A command without a time limit would wait for ever.
    pub(crate) fn write_concern_document(&self) -> Document {
        let wtimeout = limit_millis(self.write_timeout);
        match self.write_concern {
            WriteConcern::Majority => doc! { "w": "majority", "j": self.journal, "wtimeout": wtimeout },
            WriteConcern::Servers(n) => doc! { "w": i64::from(n), "j": self.journal, "wtimeout": wtimeout },
        }
    }

    /// `maxTimeMS` of a command.
    pub(crate) fn max_time_millis(&self) -> i32 {
        limit_millis(self.max_time)
    }

    /// # Errors
    /// `Misconfigured`, with a message that names the option and its value.
    pub(crate) fn check(&self) -> Result<(), BackendError> {
        let name = &self.collection;
        let invalid = if name.is_empty() || name.contains(['$', '\0']) || name.starts_with("system.") {
            format!(
                "invalid collection {name:?}: it must not be empty, begin with `system.`, or contain `$` or a NUL"
            )
        } else if name.len() > LONGEST_COLLECTION {
            let bytes = name.len();
            format!("invalid collection: its name has {bytes} bytes, and the maximum is {LONGEST_COLLECTION}")
        } else if name.starts_with('.') || name.ends_with('.') {
            format!("invalid collection {name:?}: it must not begin or end with a dot")
        } else if self.write_concern == WriteConcern::Servers(0) {
            "invalid write_concern Servers(0): a write that no server confirms cannot grant a lock; use \
             WriteConcern::Majority"
                .into()
        } else if self.write_timeout.is_zero() {
            "invalid write_timeout 0 ms: must be at least 1 ms; a few seconds are good".into()
        } else if self.max_time.is_zero() {
            "invalid max_time 0 ms: must be at least 1 ms; a few seconds are good".into()
        } else {
            return Ok(());
        };
        Err(BackendError::new(BackendErrorKind::Misconfigured, invalid))
    }
}

impl Default for MongoOptions {
    fn default() -> Self {
        Self::new()
    }
}

/// Of a name together with that of its database the server takes 255 bytes, and 120 before MongoDB 4.4. A database's
/// has up to 63.
const LONGEST_COLLECTION: usize = 255 - 63 - 1;

/// Milliseconds since 1970 and spans of them stay below this, so that no sum overflows on the server.
pub(crate) const LONGEST: i64 = i64::MAX / 2;

/// A span as the pipeline wants it: rounded up, so that no lease is shorter than was asked for.
pub(crate) fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_nanos().div_ceil(1_000_000)).unwrap_or(LONGEST).min(LONGEST)
}

/// A time limit as the server wants it. To the server 0 means "no limit".
fn limit_millis(limit: Duration) -> i32 {
    i32::try_from(millis(limit)).unwrap_or(i32::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_durable_and_finite() {
        let options = MongoOptions::new();
        assert!(options.check().is_ok());
        assert_eq!(options.write_concern_document(), doc! { "w": "majority", "j": true, "wtimeout": 5_000 });
        assert_eq!(options.max_time_millis(), 10_000);
    }

    #[test]
    fn limits_are_rounded_up_and_never_mean_for_ever() {
        assert_eq!(limit_millis(Duration::from_nanos(1)), 1);
        assert_eq!(limit_millis(Duration::MAX), i32::MAX);
        assert_eq!(millis(Duration::from_micros(1_001)), 2);
        assert_eq!(millis(Duration::MAX), LONGEST);
    }

    #[test]
    fn an_invalid_option_is_refused_by_its_name() {
        let good = MongoOptions::new;
        for (options, name) in [
            (good().collection(""), "collection"),
            (good().collection("a$b"), "collection"),
            (good().collection("a\0b"), "collection"),
            (good().collection(".a"), "collection"),
            (good().collection("a."), "collection"),
            (good().collection("system.locks"), "collection"),
            (good().collection("x".repeat(192)), "collection"),
            (good().write_concern(WriteConcern::Servers(0)), "write_concern"),
            (good().write_timeout(Duration::ZERO), "write_timeout"),
            (good().max_time(Duration::ZERO), "max_time"),
        ] {
            let error = options.check().expect_err("refused");
            assert_eq!(error.kind(), BackendErrorKind::Misconfigured);
            assert!(error.to_string().starts_with(&format!("invalid {name}")), "{error}");
        }
    }
}
