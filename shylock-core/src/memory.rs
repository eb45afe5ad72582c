//! The store in memory: for tests, for a single process, and as the shortest native backend to read.

use std::collections::HashMap;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use futures_core::stream::{BoxStream, Stream};
use tokio::sync::mpsc;

use crate::backend::{Backend, BackendError, JoinRequest, ListPage, Renewal, Renewed, Snapshot, Wakeup};
use crate::claim::{ClaimId, LockName};
use crate::queue::Queue;

/// A store in the memory of this process. Clones are the same store.
///
/// Managers on clones of one store contend with each other as if they were processes of their own.
///
/// ```
/// use shylock_core::{LockManager, memory::MemoryBackend};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), shylock_core::Error> {
/// let store = MemoryBackend::new();
/// let (ours, theirs) = (LockManager::new(store.clone()), LockManager::new(store));
///
/// let guard = ours.lock("my-lock").acquire().await?;
/// assert!(theirs.lock("my-lock").try_acquire().await?.is_none());
/// guard.release().await?;
/// assert!(theirs.lock("my-lock").try_acquire().await?.is_some());
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct MemoryBackend(Arc<Store>);

struct Store {
    clock: Box<dyn Fn() -> SystemTime + Send + Sync>,
    content: Mutex<Content>,
}

#[derive(Default)]
struct Content {
    queues: HashMap<LockName, Queue>,
    /// Sweep when there are so many queues.
    sweep_at: usize,
    listeners: Vec<mpsc::UnboundedSender<Wakeup>>,
}

/// An empty queue is kept for so long, so that its next token is greater than its last one, whatever
/// the clock does in between.
const RETENTION: Duration = Duration::from_secs(3600);

impl MemoryBackend {
    /// An empty store on the system's clock.
    pub fn new() -> Self {
        Self::with_clock(SystemTime::now)
    }

    /// An empty store on another clock, for instance one that a test moves, or that runs backwards.
    pub fn with_clock(clock: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        Self(Arc::new(Store { clock: Box::new(clock), content: Mutex::default() }))
    }

    /// The store and its now, in milliseconds since 1970.
    fn open(&self) -> (MutexGuard<'_, Content>, u64) {
        let content = self.0.content.lock().unwrap_or_else(PoisonError::into_inner);
        let since_1970 = (self.0.clock)().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        (content, u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX))
    }
}

impl Content {
    /// The queue of a lock, to be changed.
    fn queue(&mut self, lock: &LockName, now: u64) -> &mut Queue {
        if self.queues.len() >= self.sweep_at {
            let retention = u64::try_from(RETENTION.as_millis()).unwrap_or(u64::MAX);
            self.queues.retain(|_, queue| queue.needed_until() + retention > now);
            self.sweep_at = (self.queues.len() * 2).max(1024);
        }
        self.queues.entry(lock.clone()).or_default()
    }

    fn wake(&mut self, wakeup: &Wakeup) {
        self.listeners.retain(|listener| listener.send(wakeup.clone()).is_ok());
    }
}

#[async_trait]
impl Backend for MemoryBackend {
    async fn join(&self, request: &JoinRequest) -> Result<Snapshot, BackendError> {
        let (mut content, now) = self.open();
        let queue = content.queue(&request.lock, now);
        queue.join(request, now);
        Ok(queue.snapshot(now))
    }

    async fn renew(&self, renewals: &[Renewal]) -> Result<Vec<Renewed>, BackendError> {
        let (mut content, now) = self.open();
        let mut renew = |r: &Renewal| content.queue(&r.lock, now).renew(r.claim, r.ttl, now);
        Ok(renewals.iter().map(&mut renew).collect())
    }

    async fn leave(&self, lock: &LockName, claim: ClaimId, linger: Duration) -> Result<(), BackendError> {
        let (mut content, now) = self.open();
        let queue = content.queue(lock, now);
        queue.leave(claim, linger, now);
        let granted: Vec<_> = queue.granted().iter().map(|claim| (claim.id, claim.token)).collect();
        if !granted.is_empty() {
            content.wake(&Wakeup { lock: lock.clone(), granted });
        }
        Ok(())
    }

    async fn queue(&self, lock: &LockName) -> Result<Snapshot, BackendError> {
        let (content, now) = self.open();
        Ok(content.queues.get(lock).map(|queue| queue.snapshot(now)).unwrap_or_default())
    }

    async fn list(&self, page: &ListPage) -> Result<Vec<LockName>, BackendError> {
        let (content, now) = self.open();
        let live = content.queues.iter().filter(|(_, queue)| queue.live_until().is_some_and(|end| end > now));
        let mut names: Vec<LockName> = live
            .map(|(name, _)| name.clone())
            .filter(|name| name.as_str().starts_with(&page.prefix) && Some(name) > page.after.as_ref())
            .collect();
        names.sort_unstable();
        names.truncate(page.limit);
        Ok(names)
    }

    async fn wakeups(&self) -> Result<Option<BoxStream<'static, Wakeup>>, BackendError> {
        let (speaker, listener) = mpsc::unbounded_channel();
        self.open().0.listeners.push(speaker);
        Ok(Some(Box::pin(Wakeups(listener))))
    }
}

struct Wakeups(mpsc::UnboundedReceiver<Wakeup>);

impl Stream for Wakeups {
    type Item = Wakeup;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Wakeup>> {
        self.0.poll_recv(cx)
    }
}

impl Default for MemoryBackend {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryBackend").field("locks", &self.open().0.queues.len()).finish()
    }
}
