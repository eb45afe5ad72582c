//! The manager: locks by name over one backend.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::runtime::Handle;

use crate::attempt::attempt;
use crate::backend::{Backend, BackendError, ListPage};
use crate::engine::{Engine, Settings};
use crate::error::{Error, ErrorKind};
use crate::lock::{Lock, check_label};
use crate::queue::Snapshot;
use crate::queue::{ClaimId, LockName, Owner};
use crate::retry::RetryPolicy;
use crate::ttl::Ttl;

/// Gives out locks over one backend. Cheap to clone: clones are the same manager.
///
/// It keeps one claim in the store for all the tasks of the process that want a lock, renews all its claims
/// together, and hears wakeups for all of them. Use one for each store in a process.
///
/// Its work in the background runs on the runtime of whoever acquires a lock. A manager that several
/// runtimes share wants the one that lives longest: give it to [`LockManagerBuilder::runtime`].
///
/// ```
/// use shylock_core::{LockManager, memory::MemoryBackend};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), shylock_core::Error> {
/// let locks = LockManager::new(MemoryBackend::new());
///
/// let guard = locks.lock("my-lock").acquire().await?;
/// // ... nobody else is in here ...
/// guard.release().await?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct LockManager(Arc<Engine>);

impl LockManager {
    /// A manager with the default settings.
    pub fn new(backend: impl Backend) -> Self {
        let settings = LockManagerBuilder::default_settings();
        Self(Arc::new(Engine::new(Arc::new(backend), settings)))
    }

    /// A manager with other settings.
    pub fn builder(backend: impl Backend) -> LockManagerBuilder {
        LockManagerBuilder { backend: Arc::new(backend), settings: LockManagerBuilder::default_settings() }
    }

    /// The lock with this name: 1 to 1,024 bytes, the prefix among them. A name that cannot be is reported when the lock is used.
    pub fn lock(&self, name: impl Into<Arc<str>>) -> Lock {
        Lock::of(self.clone(), name.into())
    }

    /// Who holds a lock, and who waits for it, in order: for people and for tools, not for decisions,
    /// because it may be out of date when it arrives.
    ///
    /// # Errors
    /// [`InvalidInput`](ErrorKind::InvalidInput), and the store's errors, after the repetitions that the policy allows.
    ///
    /// # Cancel safety
    /// It changes nothing.
    pub async fn inspect(&self, name: &str) -> Result<Snapshot, Error> {
        let lock = self.name(name)?;
        self.ask("the queue could not be read", move |backend| {
            let lock = lock.clone();
            async move { backend.queue(&lock).await }
        })
        .await
    }

    /// The names that begin with `prefix` and that somebody holds or waits for, in the order of their
    /// bytes, without the manager's own prefix.
    ///
    /// # Errors
    /// The store's errors, after the repetitions that the policy allows.
    ///
    /// # Cancel safety
    /// It changes nothing.
    pub async fn list(&self, prefix: &str) -> Result<Vec<LockName>, Error> {
        const LIMIT: usize = 1000;
        let own = &self.0.settings.prefix;
        let mut page = ListPage { prefix: format!("{own}{prefix}"), after: None, limit: LIMIT };
        let mut names: Vec<LockName> = Vec::new();
        loop {
            let found = self.list_page(&page).await?;
            let is_last = found.len() < LIMIT;
            page.after = found.last().cloned();
            for name in found {
                let name = name.as_str().strip_prefix(own.as_str()).unwrap_or(name.as_str());
                names.push(LockName::new(name)?);
            }
            if is_last {
                return Ok(names);
            }
        }
    }

    async fn list_page(&self, page: &ListPage) -> Result<Vec<LockName>, Error> {
        self.ask("the locks could not be listed", |backend| {
            let page = page.clone();
            async move { backend.list(&page).await }
        })
        .await
    }

    /// Takes a claim out of a queue, whoever made it: a guard is lost by it, a waiting caller starts anew at
    /// the tail. [`inspect`](LockManager::inspect) shows the claims. That the claim is not there is no error.
    ///
    /// The holder is told only with its next renewal, within a third of its ttl. Until then it believes that it holds
    /// the lock: evict only what is dead, or guard what the lock protects by fencing tokens.
    ///
    /// # Errors
    /// [`InvalidInput`](ErrorKind::InvalidInput), and the store's errors, after the repetitions that the policy allows.
    ///
    /// # Cancel safety
    /// Dropped, the claim may or may not be evicted.
    pub async fn evict(&self, name: &str, claim: ClaimId) -> Result<(), Error> {
        let lock = self.name(name)?;
        let moved = lock.clone();
        self.ask("the claim could not be evicted", move |backend| {
            let lock = lock.clone();
            async move { backend.leave(&lock, claim, Duration::ZERO).await }
        })
        .await?;
        self.0.ears.moved(&moved);
        Ok(())
    }

    /// Gives up everything: callers who wait get [`ShutDown`](ErrorKind::ShutDown), guards that are still there
    /// are lost, and all claims leave the store. The manager is of no use afterwards.
    ///
    /// # Errors
    /// [`Misconfigured`](ErrorKind::Misconfigured) outside a runtime.
    ///
    /// # Cancel safety
    /// Dropped, it goes on in the background.
    pub async fn shutdown(&self) -> Result<(), Error> {
        self.0.shut_down().await
    }

    pub(crate) fn engine(&self) -> &Arc<Engine> {
        &self.0
    }

    fn name(&self, name: &str) -> Result<LockName, Error> {
        LockName::new(name)?;
        Ok(LockName::new(format!("{}{name}", self.0.settings.prefix))?)
    }

    /// Asks the store, and repeats that while it may help.
    async fn ask<T, F>(&self, failed: &str, call: impl Fn(Arc<dyn Backend>) -> F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, BackendError>> + Send + 'static,
    {
        self.0.runtime()?;
        if self.0.is_down() {
            return Err(Error::shut_down());
        }
        let retry = &self.0.settings.retry;
        let attempts =
            retry.repeat(|| attempt(retry.attempt_within(Duration::MAX), call(self.0.backend.clone())));
        attempts.await.map_err(|error| Error::from_backend(failed, error))
    }
}

impl fmt::Debug for LockManager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LockManager").field("backend", &self.0.backend).finish_non_exhaustive()
    }
}

/// Makes a [`LockManager`] with other settings than the default ones.
///
/// ```
/// use std::time::Duration;
/// use shylock_core::{LockManager, memory::MemoryBackend};
///
/// # fn main() -> Result<(), shylock_core::Error> {
/// let locks = LockManager::builder(MemoryBackend::new())
///     .ttl(Duration::from_secs(10))
///     .prefix("billing/")
///     .owner_label("worker 7")
///     .build()?;
/// # let _ = locks;
/// # Ok(()) }
/// ```
#[derive(Debug)]
#[must_use = "it makes a manager only when it is told to `build`"]
pub struct LockManagerBuilder {
    backend: Arc<dyn Backend>,
    settings: Settings,
}

impl LockManagerBuilder {
    fn default_settings() -> Settings {
        Settings {
            ttl: Duration::from_secs(30),
            margin: 0.1,
            turn: Duration::from_millis(250),
            prefix: String::new(),
            owner: Owner::this_process(None),
            retry: RetryPolicy::default(),
            runtime: None,
        }
    }

    /// How long a lease lasts unless it is renewed, from 100 ms to 30 days; 30 s by default. Each lock can have its own.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.settings.ttl = ttl;
        self
    }

    /// How much sooner than the store a client gives a lease up, as a fraction of its ttl from 0 to 0.5; a
    /// tenth by default.
    ///
    /// Two guards cannot hold together as long as the clocks of the servers that may answer (a primary
    /// before and after a failover, several routers) differ by less than this.
    pub fn margin(mut self, fraction: f64) -> Self {
        self.settings.margin = fraction;
        self
    }

    /// For how long the tasks of this process may hand a lock to each other while other processes wait; 250 ms by
    /// default. Zero lets other processes in after each guard.
    pub fn turn(mut self, turn: Duration) -> Self {
        self.settings.turn = turn;
        self
    }

    /// What to put before each lock name; nothing by default.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.settings.prefix = prefix.into();
        self
    }

    /// What to call this process where people look at a queue, beside its host and number; up to 256 bytes.
    pub fn owner_label(mut self, label: impl Into<String>) -> Self {
        self.settings.owner.label = Some(label.into());
        self
    }

    /// How steps are repeated while the store cannot be reached.
    pub fn retry(mut self, retry: RetryPolicy) -> Self {
        self.settings.retry = retry;
        self
    }

    /// The runtime for the work in the background; by default that of whoever acquires a lock.
    pub fn runtime(mut self, runtime: Handle) -> Self {
        self.settings.runtime = Some(runtime);
        self
    }

    /// Makes the manager. The store is not asked yet.
    ///
    /// # Errors
    /// [`InvalidInput`](ErrorKind::InvalidInput) if a setting cannot be; the message says which and why.
    pub fn build(self) -> Result<LockManager, Error> {
        let Settings { ttl, margin, prefix, owner, .. } = &self.settings;
        Ttl::new(*ttl, *margin)?;
        check_label(owner.label.as_deref())?;
        if prefix.len() >= LockName::MAX_BYTES {
            return Err(Error::invalid("the prefix leaves no room for a lock name; use a shorter one"));
        }
        Ok(LockManager(Arc::new(Engine::new(self.backend, self.settings))))
    }
}

static CONFIGURED: RwLock<Option<LockManager>> = RwLock::new(None);

/// Makes this the manager of all locks that are made by [`Lock::new`]; to be called once, at start-up.
/// A second call changes the manager for what is acquired from then on.
pub fn configure(manager: LockManager) {
    *CONFIGURED.write().unwrap_or_else(PoisonError::into_inner) = Some(manager);
}

pub(crate) fn configured() -> Result<LockManager, Error> {
    CONFIGURED.read().unwrap_or_else(PoisonError::into_inner).clone().ok_or_else(|| {
        let message =
            "no lock manager is configured; call `configure` at start-up, or use `LockManager::lock`";
        Error::new(ErrorKind::NotConfigured, message)
    })
}
