//! What the server's errors, and those on the way to it, mean to the core.

use std::fmt;
use std::time::Duration;

use arangors::ClientError;
use shylock_core::{BackendError, BackendErrorKind};

use BackendErrorKind::{Broken, Denied, Misconfigured, Throttled, Transient};

/// Another writer came in between: nothing was written, and to look again at once is the way on.
const CONFLICT: u32 = 1200;
/// Somebody else made the document in between.
const TAKEN: u32 = 1210;
/// The document was purged in between.
const PURGED: u32 = 1202;
/// No right to write, a read-only server, or too few replicas in sync.
const READ_ONLY: u32 = 1004;

/// Why a request came to nothing.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The server, or something before it, refused.
    Refused(Refusal),
    /// No answer, and nobody knows whether the request arrived.
    NoAnswer(ClientError),
    /// No answer within so long.
    TooLate(Duration),
    /// An answer, but not one that ArangoDB gives.
    Senseless(String),
}

/// An answer with the status of an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// Of HTTP.
    pub(crate) status: u16,
    /// The server's own number, if the answer had one.
    pub(crate) number: Option<u32>,
    pub(crate) message: String,
    pub(crate) retry_after: Option<Duration>,
}

impl Failure {
    /// Whether nothing was written because somebody came in between, so that it can be tried again at once.
    pub(crate) fn is_conflict(&self) -> bool {
        matches!(self, Self::Refused(refusal) if matches!(refusal.number, Some(CONFLICT | TAKEN | PURGED)))
    }

    /// Whether the server does not accept the text of a query.
    pub(crate) fn is_invalid_query(&self) -> bool {
        matches!(self, Self::Refused(refusal)
            if refusal.status == 400 && refusal.number.is_some_and(|number| (1500..1600).contains(&number)))
    }

    /// Whether the same request may succeed later.
    pub(crate) fn is_passing(&self) -> bool {
        matches!(self.kind(), Transient | Throttled { .. })
    }

    /// Whether the server said no with this number.
    pub(crate) fn is(&self, number: u32) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.number == Some(number))
    }

    pub(crate) fn kind(&self) -> BackendErrorKind {
        match self {
            Self::Refused(refusal) => match classify(refusal.status, refusal.number) {
                Throttled { .. } => Throttled { retry_after: refusal.retry_after },
                kind => kind,
            },
            Self::NoAnswer(_) | Self::TooLate(_) => Transient,
            Self::Senseless(_) => Misconfigured,
        }
    }

    /// The error of a step; `step` says what was tried, as in "could not {step}".
    pub(crate) fn into_error(self, step: &str) -> BackendError {
        let kind = self.kind();
        let what_to_do = match (kind, &self) {
            (Transient, Self::Refused(_)) => {
                "ArangoDB is busy, or changes its leader; try again, and check the server if that lasts"
            }
            (Transient, _) => {
                "ArangoDB cannot be reached; try again, and check the server and the network if that lasts"
            }
            (Throttled { .. }, Self::Refused(refusal)) if refusal.number == Some(READ_ONLY) => {
                "ArangoDB accepts no writes at the moment; try again later, and if that lasts, check whether the server is read-only, whether enough replicas are in sync, and whether the user may write to the collection"
            }
            (Throttled { .. }, _) => {
                "ArangoDB accepts no requests or no writes at the moment; try again later, and check the server if that lasts"
            }
            (Denied, _) => {
                "ArangoDB refuses the credentials, or their rights are insufficient; check the user and the password, and grant read and write access to the database"
            }
            (Misconfigured, Self::Senseless(_)) => "the server that answers is not ArangoDB; check the URL",
            (Misconfigured, _) => {
                "ArangoDB cannot do this in its present configuration; change what the source of this error names"
            }
            _ => "ArangoDB gave an unexpected answer; see the source of this error",
        };
        BackendError::new(kind, format!("could not {step}: {what_to_do} [{self}]")).with_source(self)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => {
                match refusal.number {
                    Some(number) => write!(f, "ArangoDB error {number} (HTTP {})", refusal.status)?,
                    None => write!(f, "HTTP {}", refusal.status)?,
                }
                if refusal.message.is_empty() { Ok(()) } else { write!(f, ": {}", refusal.message) }
            }
            Self::NoAnswer(ClientError::HttpClient(reason)) => write!(f, "no answer: {reason}"),
            Self::NoAnswer(error) => write!(f, "no answer: {error}"),
            Self::TooLate(limit) => write!(f, "no answer within {limit:?}"),
            Self::Senseless(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for Failure {}

/// The one place that says what an error means, by the status of HTTP and the number of the server. Texts differ
/// between versions and are for people.
///
/// Where it is unknown whether the step was done it is transient: every step can be repeated.
fn classify(status: u16, number: Option<u32>) -> BackendErrorKind {
    match (status, number) {
        // The precondition of a kind of request that is never sent.
        (412, Some(CONFLICT)) => Broken,
        (_, Some(number)) => {
            classify_number(number).unwrap_or(if status >= 500 { Transient } else { Broken })
        }
        (_, None) => classify_status(status),
    }
}

fn classify_number(number: u32) -> Option<BackendErrorKind> {
    Some(match number {
        // Somebody came in between.
        CONFLICT | TAKEN | PURGED | 1207
        // Locks inside of the server: a collection, a transaction, a deadlock.
        | 18 | 28 | 29
        // It shuts down, or a query was killed, or a transaction aborted.
        | 30 | 21 | 1500 | 1654
        // Servers of a cluster that cannot reach each other, or a change of the leader.
        | 1447 | 1457 | 1464 | 1465 | 1467 | 1478 | 1489 | 1490 | 1491 | 1495 | 1496
        // A cursor, or a part of a query on another server, that is gone because that server restarted.
        | 1521 | 1591 | 1600
        // Internal.
        | 4 => Transient,
        // Read-only, too few servers for the write concern, a full queue, starting, maintenance.
        READ_ONLY | 1429 | 21_003 | 21_004 | 503 | 38 => Throttled { retry_after: None },
        11 | 401 | 403 => Denied,
        // A database, a collection, an index that are not there; names; too few servers or memory; a collection
        // that is divided by something else than the key.
        1203 | 1208 | 1212 | 1228 | 1229 | 1230 | 1466 | 1469 | 1487 | 32 | 4003 => Misconfigured,
        // What only a bug, or a document of somebody else, brings about.
        10 | 600 | 1221 | 1227 | 1501 | 1502 | 1551 | 1552 | 1579 | 1652 | 1653 | 1655 => Broken,
        _ => return None,
    })
}

/// Answers without a number come from something before the server, or from one that is not (yet) ArangoDB.
fn classify_status(status: u16) -> BackendErrorKind {
    match status {
        401 | 403 | 407 => Denied,
        429 | 503 => Throttled { retry_after: None },
        408 | 421 | 425 => Transient,
        status if status >= 500 => Transient,
        _ => Misconfigured,
    }
}

#[cfg(test)]
mod tests;
