//! The records: one row for each lock name, changed by compare-and-swap.

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use futures_core::stream::BoxStream;
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row};
use shylock_core::{BackendError, ListPage, Loaded, LockName, Record, RecordStore, Wakeup, Write};
use tokio::sync::Mutex;

use crate::connection::LockFile;
use crate::sweeper::Sweeper;

/// The table. Names are blobs: SQLite compares those byte by byte, whatever is in them, while its functions
/// on text stop at a NUL.
pub(crate) const TABLE: &str = "
    CREATE TABLE locks (
        name BLOB PRIMARY KEY,
        version INTEGER NOT NULL,
        body TEXT NOT NULL,
        live_until INTEGER NOT NULL,
        needed_until INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID";

const LOAD: &str = "SELECT body, live_until, needed_until, version FROM locks WHERE name = ?1";

const UPDATE: &str = "
    UPDATE locks SET version = version + 1, body = ?2, live_until = ?3, needed_until = ?4
    WHERE name = ?1 AND version = ?5";

/// A version counts up from a random number of 63 bits. So it cannot repeat while the record is there, and a
/// record that was purged and made anew has none of the versions that somebody may remember of the old one.
const INSERT: &str = "
    INSERT INTO locks VALUES (?1, random() / 2, ?2, ?3, ?4) ON CONFLICT DO NOTHING";

/// The names with a prefix lie between the prefix and the prefix with FF, a byte that is in no UTF-8.
const LIST: &str = "
    SELECT name FROM locks
    WHERE name >= ?1 AND name < ?2 AND name <> ?3 AND live_until > ?4
    ORDER BY name LIMIT ?5";

/// The records in one file.
#[derive(Debug)]
pub(crate) struct SqliteStore {
    file: LockFile,
    sweeper: Arc<Sweeper>,
    /// Batches go one after the other, so that a single step waits for one at most.
    batches: Mutex<()>,
}

impl SqliteStore {
    pub(crate) fn new(file: LockFile, retention: Duration) -> Self {
        Self { file, sweeper: Arc::new(Sweeper::new(retention)), batches: Mutex::default() }
    }

    async fn read(&self, locks: Vec<LockName>) -> Result<Vec<Loaded>, BackendError> {
        self.file.run(move |db| in_one_go(db, || read(db, &locks))).await
    }

    async fn write(&self, writes: Vec<Write>) -> Result<Vec<bool>, BackendError> {
        let sweeper = self.sweeper.clone();
        self.file
            .run(move |db| {
                let written = in_one_go(db, || write(db, &writes))?;
                // Only a new record makes the file grow.
                if writes.iter().zip(&written).any(|(write, written)| *written && write.expected.is_none()) {
                    sweeper.sweep(db, now());
                }
                Ok(written)
            })
            .await
    }
}

#[async_trait]
impl RecordStore for SqliteStore {
    async fn load(&self, lock: &LockName) -> Result<Loaded, BackendError> {
        Ok(self.read(vec![lock.clone()]).await?.remove(0))
    }

    async fn store(
        &self,
        lock: &LockName,
        expected: Option<u64>,
        record: &Record,
    ) -> Result<bool, BackendError> {
        let write = Write { lock: lock.clone(), expected, record: record.clone() };
        Ok(self.write(vec![write]).await? == [true])
    }

    async fn load_many(&self, locks: &[LockName]) -> Result<Vec<Loaded>, BackendError> {
        let _turn = self.batches.lock().await;
        self.read(locks.to_vec()).await
    }

    async fn store_many(&self, writes: &[Write]) -> Result<Vec<bool>, BackendError> {
        let _turn = self.batches.lock().await;
        self.write(writes.to_vec()).await
    }

    async fn list(&self, page: &ListPage) -> Result<Vec<LockName>, BackendError> {
        let page = page.clone();
        self.file.run(move |db| list(db, &page)).await
    }

    /// The core makes the tasks of this process look at each other's changes, and polls for those of others.
    async fn wakeups(&self) -> Result<Option<BoxStream<'static, Wakeup>>, BackendError> {
        Ok(None)
    }
}

/// One transaction, which locks out other writers from its first write on. A step that fails has done nothing.
fn in_one_go<T>(db: &Connection, step: impl FnOnce() -> rusqlite::Result<T>) -> rusqlite::Result<T> {
    let transaction = db.unchecked_transaction()?;
    let answer = step()?;
    transaction.commit()?;
    Ok(answer)
}

fn read(db: &Connection, locks: &[LockName]) -> rusqlite::Result<Vec<Loaded>> {
    let mut select = db.prepare(LOAD)?;
    let loaded = locks.iter().map(|lock| {
        let record = select.query_row([lock.as_str().as_bytes()], record).optional()?;
        Ok(Loaded { record, now: now() })
    });
    loaded.collect()
}

fn record(row: &Row<'_>) -> rusqlite::Result<(Record, u64)> {
    let number = |column| row.get(column).map(i64::cast_unsigned);
    let (live_until, needed_until) = (number("live_until")?, number("needed_until")?);
    Ok((Record { body: row.get("body")?, live_until, needed_until }, number("version")?))
}

/// How many rows a statement changed tells whether it came in time.
fn write(db: &Connection, writes: &[Write]) -> rusqlite::Result<Vec<bool>> {
    let (mut update, mut insert) = (db.prepare(UPDATE)?, db.prepare(INSERT)?);
    let written = writes.iter().map(|Write { lock, expected, record }| {
        let (name, body) = (lock.as_str().as_bytes(), &record.body);
        let (live_until, needed_until) = (record.live_until.cast_signed(), record.needed_until.cast_signed());
        let rows = match expected.map(u64::cast_signed) {
            Some(expected) => update.execute((name, body, live_until, needed_until, expected))?,
            None => insert.execute((name, body, live_until, needed_until))?,
        };
        Ok(rows == 1)
    });
    written.collect()
}

fn list(db: &Connection, page: &ListPage) -> rusqlite::Result<Vec<LockName>> {
    let prefix = page.prefix.as_bytes();
    let end = [prefix, b"\xFF"].concat();
    let after = page.after.as_ref().map_or(&[][..], |name| name.as_str().as_bytes());
    let limit = i64::try_from(page.limit).unwrap_or(i64::MAX);
    let mut statement = db.prepare(LIST)?;
    let names = statement
        .query_map((prefix.max(after), end, after, now().cast_signed(), limit), |row| name(row.get(0)?))?;
    names.collect()
}

fn name(bytes: Vec<u8>) -> rusqlite::Result<LockName> {
    let unfit =
        |error: Box<dyn Error + Send + Sync>| rusqlite::Error::FromSqlConversionFailure(0, Type::Blob, error);
    let text = String::from_utf8(bytes).map_err(|error| unfit(error.into()))?;
    LockName::new(text).map_err(|error| unfit(error.into()))
}

/// The clock of the machine, which all who use the file have in common, in milliseconds since 1970.
fn now() -> u64 {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
