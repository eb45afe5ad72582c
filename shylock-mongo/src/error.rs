//! What the driver's errors, and the errors inside the server's replies, mean to the core.

mod codes;
mod hints;

use std::fmt;
use std::time::Duration;

use mongodb::bson::{Bson, Document};
use mongodb::error::{Error as DriverError, ErrorKind, WriteFailure};
use shylock_core::{BackendError, BackendErrorKind};

/// The error of a step that the driver could not do. `step` says what was tried, as in "could not {step}".
pub(crate) fn from_driver(step: &str, error: DriverError) -> BackendError {
    let (kind, fault) = (classify(&error), Fault::of(&error));
    // The driver's text for a whole error repeats the answer of the server; that of its kind is for people.
    let cause = fault.as_ref().map_or_else(|| error.kind.to_string(), Fault::to_string);
    let advice =
        fault.as_ref().map_or_else(|| hints::of_driver(&error, kind), |fault| hints::of_fault(fault, kind));
    BackendError::new(kind, format!("could not {step}: {advice}: {cause}")).with_source(error)
}

/// The error of a step whose reply has an error inside, which the driver's `run_command` does not look for.
pub(crate) fn from_fault(step: &str, fault: Fault) -> BackendError {
    let kind = kind_of(&fault);
    let advice = hints::of_fault(&fault, kind);
    BackendError::new(kind, format!("could not {step}: {advice}: {fault}")).with_source(fault)
}

/// The one place that says what an error of the driver means.
fn classify(error: &DriverError) -> BackendErrorKind {
    match &*error.kind {
        ErrorKind::Command(_) | ErrorKind::Write(_) => match Fault::of(error).map(|fault| kind_of(&fault)) {
            Some(BackendErrorKind::Broken | BackendErrorKind::Misconfigured) | None
                if is_labelled_retryable(error) =>
            {
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
    [
        "RetryableWriteError",
        "RetryableError",
        "TransientTransactionError",
        "NoWritesPerformed",
        "SystemOverloadedError",
    ]
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
        write!(f, "MongoDB error {}", self.code)?;
        if !self.name.is_empty() {
            write!(f, " ({})", self.name)?;
        }
        write!(f, ": {}", self.message)
    }
}

impl std::error::Error for Fault {}

fn kind_of(fault: &Fault) -> BackendErrorKind {
    match codes::kind_of_code(fault.code) {
        BackendErrorKind::Throttled { .. } => BackendErrorKind::Throttled {
            retry_after: fault.base_backoff.or_else(|| retry_after(&fault.message)),
        },
        // Whatever its code: with this text it is a request to wait.
        _ if retry_after(&fault.message).is_some() => {
            BackendErrorKind::Throttled { retry_after: retry_after(&fault.message) }
        }
        // The write was done: whatever kept the others from confirming it may pass.
        BackendErrorKind::Misconfigured if is_write_concern_unknown(fault.code) => {
            BackendErrorKind::Misconfigured
        }
        _ if fault.unconfirmed => BackendErrorKind::Transient,
        kind => kind,
    }
}

/// `UnknownReplWriteConcern` and `UnsatisfiableWriteConcern`: no number of repetitions confirms such a write.
fn is_write_concern_unknown(code: i32) -> bool {
    [79, 100].contains(&code)
}

/// The number after `RetryAfterMs` in a message, however it is written: `RetryAfterMs=34`, `"retryAfterMs": "34"`,
/// `RetryAfterMs = 33.9`, which is rounded up.
fn retry_after(message: &str) -> Option<Duration> {
    let at = message.to_ascii_lowercase().find("retryafterms")?;
    let rest = message[at + "retryafterms".len()..].trim_start_matches(['=', ':', ' ', '"', '\'', '\\']);
    let end = rest.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(rest.len());
    let millis: f64 = rest[..end].trim_end_matches('.').parse().ok()?;
    Duration::try_from_secs_f64(millis.ceil() / 1_000.0).ok()
}

#[cfg(test)]
mod tests;
