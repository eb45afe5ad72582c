//! The manager for blocking code.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

use parking_lot::RwLock;
use tokio::runtime::Handle;

use super::lock::{Lock, Semaphore};
use crate::backend::Backend;
use crate::client::thread::BackgroundThread;
use crate::error::{Error, ErrorKind};
use crate::manager::LockManagerBuilder;
use crate::queue::{ClaimId, Left, LockName, Snapshot};

/// Makes locks for blocking code. It is cheap to clone: clones are the same manager, with the same thread.
///
/// The manager has a thread of its own, on which leases are renewed. When the last of its handles, locks and guards is
/// gone, the thread releases what is left and ends. A program that ends right then does not wait for that:
/// [`shutdown`](LockManager::shutdown) does.
#[derive(Debug, Clone)]
pub struct LockManager {
    manager: crate::LockManager,
}

impl LockManager {
    /// A manager with the default settings over a backend that is already open.
    ///
    /// A backend that needs a runtime to be opened (MongoDB, `ArangoDB`) is for [`open`](LockManager::open).
    ///
    /// # Errors
    /// [`Misconfigured`](ErrorKind::Misconfigured) if no thread can be started.
    pub fn new(backend: impl Backend) -> Result<Self, Error> {
        let manager = crate::LockManager::builder(backend).build_on(BackgroundThread::start()?)?;
        Ok(Self { manager })
    }

    /// Opens a backend on the manager's own thread, and makes a manager over it.
    ///
    /// ```
    /// use shylock_core::{blocking::LockManager, memory::MemoryBackend, BackendError};
    ///
    /// # fn main() -> Result<(), shylock_core::Error> {
    /// let locks = LockManager::open(async { Ok::<_, BackendError>(MemoryBackend::new()) })?;
    /// # let _ = locks;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// What the future returns; [`Misconfigured`](ErrorKind::Misconfigured) if no thread can be started.
    ///
    /// # Panics
    /// Inside async code.
    pub fn open<B, E>(backend: impl Future<Output = Result<B, E>>) -> Result<Self, Error>
    where
        B: Backend,
        Error: From<E>,
    {
        Self::open_with(async { Ok::<_, E>(crate::LockManager::builder(backend.await?)) })
    }

    /// As [`open`](LockManager::open), with settings: the future returns a builder.
    ///
    /// # Errors
    /// As [`open`](LockManager::open), and [`InvalidInput`](ErrorKind::InvalidInput) for an invalid setting.
    ///
    /// # Panics
    /// Inside async code.
    pub fn open_with<E>(builder: impl Future<Output = Result<LockManagerBuilder, E>>) -> Result<Self, Error>
    where
        Error: From<E>,
    {
        let thread = BackgroundThread::start()?;
        let builder = block_on(thread.handle(), builder)?;
        Ok(Self { manager: builder.build_on(thread)? })
    }

    /// As [`LockManager::lock`](crate::LockManager::lock).
    pub fn lock(&self, name: impl Into<Arc<str>>) -> Lock {
        Lock::of(self.clone(), self.manager.lock(name))
    }

    /// As [`LockManager::semaphore`](crate::LockManager::semaphore).
    pub fn semaphore(&self, name: impl Into<Arc<str>>, permits: u32) -> Semaphore {
        Semaphore::of(self.clone(), self.manager.semaphore(name, permits))
    }

    /// As [`LockManager::inspect`](crate::LockManager::inspect).
    ///
    /// # Errors
    /// As there.
    ///
    /// # Panics
    /// Inside async code.
    pub fn inspect(&self, name: &str) -> Result<Snapshot, Error> {
        self.call(self.manager.inspect(name))
    }

    /// As [`LockManager::list`](crate::LockManager::list).
    ///
    /// # Errors
    /// As there.
    ///
    /// # Panics
    /// Inside async code.
    pub fn list(&self, prefix: &str) -> Result<Vec<LockName>, Error> {
        self.call(self.manager.list(prefix))
    }

    /// As [`LockManager::evict`](crate::LockManager::evict).
    ///
    /// # Errors
    /// As there.
    ///
    /// # Panics
    /// Inside async code.
    pub fn evict(&self, name: &str, claim: ClaimId) -> Result<Left, Error> {
        self.call(self.manager.evict(name, claim))
    }

    /// As [`LockManager::shutdown`](crate::LockManager::shutdown).
    ///
    /// # Errors
    /// As there.
    ///
    /// # Panics
    /// Inside async code.
    pub fn shutdown(&self) -> Result<(), Error> {
        self.call(self.manager.shutdown())
    }

    /// Waits for a call on the calling thread.
    pub(super) fn call<T>(&self, future: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        // The thread is missing in a fork, where nothing would ever wake the caller.
        self.manager.client().enter_to_end()?;
        self.wait(future)
    }

    pub(super) fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        block_on(self.handle(), future)
    }

    /// Runs a future on the manager's thread, and returns whether the caller may wait for it.
    pub(super) fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) -> bool {
        if self.manager.client().is_forked() {
            return false;
        }
        self.handle().spawn(future);
        thread::current().name() != Some(BackgroundThread::NAME)
    }

    fn handle(&self) -> &Handle {
        let thread = self.manager.client().thread.as_ref();
        thread.expect("a blocking manager has a thread").handle()
    }

    pub(super) fn inner(&self) -> &crate::LockManager {
        &self.manager
    }
}

/// Waits for a future on the calling thread.
fn block_on<T>(handle: &Handle, future: impl Future<Output = T>) -> T {
    // tokio tells only by panicking whether this thread may block.
    let may_block = catch_unwind(AssertUnwindSafe(|| handle.block_on(async {}))).is_ok();
    assert!(
        may_block,
        "a blocking lock was used inside async code, where it would block the runtime; use \
         `shylock::LockManager`, or call it within `tokio::task::spawn_blocking`"
    );
    handle.block_on(future)
}

static CONFIGURED: RwLock<Option<LockManager>> = RwLock::new(None);

/// Sets the manager of all blocking locks that are made by [`Lock::new`]. Call it once, at start-up. A second call
/// replaces the manager for what is acquired from then on.
pub fn configure(manager: LockManager) {
    *CONFIGURED.write() = Some(manager);
}

pub(super) fn configured() -> Result<LockManager, Error> {
    CONFIGURED.read().clone().ok_or_else(|| {
        let message = "no blocking lock manager is configured; call `blocking::configure` at start-up, or use \
                       `blocking::LockManager::lock`";
        Error::new(ErrorKind::NotConfigured, message)
    })
}
