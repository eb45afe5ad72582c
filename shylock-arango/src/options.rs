//! The options of the backend.

use std::time::Duration;

use shylock_core::{BackendError, BackendErrorKind};

/// How the backend uses the database, and how [`ArangoBackend::connect`](crate::ArangoBackend::connect) reaches it.
///
/// ```
/// use std::time::Duration;
/// use shylock_arango::ArangoOptions;
///
/// let options = ArangoOptions::new().collection("my_locks").request_timeout(Duration::from_secs(2));
/// ```
#[derive(Debug, Clone)]
pub struct ArangoOptions {
    pub(crate) collection: String,
    pub(crate) wait_for_sync: bool,
    pub(crate) replication_factor: Option<u32>,
    pub(crate) write_concern: Option<u32>,
    pub(crate) retention: Duration,
    pub(crate) connect_timeout: Duration,
    pub(crate) request_timeout: Duration,
    pub(crate) authentication: Authentication,
    pub(crate) root_certificates: Vec<Vec<u8>>,
}

/// How to log in with the user name and the password of a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Authentication {
    /// With tokens (JWT), which are fetched with the password and renewed before they end.
    #[default]
    Jwt,
    /// With the password in each request.
    Basic,
    /// Not at all, even if the URL has a user. A URL without a user never logs in.
    None,
}

impl ArangoOptions {
    /// The defaults: collection `shylock_locks`, writes that grant wait for the disk, records kept for an hour,
    /// 3 s to connect, 10 s for a request, tokens.
    pub fn new() -> Self {
        Self {
            collection: "shylock_locks".into(),
            wait_for_sync: true,
            replication_factor: None,
            write_concern: None,
            retention: Duration::from_secs(3600),
            connect_timeout: Duration::from_secs(3),
            request_timeout: Duration::from_secs(10),
            authentication: Authentication::default(),
            root_certificates: Vec::new(),
        }
    }

    /// The collection of the locks. All who want to lock each other out must name the same one.
    ///
    /// A letter, then letters, digits, `_` and `-`: names that every version of the server takes.
    #[must_use]
    pub fn collection(mut self, name: impl Into<String>) -> Self {
        self.collection = name.into();
        self
    }

    /// Whether a lock counts as granted or extended only when that is on disk, so that a power cut does not take it
    /// back. With `false` it counts up to a tenth of a second before, and then **two may hold the same lock** after a
    /// power cut; use it where locks only save work.
    #[must_use]
    pub fn wait_for_sync(mut self, wait: bool) -> Self {
        self.wait_for_sync = wait;
        self
    }

    /// How many servers of a cluster store the locks, for a collection that the backend creates. The default is that of
    /// the database, which is 1 unless somebody changed it. 3 is recommended.
    #[must_use]
    pub fn replication_factor(mut self, servers: u32) -> Self {
        self.replication_factor = Some(servers);
        self
    }

    /// How many servers of a cluster must have a write before it counts, for a collection that the backend creates. The
    /// default is that of the database, which is 1 unless somebody changed it.
    ///
    /// With 1, a server that lost touch with the others may confirm a grant that is lost when it fails. 2 of 3 is
    /// recommended.
    #[must_use]
    pub fn write_concern(mut self, servers: u32) -> Self {
        self.write_concern = Some(servers);
        self
    }

    /// How long the record of a lock is kept after its last lease has ended, if it has no value. The default is an hour.
    ///
    /// While it is kept, fencing tokens grow even if the clock of the server is set back by less than this.
    #[must_use]
    pub fn retention(mut self, retention: Duration) -> Self {
        self.retention = retention;
        self
    }

    /// How long opening a connection may take, at least a millisecond. The default is 3 s. Only for
    /// [`connect`](crate::ArangoBackend::connect).
    #[must_use]
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.connect_timeout = limit;
        self
    }

    /// How long one request may take, including its log-in and connection, at least a millisecond. The default is 10 s.
    #[must_use]
    pub fn request_timeout(mut self, limit: Duration) -> Self {
        self.request_timeout = limit;
        self
    }

    /// How to log in. Only for [`connect`](crate::ArangoBackend::connect).
    #[must_use]
    pub fn authentication(mut self, authentication: Authentication) -> Self {
        self.authentication = authentication;
        self
    }

    /// Trusts servers with a certificate of this authority (PEM), beside those that the system and Mozilla trust. Only
    /// for [`connect`](crate::ArangoBackend::connect) with `arangodbs://`.
    #[must_use]
    pub fn root_certificate(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.root_certificates.push(pem.into());
        self
    }

    pub(crate) fn check(&self) -> Result<(), BackendError> {
        let name = &self.collection;
        let signs = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
        let wrong = if !name.starts_with(|c: char| c.is_ascii_alphabetic())
            || !name.bytes().all(signs)
            || name.len() > 256
        {
            format!(
                "invalid collection name {name:?}: use a letter, then letters, digits, `_` and `-`, up to 256 in all"
            )
        } else if self.connect_timeout < MOMENT || self.request_timeout < MOMENT {
            "invalid connect_timeout or request_timeout: use at least a millisecond, better a few seconds"
                .into()
        } else if self.replication_factor == Some(0) || self.write_concern == Some(0) {
            "invalid replication_factor or write_concern 0: use at least 1".into()
        } else {
            return Ok(());
        };
        Err(BackendError::new(BackendErrorKind::Misconfigured, wrong))
    }
}

const MOMENT: Duration = Duration::from_millis(1);

impl Default for ArangoOptions {
    fn default() -> Self {
        Self::new()
    }
}

/// Times in milliseconds since 1970 and spans of them stay below this, so that sums of them are exact: the server
/// counts in floating point.
const LONGEST: u64 = 1 << 51;

/// A span as the queries want it: rounded up, so that no lease is shorter than was asked for.
pub(crate) fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_nanos().div_ceil(1_000_000)).unwrap_or(LONGEST).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_durable_and_finite() {
        let options = ArangoOptions::new();
        assert!(options.check().is_ok());
        assert!(options.wait_for_sync && options.request_timeout < Duration::from_secs(60));
        assert_eq!(options.retention, Duration::from_secs(3600));
    }

    #[test]
    fn spans_are_rounded_up_and_stay_exact() {
        assert_eq!(millis(Duration::from_micros(1_001)), 2);
        assert_eq!(millis(Duration::from_nanos(1)), 1);
        assert_eq!(millis(Duration::MAX), LONGEST);
    }

    #[test]
    fn senseless_options_are_refused() {
        let good = ArangoOptions::new;
        for options in [
            good().collection(""),
            good().collection("_locks"),
            good().collection("a/b"),
            good().collection("a?b"),
            good().collection("zämök"),
            good().collection("x".repeat(257)),
            good().connect_timeout(Duration::ZERO),
            good().request_timeout(Duration::from_micros(1)),
            good().replication_factor(0),
            good().write_concern(0),
        ] {
            let error = options.check().expect_err("refused");
            assert_eq!(error.kind(), BackendErrorKind::Misconfigured);
        }
    }
}
