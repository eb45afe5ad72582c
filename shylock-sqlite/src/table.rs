//! The table of records: one row for each lock name, and the statements that read and write it.

use std::error::Error;
use std::time::{Duration, Instant, SystemTime};

use rusqlite::config::DbConfig;
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, Statement, Transaction, TransactionBehavior};
use shylock_core::record_store::{Loaded, Record, Version};
use shylock_core::{ListPage, LockName};

use crate::error::StepError;
use crate::options::SqliteOptions;
use crate::place::Place;

/// Creates the table. Names are blobs: SQLite compares those byte by byte, whatever is in them, while its functions
/// on text stop at a NUL. A record that is kept for good has no `needed_until`.
pub(crate) const CREATE: &str = "
    CREATE TABLE locks (
        name BLOB PRIMARY KEY,
        version INTEGER NOT NULL,
        body TEXT NOT NULL,
        live_until INTEGER NOT NULL,
        needed_until INTEGER
    ) STRICT, WITHOUT ROWID";

const LOAD: &str = "SELECT body, live_until, needed_until, version FROM locks WHERE name = ?1";

/// A version counts up from a random number of 63 bits. So it cannot repeat while the record exists, and a record that
/// was purged and created again has none of the versions that somebody may remember of the old one.
const STORE: &str = "
    INSERT INTO locks VALUES (?1, random() / 2, ?2, ?3, ?4)
    ON CONFLICT DO UPDATE SET version = version + 1, body = ?2, live_until = ?3, needed_until = ?4";

/// The names with a prefix lie between the prefix and the prefix with FF, a byte that is in no UTF-8.
const LIST: &str = "
    SELECT name FROM locks
    WHERE name >= ?1 AND name < ?2 AND name <> ?3 AND live_until > ?4
    ORDER BY name LIMIT ?5";

const SWEEP: &str =
    "DELETE FROM locks WHERE name IN (SELECT name FROM locks WHERE needed_until <= ?1 LIMIT ?2)";

/// Some at a time, so that nobody has to wait for long.
const SWEEP_LIMIT: usize = 1000;

/// The table, as the thread that owns the connection uses it.
pub(crate) struct Table<'db> {
    db: &'db Connection,
    place: Place,
    load: Statement<'db>,
    store: Statement<'db>,
    list: Statement<'db>,
    options: SqliteOptions,
    has_grown: bool,
    /// When no record was left to purge.
    clean_at: Option<Instant>,
}

impl<'db> Table<'db> {
    /// Prepares the statements of an open file, and begins to watch the files that SQLite keeps beside it.
    pub(crate) fn prepare(
        db: &'db Connection,
        mut place: Place,
        options: SqliteOptions,
    ) -> rusqlite::Result<Self> {
        let (mut load, store, list) = (db.prepare(LOAD)?, db.prepare(STORE)?, db.prepare(LIST)?);
        // SQLite opens the two files with the first read.
        load.exists([&[][..]])?;
        place.watch_companions();
        Ok(Self { db, place, load, store, list, options, has_grown: false, clean_at: None })
    }

    /// The connection, for tests.
    #[cfg(test)]
    pub(crate) fn db(&self) -> &'db Connection {
        self.db
    }

    /// One transaction, which excludes other writers from its beginning on. A step that fails has done nothing.
    pub(crate) fn write<T>(
        &mut self,
        step: impl FnOnce(&mut Self) -> Result<T, StepError>,
    ) -> Result<T, StepError> {
        let transaction = Transaction::new_unchecked(self.db, TransactionBehavior::Immediate)?;
        // After the wait for other writers: what was replaced meanwhile must not be written.
        self.place.check()?;
        let answer = step(self)?;
        transaction.commit()?;
        Ok(answer)
    }

    /// Reads the record of a lock.
    pub(crate) fn load(&mut self, lock: &LockName) -> Result<Loaded, StepError> {
        if self.db.is_autocommit() {
            self.place.check()?;
        }
        let record = self.load.query_row([lock.as_str().as_bytes()], record).optional()?;
        Ok(Loaded::new(record, now()))
    }

    /// Writes the record of a lock, inside [`write`](Table::write).
    pub(crate) fn store(&mut self, lock: &LockName, record: &Record, is_new: bool) -> Result<(), StepError> {
        let needed_until = record.needed_until.map(u64::cast_signed);
        let row = (lock.as_str().as_bytes(), &record.body, record.live_until.cast_signed(), needed_until);
        self.store.execute(row)?;
        // Only a new record makes the file grow.
        self.has_grown |= is_new;
        Ok(())
    }

    pub(crate) fn list(&mut self, page: &ListPage) -> Result<Vec<LockName>, StepError> {
        self.place.check()?;
        let prefix = page.prefix.as_bytes();
        let end = [prefix, b"\xFF"].concat();
        let after = page.after.as_ref().map_or(&[][..], |name| name.as_str().as_bytes());
        let limit = i64::try_from(page.limit).unwrap_or(i64::MAX);
        let binds = (prefix.max(after), end, after, now().cast_signed(), limit);
        let names = self.list.query_map(binds, |row| name(row.get(0)?))?;
        Ok(names.collect::<rusqlite::Result<_>>()?)
    }

    /// Deletes records that nobody has needed for long, now and then, after a step that created one. It never fails,
    /// and never waits for others: what it leaves, a later one deletes.
    pub(crate) fn sweep(&mut self) {
        let is_due = self.clean_at.is_none_or(|at| at.elapsed() >= self.options.retention / 8);
        if !std::mem::take(&mut self.has_grown) || !is_due || self.place.check().is_err() {
            return;
        }
        let retention = u64::try_from(self.options.retention.as_millis()).unwrap_or(u64::MAX);
        let forgotten = now().saturating_sub(retention);
        let _ = self.db.busy_timeout(Duration::ZERO);
        let swept = self.db.execute(SWEEP, (forgotten.cast_signed(), SWEEP_LIMIT.cast_signed()));
        let _ = self.db.busy_timeout(self.options.busy_timeout);
        if swept.is_ok_and(|rows| rows < SWEEP_LIMIT) {
            self.clean_at = Some(Instant::now());
        }
    }

    /// If the files were replaced, what this connection has written must not get into those of others.
    pub(crate) fn prepare_to_close(&self) {
        if self.place.check().is_err() {
            let _ = self.db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
        }
    }
}

fn record(row: &Row<'_>) -> rusqlite::Result<(Record, Version)> {
    let live_until = row.get::<_, i64>(1)?.cast_unsigned();
    let needed_until = row.get::<_, Option<i64>>(2)?.map(i64::cast_unsigned);
    let version = row.get::<_, i64>(3)?.cast_unsigned();
    Ok((Record::new(row.get::<_, String>(0)?, live_until, needed_until), version.into()))
}

fn name(bytes: Vec<u8>) -> rusqlite::Result<LockName> {
    let invalid =
        |error: Box<dyn Error + Send + Sync>| rusqlite::Error::FromSqlConversionFailure(0, Type::Blob, error);
    let text = String::from_utf8(bytes).map_err(|error| invalid(error.into()))?;
    LockName::new(text).map_err(|error| invalid(error.into()))
}

/// The clock of the machine, which all who use the file have in common, in milliseconds since 1970.
pub(crate) fn now() -> u64 {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX)
}
