//! What all the handles of one manager share.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::backend::Backend;
use crate::contender::Contender;
use crate::ears::Ears;
use crate::error::{Error, ErrorKind};
use crate::heartbeat::Heartbeat;
use crate::queue::{ClaimId, LockName, ManagerId, Mode, Owner};
use crate::retry::RetryPolicy;
use crate::ttl::Ttl;

/// A manager's settings.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) ttl: Duration,
    pub(crate) margin: f64,
    pub(crate) turn: Duration,
    pub(crate) prefix: String,
    pub(crate) owner: Owner,
    pub(crate) retry: RetryPolicy,
    pub(crate) runtime: Option<Handle>,
}

/// A manager without its handle: the backend, the contenders, the heartbeat, the ears.
pub(crate) struct Engine {
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) settings: Settings,
    pub(crate) heartbeat: Arc<Heartbeat>,
    pub(crate) ears: Arc<Ears>,
    contenders: Mutex<HashMap<Key, Arc<Contender>>>,
    /// Draws the keys of shared claims, which are one each.
    serial: AtomicU64,
    manager: ManagerId,
    down: AtomicBool,
    idle: watch::Sender<()>,
}

/// Callers with equal keys share a claim.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) lock: LockName,
    pub(crate) mode: Mode,
    pub(crate) ttl: Ttl,
    pub(crate) label: Option<Arc<str>>,
    /// Zero for exclusive claims.
    pub(crate) serial: u64,
}

impl Engine {
    pub(crate) fn new(backend: Arc<dyn Backend>, settings: Settings) -> Self {
        let manager = ManagerId::random();
        Self {
            heartbeat: Arc::new(Heartbeat::new(backend.clone(), settings.retry.clone())),
            ears: Arc::new(Ears::new(backend.clone(), settings.retry.clone(), manager)),
            manager,
            backend,
            settings,
            contenders: Mutex::default(),
            serial: AtomicU64::new(1),
            down: AtomicBool::new(false),
            idle: watch::Sender::new(()),
        }
    }

    /// A new id for a claim.
    pub(crate) fn draw(&self) -> ClaimId {
        self.manager.claim(self.serial.fetch_add(1, Ordering::Relaxed))
    }

    /// The key of a caller that wants this lock.
    pub(crate) fn key(&self, lock: LockName, mode: Mode, ttl: Ttl, label: Option<Arc<str>>) -> Key {
        let serial = match mode {
            Mode::Exclusive => 0,
            Mode::Shared { .. } => self.serial.fetch_add(1, Ordering::Relaxed),
        };
        Key { lock, mode, ttl, label, serial }
    }

    /// The runtime for background work.
    pub(crate) fn runtime(&self) -> Result<Handle, Error> {
        if let Some(runtime) = &self.settings.runtime {
            return Ok(runtime.clone());
        }
        Handle::try_current().map_err(|_| {
            let message = "there is no tokio runtime here: call this inside one, give the manager's builder one \
                           with `runtime`, or use `blocking`";
            Error::new(ErrorKind::Misconfigured, message)
        })
    }

    /// The contender with this key, made if there is none; `use_it` runs before it can go away.
    pub(crate) fn with_contender<T>(
        self: &Arc<Self>,
        key: &Key,
        use_it: impl FnOnce(&Arc<Contender>) -> T,
    ) -> Result<T, Error> {
        let mut contenders = self.contenders();
        if self.is_down() {
            return Err(Error::shut_down());
        }
        if let Some(contender) = contenders.get(key) {
            return Ok(use_it(contender));
        }
        let contender = Arc::new(Contender::new(self.clone(), key.clone()));
        contenders.insert(key.clone(), contender.clone());
        Ok(use_it(&contender))
    }

    /// Forgets a contender if `is_done`, which nobody can change in between.
    pub(crate) fn remove_if(&self, key: &Key, is_done: impl FnOnce() -> bool) -> bool {
        let mut contenders = self.contenders();
        let done = is_done();
        if done {
            contenders.remove(key);
            if contenders.is_empty() {
                self.idle.send_replace(());
            }
        }
        done
    }

    pub(crate) fn is_down(&self) -> bool {
        self.down.load(Ordering::SeqCst)
    }

    /// Stops everything and waits until each claim was left, or given up.
    pub(crate) async fn shut_down(&self) -> Result<(), Error> {
        let runtime = self.runtime()?;
        let mut idle = self.idle.subscribe();
        self.down.store(true, Ordering::SeqCst);
        loop {
            let contenders: Vec<_> = self.contenders().values().cloned().collect();
            if contenders.is_empty() {
                return Ok(());
            }
            // A contender whose runtime has ended goes on here.
            for contender in &contenders {
                contender.wake(&runtime);
            }
            drop(contenders);
            let _ = idle.changed().await;
        }
    }

    fn contenders(&self) -> MutexGuard<'_, HashMap<Key, Arc<Contender>>> {
        self.contenders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("backend", &self.backend).field("settings", &self.settings).finish()
    }
}
