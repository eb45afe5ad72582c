//! The records of one file, as the core's adapter sees them.

use std::path::Path;

use async_trait::async_trait;
use shylock_core::record_store::{Change, Loaded, Record, RecordStore, Version};
use shylock_core::{BackendError, Capabilities, ListPage, LockName};
use tokio::sync::Mutex;

use crate::options::SqliteOptions;
use crate::table::Table;
use crate::thread::Database;

/// The records in one file.
#[derive(Debug)]
pub(crate) struct SqliteStore {
    database: Database,
    /// Batches go one after the other, so that a single step waits for one at most.
    batches: Mutex<()>,
}

impl SqliteStore {
    pub(crate) async fn open(path: &Path, options: SqliteOptions) -> Result<Self, BackendError> {
        options.validate()?;
        Ok(Self { database: Database::open(path, options).await?, batches: Mutex::default() })
    }
}

#[async_trait]
impl RecordStore for SqliteStore {
    async fn load(&self, lock: &LockName) -> Result<Loaded, BackendError> {
        let lock = lock.clone();
        self.database.run(move |table| table.load(&lock)).await
    }

    async fn store(
        &self,
        lock: &LockName,
        expected: Option<&Version>,
        record: &Record,
    ) -> Result<bool, BackendError> {
        let (lock, expected, record) = (lock.clone(), expected.cloned(), record.clone());
        let compare_and_swap = move |table: &mut Table<'_>| {
            let version = table.load(&lock)?.record.map(|(_, version)| version);
            let is_expected = version == expected;
            if is_expected {
                table.store(&lock, &record, version.is_none())?;
            }
            Ok(is_expected)
        };
        self.database.run(move |table| table.write(compare_and_swap)).await
    }

    /// One transaction for all of them: nobody writes in between, so nothing has to be done again.
    async fn update(&self, mut changes: Vec<Change>) -> Result<Vec<Change>, BackendError> {
        let _turn = if changes.len() > 1 { Some(self.batches.lock().await) } else { None };
        let apply = move |table: &mut Table<'_>| {
            for change in &mut changes {
                let loaded = table.load(change.lock())?;
                if let Some(record) = change.apply(&loaded) {
                    table.store(change.lock(), &record, loaded.record.is_none())?;
                }
            }
            Ok(changes)
        };
        self.database.run(move |table| table.write(apply)).await
    }

    async fn list(&self, page: &ListPage) -> Result<Vec<LockName>, BackendError> {
        let page = page.clone();
        self.database.run(move |table| table.list(&page)).await
    }

    /// SQLite cannot wake another process, so waiting claims poll.
    fn capabilities(&self) -> Capabilities {
        Capabilities::new()
    }
}

#[cfg(test)]
mod tests;
