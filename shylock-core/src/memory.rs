//! The store in memory: for tests, for a single process, and as the shortest native backend.

use std::collections::HashMap;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use futures_core::stream::{BoxStream, Stream};
use tokio::sync::mpsc;

use crate::backend::{Backend, BackendError, Capabilities, Interest, ListPage, Wakeup};
use crate::queue::{
    ClaimId, JoinRequest, Left, LockName, Mode, Queue, Renewal, Renewed, Snapshot, Value, Written,
};

/// A store in the memory of this process. Clones share the store.
///
/// Managers on clones of one store compete with each other as managers of different processes do.
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
    /// Queues that are not needed any more are removed when there are this many.
    sweep_at: usize,
    listeners: Vec<(Interest, mpsc::UnboundedSender<Wakeup>)>,
}

/// How long a queue is kept after it was last needed: its next token is greater than its last one, even if the clock is
/// set back by less than this.
const RETENTION: Duration = Duration::from_secs(3600);

impl MemoryBackend {
    /// An empty store on the system's clock.
    pub fn new() -> Self {
        Self::with_clock(SystemTime::now)
    }

    /// An empty store on another clock, for instance one that a test controls.
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
            let is_needed = |queue: &Queue| {
                queue.needed_until().is_none_or(|until| until.saturating_add(retention) > now)
            };
            self.queues.retain(|_, queue| is_needed(queue));
            self.sweep_at = (self.queues.len() * 2).max(1024);
        }
        self.queues.entry(lock.clone()).or_default()
    }

    /// Tells the holders of a lock that its queue has moved.
    fn wake(&mut self, lock: &LockName) {
        let Some(queue) = self.queues.get(lock) else { return };
        let holders: Vec<_> = queue.holders().iter().map(|claim| (claim.id, claim.token)).collect();
        let next = queue.claims.get(holders.len()).map(|claim| claim.id);
        let wakeup = Wakeup::new(lock.clone(), holders).abandoned(queue.abandoned).next(next);
        self.listeners.retain(|(interest, listener)| {
            let is_open = !listener.is_closed();
            if interest.selects(&wakeup) { listener.send(wakeup.clone()).is_ok() } else { is_open }
        });
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

    async fn leave(&self, lock: &LockName, claim: ClaimId, linger: Duration) -> Result<Left, BackendError> {
        let (mut content, now) = self.open();
        let left = content.queue(lock, now).leave(claim, linger, now);
        content.wake(lock);
        Ok(left)
    }

    async fn write(
        &self,
        lock: &LockName,
        claim: ClaimId,
        value: Option<&Value>,
    ) -> Result<Written, BackendError> {
        let (mut content, now) = self.open();
        Ok(content.queue(lock, now).write(claim, value.cloned(), now))
    }

    async fn downgrade(&self, lock: &LockName, claim: ClaimId, mode: Mode) -> Result<Written, BackendError> {
        let (mut content, now) = self.open();
        let written = content.queue(lock, now).downgrade(claim, mode, now);
        content.wake(lock);
        Ok(written)
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

    async fn wakeups(&self, interest: &Interest) -> Result<Option<BoxStream<'static, Wakeup>>, BackendError> {
        let (sender, receiver) = mpsc::unbounded_channel();
        self.open().0.listeners.push((interest.clone(), sender));
        Ok(Some(Box::pin(Wakeups(receiver))))
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().durable(false).wakeups(true)
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
