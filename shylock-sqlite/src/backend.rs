//! The backend that users open: the store under the core's adapter.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_core::stream::BoxStream;
use shylock_core::{
    Backend, BackendError, ClaimId, JoinRequest, ListPage, LockName, RecordBackend, Renewal, Renewed,
    Snapshot, Wakeup,
};

use crate::connection::LockFile;
use crate::options::SqliteOptions;
use crate::store::SqliteStore;

/// Locks in an SQLite file, for the processes of one machine.
///
/// Clones share a connection. Every process that opens the same file sees the same locks.
///
/// The methods want a tokio runtime, of either flavour. No step blocks it: SQLite runs on the threads that the
/// runtime keeps for blocking work.
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
#[derive(Clone)]
pub struct SqliteBackend(Arc<RecordBackend<SqliteStore>>);

impl SqliteBackend {
    /// Locks in this file, with the default [`SqliteOptions`]. A file that is not there is made, for its owner only.
    ///
    /// To open it twice, or in many processes at once, is fine.
    ///
    /// # Errors
    /// - `Misconfigured` if the path cannot be: its folder is not there, it is no file, no database, the database of
    ///   another program, or of a newer version of this one; or if there is no tokio runtime.
    /// - `Denied` if the file or its folder may not be read and written by this user.
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
        let file = LockFile::open(path.as_ref(), &options).await?;
        Ok(Self(Arc::new(RecordBackend::new(SqliteStore::new(file, options.retention)))))
    }
}

impl fmt::Debug for SqliteBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SqliteBackend").field(&self.0).finish()
    }
}

#[async_trait]
impl Backend for SqliteBackend {
    async fn join(&self, request: &JoinRequest) -> Result<Snapshot, BackendError> {
        self.0.join(request).await
    }

    async fn renew(&self, renewals: &[Renewal]) -> Result<Vec<Renewed>, BackendError> {
        self.0.renew(renewals).await
    }

    async fn leave(&self, lock: &LockName, claim: ClaimId, linger: Duration) -> Result<(), BackendError> {
        self.0.leave(lock, claim, linger).await
    }

    async fn queue(&self, lock: &LockName) -> Result<Snapshot, BackendError> {
        self.0.queue(lock).await
    }

    async fn list(&self, page: &ListPage) -> Result<Vec<LockName>, BackendError> {
        self.0.list(page).await
    }

    async fn wakeups(&self) -> Result<Option<BoxStream<'static, Wakeup>>, BackendError> {
        self.0.wakeups().await
    }
}
