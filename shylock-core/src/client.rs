//! The engine under every primitive: the claims of one manager, and what keeps them alive.
//!
//! - [`store`]: the calls to the backend, each with its limit.
//! - [`held_claim`]: the life of one claim.
//! - [`renewals`]: renews all claims, in batches.
//! - [`wakeups`], [`polling`]: how a waiting claim learns that its queue has moved.
//! - [`lease`]: how long a claim can be trusted.
//! - [`runtimes`], [`thread`]: where background work runs.

pub(crate) mod held_claim;
pub(crate) mod lease;
mod polling;
pub(crate) mod progress;
pub(crate) mod renewals;
pub(crate) mod runtimes;
pub(crate) mod store;
pub(crate) mod thread;
pub(crate) mod ttl;
mod wakeups;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;
use tracing::warn;

use crate::backend::{Backend, BackendError};
use crate::error::{Error, ErrorKind};
use crate::queue::{ClaimId, Left, LockName, ManagerId};
use crate::retry::{RetryPolicy, far_away};

use lease::{Lease, LossReason};
use progress::Progress;
use renewals::Renewals;
use runtimes::Runtimes;
use store::StoreClient;
use thread::BackgroundThread;
use wakeups::Wakeups;

/// What all claims of one manager share.
pub(crate) struct Client {
    pub(crate) store: Arc<StoreClient>,
    pub(crate) runtimes: Arc<Runtimes>,
    pub(crate) renewals: Arc<Renewals>,
    wakeups: Arc<Wakeups>,
    /// The manager was shut down, or is gone. It ends what runs in the background.
    pub(crate) down: CancellationToken,
    /// Counts the claims that may be in the store.
    present: TaskTracker,
    manager: ManagerId,
    claims: AtomicU64,
    /// A fork of this process shares its connections and must not use them.
    process: u32,
    /// Ends when everything above is gone.
    #[cfg_attr(not(feature = "blocking"), allow(dead_code, reason = "it is there to be dropped"))]
    pub(crate) thread: Option<BackgroundThread>,
}

/// How long a guard that is released lets a leave hang before the next caller of this process joins.
pub(crate) const HANGING: Duration = Duration::from_millis(500);

impl Client {
    pub(crate) fn new(
        backend: Arc<dyn Backend>,
        retry: RetryPolicy,
        runtimes: Arc<Runtimes>,
        thread: Option<BackgroundThread>,
    ) -> Arc<Self> {
        let manager = ManagerId::random();
        let store = Arc::new(StoreClient::new(backend, retry, runtimes.clone()));
        let down = CancellationToken::new();
        Arc::new(Self {
            renewals: Renewals::new(store.clone(), runtimes.clone(), down.clone()),
            wakeups: Wakeups::new(store.clone(), runtimes.clone(), manager, down.clone()),
            store,
            runtimes,
            down,
            present: TaskTracker::new(),
            manager,
            claims: AtomicU64::new(0),
            process: std::process::id(),
            thread,
        })
    }

    /// Checks that the manager can be used here.
    pub(crate) fn enter(&self) -> Result<(), Error> {
        if self.is_forked() {
            let message = "this process is a fork of the one that made the lock manager, and cannot share its \
                           connections; make a new manager after the fork";
            return Err(Error::new(ErrorKind::Misconfigured, message));
        }
        if self.down.is_cancelled() {
            return Err(Error::shut_down());
        }
        self.enter_runtime()
    }

    fn enter_runtime(&self) -> Result<(), Error> {
        if self.runtimes.enter()? {
            // What ended with another runtime goes on here.
            self.renewals.resume();
        }
        Ok(())
    }

    /// Checks that the manager can be shut down here. This may be done twice.
    pub(crate) fn enter_to_end(&self) -> Result<(), Error> {
        match self.enter() {
            Err(error) if error.kind() == ErrorKind::ShutDown => self.enter_runtime(),
            entered => entered,
        }
    }

    /// This process has changed the queue of a lock.
    pub(crate) fn moved(&self, lock: &LockName) {
        self.wakeups.moved(lock);
    }

    pub(crate) fn is_forked(&self) -> bool {
        self.process != std::process::id()
    }

    /// A new id for a claim.
    fn draw(&self) -> ClaimId {
        self.manager.claim(self.claims.fetch_add(1, Ordering::Relaxed))
    }

    fn presence(&self) -> TaskTrackerToken {
        self.present.token()
    }

    /// Leaves a queue. This is retried until it has worked or the lease has lapsed.
    async fn leave(
        self: &Arc<Self>,
        lease: &Arc<Lease>,
        linger: Duration,
        progress: &Progress,
    ) -> Result<Left, BackendError> {
        // These may arrive after the leave.
        let stragglers = lease.take_stragglers();
        let until = Instant::now() + linger;
        let lapses_at = lease.lapses_at();
        let retries = self.store.retry.begin_until(lapses_at);
        let request = |backend: Arc<dyn Backend>| -> store::BackendCall<Left> {
            let (lock, claim) = (lease.lock.clone(), lease.claim);
            Box::pin(async move { backend.leave(&lock, claim, linger).await })
        };
        let left = self.store.persist(lease, retries, progress, request).await;
        if !stragglers.is_empty() {
            self.leave_again_after(stragglers, lease.clone(), until, lapses_at);
        }
        lease.left();
        self.wakeups.moved(&lease.lock);
        match left {
            // If an earlier request got no answer, it may have been the one that took the claim out.
            Ok(left) if left.is_certain => Ok(left.value),
            Ok(_) => Ok(Left::Left),
            Err(error) => {
                warn!(lock = %lease.lock, claim = %lease.claim, %error, "a claim could not leave; its lease runs out");
                Err(error)
            }
        }
    }

    /// Leaves a queue in the background, and then drops `then`.
    pub(crate) fn leave_in_background(
        self: &Arc<Self>,
        lease: Arc<Lease>,
        linger: Duration,
        progress: &Arc<Progress>,
        then: impl Send + 'static,
    ) {
        let (client, progress, then) = (self.clone(), progress.clone(), Mutex::new(Some(then)));
        let leaving = Arc::new(Leaving { client, lease, linger, progress, then });
        self.runtimes.start(move || Box::pin(leaving.clone().run()));
    }

    /// A request to join that is still under way may bring the claim back: it leaves once more after that, and lingers
    /// until the same time. Shutting down waits for it no longer than the lease lasts.
    fn leave_again_after(
        self: &Arc<Self>,
        stragglers: Vec<JoinHandle<()>>,
        lease: Arc<Lease>,
        until: Instant,
        lapses_at: Instant,
    ) {
        let (client, presence) = (self.clone(), self.presence());
        let limit = self.store.retry.attempt_limit(Duration::MAX).saturating_mul(2);
        self.runtimes.spawn(async move {
            let work = async {
                let all = async {
                    for straggler in stragglers {
                        let _ = straggler.await;
                    }
                };
                let _ = timeout(limit, all).await;
                // The late request began a lease of its own.
                let retries = client.store.retry.begin_until(far_away(lease.ttl().get()));
                let request = |backend: Arc<dyn Backend>| -> store::BackendCall<Left> {
                    let (lock, claim) = (lease.lock.clone(), lease.claim);
                    let linger = until.saturating_duration_since(Instant::now());
                    Box::pin(async move { backend.leave(&lock, claim, linger).await })
                };
                let progress = Progress::default();
                if let Err(error) = client.store.persist(&lease, retries, &progress, request).await {
                    warn!(lock = %lease.lock, claim = %lease.claim, %error, "a late claim could not leave; its lease runs out");
                }
            };
            tokio::pin!(work);
            if timeout_at(lapses_at, &mut work).await.is_err() {
                drop(presence);
                work.await;
            }
        });
    }

    /// Ends every claim, and waits until each has left the store or its lease has run out.
    pub(crate) async fn shut_down(self: &Arc<Self>) {
        self.down.cancel();
        self.present.close();
        // A claim that is still joining leaves after its request, when its caller has noticed.
        self.end_all(|lease| lease.deadline().is_some());
        let patience = self.store.retry.attempt_limit(Duration::MAX);
        if timeout(patience, self.present.wait()).await.is_err() {
            self.end_all(|_| true);
            self.present.wait().await;
        }
    }

    fn end_all(self: &Arc<Self>, which: impl Fn(&Lease) -> bool) {
        for lease in self.renewals.drain(which) {
            lease.end(LossReason::ShutDown);
            self.leave_in_background(lease, Duration::ZERO, &Arc::default(), ());
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.down.cancel();
    }
}

/// A claim that leaves in the background.
struct Leaving<T> {
    client: Arc<Client>,
    lease: Arc<Lease>,
    linger: Duration,
    progress: Arc<Progress>,
    then: Mutex<Option<T>>,
}

impl<T> Leaving<T> {
    async fn run(self: Arc<Self>) {
        let leave = self.client.leave(&self.lease, self.linger, &self.progress);
        tokio::pin!(leave);
        if timeout(HANGING, &mut leave).await.is_err() {
            self.done();
            // What failed was logged.
            let _ = leave.await;
        }
        self.done();
    }

    fn done(&self) {
        let then = self.then.lock().take();
        drop(then);
    }
}

impl<T> Drop for Leaving<T> {
    /// It has left, or there is no runtime left on which it could: its lease runs out.
    fn drop(&mut self) {
        self.lease.left();
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("backend", &self.store.backend).finish_non_exhaustive()
    }
}
