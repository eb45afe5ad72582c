//! How the command ends, and what it says then.

use shylock::{Error, ErrorKind};

/// The codes that are not those of the command that was run. They follow sysexits(3), flock(1) and timeout(1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Code {
    /// The lock is held by somebody else, or there is nothing to show.
    No = 1,
    /// The command line cannot be.
    Usage = 64,
    /// The store is out of reach.
    Unavailable = 69,
    /// A bug.
    Broken = 70,
    /// The system refuses a process, a pipe or the like.
    System = 71,
    /// The lock was lost, or about to be.
    Lost = 75,
    /// The store refuses the credentials.
    Denied = 77,
    /// The store, or the way it is used, must be changed.
    Misconfigured = 78,
    /// The command was ended by `--max-hold`.
    MaxHold = 124,
    /// The command was found and cannot be run.
    NotExecutable = 126,
    /// The command was not found.
    NotFound = 127,
}

/// To these, the number of a signal is added.
pub(crate) const BY_SIGNAL: u8 = 128;

/// The table of `--help` and of the manual page.
pub(crate) const TABLE: &str = "\
Exit codes:
  0        done; for `status`: somebody holds the lock
  1        `run`: the lock was not granted, at once or in time (another code with -E);
           `status`: the lock is free; `evict`: there is no such claim
  64       the command line cannot be
  69       the store is out of reach
  70       a bug in shylock or in the store; please report it
  71       the system refused a process, a file or the like
  75       `run`: the lock was lost, or about to be; the command was ended
  77       the store refuses the user or the password
  78       the store, or its URL, must be changed first
  124      `run`: the command was ended because it reached --max-hold
  126      `run`: the command was found and cannot be run
  127      `run`: the command was not found
  128 + n  `run`: signal n ended the command, or ended the waiting for the lock
  other    `run`: the command's own code";

impl From<Code> for u8 {
    fn from(code: Code) -> Self {
        code as Self
    }
}

/// Why it did not work: an exit code, and a message for people.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) code: Code,
    pub(crate) message: String,
}

impl Failure {
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let code = match error.kind() {
            ErrorKind::Timeout => Code::No,
            ErrorKind::Lost => Code::Lost,
            ErrorKind::Unavailable | ErrorKind::ShutDown => Code::Unavailable,
            ErrorKind::Denied => Code::Denied,
            ErrorKind::Misconfigured => Code::Misconfigured,
            ErrorKind::InvalidInput => Code::Usage,
            _ => Code::Broken,
        };
        Self::new(code, error.to_string())
    }
}
