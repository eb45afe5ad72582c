//! A lock for blocking code.

use std::sync::Arc;
use std::time::Duration;

use super::guard::LockGuard;
use super::manager::{LockManager, configured};
use crate::error::Error;

/// A lock by its name: made by [`LockManager::lock`], or by [`Lock::new`] for the configured manager.
///
/// The options are those of the asynchronous [`Lock`](crate::Lock).
#[derive(Debug, Clone)]
pub struct Lock {
    manager: Option<LockManager>,
    lock: crate::Lock,
}

impl Lock {
    /// A lock of the manager that [`configure`](super::configure) was given; it is looked up when the lock is acquired.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self { manager: None, lock: crate::Lock::new(name) }
    }

    pub(super) fn of(manager: LockManager, lock: crate::Lock) -> Self {
        Self { manager: Some(manager), lock }
    }

    /// As [`Lock::ttl`](crate::Lock::ttl).
    #[must_use]
    pub fn ttl(self, ttl: Duration) -> Self {
        self.map(|lock| lock.ttl(ttl))
    }

    /// As [`Lock::shared`](crate::Lock::shared).
    #[must_use]
    pub fn shared(self, max: u32) -> Self {
        self.map(|lock| lock.shared(max))
    }

    /// As [`Lock::auto_renew`](crate::Lock::auto_renew).
    #[must_use]
    pub fn auto_renew(self, auto_renew: bool) -> Self {
        self.map(|lock| lock.auto_renew(auto_renew))
    }

    /// As [`Lock::max_hold`](crate::Lock::max_hold).
    #[must_use]
    pub fn max_hold(self, time: Duration) -> Self {
        self.map(|lock| lock.max_hold(time))
    }

    /// As [`Lock::hold_at_least`](crate::Lock::hold_at_least).
    #[must_use]
    pub fn hold_at_least(self, time: Duration) -> Self {
        self.map(|lock| lock.hold_at_least(time))
    }

    /// As [`Lock::label`](crate::Lock::label).
    #[must_use]
    pub fn label(self, label: impl Into<Arc<str>>) -> Self {
        self.map(|lock| lock.label(label))
    }

    /// Waits for its turn, for as long as it takes, and acquires the lock.
    ///
    /// # Errors
    /// As [`Lock::acquire`](crate::Lock::acquire).
    ///
    /// # Panics
    /// Inside async code.
    pub fn acquire(&self) -> Result<LockGuard, Error> {
        let (manager, lock) = self.resolved()?;
        let guard = manager.wait(lock.acquire())?;
        Ok(LockGuard::new(manager, guard))
    }

    /// Acquires the lock if nobody holds it or waits for it; `None` if somebody does.
    ///
    /// # Errors
    /// As [`Lock::try_acquire`](crate::Lock::try_acquire): an outage is an error, never `None`.
    ///
    /// # Panics
    /// Inside async code.
    pub fn try_acquire(&self) -> Result<Option<LockGuard>, Error> {
        let (manager, lock) = self.resolved()?;
        let guard = manager.wait(lock.try_acquire())?;
        Ok(guard.map(|guard| LockGuard::new(manager, guard)))
    }

    /// Waits for its turn, but no longer than this.
    ///
    /// # Errors
    /// As [`Lock::acquire_timeout`](crate::Lock::acquire_timeout).
    ///
    /// # Panics
    /// Inside async code.
    pub fn acquire_timeout(&self, timeout: Duration) -> Result<LockGuard, Error> {
        let (manager, lock) = self.resolved()?;
        let guard = manager.wait(lock.acquire_timeout(timeout))?;
        Ok(LockGuard::new(manager, guard))
    }

    /// Acquires the lock, does the work, and releases it.
    ///
    /// Blocking work cannot be dropped half way: if it takes long, let it look at [`LockGuard::is_lost`].
    ///
    /// ```
    /// # use shylock_core::{blocking::LockManager, memory::MemoryBackend};
    /// # fn main() -> Result<(), shylock_core::Error> {
    /// # let locks = LockManager::new(MemoryBackend::new())?;
    /// let token = locks.lock("my-lock").with(|guard| guard.fencing_token())?;
    /// # let _ = token;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`Lost`](crate::ErrorKind::Lost) if the lock was lost before the work was done; otherwise as
    /// [`acquire`](Lock::acquire). A release that fails is no error, because the work is done.
    ///
    /// # Panics
    /// Inside async code, and if the work panics; the lock is given back then too.
    pub fn with<T>(&self, work: impl FnOnce(&LockGuard) -> T) -> Result<T, Error> {
        let guard = self.acquire()?;
        let done = work(&guard);
        match guard.release() {
            Err(error) if error.kind() == crate::ErrorKind::Lost => Err(error),
            Ok(()) | Err(_) => Ok(done),
        }
    }

    fn map(self, change: impl FnOnce(crate::Lock) -> crate::Lock) -> Self {
        Self { manager: self.manager, lock: change(self.lock) }
    }

    fn resolved(&self) -> Result<(LockManager, crate::Lock), Error> {
        if let Some(manager) = &self.manager {
            return Ok((manager.clone(), self.lock.clone()));
        }
        let manager = configured()?;
        let lock = self.lock.clone().in_manager(manager.inner().clone());
        Ok((manager, lock))
    }
}
