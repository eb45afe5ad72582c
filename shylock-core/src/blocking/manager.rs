//! The manager for blocking code.

use std::sync::{Arc, PoisonError, RwLock};

use super::lock::Lock;
use super::runtime::Runtime;
use crate::backend::Backend;
use crate::error::{Error, ErrorKind};
use crate::manager::LockManagerBuilder;
use crate::queue::Snapshot;
use crate::queue::{ClaimId, LockName};

/// Gives out locks for blocking code. Cheap to clone: clones are the same manager, with the same runtime.
///
/// When the last of its handles, locks and guards is gone, its thread releases what is left and ends. A
/// program that ends right then does not wait for that: [`shutdown`](LockManager::shutdown) does.
#[derive(Debug, Clone)]
pub struct LockManager {
    runtime: Runtime,
    manager: crate::LockManager,
}

impl LockManager {
    /// A manager with the default settings over a backend that is open already.
    ///
    /// A backend whose driver wants a runtime to be opened, as that of `MongoDB`, is for [`open`](LockManager::open).
    ///
    /// # Errors
    /// [`Misconfigured`](ErrorKind::Misconfigured) if no thread can be started.
    pub fn new(backend: impl Backend) -> Result<Self, Error> {
        Self::build(Runtime::start()?, crate::LockManager::builder(backend))
    }

    /// Opens a backend on the manager's own runtime, and makes a manager over it.
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
    /// What the future answers; [`Misconfigured`](ErrorKind::Misconfigured) if no thread can be started.
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

    /// As [`open`](LockManager::open), with settings: the future answers a builder.
    ///
    /// # Errors
    /// As [`open`](LockManager::open), and [`InvalidInput`](ErrorKind::InvalidInput) if a setting cannot be.
    ///
    /// # Panics
    /// Inside async code.
    pub fn open_with<E>(builder: impl Future<Output = Result<LockManagerBuilder, E>>) -> Result<Self, Error>
    where
        Error: From<E>,
    {
        let runtime = Runtime::start()?;
        let builder = runtime.wait(builder)?;
        Self::build(runtime, builder)
    }

    fn build(runtime: Runtime, builder: LockManagerBuilder) -> Result<Self, Error> {
        let manager = builder.runtime(runtime.handle().clone()).build()?;
        runtime.ends_with(manager.clone());
        Ok(Self { runtime, manager })
    }

    /// As [`LockManager::lock`](crate::LockManager::lock).
    pub fn lock(&self, name: impl Into<Arc<str>>) -> Lock {
        Lock::of(self.clone(), self.manager.lock(name))
    }

    /// As [`LockManager::inspect`](crate::LockManager::inspect).
    ///
    /// # Errors
    /// As there.
    ///
    /// # Panics
    /// Inside async code.
    pub fn inspect(&self, name: &str) -> Result<Snapshot, Error> {
        self.wait(self.manager.inspect(name))
    }

    /// As [`LockManager::list`](crate::LockManager::list).
    ///
    /// # Errors
    /// As there.
    ///
    /// # Panics
    /// Inside async code.
    pub fn list(&self, prefix: &str) -> Result<Vec<LockName>, Error> {
        self.wait(self.manager.list(prefix))
    }

    /// As [`LockManager::evict`](crate::LockManager::evict).
    ///
    /// # Errors
    /// As there.
    ///
    /// # Panics
    /// Inside async code.
    pub fn evict(&self, name: &str, claim: ClaimId) -> Result<(), Error> {
        self.wait(self.manager.evict(name, claim))
    }

    /// As [`LockManager::shutdown`](crate::LockManager::shutdown).
    ///
    /// # Errors
    /// As there.
    ///
    /// # Panics
    /// Inside async code.
    pub fn shutdown(&self) -> Result<(), Error> {
        self.wait(self.manager.shutdown())
    }

    pub(super) fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.wait(future)
    }
}

static CONFIGURED: RwLock<Option<LockManager>> = RwLock::new(None);

/// Makes this the manager of all blocking locks that are made by [`Lock::new`]; to be called once, at start-up.
/// A second call changes the manager for what is made from then on.
pub fn configure(manager: LockManager) {
    *CONFIGURED.write().unwrap_or_else(PoisonError::into_inner) = Some(manager);
}

pub(super) fn configured() -> Result<LockManager, Error> {
    CONFIGURED.read().unwrap_or_else(PoisonError::into_inner).clone().ok_or_else(|| {
        let message = "no blocking lock manager is configured; call `blocking::configure` at start-up, or use \
                       `blocking::LockManager::lock`";
        Error::new(ErrorKind::NotConfigured, message)
    })
}

impl LockManager {
    pub(super) fn inner(&self) -> &crate::LockManager {
        &self.manager
    }
}
