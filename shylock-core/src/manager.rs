//! The manager: locks by name over one backend.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::RwLock;
use tokio::runtime::Handle;

use crate::backend::{Backend, Clock, ListPage};
use crate::client::Client;
use crate::client::runtimes::Runtimes;
use crate::client::store::BackendCall;
use crate::client::thread::BackgroundThread;
use crate::client::ttl::Ttl;
use crate::error::{Error, ErrorKind};
use crate::lock::Lock;
use crate::options::check_label;
use crate::pool::{PoolSettings, Pools};
use crate::queue::{ClaimId, Left, LockName, Owner, Snapshot};
use crate::retry::RetryPolicy;
use crate::rw_lock::RwLock as SharedLock;
use crate::semaphore::Semaphore;

/// Makes locks over one backend. It is cheap to clone: clones are the same manager.
///
/// Use one manager for each store in a process. It keeps one claim in the store for all tasks that want a lock, renews
/// all its claims together, and receives the wakeups for all of them.
///
/// Background work (renewals, wakeups, releasing what was dropped) runs on the runtimes that use the manager: it moves
/// to another one when its runtime ends. Code that blocks all threads of a runtime for longer than a ttl also blocks the
/// renewals on it. If that can happen, give the manager a thread of its own:
/// [`background_thread`](LockManagerBuilder::background_thread).
///
/// A child process that is made by `fork` cannot use its parent's manager. All calls return an error there.
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
pub struct LockManager(Arc<Inner>);

struct Inner {
    pools: Arc<Pools>,
    ttl: Duration,
    margin: f64,
    prefix: String,
}

impl LockManager {
    /// A manager with the default settings.
    pub fn new(backend: impl Backend) -> Self {
        let runtimes = Runtimes::new(None);
        LockManagerBuilder::new(Arc::new(backend)).assemble(runtimes, None)
    }

    /// Begins a manager with other settings.
    pub fn builder(backend: impl Backend) -> LockManagerBuilder {
        LockManagerBuilder::new(Arc::new(backend))
    }

    /// Opens a backend on a thread of the manager's own, and makes a manager that does its background work there.
    ///
    /// The connections of a backend that is opened in this way do not depend on the runtime of the caller.
    ///
    /// ```
    /// use shylock_core::{BackendError, LockManager, memory::MemoryBackend};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), shylock_core::Error> {
    /// let locks = LockManager::open(async { Ok::<_, BackendError>(MemoryBackend::new()) }).await?;
    /// # locks.shutdown().await
    /// # }
    /// ```
    ///
    /// # Errors
    /// What the future returns; [`Misconfigured`](ErrorKind::Misconfigured) if no thread can be started.
    ///
    /// # Cancel safety
    /// When it is dropped, the thread and what was opened on it end.
    pub async fn open<B, E>(
        backend: impl Future<Output = Result<B, E>> + Send + 'static,
    ) -> Result<Self, Error>
    where
        B: Backend,
        E: Send + 'static,
        Error: From<E>,
    {
        Self::open_with(async { Ok::<_, E>(Self::builder(backend.await?)) }).await
    }

    /// As [`open`](LockManager::open), with settings: the future returns a builder.
    ///
    /// # Errors
    /// As [`open`](LockManager::open), and [`InvalidInput`](ErrorKind::InvalidInput) for an invalid setting.
    ///
    /// # Cancel safety
    /// As [`open`](LockManager::open).
    pub async fn open_with<E>(
        builder: impl Future<Output = Result<LockManagerBuilder, E>> + Send + 'static,
    ) -> Result<Self, Error>
    where
        E: Send + 'static,
        Error: From<E>,
    {
        let thread = BackgroundThread::start()?;
        let builder = thread.handle().spawn(builder).await.map_err(|failed| {
            Error::new(ErrorKind::Broken, format!("opening the store has panicked: {failed}"))
        })??;
        builder.build_on(thread)
    }

    /// The lock with this name: 1 to 1,024 bytes, including the manager's prefix. An invalid name is reported when the
    /// lock is acquired.
    pub fn lock(&self, name: impl Into<Arc<str>>) -> Lock {
        Lock::of(self.clone(), name.into())
    }

    /// The read-write lock with this name. Names are checked as for [`lock`](LockManager::lock).
    pub fn rw_lock(&self, name: impl Into<Arc<str>>) -> SharedLock {
        SharedLock::of(self.clone(), name.into())
    }

    /// The semaphore with this name, of which at most `permits` are held at once. Names are checked as for
    /// [`lock`](LockManager::lock); `permits` must be at least 1.
    pub fn semaphore(&self, name: impl Into<Arc<str>>, permits: u32) -> Semaphore {
        Semaphore::of(self.clone(), name.into(), permits)
    }

    /// Who holds a lock and who waits for it, in order. This is for people and tools, not for decisions: it may be out of
    /// date when it arrives.
    ///
    /// # Errors
    /// [`InvalidInput`](ErrorKind::InvalidInput) for an invalid name, and the store's errors, after the retries that the
    /// policy allows.
    ///
    /// # Cancel safety
    /// It changes nothing.
    pub async fn inspect(&self, name: &str) -> Result<Snapshot, Error> {
        let lock = self.name(name)?;
        self.ask("the queue could not be read", move |backend| {
            let lock = lock.clone();
            Box::pin(async move { backend.queue(&lock).await })
        })
        .await
    }

    /// The names of the locks that somebody holds or waits for and that begin with `prefix`, in the order of their bytes,
    /// without the manager's own prefix.
    ///
    /// # Errors
    /// The store's errors, after the retries that the policy allows.
    ///
    /// # Cancel safety
    /// It changes nothing.
    pub async fn list(&self, prefix: &str) -> Result<Vec<LockName>, Error> {
        const LIMIT: usize = 1000;
        let own = &self.0.prefix;
        let mut page = ListPage::new(format!("{own}{prefix}"), LIMIT);
        let mut names: Vec<LockName> = Vec::new();
        loop {
            let wanted = page.clone();
            let found = self
                .ask("the locks could not be listed", move |backend| {
                    let page = wanted.clone();
                    Box::pin(async move { backend.list(&page).await })
                })
                .await?;
            let is_last = found.len() < LIMIT;
            page.after = found.last().cloned();
            for name in found {
                let name = name.as_str().strip_prefix(own.as_str()).unwrap_or(name.as_str());
                // A record with the bare prefix as its name is not this manager's.
                names.extend(LockName::new(name).ok());
            }
            if is_last {
                return Ok(names);
            }
        }
    }

    /// Takes a claim out of a queue, whoever made it, and returns whether it was there. Evicting a missing claim succeeds.
    /// [`inspect`](LockManager::inspect) shows the claims.
    ///
    /// A guard is lost by it; a waiting caller joins again at the tail. The holder learns of it with its next renewal,
    /// within a third of its ttl. Until then it believes that it holds the lock: evict only claims whose holder is dead, or
    /// guard the resource with fencing tokens.
    ///
    /// # Errors
    /// [`InvalidInput`](ErrorKind::InvalidInput) for an invalid name, and the store's errors, after the retries that the
    /// policy allows.
    ///
    /// # Cancel safety
    /// When it is dropped, the claim may or may not be evicted.
    pub async fn evict(&self, name: &str, claim: ClaimId) -> Result<Left, Error> {
        let lock = self.name(name)?;
        let moved = lock.clone();
        let left = self
            .ask("the claim could not be evicted", move |backend| {
                let lock = lock.clone();
                Box::pin(async move { backend.leave(&lock, claim, Duration::ZERO).await })
            })
            .await?;
        self.client().moved(&moved);
        Ok(left)
    }

    /// Ends everything: callers who wait get [`ShutDown`](ErrorKind::ShutDown), guards are lost, and all claims leave the
    /// store. It waits until they have left, or their leases have run out. The manager cannot be used afterwards.
    ///
    /// # Errors
    /// [`Misconfigured`](ErrorKind::Misconfigured) outside a runtime, or in a fork of the process.
    ///
    /// # Cancel safety
    /// When it is dropped, it goes on in the background.
    pub async fn shutdown(&self) -> Result<(), Error> {
        self.client().enter_to_end()?;
        self.0.pools.shut_down().await
    }

    pub(crate) fn pools(&self) -> &Arc<Pools> {
        &self.0.pools
    }

    pub(crate) fn client(&self) -> &Arc<Client> {
        self.0.pools.client()
    }

    pub(crate) fn ttl(&self) -> Duration {
        self.0.ttl
    }

    pub(crate) fn margin(&self) -> f64 {
        self.0.margin
    }

    /// A name with the manager's prefix.
    pub(crate) fn name(&self, name: &str) -> Result<LockName, Error> {
        LockName::new(name)?;
        Ok(LockName::new(format!("{}{name}", self.0.prefix))?)
    }

    /// Asks the store, and retries while that may help.
    async fn ask<T: Send + 'static>(
        &self,
        failed: &str,
        call: impl Fn(Arc<dyn Backend>) -> BackendCall<T>,
    ) -> Result<T, Error> {
        let client = self.client();
        client.enter()?;
        let answer = client.runtimes.within(client.store.ask(call)).await?;
        answer.map_err(|error| Error::from_backend(failed, error))
    }
}

impl fmt::Debug for LockManager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LockManager").field("client", self.client()).finish_non_exhaustive()
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
#[must_use = "a builder makes a manager only when `build` is called"]
pub struct LockManagerBuilder {
    backend: Arc<dyn Backend>,
    ttl: Duration,
    clock_skew_margin: Option<f64>,
    max_handover_time: Duration,
    prefix: String,
    owner: Owner,
    retry: RetryPolicy,
    runtime: Option<Handle>,
    background_thread: bool,
}

impl LockManagerBuilder {
    fn new(backend: Arc<dyn Backend>) -> Self {
        Self {
            backend,
            ttl: Duration::from_secs(30),
            clock_skew_margin: None,
            max_handover_time: Duration::from_millis(250),
            prefix: String::new(),
            owner: Owner::this_process(None),
            retry: RetryPolicy::default(),
            runtime: None,
            background_thread: false,
        }
    }

    /// Sets how long a lease lasts unless it is renewed: between 100 ms and 30 days. The default is 30 s. Each lock can have
    /// its own.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = ttl;
        self
    }

    /// Sets how much sooner than the store a client stops trusting a lease, as a fraction of its ttl between 0 and 0.5. The
    /// default is 0.1, and 0.33 for a store that has no clock of its own.
    ///
    /// Two guards cannot hold together as long as the clocks of the servers that may answer (a primary before and after a
    /// failover, several routers) differ by less than this. For a store without a clock, the clocks of all clients must.
    pub fn clock_skew_margin(mut self, fraction: f64) -> Self {
        self.clock_skew_margin = Some(fraction);
        self
    }

    /// Sets how long the tasks of this process may pass a lock on in memory while other processes wait. The default is
    /// 250 ms. Zero lets other processes in after each guard.
    pub fn max_handover_time(mut self, time: Duration) -> Self {
        self.max_handover_time = time;
        self
    }

    /// Sets what is put before each lock name. The default is nothing.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Sets the label that people see when they look at a queue, beside the host and the process id: up to 256 bytes. The
    /// default is none.
    pub fn owner_label(mut self, label: impl Into<String>) -> Self {
        self.owner.label = Some(label.into());
        self
    }

    /// Sets how steps are retried while the store cannot be reached.
    pub fn retry(mut self, retry: RetryPolicy) -> Self {
        self.retry = retry;
        self
    }

    /// Sets the runtime for background work. The default is every runtime that uses the manager.
    ///
    /// With it, the manager can also be used where there is no tokio runtime.
    pub fn runtime(mut self, runtime: Handle) -> Self {
        self.runtime = Some(runtime);
        self
    }

    /// Does the background work on a thread of the manager's own, so that code which blocks the threads of a runtime
    /// costs no lease. The manager can then also be used where there is no tokio runtime.
    ///
    /// A backend whose connections belong to the runtime on which it was opened (MongoDB, `ArangoDB`) must be opened on that
    /// thread too: [`LockManager::open`].
    pub fn background_thread(mut self) -> Self {
        self.background_thread = true;
        self
    }

    /// Makes the manager. The store is not asked yet.
    ///
    /// # Errors
    /// - [`InvalidInput`](ErrorKind::InvalidInput) for an invalid setting; the message names it.
    /// - [`Misconfigured`](ErrorKind::Misconfigured) if no thread can be started.
    pub fn build(self) -> Result<LockManager, Error> {
        self.check()?;
        if self.background_thread {
            return self.build_on(BackgroundThread::start()?);
        }
        let runtimes = Runtimes::new(self.runtime.as_ref());
        Ok(self.assemble(runtimes, None))
    }

    pub(crate) fn build_on(self, thread: BackgroundThread) -> Result<LockManager, Error> {
        self.check()?;
        let runtimes = Runtimes::new(Some(thread.handle()));
        Ok(self.assemble(runtimes, Some(thread)))
    }

    fn margin(&self) -> f64 {
        let default = match self.backend.capabilities().clock {
            Clock::Store => 0.1,
            Clock::Clients => 0.33,
        };
        self.clock_skew_margin.unwrap_or(default)
    }

    fn check(&self) -> Result<(), Error> {
        Ttl::new(self.ttl, self.margin())?;
        self.retry.check()?;
        check_label(self.owner.label.as_deref())?;
        if self.prefix.len() >= LockName::MAX_BYTES {
            let message = format!(
                "invalid prefix: it has {} bytes, which leaves no room for a lock name of {} bytes in all",
                self.prefix.len(),
                LockName::MAX_BYTES
            );
            return Err(Error::invalid(message));
        }
        Ok(())
    }

    fn assemble(self, runtimes: Arc<Runtimes>, thread: Option<BackgroundThread>) -> LockManager {
        let margin = self.margin();
        let client = Client::new(self.backend, self.retry, runtimes, thread);
        let settings = PoolSettings { owner: self.owner, max_handover_time: self.max_handover_time };
        let pools = Pools::new(client, settings);
        LockManager(Arc::new(Inner { pools, ttl: self.ttl, margin, prefix: self.prefix }))
    }
}

static CONFIGURED: RwLock<Option<LockManager>> = RwLock::new(None);

/// Sets the manager of all locks that are made by [`Lock::new`]. Call it once, at start-up. A second call replaces the
/// manager for what is acquired from then on.
pub fn configure(manager: LockManager) {
    *CONFIGURED.write() = Some(manager);
}

pub(crate) fn configured() -> Result<LockManager, Error> {
    CONFIGURED.read().clone().ok_or_else(|| {
        let message =
            "no lock manager is configured; call `configure` at start-up, or use `LockManager::lock`";
        Error::new(ErrorKind::NotConfigured, message)
    })
}
