//! The task that drives a contender: it joins, waits, watches over the lease, and leaves.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::{Instant, sleep};
use tracing::{debug, warn};

use super::{Contender, Departure, Stage, State, Tenancy};
use crate::attempt::attempt;
use crate::backend::{BackendError, BackendErrorKind};
use crate::ears::{Ear, News};
use crate::error::Error;
use crate::lease::{Lease, LossReason};
use crate::polling::Pace;
use crate::queue::{ClaimId, FencingToken};
use crate::queue::{JoinRequest, Snapshot};

/// How contending came to an end.
enum Contended {
    Granted(FencingToken, Arc<Lease>),
    /// Not granted at once, as those in line wanted it. Nothing was left behind.
    NotAtOnce,
    /// Nobody in line wants it any more.
    Abandoned,
    /// The lease ended while the claim waited.
    Lost,
}

/// Sees the line dispersed when the task is cut off with its runtime, so that callers on other runtimes start anew.
struct Running<'a>(&'a Contender);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.state().line.scatter();
    }
}

pub(super) async fn run(contender: Arc<Contender>) {
    let _running = Running(&contender);
    loop {
        let stage = contender.state().stage.clone();
        match stage {
            Stage::Idle if contender.ends() => return,
            // Boxed, so that a task that watches over a lease for hours is small.
            Stage::Idle => Box::pin(contender.contend()).await,
            // Only found here when an earlier task was cut off.
            Stage::Contending(claim) => {
                let departure = Departure { claim, linger: Duration::ZERO, lapses_at: Instant::now() };
                contender.state().stage = Stage::Leaving(departure);
            }
            Stage::Held(tenancy) => contender.watch(tenancy).await,
            Stage::Leaving(departure) => Box::pin(contender.leave(departure)).await,
        }
    }
}

impl Contender {
    /// Whether there is nothing left to do; the contender is then forgotten.
    fn ends(&self) -> bool {
        self.engine.remove_if(&self.key, || {
            let mut state = self.state();
            if self.engine.is_down() {
                state.line.fail(&Error::shut_down());
            }
            let ends = state.line.is_empty();
            if ends {
                state.task = None;
            }
            ends
        })
    }

    /// Takes part in the store's queue with a new claim until that is granted, or not wanted any more.
    async fn contend(self: &Arc<Self>) {
        let claim = self.engine.draw();
        {
            let mut state = self.state();
            state.stage = Stage::Contending(claim);
            state.unanswered = true;
        }
        let contended = self.contend_with(claim).await;
        let mut lapses_at = Instant::now() + self.key.ttl.get();
        let mut state = self.state();
        match contended {
            // The lease may have ended while the grant was on its way: that would be a guard that is lost at once.
            Ok(Contended::Granted(token, lease)) if lease.loss().is_none() => {
                state.trouble = None;
                let tenancy = Tenancy { claim, token, guards: 0, since: Instant::now(), lease };
                if self.pass_on(&mut state, tenancy) {
                    return;
                }
            }
            Ok(Contended::NotAtOnce) => {
                state.trouble = None;
                state.line.refuse_hasty();
                state.stage = Stage::Idle;
                return;
            }
            Ok(Contended::Granted(..) | Contended::Abandoned | Contended::Lost) => {}
            Err(error) => {
                state.line.fail(&error);
                // The store had its chance; one attempt to leave is enough.
                lapses_at = Instant::now();
            }
        }
        state.stage = Stage::Leaving(Departure { claim, linger: Duration::ZERO, lapses_at });
    }

    async fn contend_with(self: &Arc<Self>, claim: ClaimId) -> Result<Contended, Error> {
        // Listens before it joins: what happens in between is heard.
        let mut ear = self.engine.ears.listen(&self.key.lock, claim);
        let request = self.request(claim);
        let Some((sent_at, snapshot)) = self.join(&request).await? else { return Ok(Contended::Abandoned) };
        let Some(position) = snapshot.position(claim) else {
            if request.only_if_granted {
                return Ok(Contended::NotAtOnce);
            }
            let message = "the store has joined a claim but does not show it";
            return Err(self.error(BackendError::new(BackendErrorKind::Broken, message)));
        };
        let lease = Arc::new(Lease::until(sent_at + self.key.ttl.trusted()));
        let (lock, ttl) = (&self.key.lock, self.key.ttl);
        self.engine.heartbeat.register(&Handle::current(), lock, claim, ttl, &lease, sent_at);
        if let Some(token) = snapshot.granted_token(claim) {
            return Ok(Contended::Granted(token, lease));
        }
        debug!(%lock, %claim, position, "waiting");
        self.state().line.refuse_hasty();
        self.await_grant(&request, lease, snapshot, &mut ear).await
    }

    fn request(&self, claim: ClaimId) -> JoinRequest {
        let mut owner = self.engine.settings.owner.clone();
        if let Some(label) = &self.key.label {
            owner.label = Some(label.to_string());
        }
        JoinRequest {
            lock: self.key.lock.clone(),
            claim,
            mode: self.key.mode,
            ttl: self.key.ttl.get(),
            owner,
            only_if_granted: !self.state().line.has_patient(),
        }
    }

    /// Joins, and repeats it while that may help and somebody in line wants it. The answer comes with the
    /// time at which it was asked for: the lease counts from then.
    ///
    /// An attempt is never left alone when the callers go away: it might arrive after the leave that follows.
    async fn join(&self, request: &JoinRequest) -> Result<Option<(Instant, Snapshot)>, Error> {
        let mut retries = self.engine.settings.retry.begin();
        loop {
            let error = match self.join_once(request).await {
                Ok(joined) => {
                    let mut state = self.state();
                    state.trouble = None;
                    state.unanswered = false;
                    drop(state);
                    return Ok(self.is_wanted().then_some(joined));
                }
                Err(error) => error,
            };
            debug!(lock = %self.key.lock, %error, "joining failed");
            let Some(delay) = retries.delay_after(&error) else { return Err(self.error(error)) };
            self.state().trouble = Some(Arc::new(error));
            tokio::select! {
                () = sleep(delay) => {}
                () = self.unwanted() => return Ok(None),
            }
        }
    }

    async fn join_once(&self, request: &JoinRequest) -> Result<(Instant, Snapshot), BackendError> {
        let limit = self.engine.settings.retry.attempt_within(self.key.ttl.trusted());
        let sent_at = Instant::now();
        let (backend, request) = (self.engine.backend.clone(), request.clone());
        let snapshot = attempt(limit, async move { backend.join(&request).await }).await?;
        Ok((sent_at, snapshot))
    }

    /// Waits until a claim that has joined is granted: by a wakeup that names it, or by looking.
    async fn await_grant(
        &self,
        request: &JoinRequest,
        lease: Arc<Lease>,
        mut snapshot: Snapshot,
        ear: &mut Ear,
    ) -> Result<Contended, Error> {
        let claim = request.claim;
        let token = token_of(&snapshot, claim);
        let mut pace = Pace::new();
        let mut outage = None;
        ear.open(&Handle::current());
        loop {
            let position = snapshot.position(claim).unwrap_or(0);
            let delay = match outage.as_mut().and_then(Iterator::next) {
                Some(delay) => delay,
                None => next_look(&snapshot, claim, pace.next(position, ear.is_open())),
            };
            tokio::select! {
                // One with another token is from an earlier life of the claim, which lapsed and joined again.
                news = ear.news() => if let News::Granted(granted) = news && Some(granted) == token {
                    return Ok(Contended::Granted(granted, lease));
                },
                () = sleep(delay) => {}
                _ = lease.lost() => return Ok(Contended::Lost),
                () = self.unwanted() => return Ok(Contended::Abandoned),
            }
            match self.look(request, &lease).await {
                Ok(seen) => snapshot = seen,
                Err(error) if error.is_retryable() => {
                    debug!(lock = %request.lock, %error, "looking at the queue failed");
                    outage.get_or_insert_with(|| self.engine.settings.retry.delays());
                    self.state().trouble = Some(Arc::new(error));
                    continue;
                }
                Err(error) => return Err(self.error(error)),
            }
            outage = None;
            self.state().trouble = None;
            if token_of(&snapshot, claim) != token {
                // It was gone, and has joined anew by looking.
                return Ok(Contended::Lost);
            }
            if let Some(token) = snapshot.granted_token(claim) {
                return Ok(Contended::Granted(token, lease));
            }
        }
    }

    /// Reads the queue; if the claim seems to hold, or to be gone, joins again, because only that answer counts.
    async fn look(&self, request: &JoinRequest, lease: &Lease) -> Result<Snapshot, BackendError> {
        let limit = self.engine.settings.retry.attempt_within(lease.remaining());
        let (backend, lock) = (self.engine.backend.clone(), request.lock.clone());
        let seen = attempt(limit, async move { backend.queue(&lock).await }).await?;
        if seen.position(request.claim).is_some() && seen.granted_token(request.claim).is_none() {
            return Ok(seen);
        }
        let (sent_at, snapshot) = self.join_once(request).await?;
        lease.extend(sent_at + self.key.ttl.trusted());
        Ok(snapshot)
    }

    /// Watches over a lease while a guard is out.
    async fn watch(self: &Arc<Self>, tenancy: Tenancy) {
        let reason = tokio::select! {
            reason = tenancy.lease.lost() => reason,
            () = self.until(|state| !matches!(state.stage, Stage::Held(_))) => {
                if !self.engine.is_down() {
                    return;
                }
                LossReason::ShutDown
            }
        };
        tenancy.lease.end(reason);
        self.lose(&tenancy, reason);
    }

    fn lose(&self, tenancy: &Tenancy, reason: LossReason) {
        self.engine.heartbeat.forget(tenancy.claim);
        let mut state = self.state();
        if !matches!(state.stage, Stage::Held(_)) {
            return;
        }
        state.stage = match reason {
            LossReason::ShutDown => Stage::Leaving(self.departure(tenancy, Duration::ZERO)),
            // The lease may have long to go: it shall end soon, but not before the holder could react.
            LossReason::MaxHold => Stage::Leaving(self.departure(tenancy, self.key.ttl.margin())),
            LossReason::Evicted | LossReason::Expired => Stage::Idle,
        };
        drop(state);
        warn!(lock = %self.key.lock, claim = %tenancy.claim, "a lock was lost: {reason}");
    }

    /// Leaves the queue, and repeats that until it has worked or the lease has ended anyway.
    async fn leave(&self, departure: Departure) {
        self.engine.heartbeat.forget(departure.claim);
        let mut retries = self.engine.settings.retry.begin_until(departure.lapses_at);
        let left = loop {
            let error = match self.leave_once(&departure).await {
                Ok(()) => break Ok(()),
                Err(error) => error,
            };
            let Some(delay) = retries.delay_after(&error) else { break Err(error) };
            debug!(lock = %self.key.lock, %error, "leaving failed; it is repeated");
            self.state().trouble = Some(Arc::new(error));
            sleep(delay).await;
        };
        let left = left.map_err(|error| {
            warn!(lock = %self.key.lock, claim = %departure.claim, %error, "a claim could not leave; it lapses by itself");
            let doing = format!("lock {:?} could not be released; it ends with its lease", self.key.lock);
            Error::from_backend(&doing, error)
        });
        self.engine.ears.moved(&self.key.lock);
        let mut state = self.state();
        state.stage = Stage::Idle;
        for reply in state.releases.drain(..) {
            let _ = reply.send(left.clone());
        }
    }

    async fn leave_once(&self, departure: &Departure) -> Result<(), BackendError> {
        let limit = self.engine.settings.retry.attempt_within(Duration::MAX);
        let (backend, lock) = (self.engine.backend.clone(), self.key.lock.clone());
        let Departure { claim, linger, .. } = *departure;
        attempt(limit, async move { backend.leave(&lock, claim, linger).await.map(drop) }).await
    }

    /// Somebody in line wants the lock.
    fn is_wanted(&self) -> bool {
        !self.state().line.is_empty() && !self.engine.is_down()
    }

    /// Waits until nobody wants the lock any more.
    async fn unwanted(&self) {
        self.until(|state| state.line.is_empty()).await;
    }

    /// Waits until the state is so, or the manager is shut down.
    async fn until(&self, reached: impl Fn(&State) -> bool) {
        while !reached(&self.state()) && !self.engine.is_down() {
            self.changed.notified().await;
        }
    }

    fn error(&self, error: BackendError) -> Error {
        Error::from_backend(&format!("lock {:?} could not be acquired", self.key.lock), error)
    }
}

fn token_of(snapshot: &Snapshot, claim: ClaimId) -> Option<FencingToken> {
    snapshot.claims.iter().find(|c| c.id == claim).map(|c| c.token)
}

/// When to look at the queue again: at the pace of polling, or when the leases before this claim end.
fn next_look(snapshot: &Snapshot, claim: ClaimId, pace: Duration) -> Duration {
    /// The store counts in whole milliseconds.
    const TICK: Duration = Duration::from_millis(1);
    snapshot.granted_within(claim).map_or(pace, |lapse| pace.min(lapse + TICK))
}
