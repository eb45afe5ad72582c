//! How the command ends, and what it prints then.

use std::error::Error as StdError;

use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::Signal;
use nix::unistd::Pid;
use shylock::{Error, ErrorKind};
use signal_hook::low_level::emulate_default_handler;

/// The codes that are not those of the command that was run. They follow sysexits(3), flock(1) and timeout(1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Code {
    /// The lock is held by somebody else, or there is nothing to show.
    No = 1,
    /// The command line is invalid.
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
  64       the command line is invalid
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

/// How this process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// With an exit code.
    Code(u8),
    /// By a signal, as the command did. A shell that gets INT ends its loops only if the program that it waits for has
    /// died of it too.
    Signal(Signal),
}

impl From<Code> for Ending {
    fn from(code: Code) -> Self {
        Self::Code(code.into())
    }
}

impl Ending {
    /// Ends this process by the signal, if it is one; answers the exit code otherwise.
    pub(crate) fn end(self) -> u8 {
        match self {
            Self::Code(code) => code,
            Self::Signal(signal) => {
                // The first process of a container ignores what it does not handle.
                if Pid::this().as_raw() != 1 {
                    // The core dump is the command's.
                    let _ = setrlimit(Resource::RLIMIT_CORE, 0, 0);
                    let _ = emulate_default_handler(signal as i32);
                }
                BY_SIGNAL + signal as u8
            }
        }
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
        Self::new(code, with_causes(&error))
    }
}

/// The message of an error and those of its causes, each once.
pub(crate) fn with_causes(error: &dyn StdError) -> String {
    let mut message = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let text = cause.to_string();
        if !message.contains(&text) {
            message = format!("{message}: {text}");
        }
        next = cause.source();
    }
    message
}

#[cfg(test)]
mod tests {
    use shylock::{BackendError, BackendErrorKind};

    use super::*;

    #[test]
    fn a_message_ends_with_its_causes_each_once() {
        let refused = std::io::Error::from_raw_os_error(111);
        let cause = BackendError::new(BackendErrorKind::Transient, "no server could be selected")
            .with_source(refused);
        let error = BackendError::new(BackendErrorKind::Transient, "connect: no server could be selected");
        let failure = Failure::from(Error::from(error.with_source(cause)));
        assert_eq!(failure.code, Code::Unavailable);
        assert_eq!(failure.message.matches("no server could be selected").count(), 1, "{}", failure.message);
        assert!(failure.message.contains("refused"), "{}", failure.message);
    }
}
