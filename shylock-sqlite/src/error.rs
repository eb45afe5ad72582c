//! What SQLite's errors mean to the core, and what to do about them.

use std::path::Path;

use rusqlite::{Error, ErrorCode};
use shylock_core::{BackendError, BackendErrorKind};

/// Why a step failed on the thread of a file.
#[derive(Debug)]
pub(crate) enum StepError {
    Sqlite(Error),
    Refused(BackendError),
}

impl From<Error> for StepError {
    fn from(error: Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<BackendError> for StepError {
    fn from(error: BackendError) -> Self {
        Self::Refused(error)
    }
}

/// The error of a step that SQLite could not do on this file.
pub(crate) fn explain(path: &Path, error: Error) -> BackendError {
    let (kind, what_to_do) = classify(error.sqlite_error_code());
    let detail = match kind {
        BackendErrorKind::Broken => format!(" ({error})"),
        _ => String::new(),
    };
    about(path, kind, format!("{what_to_do}{detail}")).with_source(error)
}

/// An error about this file.
pub(crate) fn about(path: &Path, kind: BackendErrorKind, what: impl AsRef<str>) -> BackendError {
    BackendError::new(kind, format!("lock file {}: {}", path.display(), what.as_ref()))
}

/// The one place that says what an error of SQLite means. Without a code it is about a row that does not read.
fn classify(code: Option<ErrorCode>) -> (BackendErrorKind, &'static str) {
    use BackendErrorKind::{Broken, Denied, Misconfigured, Transient};
    match code {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::FileLockingProtocolFailed) => (
            Transient,
            "another process keeps it locked; end the transaction that it has open there, or allow a longer busy time-out",
        ),
        Some(ErrorCode::DiskFull) => (Transient, "the disk is full; free some space"),
        Some(ErrorCode::SystemIoFailure) => {
            (Transient, "it could not be read or written; see whether its disk is full, gone or failing")
        }
        Some(ErrorCode::OutOfMemory) => (Transient, "there was not enough memory"),
        Some(ErrorCode::OperationInterrupted | ErrorCode::OperationAborted) => {
            (Transient, "the step was interrupted; try again")
        }
        Some(
            ErrorCode::PermissionDenied | ErrorCode::ReadOnly | ErrorCode::AuthorizationForStatementDenied,
        ) => (
            Denied,
            "this user may not write it, or its folder, where SQLite keeps two more files beside it; give the user these rights",
        ),
        // SQLite does not tell why. The file is there: it is the rights, or else the number of open files.
        Some(ErrorCode::CannotOpen) => (
            Denied,
            "it, or one of the two files that SQLite keeps beside it, cannot be opened; give the user the right to \
             read and write them and their folder (or the process the right to open more files)",
        ),
        Some(ErrorCode::NotADatabase) => {
            (Misconfigured, "it is no SQLite database; choose another path, or move the file away")
        }
        Some(ErrorCode::NoLargeFileSupport) => {
            (Misconfigured, "its disk cannot hold it; choose another path")
        }
        Some(ErrorCode::DatabaseCorrupt) => (
            Broken,
            "it is damaged; end all processes that use it, then move it away together with its -wal and -shm \
             files: locks need nothing of what was in it",
        ),
        _ => (Broken, "SQLite refuses a step; see that nothing else writes this file, and please report it"),
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::ffi;

    use super::*;

    fn error(code: i32) -> BackendError {
        explain(Path::new("/a/locks.db"), Error::SqliteFailure(ffi::Error::new(code), None))
    }

    #[test]
    fn each_code_has_its_kind() {
        use BackendErrorKind::{Broken, Denied, Misconfigured, Transient};
        for (kind, codes) in [
            (Transient, &[ffi::SQLITE_BUSY, ffi::SQLITE_BUSY_SNAPSHOT, ffi::SQLITE_LOCKED][..]),
            (Transient, &[ffi::SQLITE_PROTOCOL, ffi::SQLITE_FULL, ffi::SQLITE_NOMEM, ffi::SQLITE_INTERRUPT]),
            (Transient, &[ffi::SQLITE_IOERR, ffi::SQLITE_IOERR_WRITE, ffi::SQLITE_IOERR_FSYNC]),
            (
                Denied,
                &[ffi::SQLITE_READONLY, ffi::SQLITE_READONLY_DIRECTORY, ffi::SQLITE_PERM, ffi::SQLITE_AUTH],
            ),
            (Denied, &[ffi::SQLITE_CANTOPEN]),
            (Misconfigured, &[ffi::SQLITE_NOTADB, ffi::SQLITE_NOLFS]),
            (
                Broken,
                &[ffi::SQLITE_CORRUPT, ffi::SQLITE_CORRUPT_INDEX, ffi::SQLITE_ERROR, ffi::SQLITE_MISUSE],
            ),
        ] {
            for code in codes {
                assert_eq!(error(*code).kind(), kind, "code {code}");
            }
        }
        let unreadable = explain(Path::new("/a/locks.db"), Error::IntegralValueOutOfRange(0, 0));
        assert_eq!(unreadable.kind(), Broken);
    }

    #[test]
    fn an_error_names_the_file_says_what_to_do_and_keeps_its_cause() {
        let error = error(ffi::SQLITE_FULL);
        assert_eq!(error.to_string(), "lock file /a/locks.db: the disk is full; free some space");
        assert!(std::error::Error::source(&error).is_some());
    }
}
