//! The life of one claim, from its id to its leave.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tracing::debug;

use super::Client;
use super::lease::{Lease, LossReason};
use super::polling::Pace;
use super::progress::Progress;
use super::renewals::OnLoss;
use super::ttl::Ttl;
use super::wakeups::{Event, Subscription};
use crate::backend::{BackendError, BackendErrorKind};
use crate::queue::{FencingToken, JoinRequest, Left, LockName, Mode, Owner, Snapshot};

/// One claim that is, or may be, in the store. It knows nothing of the callers that it is for.
///
/// Whoever owns this value owns the claim. When it is dropped, for whatever reason, the claim is renewed no more, and it
/// leaves the store in the background.
pub(crate) struct HeldClaim {
    client: Arc<Client>,
    lease: Arc<Lease>,
    mode: Mode,
    /// Until it is granted.
    waiting: Option<Box<Waiting>>,
    /// The store has answered that it is in the queue.
    is_confirmed: bool,
    may_be_in_store: bool,
    /// How long it stays in the store when it leaves.
    linger: Duration,
}

struct Waiting {
    request: JoinRequest,
    token: Option<FencingToken>,
    subscription: Subscription,
    on_loss: Weak<dyn OnLoss>,
}

/// What a claim asks for.
pub(crate) struct ClaimSpec {
    pub(crate) lock: LockName,
    pub(crate) mode: Mode,
    pub(crate) ttl: Ttl,
    pub(crate) owner: Owner,
    /// Join only if it is granted at once.
    pub(crate) only_if_granted: bool,
    /// Who is told when its lease is lost.
    pub(crate) on_loss: Weak<dyn OnLoss>,
}

/// A grant by the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Granted {
    pub(crate) token: FencingToken,
    /// The holder before it that lapsed.
    pub(crate) abandoned: Option<FencingToken>,
}

/// The result of joining.
pub(crate) enum Joined {
    Granted(Granted),
    /// It waits in this queue.
    Waiting(Snapshot),
    /// It was to join only if it was granted at once. It is not in the store.
    Refused,
}

/// How waiting ended.
pub(crate) enum Waited {
    Granted(Granted),
    /// Its lease has ended: it needs a new claim.
    Lost,
}

impl HeldClaim {
    /// Draws an id. Nothing is sent yet.
    pub(crate) fn new(client: &Arc<Client>, spec: ClaimSpec) -> Self {
        let ClaimSpec { lock, mode, ttl, owner, only_if_granted, on_loss } = spec;
        let claim = client.draw();
        let lease = Arc::new(Lease::new(lock.clone(), claim, ttl, client.presence()));
        // It listens before it joins, so that no wakeup in between is missed.
        let subscription = client.wakeups.subscribe(&lock, claim);
        let request = JoinRequest::new(lock, claim, mode, ttl.get(), owner).only_if_granted(only_if_granted);
        let waiting = Waiting { request, token: None, subscription, on_loss };
        Self {
            client: client.clone(),
            lease,
            mode,
            waiting: Some(Box::new(waiting)),
            is_confirmed: false,
            may_be_in_store: false,
            linger: Duration::ZERO,
        }
    }

    pub(crate) fn lease(&self) -> &Arc<Lease> {
        &self.lease
    }

    /// Whether it waits in the store's queue, and [`wait`](Self::wait) can go on.
    pub(crate) fn is_waiting(&self) -> bool {
        self.is_confirmed && self.waiting.is_some() && self.lease.loss().is_none()
    }

    /// Whether a caller who asks for this can go on with a claim that waits. A longer lease could delay others by more
    /// than the ttl that the caller has chosen.
    pub(crate) fn serves(&self, mode: Mode, ttl: Ttl) -> bool {
        self.mode == mode && self.lease.remaining() <= ttl.get()
    }

    /// Whether it may be in the store although nobody waits for its grant.
    pub(crate) fn has_to_leave(&self) -> bool {
        self.may_be_in_store && !self.is_evicted() && !self.client.is_forked()
    }

    /// It is gone, and no request is under way that would bring it back.
    fn is_evicted(&self) -> bool {
        self.lease.loss() == Some(LossReason::Evicted) && !self.lease.has_stragglers()
    }

    /// Joins the queue. Errors that may pass are retried as the policy allows.
    pub(crate) async fn join(&mut self, progress: &Progress) -> Result<Joined, BackendError> {
        let Some(waiting) = &mut self.waiting else { return Err(not_shown()) };
        let (client, lease) = (&self.client, &self.lease);
        client.renewals.register(lease, waiting.on_loss.clone());
        self.may_be_in_store = true;
        let retries = client.store.retry.begin_in_outage(progress.failing_since());
        let joined = client.store.persist(lease, retries, progress, join(&waiting.request)).await?;
        let snapshot = joined.value;
        let Some(found) = snapshot.claim(lease.claim) else {
            if !waiting.request.only_if_granted {
                return Err(not_shown());
            }
            self.client.renewals.forget(lease.claim);
            // A request that is still under way may find the lock free.
            if !lease.has_stragglers() {
                self.may_be_in_store = false;
                lease.left();
            }
            return Ok(Joined::Refused);
        };
        waiting.token = Some(found.token);
        lease.extend(joined.sent_at, waiting.request.ttl);
        client.renewals.confirmed(lease, joined.sent_at);
        self.is_confirmed = true;
        match granted(&snapshot, lease) {
            Some(granted) => Ok(self.granted(granted).map_or(Joined::Waiting(snapshot), Joined::Granted)),
            None => Ok(Joined::Waiting(snapshot)),
        }
    }

    /// Waits for the grant, beginning with what was seen of the queue, or with a look at it.
    pub(crate) async fn wait(
        &mut self,
        mut seen: Option<Snapshot>,
        progress: &Progress,
    ) -> Result<Waited, BackendError> {
        let mut pace = Pace::new();
        let mut delays = None;
        if let Some(waiting) = &self.waiting {
            self.client.wakeups.open(&waiting.subscription);
        }
        loop {
            let Some(waiting) = &mut self.waiting else { return Ok(Waited::Lost) };
            if self.lease.loss().is_some() {
                return Ok(Waited::Lost);
            }
            if let Some(snapshot) = &seen {
                let pushed = waiting.subscription.is_pushed();
                let event = tokio::select! {
                    event = waiting.subscription.event() => Some(event),
                    () = sleep(next_look(snapshot, &self.lease, &mut pace, pushed)) => None,
                    _ = self.lease.lost() => return Ok(Waited::Lost),
                };
                // A wakeup with another token is from an earlier life of the claim, which lapsed and joined again.
                if let Some(Event::Granted(granted)) = event
                    && Some(granted.token) == waiting.token
                {
                    return Ok(self.granted(granted).map_or(Waited::Lost, Waited::Granted));
                }
            }
            let asked_at = Instant::now();
            progress.asked();
            match look(&self.client, waiting, &self.lease).await {
                Ok(snapshot) => {
                    delays = None;
                    progress.answered();
                    if snapshot.claim(self.lease.claim).map(|claim| claim.token) != waiting.token {
                        // It was gone, and looking has joined it anew.
                        return Ok(Waited::Lost);
                    }
                    if let Some(granted) = granted(&snapshot, &self.lease) {
                        return Ok(self.granted(granted).map_or(Waited::Lost, Waited::Granted));
                    }
                    seen = Some(snapshot);
                }
                Err(error) => {
                    let retry = &self.client.store.retry;
                    let since = progress.failing_since().unwrap_or(asked_at);
                    if !error.is_retryable() || since.elapsed() >= retry.elapsed_limit() {
                        return Err(error);
                    }
                    let delay = delays.get_or_insert_with(|| retry.delays()).next().unwrap_or_default();
                    let delay = delay.max(error.retry_after());
                    debug!(lock = %self.lease.lock, %error, "reading the queue failed");
                    progress.failed(error);
                    tokio::select! {
                        () = sleep(delay) => {}
                        _ = self.lease.lost() => {}
                    }
                    seen = None;
                }
            }
        }
    }

    /// Ends the wait, unless the lease has ended while the grant was on its way.
    fn granted(&mut self, granted: Granted) -> Option<Granted> {
        if self.lease.loss().is_some() {
            return None;
        }
        self.waiting = None;
        Some(granted)
    }

    /// Leaves the queue, at once or after `linger`. This is retried until it has worked or the lease has lapsed.
    ///
    /// If it is dropped, the claim leaves in the background.
    pub(crate) async fn leave(mut self, linger: Duration, progress: &Progress) -> Result<Left, BackendError> {
        self.linger = linger;
        self.client.renewals.forget(self.lease.claim);
        let left = self.client.leave(&self.lease, linger, progress).await;
        self.may_be_in_store = false;
        left
    }

    /// Leaves the queue in the background, and then drops `then`.
    pub(crate) fn leave_in_background(
        mut self,
        linger: Duration,
        progress: &Arc<Progress>,
        then: impl Send + 'static,
    ) {
        self.client.renewals.forget(self.lease.claim);
        self.may_be_in_store = false;
        self.client.leave_in_background(self.lease.clone(), linger, progress, then);
    }
}

impl Drop for HeldClaim {
    fn drop(&mut self) {
        if self.may_be_in_store && !self.client.is_forked() {
            self.client.renewals.forget(self.lease.claim);
            if self.is_evicted() {
                self.lease.left();
            } else {
                self.client.leave_in_background(self.lease.clone(), self.linger, &Arc::default(), ());
            }
        }
    }
}

fn join(
    request: &JoinRequest,
) -> impl Fn(Arc<dyn crate::Backend>) -> super::store::BackendCall<Snapshot> + use<> {
    let request = Arc::new(request.clone());
    move |backend| {
        let request = request.clone();
        Box::pin(async move { backend.join(&request).await })
    }
}

/// Reads the queue. If the claim seems to hold, or to be gone, it joins again, because only that answer counts.
async fn look(client: &Client, waiting: &Waiting, lease: &Arc<Lease>) -> Result<Snapshot, BackendError> {
    let limit = client.store.retry.attempt_limit(lease.remaining());
    let lock = lease.lock.clone();
    let queue = |backend: Arc<dyn crate::Backend>| -> super::store::BackendCall<Snapshot> {
        Box::pin(async move { backend.queue(&lock).await })
    };
    let seen = client.store.attempt(limit, queue).await?;
    if seen.position(lease.claim).is_some() && seen.granted_token(lease.claim).is_none() {
        return Ok(seen);
    }
    let progress = Progress::default();
    let once = client.store.retry.once(lease.remaining());
    let joined = client.store.persist(lease, once, &progress, join(&waiting.request)).await?;
    if joined.value.claim(lease.claim).map(|claim| claim.token) == waiting.token {
        lease.extend(joined.sent_at, waiting.request.ttl);
    }
    Ok(joined.value)
}

fn granted(snapshot: &Snapshot, lease: &Lease) -> Option<Granted> {
    let token = snapshot.granted_token(lease.claim)?;
    Some(Granted { token, abandoned: snapshot.abandoned.filter(|abandoned| *abandoned < token) })
}

fn not_shown() -> BackendError {
    BackendError::new(BackendErrorKind::Broken, "the store has joined a claim but does not show it")
}

/// When to look at the queue again: at the pace of polling, or when the leases before this claim end.
fn next_look(snapshot: &Snapshot, lease: &Lease, pace: &mut Pace, pushed: bool) -> Duration {
    /// The store counts in whole milliseconds.
    const TICK: Duration = Duration::from_millis(1);
    let position = snapshot.position(lease.claim).unwrap_or(0);
    let holders = snapshot.holders().len().min(position);
    // The first of those who wait is the next, however many hold.
    let pace = pace.next(position - holders + 1, pushed);
    // If those who wait before it have crashed, it will be the next.
    let next_within = snapshot.claims[holders..position].iter().map(|claim| claim.expires_in).max();
    let lapses = snapshot.granted_within(lease.claim).into_iter().chain(next_within);
    lapses.map(|lapse| lapse + TICK).chain([pace]).min().unwrap_or(pace)
}
