//! A guard for blocking code.

use std::fmt;
use std::time::Duration;

use super::manager::LockManager;
use crate::error::Error;
use crate::lease::LossReason;
use crate::queue::{ClaimId, FencingToken, LockName};

/// Holds a lock. Dropped, it gives the lock back in the background; [`release`](LockGuard::release) waits for that.
///
/// What [`LockGuard`](crate::LockGuard) says of leases, loss and fencing tokens holds here too.
#[must_use = "a lock is held only for as long as its guard is there"]
pub struct LockGuard {
    // Before the manager, so that the runtime is there when the guard is dropped.
    guard: crate::LockGuard,
    manager: LockManager,
}

impl LockGuard {
    pub(super) fn new(manager: LockManager, guard: crate::LockGuard) -> Self {
        Self { guard, manager }
    }

    /// The name of the lock, with the manager's prefix.
    pub fn lock_name(&self) -> &LockName {
        self.guard.lock_name()
    }

    /// The number of this grant: greater than that of every grant of this lock before.
    pub fn fencing_token(&self) -> FencingToken {
        self.guard.fencing_token()
    }

    /// The claim by which the store knows this guard, as `inspect` shows it.
    pub fn claim_id(&self) -> ClaimId {
        self.guard.claim_id()
    }

    /// Waits until the guard is lost, and answers why; for a thread that watches over the work of another.
    ///
    /// # Panics
    /// Inside async code.
    pub fn lost(&self) -> LossReason {
        self.manager.wait(self.guard.lost())
    }

    /// Whether the guard is lost. Once it is, it stays so.
    pub fn is_lost(&self) -> bool {
        self.guard.is_lost()
    }

    /// For how long the lock can be trusted to be held even if no renewal works any more; zero once it is lost.
    pub fn remaining(&self) -> Duration {
        self.guard.remaining()
    }

    /// Gives the lock back, and waits until the next one can have it.
    ///
    /// # Errors
    /// As [`LockGuard::release`](crate::LockGuard::release).
    ///
    /// # Panics
    /// Inside async code.
    pub fn release(self) -> Result<(), Error> {
        let Self { guard, manager } = self;
        manager.wait(guard.release())
    }
}

impl fmt::Debug for LockGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.guard, f)
    }
}
