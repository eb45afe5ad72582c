//! How an emulator is set up.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

/// How an emulator is set up. `Config::default()` asks for the login `root` / `openSesame` and listens on a
/// free port of loopback.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Config {
    /// The address to listen on.
    pub host: IpAddr,
    /// The port to listen on; 0 picks a free one.
    pub port: u16,
    /// Whether requests must log in.
    pub authentication: bool,
    /// The name of the user who may do everything.
    pub user: String,
    /// That user's password.
    pub password: String,
    /// How long a token from `/_open/auth` is good (an hour on a real server).
    pub token_lifetime: Duration,
    /// How often documents are removed that a TTL index calls expired (30 s on a real server).
    pub ttl_interval: Duration,
    /// A pause between the write of a query and its commit, during which it has its keys locked.
    pub commit_delay: Duration,
    pub(crate) behaviour: Behaviour,
}

/// What differs between servers: their kinds, their versions, and what is not known for certain about them.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is an open question of its own")]
pub(crate) struct Behaviour {
    pub(crate) cluster: bool,
    pub(crate) role: Option<String>,
    pub(crate) version: String,
    pub(crate) lock_unchanged: bool,
    pub(crate) single_document_inserts: bool,
    pub(crate) late_rights: bool,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            cluster: false,
            role: Some("SINGLE".to_owned()),
            version: "3.12.10".to_owned(),
            lock_unchanged: true,
            single_document_inserts: true,
            late_rights: false,
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            host: Ipv4Addr::LOCALHOST.into(),
            port: 0,
            authentication: true,
            user: "root".to_owned(),
            password: "openSesame".to_owned(),
            token_lifetime: Duration::from_secs(3600),
            ttl_interval: Duration::from_secs(30),
            commit_delay: Duration::ZERO,
            behaviour: Behaviour::default(),
        }
    }
}

impl Config {
    /// The default set-up.
    pub fn new() -> Self {
        Self::default()
    }

    /// Listens on that address.
    #[must_use]
    pub fn host(mut self, host: impl Into<IpAddr>) -> Self {
        self.host = host.into();
        self
    }

    /// Listens on that port.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Lets everybody in without a login.
    #[must_use]
    pub fn without_authentication(mut self) -> Self {
        self.authentication = false;
        self
    }

    /// The user who may do everything.
    #[must_use]
    pub fn credentials(mut self, user: impl Into<String>, password: impl Into<String>) -> Self {
        self.user = user.into();
        self.password = password.into();
        self
    }

    /// How long tokens are good.
    #[must_use]
    pub fn token_lifetime(mut self, lifetime: Duration) -> Self {
        self.token_lifetime = lifetime;
        self
    }

    /// How often expired documents are removed.
    #[must_use]
    pub fn ttl_interval(mut self, interval: Duration) -> Self {
        self.ttl_interval = interval;
        self
    }

    /// A cluster, seen through one of its coordinators.
    #[must_use]
    pub fn cluster(mut self) -> Self {
        self.behaviour.cluster = true;
        self.behaviour.role = Some("COORDINATOR".to_owned());
        self
    }

    /// What it calls its role, such as `PRIMARY`, whatever it is. `None`: it does not tell.
    #[must_use]
    pub fn role(mut self, role: Option<&str>) -> Self {
        self.behaviour.role = role.map(str::to_owned);
        self
    }

    /// The version that it says it has.
    #[must_use]
    pub fn version(mut self, version: &str) -> Self {
        version.clone_into(&mut self.behaviour.version);
        self
    }

    /// Whether a write that changes nothing locks its key all the same and can conflict, as since 3.11.
    #[must_use]
    pub fn lock_unchanged(mut self, lock: bool) -> Self {
        self.behaviour.lock_unchanged = lock;
        self
    }

    /// Whether a cluster treats an INSERT of one document as a document request: it waits up to a second for a locked
    /// key, and says 1210 where a query says 1200.
    #[must_use]
    pub fn single_document_inserts(mut self, single: bool) -> Self {
        self.behaviour.single_document_inserts = single;
        self
    }

    /// Whether rights are looked at only when something is written, rather than when a query starts.
    #[must_use]
    pub fn late_rights(mut self, late: bool) -> Self {
        self.behaviour.late_rights = late;
        self
    }

    /// How long a query waits between its write and its commit.
    #[must_use]
    pub fn commit_delay(mut self, delay: Duration) -> Self {
        self.commit_delay = delay;
        self
    }
}
