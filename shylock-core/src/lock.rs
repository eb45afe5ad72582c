//! A lock as its user sees it.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::contender::{Tenure, Waiting, Want};
use crate::engine::{Engine, Key};
use crate::error::{Error, ErrorKind};
use crate::guard::LockGuard;
use crate::manager::{LockManager, configured};
use crate::queue::{LockName, Mode};
use crate::ttl::Ttl;

/// A lock by its name: made by [`LockManager::lock`], or by [`Lock::new`] for the configured manager.
///
/// It is a description, cheap to make and to clone; nothing happens in the store until it is acquired.
///
/// ```
/// use std::time::Duration;
/// use shylock_core::{LockManager, memory::MemoryBackend};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), shylock_core::Error> {
/// let locks = LockManager::new(MemoryBackend::new());
/// let lock = locks.lock("nightly-report").ttl(Duration::from_secs(10)).label("report of 2026-11-21");
///
/// let guard = lock.acquire().await?;
/// println!("{}", guard.fencing_token());
/// guard.release().await?;
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Lock {
    manager: Option<LockManager>,
    name: Arc<str>,
    options: LockOptions,
}

#[derive(Debug, Clone)]
struct LockOptions {
    mode: Mode,
    ttl: Option<Duration>,
    auto_renew: bool,
    max_hold: Option<Duration>,
    hold_at_least: Option<Duration>,
    label: Option<Arc<str>>,
}

impl Default for LockOptions {
    fn default() -> Self {
        let mode = Mode::Exclusive;
        Self { mode, ttl: None, auto_renew: true, max_hold: None, hold_at_least: None, label: None }
    }
}

impl Lock {
    /// A lock of the manager that [`configure`](crate::configure) was given; it is looked up when the lock is acquired.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self { manager: None, name: name.into(), options: LockOptions::default() }
    }

    pub(crate) fn of(manager: LockManager, name: Arc<str>) -> Self {
        Self { manager: Some(manager), name, options: LockOptions::default() }
    }

    /// The same lock of this manager.
    #[cfg(feature = "blocking")]
    pub(crate) fn in_manager(mut self, manager: LockManager) -> Self {
        self.manager = Some(manager);
        self
    }

    /// How long a lease lasts unless it is renewed, from 100 ms to 30 days; the manager's by default.
    ///
    /// A crash delays the others by at most this. A short one needs a store that answers well within a
    /// third of it.
    #[must_use]
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.options.ttl = Some(ttl);
        self
    }

    /// Holds together with others that are shared, as long as at most `max` hold: a semaphore with `max`
    /// permits, or, with `u32::MAX`, the reader's side of a read-write lock, whose writer's side is the same
    /// lock without this. Order is strict: whoever waits for the lock alone is not overtaken. Exclusive by default.
    #[must_use]
    pub fn shared(mut self, max: u32) -> Self {
        self.options.mode = Mode::Shared { max };
        self
    }

    /// Whether the lease is renewed while the guard is there; `true` by default. Without it the guard is
    /// lost after the ttl, less the margin.
    #[must_use]
    pub fn auto_renew(mut self, auto_renew: bool) -> Self {
        self.options.auto_renew = auto_renew;
        self
    }

    /// The longest that a guard may hold: then it is lost, whatever its holder does. No limit by default.
    #[must_use]
    pub fn max_hold(mut self, time: Duration) -> Self {
        self.options.max_hold = Some(time);
        self
    }

    /// The shortest that the lock stays taken, even if it is released before, up to 30 days: a scheduled
    /// job runs once even when it is quick. A holder that crashes frees it after its ttl all the same.
    #[must_use]
    pub fn hold_at_least(mut self, time: Duration) -> Self {
        self.options.hold_at_least = Some(time);
        self
    }

    /// What to call this owner where people look at the queue, in place of the manager's label; up to 256 bytes.
    #[must_use]
    pub fn label(mut self, label: impl Into<Arc<str>>) -> Self {
        self.options.label = Some(label.into());
        self
    }

    /// Waits for its turn, for as long as it takes, and acquires the lock.
    ///
    /// # Errors
    /// - [`Unavailable`](ErrorKind::Unavailable) if the store was out of reach for as long as the retry policy allows.
    /// - [`Denied`](ErrorKind::Denied), [`Misconfigured`](ErrorKind::Misconfigured), [`Broken`](ErrorKind::Broken):
    ///   the store refuses.
    /// - [`InvalidInput`](ErrorKind::InvalidInput): the name or an option cannot be.
    /// - [`NotConfigured`](ErrorKind::NotConfigured), [`ShutDown`](ErrorKind::ShutDown).
    ///
    /// # Cancel safety
    /// Dropped, it gives up its place in the queue, in the background; no lock is held afterwards.
    pub async fn acquire(&self) -> Result<LockGuard, Error> {
        self.enter(false, None).await?.map(LockGuard::new).ok_or_else(|| self.no_answer())
    }

    /// Acquires the lock if nobody holds it or waits for it; `None` if somebody does.
    ///
    /// # Errors
    /// As [`acquire`](Lock::acquire). An outage is an error, never `None`.
    ///
    /// # Cancel safety
    /// As [`acquire`](Lock::acquire).
    pub async fn try_acquire(&self) -> Result<Option<LockGuard>, Error> {
        Ok(self.enter(true, None).await?.map(LockGuard::new))
    }

    /// Waits for its turn, but no longer than this.
    ///
    /// # Errors
    /// [`Timeout`](ErrorKind::Timeout) if the time is over; [`Unavailable`](ErrorKind::Unavailable) if it is over
    /// and the store was out of reach at the end; otherwise as [`acquire`](Lock::acquire).
    ///
    /// # Cancel safety
    /// As [`acquire`](Lock::acquire).
    pub async fn acquire_timeout(&self, timeout: Duration) -> Result<LockGuard, Error> {
        let tenure = self.enter(false, Some(timeout)).await?;
        tenure.map(LockGuard::new).ok_or_else(|| self.no_answer())
    }

    /// Acquires the lock, does the work, and releases it. If the lock is lost the work is dropped at its next await.
    ///
    /// ```
    /// # use shylock_core::{LockManager, memory::MemoryBackend};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), shylock_core::Error> {
    /// # let locks = LockManager::new(MemoryBackend::new());
    /// let token = locks.lock("my-lock").with(async |guard| guard.fencing_token()).await?;
    /// # let _ = token;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`Lost`](ErrorKind::Lost) if the lock was lost before the work was done; otherwise as [`acquire`](Lock::acquire).
    /// A release that fails is no error, because the work is done: the lock ends with its lease.
    ///
    /// # Panics
    /// Only if the work panics; the lock is given back then too.
    ///
    /// # Cancel safety
    /// Dropped, it drops the work and gives the lock back.
    pub async fn with<T>(&self, work: impl AsyncFnOnce(&LockGuard) -> T) -> Result<T, Error> {
        let guard = self.acquire().await?;
        let name = guard.lock_name().clone();
        let done = tokio::select! {
            biased;
            reason = guard.lost() => Err(reason),
            done = work(&guard) => Ok(done),
        };
        let done = done.map_err(|reason| Error::lost(&name, reason))?;
        match guard.release().await {
            Err(error) if error.kind() == ErrorKind::Lost => Err(error),
            Ok(()) | Err(_) => Ok(done),
        }
    }

    async fn enter(&self, at_once: bool, timeout: Option<Duration>) -> Result<Option<Tenure>, Error> {
        let manager = match &self.manager {
            Some(manager) => manager.clone(),
            None => configured()?,
        };
        let engine = manager.engine();
        let key = self.key(engine)?;
        let want = Want {
            at_once,
            auto_renew: self.options.auto_renew,
            max_hold: self.options.max_hold,
            hold_at_least: self.options.hold_at_least,
        };
        let deadline = timeout.map(|timeout| (timeout, Instant::now() + timeout.min(Ttl::MAX)));
        enter(engine, &key, want, deadline).await
    }

    fn key(&self, engine: &Engine) -> Result<Key, Error> {
        let settings = &engine.settings;
        let lock = LockName::new(format!("{}{}", settings.prefix, self.name))?;
        if self.name.is_empty() {
            return Err(Error::invalid("a lock name is empty; give it at least one character"));
        }
        let LockOptions { mode, max_hold, hold_at_least, label, ttl, .. } = &self.options;
        if mode.max_holders() == 0 {
            return Err(Error::invalid("a lock that is shared by 0 holders cannot be; allow at least 1"));
        }
        check_label(label.as_deref())?;
        if max_hold.is_some_and(|time| time.is_zero()) {
            return Err(Error::invalid("a max_hold of zero cannot be; leave it out for no limit"));
        }
        if hold_at_least.is_some_and(|time| time > Ttl::MAX) {
            return Err(Error::invalid("a hold_at_least of more than 30 days cannot be"));
        }
        let ttl = Ttl::new(ttl.unwrap_or(settings.ttl), settings.margin)?;
        Ok(engine.key(lock, *mode, ttl, label.clone()))
    }

    fn no_answer(&self) -> Error {
        Error::new(ErrorKind::Broken, format!("lock {:?} was neither granted nor refused", self.name))
    }
}

pub(crate) fn check_label(label: Option<&str>) -> Result<(), Error> {
    const MAX_BYTES: usize = 256;
    match label.map_or(0, str::len) {
        0..=MAX_BYTES => Ok(()),
        bytes => {
            let message =
                format!("a label has {bytes} bytes, and {MAX_BYTES} are allowed; use a shorter one");
            Err(Error::invalid(message))
        }
    }
}

/// Lines up with the other callers of this process, and waits.
async fn enter(
    engine: &Arc<Engine>,
    key: &Key,
    want: Want,
    deadline: Option<(Duration, Instant)>,
) -> Result<Option<Tenure>, Error> {
    loop {
        let runtime = engine.runtime()?;
        let waiting = engine.with_contender(key, |contender| contender.line_up(want, &runtime))?;
        let answer = match deadline {
            None => waiting.await,
            Some((timeout, at)) => wait_until(waiting, timeout, at).await?,
        };
        // Without an answer the contender has ended with its runtime: another one begins on ours.
        if let Some(answer) = answer {
            return answer;
        }
    }
}

type Answer = Option<Result<Option<Tenure>, Error>>;

async fn wait_until(mut waiting: Waiting, timeout: Duration, at: Instant) -> Result<Answer, Error> {
    tokio::select! {
        biased;
        answer = &mut waiting => Ok(answer),
        () = sleep_until(at) => {
            let contender = waiting.contender();
            let lock = &contender.key.lock;
            Err(match contender.trouble() {
                Some(trouble) => {
                    Error::from_backend(&format!("lock {lock:?} could not be acquired within {timeout:?}"), trouble)
                }
                None => Error::new(ErrorKind::Timeout, format!("lock {lock:?} was not granted within {timeout:?}")),
            })
        }
    }
}
