//! How an emulator is set up.

use std::time::Duration;

/// How an emulator is set up. `Config::default()` asks for the login `root` / `openSesame` and listens on a
/// free port.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Config {
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
    /// A pause between the evaluation of a query and its commit, to widen the window for conflicts.
    pub commit_delay: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            port: 0,
            authentication: true,
            user: "root".to_owned(),
            password: "openSesame".to_owned(),
            token_lifetime: Duration::from_secs(3600),
            ttl_interval: Duration::from_secs(30),
            commit_delay: Duration::ZERO,
        }
    }
}

impl Config {
    /// The default set-up.
    pub fn new() -> Self {
        Self::default()
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

    /// How long a query waits between its evaluation and its commit.
    #[must_use]
    pub fn commit_delay(mut self, delay: Duration) -> Self {
        self.commit_delay = delay;
        self
    }
}
