//! Locks for blocking code.

use std::sync::Arc;
use std::time::Duration;

use super::guard::LockGuard;
use super::manager::{LockManager, configured};
use crate::error::{Error, ErrorKind};

/// The setters that a blocking lock forwards to the asynchronous one.
macro_rules! forward_setters {
    ($($setter:ident($arg:ident: $type:ty)),+ $(,)?) => {
        $(
            #[doc = concat!("As [`Lock::", stringify!($setter), "`](crate::Lock::", stringify!($setter), ").")]
            #[must_use]
            pub fn $setter(self, $arg: $type) -> Self {
                Self { lock: self.lock.$setter($arg), ..self }
            }
        )+
    };
}

/// A blocking lock or semaphore over the asynchronous one: setters, and the three ways to acquire it.
macro_rules! blocking_lock {
    ($type:ident) => {
        impl $type {
            pub(super) fn of(manager: LockManager, lock: crate::$type) -> Self {
                Self { manager: Some(manager), lock }
            }

            forward_setters! {
                ttl(ttl: Duration),
                auto_renew(auto_renew: bool),
                max_hold(time: Duration),
                min_hold(time: Duration),
                label(label: impl Into<Arc<str>>),
            }

            /// Waits for its turn, for as long as it takes.
            ///
            /// # Errors
            #[doc = concat!("As [`acquire`](crate::", stringify!($type), "::acquire) of the asynchronous one.")]
            ///
            /// # Panics
            /// Inside async code.
            pub fn acquire(&self) -> Result<LockGuard, Error> {
                let (manager, lock) = self.resolved()?;
                let guard = manager.call(lock.acquire())?;
                Ok(LockGuard::new(manager, guard))
            }

            /// Acquires it if it is free; otherwise returns `None`.
            ///
            /// # Errors
            #[doc = concat!("As [`try_acquire`](crate::", stringify!($type), "::try_acquire) of the asynchronous one.")]
            /// An outage is an error, never `None`.
            ///
            /// # Panics
            /// Inside async code.
            pub fn try_acquire(&self) -> Result<Option<LockGuard>, Error> {
                let (manager, lock) = self.resolved()?;
                let guard = manager.call(lock.try_acquire())?;
                Ok(guard.map(|guard| LockGuard::new(manager, guard)))
            }

            /// Waits for its turn, but no longer than this.
            ///
            /// # Errors
            #[doc = concat!(
                "As [`acquire_timeout`](crate::", stringify!($type), "::acquire_timeout) of the asynchronous one."
            )]
            ///
            /// # Panics
            /// Inside async code.
            pub fn acquire_timeout(&self, timeout: Duration) -> Result<LockGuard, Error> {
                let (manager, lock) = self.resolved()?;
                let guard = manager.call(lock.acquire_timeout(timeout))?;
                Ok(LockGuard::new(manager, guard))
            }

            fn resolved(&self) -> Result<(LockManager, crate::$type), Error> {
                if let Some(manager) = &self.manager {
                    return Ok((manager.clone(), self.lock.clone()));
                }
                let manager = configured()?;
                let lock = self.lock.clone().in_manager(manager.inner().clone());
                Ok((manager, lock))
            }
        }
    };
}

/// A lock by its name, made by [`LockManager::lock`], or by [`Lock::new`] for the configured manager.
#[derive(Debug, Clone)]
pub struct Lock {
    manager: Option<LockManager>,
    lock: crate::Lock,
}

/// A semaphore by its name, made by [`LockManager::semaphore`], or by [`Semaphore::new`] for the configured manager.
#[derive(Debug, Clone)]
pub struct Semaphore {
    manager: Option<LockManager>,
    lock: crate::Semaphore,
}

blocking_lock!(Lock);
blocking_lock!(Semaphore);

impl Lock {
    /// A lock of the manager that [`configure`](super::configure) was given. The manager is looked up when the lock is
    /// acquired.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self { manager: None, lock: crate::Lock::new(name) }
    }

    /// Acquires the lock, does the work, and releases the lock.
    ///
    /// Blocking work cannot be dropped half way: if it takes long, let it look at
    /// [`is_lost`](crate::LockGuard::is_lost).
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
    /// [`Lost`](ErrorKind::Lost) if the lock was lost before it was released; otherwise as [`acquire`](Lock::acquire).
    /// If the store cannot be reached for the release, that is no error, because the work is done: the lock is free when
    /// its lease ends.
    ///
    /// # Panics
    /// Inside async code, and if the work panics; the lock is released then too.
    pub fn with<T>(&self, work: impl FnOnce(&LockGuard) -> T) -> Result<T, Error> {
        let guard = self.acquire()?;
        let done = work(&guard);
        match guard.release() {
            Err(error) if error.kind() == ErrorKind::Lost => Err(error),
            Ok(()) | Err(_) => Ok(done),
        }
    }
}

impl Semaphore {
    /// A semaphore of the manager that [`configure`](super::configure) was given. The manager is looked up when a permit is
    /// acquired.
    pub fn new(name: impl Into<Arc<str>>, permits: u32) -> Self {
        Self { manager: None, lock: crate::Semaphore::new(name, permits) }
    }
}
