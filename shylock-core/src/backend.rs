//! What a store has to do: the [`Backend`] trait and the words it speaks.

use std::error::Error as StdError;
use std::fmt::{self, Debug};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_core::stream::BoxStream;

use crate::claim::{ClaimId, FencingToken, LockName, Mode, Owner};
use crate::queue::granted_count;

/// A store of queues: four steps, a listing, and wakeups if it can push them.
///
/// Implement it natively, in the store's own language, or implement the smaller
/// [`RecordStore`](crate::RecordStore) and let [`RecordBackend`](crate::RecordBackend) do the rest.
///
/// # Contract
/// - Every step acts as the method of the same name of [`Queue`](crate::queue::Queue), atomically for one
///   lock name, and on the **store's** clock. That clock may run backwards between two steps.
/// - An answer to `join`, `renew` or `leave` means that the change is **durable**: no failover that the
///   store is built to survive takes it back. A change that may be lost again is an error.
/// - `join` grants: its answer is what the core trusts. `queue` may be slightly stale, `wakeups` may be
///   late, doubled or missing; but a wakeup never names a claim that was not granted, durably.
/// - Any step may be repeated, and may arrive late, or after a later one.
/// - A backend never sleeps, retries, spawns or decides policy; the core does. It answers an outage with an
///   error whose kind is [`Transient`](BackendErrorKind::Transient), never with a queue that it did not see.
/// - The core drops no future of a backend before it ends, other than with the runtime; but it may stop waiting for one.
/// - User strings (lock names, labels) travel as bound values only; every [`LockName`] works.
///
/// The suite in `shylock_core::conformance` (feature `conformance`) checks all of it that one process can see.
#[async_trait]
pub trait Backend: Debug + Send + Sync + 'static {
    /// Joins the queue of `request.lock`, or refreshes the claim if it is in there already, and answers
    /// the live queue after it. One round trip.
    ///
    /// # Errors
    /// [`BackendError`], as its kinds say; whether the step was done is then unknown.
    async fn join(&self, request: &JoinRequest) -> Result<Snapshot, BackendError>;

    /// Renews many claims at once; the answers come in the order of `renewals`.
    ///
    /// # Errors
    /// [`BackendError`]; which of the claims were renewed is then unknown. If it is not one that may pass by itself, the
    /// core renews them in smaller and smaller batches, so that one record that cannot be read harms no other.
    async fn renew(&self, renewals: &[Renewal]) -> Result<Vec<Renewed>, BackendError>;

    /// Leaves a queue, at once if `linger` is zero, else after `linger`. To leave twice is no error.
    ///
    /// # Errors
    /// [`BackendError`]; whether the step was done is then unknown.
    async fn leave(&self, lock: &LockName, claim: ClaimId, linger: Duration) -> Result<(), BackendError>;

    /// The live queue of a lock, read without writing. A lock that nobody wants has an empty one.
    ///
    /// # Errors
    /// [`BackendError`].
    async fn queue(&self, lock: &LockName) -> Result<Snapshot, BackendError>;

    /// The names that have a live queue, in the order of their bytes, a page at a time.
    ///
    /// # Errors
    /// [`BackendError`].
    async fn list(&self, page: &ListPage) -> Result<Vec<LockName>, BackendError>;

    /// Wakeups for the whole store, if it can push them; the core polls if not, or when the stream ends.
    ///
    /// Queues that move after this has answered are in the stream.
    ///
    /// # Errors
    /// [`BackendError`]; the core polls and tries again later.
    async fn wakeups(&self) -> Result<Option<BoxStream<'static, Wakeup>>, BackendError>;
}

#[async_trait]
impl<B: Backend + ?Sized> Backend for Arc<B> {
    async fn join(&self, request: &JoinRequest) -> Result<Snapshot, BackendError> {
        (**self).join(request).await
    }

    async fn renew(&self, renewals: &[Renewal]) -> Result<Vec<Renewed>, BackendError> {
        (**self).renew(renewals).await
    }

    async fn leave(&self, lock: &LockName, claim: ClaimId, linger: Duration) -> Result<(), BackendError> {
        (**self).leave(lock, claim, linger).await
    }

    async fn queue(&self, lock: &LockName) -> Result<Snapshot, BackendError> {
        (**self).queue(lock).await
    }

    async fn list(&self, page: &ListPage) -> Result<Vec<LockName>, BackendError> {
        (**self).list(page).await
    }

    async fn wakeups(&self) -> Result<Option<BoxStream<'static, Wakeup>>, BackendError> {
        (**self).wakeups().await
    }
}

/// To join a queue, or to refresh a claim that is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JoinRequest {
    /// Which queue.
    pub lock: LockName,
    /// The claim, drawn by the client, the same in every repetition.
    pub claim: ClaimId,
    /// How it wants to hold.
    pub mode: Mode,
    /// How long its lease lasts from the store's now on; at least a millisecond.
    pub ttl: Duration,
    /// Who makes it, for people.
    pub owner: Owner,
    /// Join only if the claim is granted at once; otherwise leave nothing behind.
    pub only_if_granted: bool,
}

/// The live queue of a lock as the store saw it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// In the order in which they joined; the first ones hold.
    pub claims: Vec<LiveClaim>,
}

/// A claim whose lease lasts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveClaim {
    /// Names it, for instance to evict it.
    pub id: ClaimId,
    /// How it holds, or wants to.
    pub mode: Mode,
    /// Its fencing token.
    pub token: FencingToken,
    /// How long its lease lasts unless it is renewed, by the store's clock.
    pub expires_in: Duration,
    /// Who made it.
    pub owner: Owner,
}

impl Snapshot {
    /// The claims that hold the lock.
    pub fn granted(&self) -> &[LiveClaim] {
        &self.claims[..granted_count(self.claims.iter().map(|claim| claim.mode))]
    }

    /// The claims that wait, in order.
    pub fn waiting(&self) -> &[LiveClaim] {
        &self.claims[self.granted().len()..]
    }

    /// The token of a claim that holds the lock; `None` if it waits or is not there.
    pub fn granted_token(&self, claim: ClaimId) -> Option<FencingToken> {
        self.granted().iter().find(|c| c.id == claim).map(|c| c.token)
    }

    /// How many claims stand before this one; `None` if it is not there.
    pub fn position(&self, claim: ClaimId) -> Option<usize> {
        self.claims.iter().position(|c| c.id == claim)
    }

    /// After what time this claim holds if nobody before it renews or leaves; `None` if it is not there.
    pub fn granted_within(&self, claim: ClaimId) -> Option<Duration> {
        let mine = self.position(claim)?;
        let before = &self.claims[..mine];
        let holds_after = |time: Duration| {
            let left = before.iter().filter(|c| c.expires_in > time).chain([&self.claims[mine]]);
            let modes: Vec<Mode> = left.map(|c| c.mode).collect();
            granted_count(modes.iter().copied()) == modes.len()
        };
        let mut times: Vec<Duration> = before.iter().map(|c| c.expires_in).chain([Duration::ZERO]).collect();
        times.sort_unstable();
        times.into_iter().find(|&time| holds_after(time))
    }
}

/// To extend the lease of a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renewal {
    /// Which queue the claim is in.
    pub lock: LockName,
    /// The claim.
    pub claim: ClaimId,
    /// How long its lease shall last from the store's now on.
    pub ttl: Duration,
}

/// What became of a [`Renewal`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renewed {
    /// The lease lasts for `ttl` at least.
    Extended,
    /// The claim lapsed or was evicted; it never comes back.
    Gone,
}

/// Which names to [list](Backend::list).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListPage {
    /// Only names that begin with this; empty for all.
    pub prefix: String,
    /// Only names that come after this one: the last of the page before.
    pub after: Option<LockName>,
    /// At most so many; at least 1.
    pub limit: usize,
}

/// A hint that a queue has moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wakeup {
    /// Which queue.
    pub lock: LockName,
    /// The claims that hold since then, each with its token, as far as the store tells; each was granted, and durably
    /// so. The token tells a claim from one that lapsed and joined again with the same id.
    pub granted: Vec<(ClaimId, FencingToken)>,
}

/// What kind of trouble a backend has, for the core to act on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum BackendErrorKind {
    /// It may work when repeated: a failover, a cut connection, a time limit, a write conflict.
    Transient,
    /// The store asks for patience, perhaps for so long.
    Throttled {
        /// How long the store asked to wait.
        retry_after: Option<Duration>,
    },
    /// The credentials or their rights do not suffice.
    Denied,
    /// The store, or the way it is used, must be changed first.
    Misconfigured,
    /// An answer or a record that makes no sense, or a bug.
    Broken,
}

/// What went wrong in a backend: the kind, a message that says what to do, and the driver's error.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct BackendError {
    kind: BackendErrorKind,
    message: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl BackendError {
    /// An error of this kind. The message says what was wrong and what to do; it never holds a password.
    pub fn new(kind: BackendErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    /// The same with the error that caused it.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What kind of trouble it is.
    pub fn kind(&self) -> BackendErrorKind {
        self.kind
    }

    /// Whether the same step may work when it is repeated.
    pub fn is_retryable(&self) -> bool {
        matches!(self.kind, BackendErrorKind::Transient | BackendErrorKind::Throttled { .. })
    }
}

impl fmt::Display for BackendErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Transient => "transient",
            Self::Throttled { .. } => "throttled",
            Self::Denied => "denied",
            Self::Misconfigured => "misconfigured",
            Self::Broken => "broken",
        })
    }
}
