//! Renews every claim of a manager, held or waiting, in batches.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use backon::ExponentialBackoff;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep_until};
use tracing::{debug, warn};

use crate::attempt::attempt;
use crate::backend::{Backend, BackendError};
use crate::lease::{Lease, LossReason};
use crate::queue::{ClaimId, LockName};
use crate::queue::{Renewal, Renewed};
use crate::retry::RetryPolicy;
use crate::ttl::Ttl;

/// The most renewals in one call to the backend.
const BATCH: usize = 1000;

/// The claims of batches that failed are renewed in so many parts.
const PARTS: usize = 8;

/// One task that renews each claim at a third of its ttl, until the claim is forgotten or its lease has
/// ended. A renewal that fails is repeated for as long as the lease lasts.
pub(crate) struct Heartbeat {
    backend: Arc<dyn Backend>,
    retry: RetryPolicy,
    beat: Mutex<Beat>,
    /// A claim is due before the task meant to look again.
    sooner: Notify,
}

#[derive(Default)]
struct Beat {
    claims: HashMap<ClaimId, Entry>,
    /// When the task looks again by itself.
    next: Option<Instant>,
    task: Option<JoinHandle<()>>,
}

struct Entry {
    lock: LockName,
    ttl: Ttl,
    lease: Arc<Lease>,
    due: Instant,
    /// While renewals fail.
    delays: Option<ExponentialBackoff>,
    /// It was in a batch that failed in a way that does not pass by itself: perhaps because of it.
    suspect: bool,
}

/// A renewal that is due.
#[derive(Clone)]
struct Due {
    renewal: Renewal,
    /// Until the lease ends.
    time_left: Duration,
    suspect: bool,
}

impl Entry {
    /// The lease to ask for: the ttl, or less when the guard wants to end sooner.
    fn wanted(&self, now: Instant) -> Duration {
        let ttl = self.ttl.get();
        match self.lease.wanted_until() {
            Some(until) => ttl.min(until.saturating_duration_since(now) + self.ttl.margin()),
            None => ttl,
        }
    }

    /// The guard ends so soon that its present lease will do.
    fn lasts(&self) -> bool {
        self.lease.wanted_until().is_some_and(|until| self.lease.deadline() >= until)
    }
}

impl Heartbeat {
    pub(crate) fn new(backend: Arc<dyn Backend>, retry: RetryPolicy) -> Self {
        Self { backend, retry, beat: Mutex::default(), sooner: Notify::new() }
    }

    /// Renews this claim from now on; its last renewal was sent at `sent_at`.
    pub(crate) fn register(
        self: &Arc<Self>,
        runtime: &Handle,
        lock: &LockName,
        claim: ClaimId,
        ttl: Ttl,
        lease: &Arc<Lease>,
        sent_at: Instant,
    ) {
        let due = sent_at + ttl.get() / 3;
        let entry =
            Entry { lock: lock.clone(), ttl, lease: lease.clone(), due, delays: None, suspect: false };
        let mut beat = self.beat();
        beat.claims.insert(claim, entry);
        if beat.task.as_ref().is_none_or(JoinHandle::is_finished) {
            beat.next = None;
            beat.task = Some(runtime.spawn(self.clone().run()));
        } else if beat.next.is_some_and(|next| due < next) {
            self.sooner.notify_one();
        }
    }

    /// Renews this claim no more.
    pub(crate) fn forget(&self, claim: ClaimId) {
        self.beat().claims.remove(&claim);
    }

    async fn run(self: Arc<Self>) {
        while let Some(next) = self.next_beat() {
            tokio::select! {
                () = sleep_until(next) => self.renew_due().await,
                () = self.sooner.notified() => {}
            }
        }
    }

    /// When the next claim is due. Without claims the task ends, and the next claim starts another.
    fn next_beat(&self) -> Option<Instant> {
        let mut beat = self.beat();
        beat.claims.retain(|_, entry| entry.lease.loss().is_none());
        beat.next = beat.claims.values().map(|entry| entry.due).min();
        if beat.next.is_none() {
            beat.task = None;
        }
        beat.next
    }

    async fn renew_due(self: &Arc<Self>) {
        let (suspects, others): (Vec<_>, Vec<_>) = self.due().into_iter().partition(|due| due.suspect);
        // One record that nobody can read must not cost the others their leases: smaller and smaller batches find it.
        let few = suspects.len().div_ceil(PARTS).clamp(1, BATCH);
        let mut batches = JoinSet::new();
        for batch in others.chunks(BATCH).chain(suspects.chunks(few)) {
            batches.spawn(self.clone().renew(batch.to_vec()));
        }
        while batches.join_next().await.is_some() {}
    }

    /// The claims that are due, and those that soon will be, so that beats fall together.
    fn due(&self) -> Vec<Due> {
        let now = Instant::now();
        let mut beat = self.beat();
        let mut due = Vec::new();
        for (claim, entry) in &mut beat.claims {
            if entry.due > now + entry.ttl.get() / 6 {
                continue;
            }
            entry.due = now + entry.ttl.get() / 3;
            if !entry.lasts() {
                let renewal = Renewal { lock: entry.lock.clone(), claim: *claim, ttl: entry.wanted(now) };
                due.push(Due { renewal, time_left: entry.lease.remaining(), suspect: entry.suspect });
            }
        }
        due
    }

    async fn renew(self: Arc<Self>, batch: Vec<Due>) {
        // Half of the time that is left, so that there is time for another attempt.
        let time_left = batch.iter().map(|due| due.time_left).min().unwrap_or_default() / 2;
        let renewals: Vec<Renewal> = batch.into_iter().map(|due| due.renewal).collect();
        let sent_at = Instant::now();
        let answer = attempt(self.retry.attempt_within(time_left), {
            let (backend, renewals) = (self.backend.clone(), renewals.clone());
            async move { backend.renew(&renewals).await }
        })
        .await;
        match answer {
            // What is not answered is not extended.
            Ok(answers) => self.note_answers(&renewals, &answers, sent_at),
            Err(error) => self.note_failure(&renewals, &error),
        }
    }

    fn note_answers(&self, renewals: &[Renewal], answers: &[Renewed], sent_at: Instant) {
        let mut beat = self.beat();
        for (renewal, answer) in renewals.iter().zip(answers) {
            let Some(entry) = beat.claims.get_mut(&renewal.claim) else { continue };
            match answer {
                Renewed::Extended => {
                    (entry.delays, entry.suspect) = (None, false);
                    entry.lease.extend(sent_at + entry.ttl.trusted_of(renewal.ttl));
                }
                Renewed::Gone => {
                    entry.lease.end(LossReason::Evicted);
                    warn!(lock = %renewal.lock, claim = %renewal.claim, "the claim is gone from the store");
                    beat.claims.remove(&renewal.claim);
                }
            }
        }
    }

    fn note_failure(&self, renewals: &[Renewal], error: &BackendError) {
        let now = Instant::now();
        let mut beat = self.beat();
        for renewal in renewals {
            let Some(entry) = beat.claims.get_mut(&renewal.claim) else { continue };
            if entry.delays.is_none() {
                warn!(lock = %renewal.lock, %error, "a renewal failed; it is repeated while the lease lasts");
            } else {
                debug!(lock = %renewal.lock, %error, "a renewal failed again");
            }
            entry.suspect |= !error.is_retryable();
            let delays = entry.delays.get_or_insert_with(|| self.retry.delays());
            // Never so late that the lease ends before the next attempt.
            let delay = delays.next().unwrap_or_default().min(entry.lease.remaining() / 4);
            entry.due = now + delay.max(Duration::from_millis(1));
        }
    }

    fn beat(&self) -> MutexGuard<'_, Beat> {
        self.beat.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Heartbeat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Heartbeat").field("claims", &self.beat().claims.len()).finish()
    }
}
