//! What an acquired lock looks like.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::contender::Tenure;
use crate::error::Error;
use crate::lease::{Lease, LossReason};
use crate::queue::{ClaimId, FencingToken, LockName};

/// Holds a lock. Dropped, it gives the lock back in the background; [`release`](LockGuard::release) waits for that.
///
/// The lease is renewed for as long as the guard is there. It can end all the same, when the store cannot
/// be reached for too long or somebody evicts the claim: then the guard is **lost**, and says so by
/// [`lost`](LockGuard::lost) before the store lets anybody else in. A process that is paused for longer
/// than its lease cannot be told in time: where that matters, let what the lock protects refuse old
/// [fencing tokens](LockGuard::fencing_token).
///
/// It is `Send`, `Sync` and `'static`, so it moves into tasks.
#[must_use = "a lock is held only for as long as its guard is there"]
pub struct LockGuard(Tenure);

impl LockGuard {
    pub(crate) fn new(tenure: Tenure) -> Self {
        Self(tenure)
    }

    /// The name of the lock, with the manager's prefix.
    pub fn lock_name(&self) -> &LockName {
        &self.0.key().lock
    }

    /// The number of this grant: greater than that of every grant of this lock before.
    pub fn fencing_token(&self) -> FencingToken {
        self.0.token()
    }

    /// The claim by which the store knows this guard, as `inspect` shows it.
    pub fn claim_id(&self) -> ClaimId {
        self.0.claim()
    }

    /// Waits until the guard is lost, and answers why. While the lock is held it does not end.
    ///
    /// The future does not borrow the guard, so that a task of its own can wait for it. Once the guard was
    /// released the future means nothing; drop it.
    ///
    /// # Cancel safety
    /// It can be dropped and called again.
    pub fn lost(&self) -> impl Future<Output = LossReason> + Send + 'static + use<> {
        let lease: Arc<Lease> = self.0.lease().clone();
        async move { lease.lost().await }
    }

    /// Whether the guard is lost. Once it is, it stays so.
    pub fn is_lost(&self) -> bool {
        self.0.lease().loss().is_some()
    }

    /// For how long the lock can be trusted to be held even if no renewal works any more; zero once it is lost.
    pub fn remaining(&self) -> Duration {
        self.0.lease().remaining()
    }

    /// Gives the lock back, and waits until the next one can have it.
    ///
    /// # Errors
    /// - [`Lost`](crate::ErrorKind::Lost): the lease ended before, so somebody else may have held the lock meanwhile.
    /// - The store's errors. The lock then ends with its lease, at the latest after its ttl.
    ///
    /// # Cancel safety
    /// The lock is given back in any case, also if the future is dropped before it was polled.
    pub async fn release(self) -> Result<(), Error> {
        self.0.release().await
    }
}

impl fmt::Debug for LockGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LockGuard")
            .field("lock", self.lock_name())
            .field("fencing_token", &self.fencing_token().get())
            .field("remaining", &self.remaining())
            .finish()
    }
}
