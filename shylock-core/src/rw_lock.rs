//! A lock that either many readers or one writer hold.

use std::sync::Arc;
use std::time::Duration;

use crate::access::Access;
use crate::error::Error;
use crate::guard::LockGuard;
use crate::manager::LockManager;
use crate::options::{Options, option_setters};
use crate::queue::Mode;

/// A read-write lock by its name, made by [`LockManager::rw_lock`].
///
/// Many readers hold it together, or one writer alone. The order is strict: a reader that comes after a waiting writer
/// waits behind it, so writers do not starve. A writer and a [`Lock`](crate::Lock) of the same name exclude each other.
///
/// The readers of one process share a claim in the store. A reader does not become a writer: two that tried would wait
/// for each other.
///
/// ```
/// use shylock_core::{LockManager, memory::MemoryBackend};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), shylock_core::Error> {
/// let locks = LockManager::new(MemoryBackend::new());
/// let lock = locks.rw_lock("catalogue");
///
/// let (one, two) = (lock.read().await?, lock.read().await?);
/// assert!(lock.try_write().await?.is_none());
/// one.release().await?;
/// two.release().await?;
///
/// let writer = lock.write().await?;
/// writer.release().await?;
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct RwLock {
    access: Access,
    options: Options,
}

impl RwLock {
    /// A read-write lock of the manager that [`configure`](crate::configure) was given. The manager is looked up when the
    /// lock is acquired.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self { access: Access::new(None, name.into()), options: Options::default() }
    }

    pub(crate) fn of(manager: LockManager, name: Arc<str>) -> Self {
        Self { access: Access::new(Some(manager), name), options: Options::default() }
    }

    option_setters!();

    /// Waits until no writer holds the lock or waits for it, for as long as it takes, and holds it together with other
    /// readers.
    ///
    /// # Errors
    /// As [`Lock::acquire`](crate::Lock::acquire).
    ///
    /// # Cancel safety
    /// As [`Lock::acquire`](crate::Lock::acquire).
    pub async fn read(&self) -> Result<LockGuard, Error> {
        self.access.acquire(Mode::READER, &self.options).await.map(LockGuard::new)
    }

    /// Waits until nobody else holds the lock, for as long as it takes, and holds it alone.
    ///
    /// # Errors
    /// As [`Lock::acquire`](crate::Lock::acquire).
    ///
    /// # Cancel safety
    /// As [`Lock::acquire`](crate::Lock::acquire).
    pub async fn write(&self) -> Result<LockGuard, Error> {
        self.access.acquire(Mode::Exclusive, &self.options).await.map(LockGuard::new)
    }

    /// As [`read`](RwLock::read), or `None` if a writer holds the lock or waits for it.
    ///
    /// # Errors
    /// As [`Lock::try_acquire`](crate::Lock::try_acquire).
    ///
    /// # Cancel safety
    /// As [`Lock::acquire`](crate::Lock::acquire).
    pub async fn try_read(&self) -> Result<Option<LockGuard>, Error> {
        Ok(self.access.try_acquire(Mode::READER, &self.options).await?.map(LockGuard::new))
    }

    /// As [`write`](RwLock::write), or `None` if somebody holds the lock or waits for it.
    ///
    /// # Errors
    /// As [`Lock::try_acquire`](crate::Lock::try_acquire).
    ///
    /// # Cancel safety
    /// As [`Lock::acquire`](crate::Lock::acquire).
    pub async fn try_write(&self) -> Result<Option<LockGuard>, Error> {
        Ok(self.access.try_acquire(Mode::Exclusive, &self.options).await?.map(LockGuard::new))
    }

    /// As [`read`](RwLock::read), but waits no longer than this.
    ///
    /// # Errors
    /// As [`Lock::acquire_timeout`](crate::Lock::acquire_timeout).
    ///
    /// # Cancel safety
    /// As [`Lock::acquire`](crate::Lock::acquire).
    pub async fn read_timeout(&self, timeout: Duration) -> Result<LockGuard, Error> {
        self.access.acquire_timeout(Mode::READER, &self.options, timeout).await.map(LockGuard::new)
    }

    /// As [`write`](RwLock::write), but waits no longer than this.
    ///
    /// # Errors
    /// As [`Lock::acquire_timeout`](crate::Lock::acquire_timeout).
    ///
    /// # Cancel safety
    /// As [`Lock::acquire`](crate::Lock::acquire).
    pub async fn write_timeout(&self, timeout: Duration) -> Result<LockGuard, Error> {
        self.access.acquire_timeout(Mode::Exclusive, &self.options, timeout).await.map(LockGuard::new)
    }
}
