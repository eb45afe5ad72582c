//! What a store does: the [`Backend`] trait and its types.

use std::error::Error as StdError;
use std::fmt::{self, Debug};
use std::time::Duration;

use async_trait::async_trait;
use futures_core::stream::BoxStream;

use crate::queue::{
    ClaimId, FencingToken, JoinRequest, Left, LockName, ManagerId, Mode, Renewal, Renewed, Snapshot, Value,
    Written,
};

/// A store of queues.
///
/// Implement it natively, in the store's own language, or implement the smaller
/// [`RecordStore`](crate::record_store::RecordStore) and let
/// [`RecordBackend`](crate::record_store::RecordBackend) do the rest.
///
/// # Contract
/// - Every step acts like the method of the same name of [`Queue`](crate::queue::Queue), atomically for one
///   lock name, and on the **store's** clock. That clock may run backwards between two steps.
/// - An answer to `join`, `renew`, `leave`, `write` or `downgrade` means that the change is **durable**: no failover that
///   the store is built to survive undoes it. If a change may be lost again, the answer is an error.
/// - Only `join` grants: the core trusts its answer. `queue` may be slightly stale. `wakeups` may be late, doubled or
///   missing, but a wakeup never names a holder that was not durably granted.
/// - Any step may be repeated, and may arrive late, or after a later one.
/// - A backend never sleeps, retries, spawns or decides policy; the core does. It reports an outage as an
///   error of the kind [`Transient`](BackendErrorKind::Transient), never as a queue that it did not see.
/// - The core lets every call to a backend run to its end, unless the runtime ends. It may stop waiting for one.
/// - User strings (lock names, labels, values) travel as bound values only. Every [`LockName`] works.
///
/// The suite in `shylock_core::conformance` (feature `conformance`) checks all of it that one process can see.
#[async_trait]
pub trait Backend: Debug + Send + Sync + 'static {
    /// Joins the queue of `request.lock`, or extends the claim if it is already there, and returns the live queue after
    /// it. One round trip.
    ///
    /// # Errors
    /// [`BackendError`]. Whether the step was done is then unknown.
    async fn join(&self, request: &JoinRequest) -> Result<Snapshot, BackendError>;

    /// Renews many claims at once. The answers come in the order of `renewals`.
    ///
    /// # Errors
    /// [`BackendError`]. Which of the claims were renewed is then unknown. The core renews the claims of a batch that
    /// fails again in smaller and smaller batches, so that one bad record does not affect the others.
    async fn renew(&self, renewals: &[Renewal]) -> Result<Vec<Renewed>, BackendError>;

    /// Leaves a queue, at once if `linger` is zero, otherwise after `linger`. Leaving twice succeeds.
    ///
    /// # Errors
    /// [`BackendError`]. Whether the step was done is then unknown.
    async fn leave(&self, lock: &LockName, claim: ClaimId, linger: Duration) -> Result<Left, BackendError>;

    /// Sets the value of a lock that this claim holds, or clears it.
    ///
    /// # Errors
    /// [`BackendError`]. Whether the step was done is then unknown.
    async fn write(
        &self,
        lock: &LockName,
        claim: ClaimId,
        value: Option<&Value>,
    ) -> Result<Written, BackendError>;

    /// Changes an exclusive holder into one of this shared mode, without letting anybody in between.
    ///
    /// # Errors
    /// [`BackendError`]. Whether the step was done is then unknown.
    async fn downgrade(&self, lock: &LockName, claim: ClaimId, mode: Mode) -> Result<Written, BackendError>;

    /// The live queue of a lock, read without writing. A lock without claims has an empty one.
    ///
    /// # Errors
    /// [`BackendError`].
    async fn queue(&self, lock: &LockName) -> Result<Snapshot, BackendError>;

    /// The names that have a live queue, in the order of their bytes, one page at a time.
    ///
    /// # Errors
    /// [`BackendError`].
    async fn list(&self, page: &ListPage) -> Result<Vec<LockName>, BackendError>;

    /// The wakeups that `interest` selects, if the store can push them. If it cannot (`None`), or when the stream ends,
    /// the core polls.
    ///
    /// The stream contains every queue that moves after this call has returned. It may contain more than was asked for.
    ///
    /// # Errors
    /// [`BackendError`]. The core polls, and tries again later.
    async fn wakeups(&self, interest: &Interest) -> Result<Option<BoxStream<'static, Wakeup>>, BackendError>;

    /// What this store can do. It does not change while the backend is open.
    fn capabilities(&self) -> Capabilities;
}

/// Implements [`Backend`] for a type by forwarding every method to an expression of the type's `self`.
///
/// ```
/// use shylock_core::memory::MemoryBackend;
///
/// #[derive(Debug)]
/// struct Wrapped {
///     inner: MemoryBackend,
/// }
///
/// shylock_core::forward_backend!(Wrapped, |wrapped| wrapped.inner);
/// ```
#[macro_export]
macro_rules! forward_backend {
    ($type:ty $(, <$generic:ident>)?, |$self:ident| $inner:expr) => {
        $crate::__forward_backend_steps! { $type, [$($generic)?], $self, $inner;
            join(request: &$crate::JoinRequest) -> $crate::Snapshot;
            renew(renewals: &[$crate::Renewal]) -> ::std::vec::Vec<$crate::Renewed>;
            leave(lock: &$crate::LockName, claim: $crate::ClaimId, linger: ::std::time::Duration) -> $crate::Left;
            write(lock: &$crate::LockName, claim: $crate::ClaimId, value: Option<&$crate::Value>) -> $crate::Written;
            downgrade(lock: &$crate::LockName, claim: $crate::ClaimId, mode: $crate::Mode) -> $crate::Written;
            queue(lock: &$crate::LockName) -> $crate::Snapshot;
            list(page: &$crate::ListPage) -> ::std::vec::Vec<$crate::LockName>;
            wakeups(interest: &$crate::Interest)
                -> Option<$crate::reexport::BoxStream<'static, $crate::Wakeup>>;
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __forward_backend_steps {
    (
        $type:ty, [$($generic:ident)?], $self:ident, $inner:expr;
        $($step:ident($($name:ident: $arg:ty),*) -> $answer:ty;)+
    ) => {
        #[$crate::reexport::async_trait]
        impl $(<$generic: $crate::Backend + ?Sized>)? $crate::Backend for $type {
            $(async fn $step(&self, $($name: $arg),*) -> Result<$answer, $crate::BackendError> {
                let $self = self;
                $crate::Backend::$step(&$inner, $($name),*).await
            })+

            fn capabilities(&self) -> $crate::Capabilities {
                let $self = self;
                $crate::Backend::capabilities(&$inner)
            }
        }
    };
}

crate::forward_backend!(std::sync::Arc<B>, <B>, |arc| **arc);

/// What a store can do, so that the core and the suite need not guess.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
#[allow(clippy::struct_excessive_bools, reason = "each of them is independent of the others")]
pub struct Capabilities {
    /// Whether an acknowledged change survives a crash of the store's processes.
    pub durable: bool,
    /// Whether [`Backend::wakeups`] pushes. Otherwise waiting claims poll.
    pub wakeups: bool,
    /// Whether there are shared claims, so that read-write locks and semaphores work.
    pub shared: bool,
    /// Whether holders can write a value.
    pub values: bool,
    /// Whether claims are granted strictly in the order in which they joined.
    pub ordered: bool,
    /// Whose clock decides when a lease ends.
    pub clock: Clock,
}

/// Whose clock decides when a lease ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Clock {
    /// The store's, or that of the one machine on which all its users run.
    Store,
    /// Those of the clients, because the store has none. Their clocks must differ by less than the manager's
    /// `clock_skew_margin`, whose default is then a third of the ttl.
    Clients,
}

impl Capabilities {
    /// A store that can do everything, on its own clock, except push wakeups.
    pub const fn new() -> Self {
        Self { durable: true, wakeups: false, shared: true, values: true, ordered: true, clock: Clock::Store }
    }

    /// Sets whether an acknowledged change survives a crash of the store's processes.
    #[must_use]
    pub const fn durable(mut self, durable: bool) -> Self {
        self.durable = durable;
        self
    }

    /// Sets whether [`Backend::wakeups`] pushes.
    #[must_use]
    pub const fn wakeups(mut self, wakeups: bool) -> Self {
        self.wakeups = wakeups;
        self
    }

    /// Sets whether there are shared claims.
    #[must_use]
    pub const fn shared(mut self, shared: bool) -> Self {
        self.shared = shared;
        self
    }

    /// Sets whether holders can write a value.
    #[must_use]
    pub const fn values(mut self, values: bool) -> Self {
        self.values = values;
        self
    }

    /// Sets whether claims are granted strictly in the order in which they joined.
    #[must_use]
    pub const fn ordered(mut self, ordered: bool) -> Self {
        self.ordered = ordered;
        self
    }

    /// Sets whose clock decides when a lease ends.
    #[must_use]
    pub const fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }
}

impl Default for Capabilities {
    fn default() -> Self {
        Self::new()
    }
}

/// Which names to [list](Backend::list).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListPage {
    /// Only names that begin with this; empty for all.
    pub prefix: String,
    /// Only names after this one: the last of the previous page.
    pub after: Option<LockName>,
    /// The maximum number of names; at least 1.
    pub limit: usize,
}

impl ListPage {
    /// The first page of the names that begin with `prefix`.
    pub fn new(prefix: impl Into<String>, limit: usize) -> Self {
        Self { prefix: prefix.into(), after: None, limit }
    }

    /// Begins after this name.
    #[must_use]
    pub fn after(mut self, name: LockName) -> Self {
        self.after = Some(name);
        self
    }
}

/// Which [wakeups](Backend::wakeups) to push.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Interest {
    /// Those that name a claim of this manager.
    pub manager: ManagerId,
}

impl Interest {
    /// The wakeups that name a claim of this manager, as a holder or as the next.
    pub fn new(manager: ManagerId) -> Self {
        Self { manager }
    }

    /// Whether this wakeup is selected.
    pub fn selects(&self, wakeup: &Wakeup) -> bool {
        let named = wakeup.holders.iter().map(|(claim, _)| *claim).chain(wakeup.next);
        named.into_iter().any(|claim| claim.manager() == self.manager)
    }
}

/// A hint that a queue has moved.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Wakeup {
    /// Which queue.
    pub lock: LockName,
    /// The claims that hold since then, each with its token, as far as the store tells. Each was durably granted. The
    /// token distinguishes the claim from one that lapsed and joined again with the same id.
    pub holders: Vec<(ClaimId, FencingToken)>,
    /// What they found in [`Snapshot::abandoned`].
    pub abandoned: Option<FencingToken>,
    /// The first claim that waits since then, as far as the store tells. It does not hold; it looks at the queue, to know
    /// how long the leases before it last.
    pub next: Option<ClaimId>,
}

impl Wakeup {
    /// A wakeup that names these holders.
    pub fn new(lock: LockName, holders: Vec<(ClaimId, FencingToken)>) -> Self {
        Self { lock, holders, abandoned: None, next: None }
    }

    /// Tells the holders of an earlier one that lapsed.
    #[must_use]
    pub fn abandoned(mut self, abandoned: Option<FencingToken>) -> Self {
        self.abandoned = abandoned;
        self
    }

    /// Names the first claim that waits.
    #[must_use]
    pub fn next(mut self, next: Option<ClaimId>) -> Self {
        self.next = next;
        self
    }
}

/// The kinds of [`BackendError`]. They decide what the core does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum BackendErrorKind {
    /// The same step may succeed when it is repeated: a failover, a lost connection, a time limit, a write conflict.
    Transient,
    /// The store asks the client to wait before it repeats the step.
    Throttled {
        /// How long to wait, if the store says.
        retry_after: Option<Duration>,
    },
    /// The store refuses the credentials, or their rights are insufficient.
    Denied,
    /// The store, or the way it is used, must be changed first.
    Misconfigured,
    /// An answer or a record that makes no sense, or a bug.
    Broken,
}

/// The error of a backend: a kind, a message that says what to do, and the driver's error as its source.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct BackendError {
    kind: BackendErrorKind,
    message: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl BackendError {
    /// An error of this kind. The message says what was wrong and what to do. It must not contain a password.
    pub fn new(kind: BackendErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    /// Adds the error that caused it.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// How long the store asked to wait before the step is repeated; zero if it did not ask.
    pub(crate) fn retry_after(&self) -> Duration {
        match self.kind {
            BackendErrorKind::Throttled { retry_after } => retry_after.unwrap_or_default(),
            _ => Duration::ZERO,
        }
    }

    /// The kind of the error.
    pub fn kind(&self) -> BackendErrorKind {
        self.kind
    }

    /// Whether the same step may succeed when it is repeated.
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
