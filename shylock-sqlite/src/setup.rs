//! Opens a file with care: prepares it if it is new, and refuses it untouched if it is not ours.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior};
use shylock_core::{BackendError, BackendErrorKind};

use crate::error::{about, explain};
use crate::options::SqliteOptions;
use crate::place::Place;
use crate::table;

/// Stands in the header of each file of ours: "shyl".
const APPLICATION: i32 = 0x7368_796c;

/// The version of the table and of the records in it. A file of any other is refused: those who have it open would
/// misread what this version writes.
const SCHEMA: i32 = 2;

/// Opens the file, and makes it first if it is not there.
pub(crate) fn open(path: &Path, options: &SqliteOptions) -> Result<(Place, Connection), BackendError> {
    let place = Place::find_or_create(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db =
        Connection::open_with_flags(place.path(), flags).map_err(|error| explain(place.path(), error))?;
    accept(&db, place.path(), options)?;
    Ok((place, db))
}

/// Looks whether the file is ours and sound before anything is written to it.
fn accept(db: &Connection, path: &Path, options: &SqliteOptions) -> Result<(), BackendError> {
    let explain = |error| explain(path, error);
    db.busy_timeout(options.busy_timeout).map_err(explain)?;
    // A file that is refused is closed without the clean-up that would write to it.
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).map_err(explain)?;
    if db.is_readonly("main").map_err(explain)? {
        let what = "this user may not write it; give the user the right to";
        return Err(about(path, BackendErrorKind::Denied, what));
    }
    if number(db, "page_count").map_err(explain)? == 0 {
        create(db).map_err(explain)?;
    }
    recognise(db, path)?;
    check(db).map_err(explain)?;
    use_wal(db, path, options.busy_timeout)?;
    db.pragma_update(None, "synchronous", options.synchronous.pragma()).map_err(explain)?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false).map_err(explain)?;
    Ok(())
}

/// Makes the table, unless another process was faster. It is there before the file changes to WAL, so that
/// nobody ever finds half of it.
fn create(db: &Connection) -> rusqlite::Result<()> {
    let transaction = Transaction::new_unchecked(db, TransactionBehavior::Exclusive)?;
    let tables: i64 = db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if tables == 0 {
        db.execute_batch(table::CREATE)?;
        db.pragma_update(None, "application_id", APPLICATION)?;
        db.pragma_update(None, "user_version", SCHEMA)?;
    }
    transaction.commit()
}

fn recognise(db: &Connection, path: &Path) -> Result<(), BackendError> {
    let number = |pragma| number(db, pragma).map_err(|error| explain(path, error));
    let (application, schema) = (number("application_id")?, number("user_version")?);
    let what = if application != APPLICATION {
        "it is the database of another program; choose another path".into()
    } else if schema < SCHEMA {
        format!(
            "its table has version {schema}, and this program needs version {SCHEMA}; end all programs that use the \
             file, then delete it: an older version has nothing in it that is needed without them"
        )
    } else if schema != SCHEMA {
        format!(
            "its table has version {schema}, and this program knows version {SCHEMA}; use the same version of \
             shylock in all programs that share the file"
        )
    } else {
        return Ok(());
    };
    Err(about(path, BackendErrorKind::Misconfigured, what))
}

/// A damaged file could show too few claims, and so let two in.
fn check(db: &Connection) -> rusqlite::Result<()> {
    let verdict: String = db.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if verdict == "ok" {
        return Ok(());
    }
    let damaged = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
    Err(rusqlite::Error::SqliteFailure(damaged, Some(verdict)))
}

/// Lets readers and a writer go on side by side. SQLite does not wait by itself where several processes change to
/// that at once.
fn use_wal(db: &Connection, path: &Path, busy_timeout: Duration) -> Result<(), BackendError> {
    let give_up_at = Instant::now() + busy_timeout;
    loop {
        match db.query_row("PRAGMA journal_mode = WAL", [], |row| row.get::<_, String>(0)) {
            Ok(mode) if mode == "wal" => return Ok(()),
            Ok(_) => {
                let what = "its file system lacks what SQLite's WAL needs; choose a path on a local disk";
                return Err(about(path, BackendErrorKind::Misconfigured, what));
            }
            Err(error) if is_busy(&error) && Instant::now() < give_up_at => {
                thread::sleep(Duration::from_millis(2));
            }
            Err(error) => return Err(explain(path, error)),
        }
    }
}

fn is_busy(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
}

fn number(db: &Connection, pragma: &str) -> rusqlite::Result<i32> {
    db.query_row(&format!("PRAGMA {pragma}"), [], |row| row.get(0))
}
