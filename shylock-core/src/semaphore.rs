//! A limit on how many hold a lock at once.

use std::sync::Arc;
use std::time::Duration;

use crate::access::Access;
use crate::error::Error;
use crate::guard::LockGuard;
use crate::manager::LockManager;
use crate::options::{Options, option_setters};
use crate::queue::Mode;

/// A semaphore by its name, made by [`LockManager::semaphore`]: at most so many permits are held at once, by all
/// processes together.
///
/// Permits are granted in the order in which they were asked for. If processes disagree about the number of permits,
/// the smallest number among the holders and the first that waits counts. [`u32::MAX`] permits are a reader's lock.
///
/// ```
/// use shylock_core::{LockManager, memory::MemoryBackend};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), shylock_core::Error> {
/// let locks = LockManager::new(MemoryBackend::new());
/// let downloads = locks.semaphore("downloads", 2);
///
/// let (one, two) = (downloads.acquire().await?, downloads.acquire().await?);
/// assert!(downloads.try_acquire().await?.is_none());
/// one.release().await?;
/// two.release().await?;
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Semaphore {
    access: Access,
    options: Options,
    permits: u32,
}

impl Semaphore {
    /// A semaphore of the manager that [`configure`](crate::configure) was given. The manager is looked up when a permit is
    /// acquired. `permits` must be at least 1.
    pub fn new(name: impl Into<Arc<str>>, permits: u32) -> Self {
        Self { access: Access::new(None, name.into()), options: Options::default(), permits }
    }

    pub(crate) fn of(manager: LockManager, name: Arc<str>, permits: u32) -> Self {
        Self { access: Access::new(Some(manager), name), options: Options::default(), permits }
    }

    /// The same semaphore of this manager.
    #[cfg(feature = "blocking")]
    pub(crate) fn in_manager(self, manager: LockManager) -> Self {
        Self { access: self.access.in_manager(manager), ..self }
    }

    option_setters!();

    /// Waits for a permit, for as long as it takes.
    ///
    /// # Errors
    /// As [`Lock::acquire`](crate::Lock::acquire), and [`InvalidInput`](crate::ErrorKind::InvalidInput) for a semaphore
    /// without permits.
    ///
    /// # Cancel safety
    /// As [`Lock::acquire`](crate::Lock::acquire).
    pub async fn acquire(&self) -> Result<LockGuard, Error> {
        self.access.acquire(self.mode()?, &self.options).await.map(LockGuard::new)
    }

    /// Acquires a permit if one is free and nobody waits for it; otherwise returns `None`.
    ///
    /// # Errors
    /// As [`Lock::try_acquire`](crate::Lock::try_acquire), and [`InvalidInput`](crate::ErrorKind::InvalidInput) for a
    /// semaphore without permits.
    ///
    /// # Cancel safety
    /// As [`Lock::acquire`](crate::Lock::acquire).
    pub async fn try_acquire(&self) -> Result<Option<LockGuard>, Error> {
        Ok(self.access.try_acquire(self.mode()?, &self.options).await?.map(LockGuard::new))
    }

    /// Waits for a permit, but no longer than this.
    ///
    /// # Errors
    /// As [`Lock::acquire_timeout`](crate::Lock::acquire_timeout), and
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for a semaphore without permits.
    ///
    /// # Cancel safety
    /// As [`Lock::acquire`](crate::Lock::acquire).
    pub async fn acquire_timeout(&self, timeout: Duration) -> Result<LockGuard, Error> {
        self.access.acquire_timeout(self.mode()?, &self.options, timeout).await.map(LockGuard::new)
    }

    fn mode(&self) -> Result<Mode, Error> {
        match self.permits {
            0 => Err(Error::invalid("invalid number of permits 0: must be at least 1")),
            max => Ok(Mode::Shared { max }),
        }
    }
}
