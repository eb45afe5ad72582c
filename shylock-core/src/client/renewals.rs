//! Renews every claim of a manager, held or waiting, in batches.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::lease::{Lease, LossReason};
use super::runtimes::{Job, Runtimes};
use super::store::StoreClient;
use crate::backend::BackendError;
use crate::queue::{ClaimId, Renewal, Renewed};

/// The most renewals in one call to the backend.
const BATCH: usize = 1000;

/// Claims whose last renewal failed are renewed in this many batches.
const PARTS: usize = 8;

/// Is told when the lease of a claim is lost.
pub(crate) trait OnLoss: Send + Sync {
    fn lost(&self, lease: &Arc<Lease>, reason: LossReason);
}

/// The registry of all claims that may be in the store, and the job that renews each of them at a third of its ttl.
///
/// A claim is here for as long as its owner is. A renewal that fails is repeated for as long as the lease lasts.
pub(crate) struct Renewals {
    store: Arc<StoreClient>,
    runtimes: Arc<Runtimes>,
    round: Mutex<Round>,
    /// A claim is due before the job meant to look again.
    sooner: Notify,
    /// Ends the job.
    down: CancellationToken,
    /// Failed renewals are repeated at times that are counted from here.
    epoch: Instant,
}

#[derive(Default)]
struct Round {
    claims: HashMap<ClaimId, Entry>,
    /// When the job looks again by itself.
    next: Option<Instant>,
    job: Option<Arc<Job>>,
}

struct Entry {
    lease: Arc<Lease>,
    on_loss: Weak<dyn OnLoss>,
    /// `None` until the store has answered its join.
    due: Option<Instant>,
    is_in_flight: bool,
    /// How many renewals have failed in a row.
    failures: u32,
}

/// Claims to renew in one call, which have about as much time left.
struct Batch {
    renewals: Vec<Renewal>,
    time_left: Duration,
}

/// Returns the claims of a batch when the batch ends without an answer, with its runtime.
struct InFlight<'a> {
    renewals: &'a Renewals,
    batch: &'a Batch,
    is_answered: bool,
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        if !self.is_answered {
            let mut round = self.renewals.round.lock();
            for renewal in &self.batch.renewals {
                if let Some(entry) = round.claims.get_mut(&renewal.claim) {
                    (entry.is_in_flight, entry.due) = (false, Some(Instant::now()));
                }
            }
            drop(round);
            // The job may have moved to another runtime already.
            self.renewals.sooner.notify_one();
        }
    }
}

impl Renewals {
    pub(crate) fn new(
        store: Arc<StoreClient>,
        runtimes: Arc<Runtimes>,
        down: CancellationToken,
    ) -> Arc<Self> {
        let (round, sooner, epoch) = (Mutex::default(), Notify::new(), Instant::now());
        Arc::new(Self { store, runtimes, round, sooner, down, epoch })
    }

    /// Adds a claim that is about to join.
    pub(crate) fn register(&self, lease: &Arc<Lease>, on_loss: Weak<dyn OnLoss>) {
        let lease = lease.clone();
        let entry = Entry { on_loss, due: None, is_in_flight: false, failures: 0, lease };
        self.round.lock().claims.insert(entry.lease.claim, entry);
    }

    /// The claim is in the store, since a request that was sent at this time.
    pub(crate) fn confirmed(self: &Arc<Self>, lease: &Lease, sent_at: Instant) {
        self.schedule(lease.claim, sent_at + lease.ttl().get() / 3);
    }

    /// Renews a claim again at this time. Ensures that the job is running.
    pub(crate) fn schedule(self: &Arc<Self>, claim: ClaimId, due: Instant) {
        let mut round = self.round.lock();
        let Some(entry) = round.claims.get_mut(&claim) else { return };
        entry.due = Some(due);
        if !round.is_running() {
            self.start(&mut round);
        } else if round.next.is_some_and(|next| due < next) {
            self.sooner.notify_one();
        }
    }

    /// Starts the job again if it ended for want of a runtime.
    pub(crate) fn resume(self: &Arc<Self>) {
        let mut round = self.round.lock();
        if !round.claims.is_empty() && !round.is_running() {
            self.start(&mut round);
        }
    }

    fn start(self: &Arc<Self>, round: &mut Round) {
        round.next = None;
        let renewals = Arc::downgrade(self);
        round.job = Some(self.runtimes.start(move || Box::pin(run(renewals.clone()))));
    }

    /// Removes a claim: it is renewed no more.
    pub(crate) fn forget(&self, claim: ClaimId) {
        self.round.lock().claims.remove(&claim);
    }

    /// Removes some claims.
    pub(crate) fn drain(&self, which: impl Fn(&Lease) -> bool) -> Vec<Arc<Lease>> {
        let mut round = self.round.lock();
        round.claims.extract_if(|_, entry| which(&entry.lease)).map(|(_, entry)| entry.lease).collect()
    }

    /// Renews what is due, and returns when the next claim is.
    fn round(self: &Arc<Self>) -> Option<Instant> {
        let now = Instant::now();
        let mut round = self.round.lock();
        let lost: Vec<(Entry, LossReason)> = round
            .claims
            .extract_if(|_, entry| entry.lease.loss().is_some())
            .filter_map(|(_, entry)| entry.lease.loss().map(|reason| (entry, reason)))
            .collect();
        let batches = round.due(now);
        let next = |entry: &Entry| {
            let due = entry.due.filter(|_| !entry.is_in_flight);
            due.into_iter().chain(entry.lease.ends_at()).min()
        };
        round.next = round.claims.values().filter_map(next).min();
        if round.next.is_none() {
            round.job = None;
        }
        let next = round.next;
        drop(round);
        for batch in batches {
            tokio::spawn(renew(self.clone(), batch));
        }
        for (entry, reason) in lost {
            let (lock, claim) = (&entry.lease.lock, entry.lease.claim);
            if entry.lease.is_held() {
                warn!(%lock, %claim, "a lock was lost: {reason}");
            } else {
                debug!(%lock, %claim, "a claim was lost while it waited: {reason}");
            }
            entry.lease.end(reason);
            if matches!(reason, LossReason::Evicted | LossReason::Expired) {
                // Shutting down does not wait for it, though its guard may be kept.
                entry.lease.left();
            }
            if let Some(owner) = entry.on_loss.upgrade() {
                owner.lost(&entry.lease, reason);
            }
        }
        next
    }

    fn note_answers(&self, batch: &Batch, answers: &[Renewed], sent_at: Instant) {
        let mut round = self.round.lock();
        // A claim that was not answered was not extended.
        for (i, renewal) in batch.renewals.iter().enumerate() {
            let Some(entry) = round.claims.get_mut(&renewal.claim) else { continue };
            entry.is_in_flight = false;
            match answers.get(i) {
                Some(Renewed::Extended) => {
                    if entry.failures > 0 {
                        info!(lock = %renewal.lock, "renewals work again");
                    }
                    entry.failures = 0;
                    entry.lease.extend(sent_at, renewal.ttl);
                    entry.due = Some(sent_at + entry.lease.ttl().get() / 3);
                }
                Some(Renewed::Gone) => entry.lease.end(LossReason::Evicted),
                None => entry.due = Some(Instant::now()),
            }
        }
        drop(round);
        self.sooner.notify_one();
    }

    fn note_failure(&self, batch: &Batch, error: &BackendError) {
        let now = Instant::now();
        let mut round = self.round.lock();
        let due = round.repeat_at(self, batch, now, error.retry_after());
        for renewal in &batch.renewals {
            let Some(entry) = round.claims.get_mut(&renewal.claim) else { continue };
            if entry.failures == 0 {
                warn!(lock = %renewal.lock, %error, "a renewal failed; it is repeated while the lease lasts");
            } else {
                debug!(lock = %renewal.lock, %error, "a renewal failed again");
            }
            entry.is_in_flight = false;
            entry.failures += 1;
            entry.due = Some(due);
        }
        drop(round);
        self.sooner.notify_one();
    }
}

async fn run(renewals: Weak<Renewals>) {
    loop {
        let Some(renewals) = renewals.upgrade() else { return };
        let Some(next) = renewals.round() else { return };
        tokio::select! {
            () = renewals.down.cancelled() => return,
            () = sleep_until(next) => {}
            () = renewals.sooner.notified() => {}
        }
    }
}

async fn renew(renewals: Arc<Renewals>, batch: Batch) {
    let mut in_flight = InFlight { renewals: &renewals, batch: &batch, is_answered: false };
    // A part of the time that is left, so that smaller batches can still find out what does not answer.
    let share = if batch.renewals.len() > 1 { 4 } else { 2 };
    let limit = renewals.store.retry.attempt_limit(batch.time_left / share);
    let sent_at = Instant::now();
    let requests = batch.renewals.clone();
    let answer = renewals
        .store
        .attempt(limit, |backend| Box::pin(async move { backend.renew(&requests).await }))
        .await;
    in_flight.is_answered = true;
    match answer {
        Ok(answers) => renewals.note_answers(&batch, &answers, sent_at),
        Err(error) => renewals.note_failure(&batch, &error),
    }
}

impl Round {
    fn is_running(&self) -> bool {
        self.job.as_ref().is_some_and(|job| job.is_running())
    }

    /// When to repeat a batch that has failed. Batches that fail at about the same time are repeated at the same time, so
    /// that they can be put together again: otherwise an outage would split them further and further.
    fn repeat_at(&self, renewals: &Renewals, batch: &Batch, now: Instant, retry_after: Duration) -> Instant {
        let entries = || batch.renewals.iter().filter_map(|renewal| self.claims.get(&renewal.claim));
        let failures = entries().map(|entry| entry.failures).max().unwrap_or_default();
        let left = entries().map(|entry| entry.lease.remaining()).min().unwrap_or_default();
        let ttl = entries().map(|entry| entry.lease.ttl().get()).min().unwrap_or_default();
        // Not so late that the lease ends before, nor so often at its end that it makes a crowd.
        let delay = renewals.store.retry.delay_of(failures).min(left / 4).max(ttl / 64);
        let step = 1 << delay.as_millis().clamp(1, 1 << 20).ilog2();
        let earliest = now + retry_after.min(left / 4);
        let steps = earliest.saturating_duration_since(renewals.epoch).as_millis() / step + 1;
        renewals.epoch + Duration::from_millis(u64::try_from(steps * step).unwrap_or_default())
    }

    /// The claims that are due, and those that soon will be, so that renewals fall together. Each batch has claims with
    /// about as much time left, because the shortest decides how long its answer may take.
    fn due(&mut self, now: Instant) -> Vec<Batch> {
        let mut groups: HashMap<(u32, bool), Vec<(Renewal, Duration)>> = HashMap::new();
        for (claim, entry) in &mut self.claims {
            let ttl = entry.lease.ttl().get();
            // One that has failed keeps to its delay.
            let soon = if entry.failures == 0 { ttl / 6 } else { Duration::ZERO };
            let is_due = entry.due.is_some_and(|due| due <= now + soon);
            if entry.is_in_flight || !is_due {
                continue;
            }
            let Some(wanted) = entry.lease.wanted(now) else {
                entry.due = Some(now + ttl / 3);
                continue;
            };
            entry.is_in_flight = true;
            let left = entry.lease.remaining();
            let group = (left.as_millis().max(1).ilog2(), entry.failures > 0);
            let renewal = Renewal::new(entry.lease.lock.clone(), *claim, wanted);
            groups.entry(group).or_default().push((renewal, left));
        }
        let mut batches = Vec::new();
        for ((_, has_failed), mut group) in groups {
            // One record that cannot be read must not affect the others: smaller and smaller batches find it.
            let most = if has_failed { group.len().div_ceil(PARTS).clamp(1, BATCH) } else { BATCH };
            // Claims of one lock share a record.
            group.sort_unstable_by(|(a, _), (b, _)| (&a.lock, a.claim).cmp(&(&b.lock, b.claim)));
            for part in group.chunks(most) {
                let time_left = part.iter().map(|(_, left)| *left).min().unwrap_or_default();
                let renewals = part.iter().map(|(renewal, _)| renewal.clone()).collect();
                batches.push(Batch { renewals, time_left });
            }
        }
        batches
    }
}
