//! The backend that users open: the store under the core's adapter.

use std::path::Path;
use std::sync::Arc;

use shylock_core::BackendError;
use shylock_core::record_store::RecordBackend;

use crate::options::SqliteOptions;
use crate::store::SqliteStore;

/// Locks in an SQLite file, for the processes of one machine.
///
/// Clones share a connection. Every process that opens the same file sees the same locks.
///
/// SQLite runs on a thread of the backend's own, so no step blocks a runtime, and the backend outlives the runtime in
/// which it was opened. The thread ends when the last clone is dropped. It does not exist in a child process after
/// `fork`: there every step fails, and the child must open the file itself.
///
/// ```
/// use shylock_core::LockManager;
/// use shylock_sqlite::SqliteBackend;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), shylock_core::Error> {
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("locks.db");
/// let locks = LockManager::new(SqliteBackend::open(path).await?);
///
/// let guard = locks.lock("my-lock").acquire().await?;
/// // ... nobody else on this machine is in here ...
/// guard.release().await?;
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct SqliteBackend(Arc<RecordBackend<SqliteStore>>);

impl SqliteBackend {
    /// Locks in this file, with the default [`SqliteOptions`]. A file that does not exist is created, for its owner only.
    ///
    /// The same file may be opened many times, by many processes at once.
    ///
    /// # Errors
    /// - `Misconfigured` if the path cannot be used: its folder does not exist, it is not a file, not a database, the
    ///   database of another program, or of another version of this one; or if an option is invalid.
    /// - `Denied` if this user may not read and write the file or its folder.
    /// - `Broken` if the file is damaged.
    /// - `Transient` if another process keeps the file locked, or the disk is full.
    ///
    /// The message names the file and says what to do. A file that is refused is left as it was.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, BackendError> {
        Self::open_with(path, SqliteOptions::new()).await
    }

    /// Locks in this file, with other options.
    ///
    /// ```
    /// use std::time::Duration;
    /// use shylock_sqlite::{SqliteBackend, SqliteOptions};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), shylock_core::BackendError> {
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let path = folder.path().join("locks.db");
    /// let options = SqliteOptions::new().retention(Duration::from_secs(24 * 3600));
    /// let backend = SqliteBackend::open_with(path, options).await?;
    /// # let _ = backend; Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As [`SqliteBackend::open`].
    pub async fn open_with(path: impl AsRef<Path>, options: SqliteOptions) -> Result<Self, BackendError> {
        let store = SqliteStore::open(path.as_ref(), options).await?;
        Ok(Self(Arc::new(RecordBackend::new(store))))
    }
}

shylock_core::forward_backend!(SqliteBackend, |backend| backend.0);
