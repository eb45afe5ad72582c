//! A lock that one holder has at a time.

use std::sync::Arc;
use std::time::Duration;

use crate::access::Access;
use crate::error::{Error, ErrorKind};
use crate::guard::LockGuard;
use crate::manager::LockManager;
use crate::options::{Options, option_setters};
use crate::queue::Mode;

/// A lock by its name, made by [`LockManager::lock`], or by [`Lock::new`] for the configured manager.
///
/// It is a description, cheap to make and to clone. The store is not used until the lock is acquired.
///
/// A lock is not reentrant: a task that acquires a lock which it already holds waits for itself.
///
/// ```
/// use std::time::Duration;
/// use shylock_core::{LockManager, memory::MemoryBackend};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), shylock_core::Error> {
/// let locks = LockManager::new(MemoryBackend::new());
/// let lock = locks.lock("nightly-report").ttl(Duration::from_secs(10)).label("report of 2026-11-21");
///
/// let guard = lock.acquire().await?;
/// println!("{}", guard.fencing_token());
/// guard.release().await?;
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Lock {
    access: Access,
    options: Options,
}

impl Lock {
    /// A lock of the manager that [`configure`](crate::configure) was given. The manager is looked up when the lock is
    /// acquired.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self { access: Access::new(None, name.into()), options: Options::default() }
    }

    pub(crate) fn of(manager: LockManager, name: Arc<str>) -> Self {
        Self { access: Access::new(Some(manager), name), options: Options::default() }
    }

    /// The same lock of this manager.
    #[cfg(feature = "blocking")]
    pub(crate) fn in_manager(self, manager: LockManager) -> Self {
        Self { access: self.access.in_manager(manager), ..self }
    }

    option_setters!();

    /// Waits for its turn, for as long as it takes, and acquires the lock.
    ///
    /// # Errors
    /// - [`Unavailable`](ErrorKind::Unavailable) if the store was out of reach for as long as the retry policy allows,
    ///   while joining the queue or while waiting in it.
    /// - [`Denied`](ErrorKind::Denied), [`Misconfigured`](ErrorKind::Misconfigured), [`Broken`](ErrorKind::Broken) if the
    ///   store refuses, or the manager cannot be used here.
    /// - [`InvalidInput`](ErrorKind::InvalidInput) for an invalid name or option.
    /// - [`NotConfigured`](ErrorKind::NotConfigured), [`ShutDown`](ErrorKind::ShutDown).
    ///
    /// # Cancel safety
    /// When it is dropped, it gives up its place in the queue, in the background. No lock is held afterwards.
    pub async fn acquire(&self) -> Result<LockGuard, Error> {
        self.access.acquire(Mode::Exclusive, &self.options).await.map(LockGuard::new)
    }

    /// Acquires the lock if nobody holds it or waits for it. Returns `None` if somebody does.
    ///
    /// It does not wait for a holder. It takes one round trip to the store, or none if another task of this process
    /// is known to hold the lock or to wait for it.
    ///
    /// # Errors
    /// As [`acquire`](Lock::acquire). An outage is an error, never `None`.
    ///
    /// # Cancel safety
    /// As [`acquire`](Lock::acquire).
    pub async fn try_acquire(&self) -> Result<Option<LockGuard>, Error> {
        let grant = self.access.try_acquire(Mode::Exclusive, &self.options).await?;
        Ok(grant.map(LockGuard::new))
    }

    /// Waits for its turn, but no longer than this. A timeout of zero is one attempt.
    ///
    /// A timeout that is shorter than a round trip to the store is one attempt too, which may take up to a second. If a
    /// request is under way when the time is over, or the store was not asked for a while, this waits for an answer for up
    /// to a second more, because only that tells a held lock from an outage.
    ///
    /// # Errors
    /// - [`Timeout`](ErrorKind::Timeout) if the lock was not granted in time.
    /// - [`Unavailable`](ErrorKind::Unavailable) if the time is over and the store was out of reach at the end.
    /// - Otherwise as [`acquire`](Lock::acquire).
    ///
    /// # Cancel safety
    /// As [`acquire`](Lock::acquire).
    pub async fn acquire_timeout(&self, timeout: Duration) -> Result<LockGuard, Error> {
        self.access.acquire_timeout(Mode::Exclusive, &self.options, timeout).await.map(LockGuard::new)
    }

    /// Acquires the lock, does the work, and releases the lock. If the lock is lost, the work is dropped at its next await.
    ///
    /// ```
    /// # use shylock_core::{LockManager, memory::MemoryBackend};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), shylock_core::Error> {
    /// # let locks = LockManager::new(MemoryBackend::new());
    /// let token = locks.lock("my-lock").with(async |guard| guard.fencing_token()).await?;
    /// # let _ = token;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`Lost`](ErrorKind::Lost) if the lock was lost before it was released; otherwise as [`acquire`](Lock::acquire).
    /// If the store cannot be reached for the release, that is no error, because the work is done: the lock is free when
    /// its lease ends.
    ///
    /// # Panics
    /// Only if the work panics. The lock is released then too.
    ///
    /// # Cancel safety
    /// When it is dropped, the work is dropped and the lock is released in the background.
    pub async fn with<T>(&self, work: impl AsyncFnOnce(&LockGuard) -> T) -> Result<T, Error> {
        let guard = self.acquire().await?;
        let done = tokio::select! {
            biased;
            reason = guard.lost() => Err(Error::lost(guard.lock_name(), reason)),
            done = work(&guard) => Ok(done),
        }?;
        match guard.release().await {
            Err(error) if error.kind() == ErrorKind::Lost => Err(error),
            Ok(()) | Err(_) => Ok(done),
        }
    }
}
