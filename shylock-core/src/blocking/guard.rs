//! A guard for blocking code.

use std::fmt;
use std::ops::Deref;
use std::sync::mpsc;
use std::time::Duration;

use super::manager::LockManager;
use crate::client::lease::LossReason;
use crate::error::Error;
use crate::queue::Value;

/// Holds a lock until it is released, dropped or lost.
///
/// When it is dropped, the lock is released. The drop waits for that, for up to a second. [`release`](LockGuard::release)
/// also tells whether the lock was held to the end.
///
/// It dereferences to the asynchronous [`LockGuard`](crate::LockGuard), whose documentation of leases, loss and fencing
/// tokens holds here too.
#[must_use = "the lock is released when the guard is dropped"]
pub struct LockGuard {
    guard: Option<crate::LockGuard>,
    manager: LockManager,
}

/// How long a drop waits for the release.
const PATIENCE: Duration = Duration::from_secs(1);

impl LockGuard {
    pub(super) fn new(manager: LockManager, guard: crate::LockGuard) -> Self {
        Self { guard: Some(guard), manager }
    }

    /// Waits until the guard is lost, and returns the reason. It is for a thread that watches over the work of another.
    ///
    /// # Panics
    /// Inside async code.
    pub fn lost(&self) -> LossReason {
        self.manager.wait((**self).lost())
    }

    /// As [`LockGuard::set_value`](crate::LockGuard::set_value).
    ///
    /// # Errors
    /// As there.
    ///
    /// # Panics
    /// Inside async code.
    pub fn set_value(&self, value: Option<Value>) -> Result<(), Error> {
        self.manager.call((**self).set_value(value))
    }

    /// Releases the lock, and waits until the next one can have it.
    ///
    /// # Errors
    /// As [`LockGuard::release`](crate::LockGuard::release).
    ///
    /// # Panics
    /// Inside async code. The lock is released in the background then.
    pub fn release(mut self) -> Result<(), Error> {
        match self.guard.take() {
            Some(guard) => self.manager.call(guard.release()),
            None => Ok(()),
        }
    }
}

impl Deref for LockGuard {
    type Target = crate::LockGuard;

    fn deref(&self) -> &Self::Target {
        self.guard.as_ref().expect("a guard is there until it is released")
    }
}

impl Drop for LockGuard {
    fn drop(&mut self) {
        let Some(guard) = self.guard.take() else { return };
        let (done, is_done) = mpsc::channel();
        let release = async move {
            // A guard that was lost was announced before.
            let _ = guard.release().await;
            let _ = done.send(());
        };
        if self.manager.spawn(release) {
            let _ = is_done.recv_timeout(PATIENCE);
        }
    }
}

impl fmt::Debug for LockGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.guard, f)
    }
}
