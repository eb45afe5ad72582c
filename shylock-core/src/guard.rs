//! An acquired lock.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::client::lease::{Lease, LossReason};
use crate::error::Error;
use crate::pool::Grant;
use crate::queue::{ClaimId, FencingToken, LockName, Value};

/// Holds a lock until it is released, dropped or lost.
///
/// Call [`release`](LockGuard::release) when the work is done: it waits until the store has freed the lock, and tells
/// whether the lock was held to the end. A guard that is dropped is released in the background, which needs a runtime
/// that goes on: what is dropped as the process ends may not be released, and then stays taken until its lease ends. End a
/// program with `release`, or with [`LockManager::shutdown`](crate::LockManager::shutdown).
///
/// The lease is renewed for as long as the guard exists. It can still end, if the store cannot be reached for too long
/// or somebody evicts the claim. Then the guard is **lost**, and says so through [`lost`](LockGuard::lost) before the
/// store lets anybody else in. A process that is paused for longer than its lease cannot be told in time. Where that
/// matters, let the resource refuse old [fencing tokens](LockGuard::fencing_token).
///
/// It is `Send`, `Sync` and `'static`, so it can move into tasks. The lease is not tied to a task: leaking the guard with
/// `mem::forget` keeps the lock for as long as the process lives.
#[must_use = "the lock is released when the guard is dropped"]
pub struct LockGuard(Grant);

impl LockGuard {
    pub(crate) fn new(grant: Grant) -> Self {
        Self(grant)
    }

    /// The name of the lock, with the manager's prefix.
    pub fn lock_name(&self) -> &LockName {
        self.0.lock()
    }

    /// The number of this grant: greater than that of every earlier grant of this lock.
    pub fn fencing_token(&self) -> FencingToken {
        self.0.token()
    }

    /// The claim by which the store knows this guard, as `inspect` shows it.
    pub fn claim_id(&self) -> ClaimId {
        self.0.lease().claim
    }

    /// The token of the previous holder, if it lapsed instead of releasing the lock: it may have left its work half done.
    ///
    /// It is an earlier holder that *may* have held: a claim that crashed while it was next in line is counted too. A
    /// guard that got the lock passed on within its process has none.
    pub fn abandoned(&self) -> Option<FencingToken> {
        self.0.abandoned()
    }

    /// Writes the value of the lock, or clears it with `None`. It outlives this guard: it stays until another holder replaces
    /// it.
    ///
    /// ```
    /// # use shylock_core::{LockManager, Value, memory::MemoryBackend};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), shylock_core::Error> {
    /// # let locks = LockManager::new(MemoryBackend::new());
    /// let guard = locks.lock("leader").acquire().await?;
    /// guard.set_value(Some(Value::new("10.0.0.7:8080")?)).await?;
    /// guard.release().await?;
    ///
    /// let found = locks.inspect("leader").await?.value;
    /// assert_eq!(found.as_ref().map(Value::as_str), Some("10.0.0.7:8080"));
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// - [`Lost`](crate::ErrorKind::Lost): the claim does not hold the lock any more. The value was not written.
    /// - The store's errors, after the retries that the policy allows. Whether the value was written is then unknown.
    ///
    /// # Cancel safety
    /// When it is dropped, the value may or may not be written.
    pub async fn set_value(&self, value: Option<Value>) -> Result<(), Error> {
        self.0.write(value).await
    }

    /// Waits until the guard is lost, and returns the reason. While the lock is held it does not end.
    ///
    /// The future does not borrow the guard, so a task of its own can wait for it. Once the guard was released, the
    /// future means nothing; drop it.
    ///
    /// # Cancel safety
    /// It can be dropped and called again.
    pub fn lost(&self) -> impl Future<Output = LossReason> + Send + 'static + use<> {
        let lease: Arc<Lease> = self.0.lease().clone();
        let client = self.0.client().clone();
        async move {
            client.runtimes.within(lease.lost()).await.unwrap_or_else(|_| {
                // Nothing renews it any more.
                lease.end(LossReason::Expired);
                lease.loss().unwrap_or(LossReason::Expired)
            })
        }
    }

    /// Whether the guard is lost. Once it is, it stays lost.
    pub fn is_lost(&self) -> bool {
        self.0.lease().loss().is_some()
    }

    /// How long the lock is certainly held even if no further renewal succeeds; zero once it is lost.
    pub fn remaining(&self) -> Duration {
        self.0.lease().remaining()
    }

    /// Releases the lock, and waits until the next one can have it.
    ///
    /// # Errors
    /// - [`Lost`](crate::ErrorKind::Lost): the lease ended or the claim was evicted before, so somebody else may have held
    ///   the lock meanwhile. If the store's answer to a first request was lost, the release counts as done.
    /// - The store's errors. The lock is then free when its lease ends, at the latest after its ttl.
    ///
    /// # Cancel safety
    /// The lock is released in any case, also if the future is dropped before it was polled.
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
