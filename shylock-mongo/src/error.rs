//! What the driver's errors, and the errors inside of the server's replies, mean to the core.

use std::fmt;
use std::time::Duration;

use mongodb::bson::{Bson, Document};
use mongodb::error::{Error as DriverError, ErrorKind, WriteFailure};
use shylock_core::{BackendError, BackendErrorKind};

/// The error of a step that the driver could not do. `step` says what was tried, as in "could not {step}".
pub(crate) fn from_driver(step: &str, error: DriverError) -> BackendError {
    let fault = Fault::of(&error);
    explain(step, classify(&error), fault.as_ref()).with_source(error)
}

/// The error of a step whose reply has an error inside, which the driver's `run_command` does not look for.
pub(crate) fn from_fault(step: &str, fault: Fault) -> BackendError {
    explain(step, kind_of(&fault), Some(&fault)).with_source(fault)
}

/// The one place that says what an error of the driver means.
fn classify(error: &DriverError) -> BackendErrorKind {
    match &*error.kind {
        ErrorKind::Command(_) | ErrorKind::Write(_) => match Fault::of(error).map(|fault| kind_of(&fault)) {
            Some(BackendErrorKind::Broken) | None if is_labelled_retryable(error) => {
                BackendErrorKind::Transient
            }
            Some(kind) => kind,
            None => BackendErrorKind::Broken,
        },
        ErrorKind::Io(_)
        | ErrorKind::ConnectionPoolCleared { .. }
        | ErrorKind::ServerSelection { .. }
        | ErrorKind::DnsResolve { .. } => BackendErrorKind::Transient,
        ErrorKind::Authentication { .. } => BackendErrorKind::Denied,
        ErrorKind::InvalidArgument { .. }
        | ErrorKind::InvalidTlsConfig { .. }
        | ErrorKind::IncompatibleServer { .. }
        | ErrorKind::SessionsNotSupported
        | ErrorKind::Shutdown => BackendErrorKind::Misconfigured,
        _ if is_labelled_retryable(error) => BackendErrorKind::Transient,
        _ => BackendErrorKind::Broken,
    }
}

fn is_labelled_retryable(error: &DriverError) -> bool {
    ["RetryableWriteError", "RetryableError", "TransientTransactionError", "NoWritesPerformed"]
        .into_iter()
        .any(|label| error.contains_label(label))
}

/// An error as a MongoDB server words it: in a reply, or in an error of the driver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) code: i32,
    name: String,
    message: String,
    /// The write was done, but not confirmed as was asked for.
    unconfirmed: bool,
    base_backoff: Option<Duration>,
}

impl Fault {
    fn of(error: &DriverError) -> Option<Self> {
        let (code, name, message, unconfirmed) = match &*error.kind {
            ErrorKind::Command(e) => (e.code, e.code_name.clone(), &e.message, false),
            ErrorKind::Write(WriteFailure::WriteError(e)) => {
                (e.code, e.code_name.clone().unwrap_or_default(), &e.message, false)
            }
            ErrorKind::Write(WriteFailure::WriteConcernError(e)) => {
                (e.code, e.code_name.clone(), &e.message, true)
            }
            _ => return None,
        };
        let base_backoff = error.base_backoff();
        Some(Self { code, name, message: message.clone(), unconfirmed, base_backoff })
    }

    /// The error of one statement, from `writeErrors`.
    pub(crate) fn in_statement(error: &Document) -> Self {
        let text = |field| error.get_str(field).unwrap_or_default().to_owned();
        Self {
            code: match error.get("code") {
                Some(Bson::Int32(code)) => *code,
                Some(Bson::Int64(code)) => i32::try_from(*code).unwrap_or_default(),
                _ => 0,
            },
            name: text("codeName"),
            message: text("errmsg"),
            unconfirmed: false,
            base_backoff: None,
        }
    }

    /// The write concern error of a reply, if it has one.
    pub(crate) fn in_confirmation(reply: &Document) -> Option<Self> {
        match reply.get("writeConcernError")? {
            Bson::Document(error) => Some(Self { unconfirmed: true, ..Self::in_statement(error) }),
            // Unreadable, but there: still no confirmation.
            _ => Some(Self { unconfirmed: true, ..Self::in_statement(&Document::new()) }),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MongoDB error {} ({}): {}", self.code, self.name, self.message)
    }
}

impl std::error::Error for Fault {}

fn kind_of(fault: &Fault) -> BackendErrorKind {
    match kind_of_code(fault.code) {
        BackendErrorKind::Throttled { .. } => BackendErrorKind::Throttled {
            retry_after: fault.base_backoff.or_else(|| retry_after(&fault.message)),
        },
        // The write was done: whatever kept the others from confirming it may pass.
        BackendErrorKind::Broken if fault.unconfirmed => BackendErrorKind::Transient,
        kind => kind,
    }
}

fn kind_of_code(code: i32) -> BackendErrorKind {
    match code {
        // The network, time limits, elections, shutting down, write conflicts, chunks that move.
        6 | 7 | 24 | 43 | 46 | 50 | 63 | 64 | 70 | 89 | 91 | 112 | 117 | 133 | 134 | 150 | 189 | 202 | 225 | 237
        | 246 | 249 | 251 | 262 | 365 | 391 | 9001 | 10058 | 10107 | 11600 | 11601 | 11602 | 13388 | 13435 | 13436
        // Two upserts of one name at once: one of them did it.
        | 11000
        // The disk is full.
        | 14031 => BackendErrorKind::Transient,
        // Request units used up (Cosmos DB), and the rate limit of newer servers.
        462 | 16500 => BackendErrorKind::Throttled { retry_after: None },
        11 | 13 | 18 | 8000 => BackendErrorKind::Denied,
        // What the command says cannot be had here: options, indexes, views, shard keys, validators, write concerns,
        2 | 9 | 20 | 31 | 47 | 48 | 61 | 67 | 72 | 73 | 79 | 85 | 86 | 100 | 121 | 166 | 197 | 10334 | 17419 | 17420
        // or the server is too old, or another product.
        | 40 | 59 | 115 | 168 | 224 | 238 | 323 | 16436 | 17276 | 40324 | 40573 | 51144 => {
            BackendErrorKind::Misconfigured
        }
        _ => BackendErrorKind::Broken,
    }
}

/// The number after `RetryAfterMs=` in a message; it can be written in some ways.
fn retry_after(message: &str) -> Option<Duration> {
    let (_, rest) = message.split_once("RetryAfterMs")?;
    let digits = rest.trim_start_matches(['=', ':', ' ', '"']);
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    digits[..end].parse().ok().map(Duration::from_millis)
}

fn explain(step: &str, kind: BackendErrorKind, fault: Option<&Fault>) -> BackendError {
    let what_to_do = match kind {
        BackendErrorKind::Transient if fault.is_some_and(|fault| fault.unconfirmed) => {
            "it was written, but not yet by as many servers as the write concern asks for; repeat it, and look after the other servers if that lasts"
        }
        BackendErrorKind::Transient => {
            "MongoDB cannot be reached, is busy, or changes its primary; repeat it, and look after the server if that lasts"
        }
        BackendErrorKind::Throttled { .. } => {
            "MongoDB asks to slow down; repeat it later, or give it more capacity"
        }
        BackendErrorKind::Denied => {
            "MongoDB refuses the credentials, or they lack rights; check the user, the password and `authSource`, and grant `readWrite` on the database"
        }
        BackendErrorKind::Misconfigured => {
            "MongoDB cannot do this as it is set up; change what the source of this error names"
        }
        _ => "this was not expected of MongoDB; see the source of this error",
    };
    let code =
        fault.map(|fault| format!(" [MongoDB error {} {}]", fault.code, fault.name)).unwrap_or_default();
    BackendError::new(kind, format!("could not {step}: {what_to_do}{code}"))
}

#[cfg(test)]
mod tests;
