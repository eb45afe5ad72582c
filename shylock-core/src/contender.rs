//! One claim in the store for all the local callers who want a lock, and the line in which they stand.
//!
//! A contender is a small state machine, [`Stage`], behind a mutex. One task drives it: it joins, waits,
//! watches over the lease and leaves. Callers line up, and guards hand over, by changing the state. The
//! task looks only at the state when it decides what to do next, so that a task whose runtime has ended can
//! be followed by another one.

mod line;
mod task;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::backend::{BackendError, BackendErrorKind};
use crate::engine::{Engine, Key};
use crate::error::Error;
use crate::lease::{Lease, LossReason};
use crate::queue::{ClaimId, FencingToken};

use line::{Line, Waiter};
pub(crate) use line::{Waiting, Want};

/// Callers in one process who want the same lock in the same way.
pub(crate) struct Contender {
    pub(crate) engine: Arc<Engine>,
    pub(crate) key: Key,
    state: Mutex<State>,
    /// Tells the task that the state has changed.
    changed: Notify,
}

#[derive(Default)]
struct State {
    stage: Stage,
    line: Line,
    /// Those who wait for the claim to have left.
    releases: Vec<oneshot::Sender<Result<(), Error>>>,
    /// Why the store is out of reach just now.
    trouble: Option<Arc<BackendError>>,
    /// The store has said nothing yet about the claim that contends.
    unanswered: bool,
    task: Option<JoinHandle<()>>,
}

#[derive(Default, Clone)]
enum Stage {
    /// There is no claim.
    #[default]
    Idle,
    /// The claim is, or may be, in the queue and waits.
    Contending(ClaimId),
    /// The claim holds the lock, and a guard is out.
    Held(Tenancy),
    /// The claim is to leave the queue.
    Leaving(Departure),
}

/// The time from a grant by the store until the claim leaves.
#[derive(Debug, Clone)]
struct Tenancy {
    claim: ClaimId,
    /// The token that the store drew.
    token: FencingToken,
    /// How many guards have held by this claim.
    guards: u64,
    since: Instant,
    lease: Arc<Lease>,
}

#[derive(Debug, Clone)]
struct Departure {
    claim: ClaimId,
    linger: Duration,
    /// From then on the store has dropped the claim by itself.
    lapses_at: Instant,
}

impl Tenancy {
    /// The token of the present guard.
    fn present_token(&self) -> FencingToken {
        self.token.handed_over(self.guards.saturating_sub(1))
    }
}

/// What a guard holds. Dropped, it gives the lock back.
pub(crate) struct Tenure {
    contender: Arc<Contender>,
    claim: ClaimId,
    token: FencingToken,
    lease: Arc<Lease>,
    /// Released before, the lock stays taken until then.
    hold_until: Option<Instant>,
    /// Already given back, or never handed out.
    over: bool,
}

/// What became of a lock that was given back.
enum GivenBack {
    /// Somebody in this process holds it.
    PassedOn,
    /// The claim is about to leave.
    Leaving,
    /// The guard did not hold it any more.
    Lost(LossReason),
}

impl Contender {
    pub(crate) fn new(engine: Arc<Engine>, key: Key) -> Self {
        Self { engine, key, state: Mutex::default(), changed: Notify::new() }
    }

    /// Lines up a caller. The caller must be inside [`Engine::with_contender`].
    pub(crate) fn line_up(self: &Arc<Self>, want: Want, runtime: &Handle) -> Waiting {
        let mut state = self.state();
        let (reply, waiting) = Waiting::new(self.clone());
        if want.at_once && state.is_taken() {
            let _ = reply.send(Ok(None));
        } else {
            state.line.push(Waiter { key: waiting.key(), want, reply });
            self.keep_running_in(&mut state, runtime);
        }
        waiting
    }

    /// Sees to it that there is a task, and that it looks whether the manager was shut down.
    pub(crate) fn wake(self: &Arc<Self>, runtime: &Handle) {
        self.keep_running_in(&mut self.state(), runtime);
        self.changed.notify_one();
    }

    fn keep_running_in(self: &Arc<Self>, state: &mut State, runtime: &Handle) {
        if state.task.as_ref().is_none_or(JoinHandle::is_finished) {
            state.task = Some(runtime.spawn(task::run(self.clone())));
        }
    }

    /// Why the store is out of reach just now, if it is.
    pub(crate) fn trouble(&self) -> Option<Arc<BackendError>> {
        let state = self.state();
        let is_silent = state.unanswered && matches!(state.stage, Stage::Contending(_));
        let silence =
            || Arc::new(BackendError::new(BackendErrorKind::Transient, "the store has not answered"));
        state.trouble.clone().or_else(|| is_silent.then(silence))
    }

    /// A caller goes away.
    fn step_out(&self, key: u64) {
        let mut state = self.state();
        if state.line.remove(key) && state.line.is_empty() {
            self.changed.notify_one();
        }
    }

    /// A guard gives the lock back: to the next in line if its turn is not over, else to the store.
    fn give_back(self: &Arc<Self>, tenure: &Tenure) -> GivenBack {
        let mut state = self.state();
        if let Some(reason) = tenure.lease.loss() {
            return GivenBack::Lost(reason);
        }
        let Stage::Held(tenancy) = state.stage.clone() else {
            return GivenBack::Lost(LossReason::Expired);
        };
        if tenancy.present_token() != tenure.token {
            return GivenBack::Lost(LossReason::Expired);
        }
        let now = Instant::now();
        let linger = tenure.hold_until.map_or(Duration::ZERO, |until| until.saturating_duration_since(now));
        if linger.is_zero() && self.may_pass_on(&tenancy, now) && self.pass_on(&mut state, tenancy.clone()) {
            return GivenBack::PassedOn;
        }
        state.stage = Stage::Leaving(self.departure(&tenancy, linger));
        self.changed.notify_one();
        GivenBack::Leaving
    }

    /// Other processes get their turn when ours is over, and a lease must be fresh enough for one more guard.
    fn may_pass_on(&self, tenancy: &Tenancy, now: Instant) -> bool {
        tenancy.guards < FencingToken::STEP
            && now.duration_since(tenancy.since) < self.engine.settings.turn
            && tenancy.lease.deadline() >= now + self.key.ttl.get() / 2
            && !self.engine.is_down()
    }

    /// Hands the lock to the first in line who takes it; those who want it at once get none.
    fn pass_on(self: &Arc<Self>, state: &mut State, mut tenancy: Tenancy) -> bool {
        let number = tenancy.guards;
        tenancy.guards += 1;
        while let Some(waiter) = state.line.pop() {
            let token = tenancy.token.handed_over(number);
            let tenure = Tenure::begin(self.clone(), &tenancy, token, &waiter.want);
            // Whoever gets it may drop it at once, and waits for this state then. Whoever has gone away sends it
            // back: it was never handed out, and giving it back from here would lock this state again.
            match waiter.reply.send(Ok(Some(tenure))) {
                Ok(()) => {
                    state.line.refuse_hasty();
                    state.stage = Stage::Held(tenancy);
                    return true;
                }
                Err(Ok(Some(mut tenure))) => tenure.over = true,
                Err(_) => {}
            }
        }
        false
    }

    fn departure(&self, tenancy: &Tenancy, linger: Duration) -> Departure {
        let lapses_at = tenancy.lease.deadline() + self.key.ttl.margin();
        Departure { claim: tenancy.claim, linger, lapses_at }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Somebody in this process holds the lock or waits for it.
    fn is_taken(&self) -> bool {
        let held = matches!(&self.stage, Stage::Held(tenancy) if tenancy.lease.loss().is_none());
        held || self.line.has_patient()
    }
}

impl Tenure {
    fn begin(contender: Arc<Contender>, tenancy: &Tenancy, token: FencingToken, want: &Want) -> Self {
        let now = Instant::now();
        let lease = tenancy.lease.clone();
        lease.limit(want.limit(now, contender.key.ttl));
        let hold_until = want.hold_at_least.map(|time| now + time);
        Self { contender, claim: tenancy.claim, token, lease, hold_until, over: false }
    }

    pub(crate) fn key(&self) -> &Key {
        &self.contender.key
    }

    pub(crate) fn claim(&self) -> ClaimId {
        self.claim
    }

    pub(crate) fn token(&self) -> FencingToken {
        self.token
    }

    pub(crate) fn lease(&self) -> &Arc<Lease> {
        &self.lease
    }

    /// Gives the lock back, and waits until another process can have it.
    pub(crate) async fn release(mut self) -> Result<(), Error> {
        self.over = true;
        let contender = self.contender.clone();
        let (reply, left) = oneshot::channel();
        match contender.give_back(&self) {
            GivenBack::PassedOn => return Ok(()),
            GivenBack::Lost(reason) => return Err(Error::lost(&contender.key.lock, reason)),
            GivenBack::Leaving => {}
        }
        {
            let mut state = contender.state();
            if matches!(&state.stage, Stage::Leaving(departure) if departure.claim == self.claim) {
                state.releases.push(reply);
                if let Ok(runtime) = contender.engine.runtime() {
                    contender.keep_running_in(&mut state, &runtime);
                }
            } else {
                // The task was faster: the claim has left.
                return Ok(());
            }
        }
        left.await.unwrap_or_else(|_| Err(Error::shut_down()))
    }
}

impl Drop for Tenure {
    fn drop(&mut self) {
        if !self.over {
            let contender = self.contender.clone();
            contender.give_back(self);
        }
    }
}

impl fmt::Debug for Contender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Contender").field("key", &self.key).finish_non_exhaustive()
    }
}
