//! The local callers of one lock name, who share claims.
//!
//! A pool is a wait queue in front of the store's. One caller at a time has the *turn*: it drives a claim through the
//! store, from joining to the grant. The others wait for the turn, or for a grant that a local holder passes on. No task
//! is involved: each caller drives its own future, and when it goes away the turn passes to the next.
//!
//! - *Exclusive*: the turn comes free when the local holder leaves the store. Until then, and for at most
//!   `max_handover_time`, the lock is passed on in memory, with the next of the numbers between two tokens.
//! - *Permits*: each holder has a claim of its own, and the next caller has its turn meanwhile.
//! - *Readers*: all local readers share one claim. It admits more of them for as long as it could be passed on.

mod grant;
mod line;
mod turn;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard, RwLock};
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::backend::Backend;
use crate::client::Client;
use crate::client::held_claim::HeldClaim;
use crate::client::lease::{Lease, LossReason};
use crate::client::progress::{self, Progress};
use crate::client::renewals::OnLoss;
use crate::client::store::BackendCall;
use crate::error::Error;
use crate::options::Terms;
use crate::queue::{FencingToken, LockName, Mode, Owner, Snapshot};

pub(crate) use grant::Grant;
use line::{Line, Message, Reply, Waiting};
use turn::Turn;

/// The pools of a manager.
pub(crate) struct Pools {
    client: Arc<Client>,
    settings: PoolSettings,
    by_name: RwLock<HashMap<(LockName, Kind), Weak<Pool>>>,
}

/// What all pools of a manager have in common.
#[derive(Debug, Clone)]
pub(crate) struct PoolSettings {
    pub(crate) owner: Owner,
    pub(crate) max_handover_time: Duration,
}

/// How the callers of a pool share claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Exclusive,
    Readers,
    Permits,
}

/// The local callers of one lock name and kind.
pub(crate) struct Pool {
    client: Arc<Client>,
    pools: Weak<Pools>,
    name: LockName,
    kind: Kind,
    settings: PoolSettings,
    state: Mutex<State>,
    progress: Arc<Progress>,
    me: Weak<Self>,
}

#[derive(Default)]
struct State {
    line: Line,
    turn: TurnState,
    /// The local holder of an exclusive pool; the claim that a pool of readers shares.
    hold: Option<Arc<Hold>>,
}

#[derive(Default)]
enum TurnState {
    #[default]
    Free,
    /// A caller drives a claim.
    Asking(Asking),
    /// The claim of the last local holder, or of a caller who has gone, is leaving the store.
    Leaving,
}

/// The caller who has the turn.
struct Asking {
    /// Its claim waits in the store's queue: others hold the lock.
    is_waiting: bool,
    /// A permit that comes free in this process is passed on to it.
    passing: Option<(Want, Reply)>,
}

/// A claim that was granted, and the local guards that hold by it.
struct Hold {
    claim: Mutex<Option<HeldClaim>>,
    lease: Arc<Lease>,
    mode: Mode,
    /// The token that the store drew.
    token: FencingToken,
    since: Instant,
    /// How many guards have held by it. Each has the next number as its token.
    guards: AtomicU64,
    /// How many guards hold by it now.
    users: AtomicUsize,
    /// Released earlier, the lock stays taken until then.
    until: Mutex<Option<Instant>>,
}

/// What a caller asks for.
#[derive(Debug, Clone)]
pub(crate) struct Want {
    pub(crate) mode: Mode,
    /// Only if it is granted at once.
    pub(crate) at_once: bool,
    pub(crate) terms: Terms,
}

impl Want {
    fn kind(&self) -> Kind {
        match self.mode {
            Mode::Exclusive => Kind::Exclusive,
            Mode::READER => Kind::Readers,
            Mode::Shared { .. } => Kind::Permits,
        }
    }
}

/// A caller makes at least one attempt, for which it waits this long, however short its timeout is.
const ONE_ATTEMPT: Duration = Duration::from_secs(1);

impl Pools {
    pub(crate) fn new(client: Arc<Client>, settings: PoolSettings) -> Arc<Self> {
        Arc::new(Self { client, settings, by_name: RwLock::default() })
    }

    pub(crate) fn client(&self) -> &Arc<Client> {
        &self.client
    }

    /// Acquires a lock: `None` if it was wanted at once, and others hold it.
    pub(crate) async fn acquire(
        self: &Arc<Self>,
        name: LockName,
        want: Want,
        timeout: Option<Duration>,
    ) -> Result<Option<Grant>, Error> {
        self.client.enter()?;
        let pool = self.pool(name, want.kind());
        let acquire = async {
            match timeout {
                None => pool.acquire(want).await,
                Some(timeout) => pool.acquire_within(want, timeout).await,
            }
        };
        self.client.runtimes.within(acquire).await?
    }

    fn pool(self: &Arc<Self>, name: LockName, kind: Kind) -> Arc<Pool> {
        let key = (name, kind);
        if let Some(pool) = self.by_name.read().get(&key).and_then(Weak::upgrade) {
            return pool;
        }
        let mut pools = self.by_name.write();
        if let Some(pool) = pools.get(&key).and_then(Weak::upgrade) {
            return pool;
        }
        let pool = Arc::new_cyclic(|me| Pool {
            client: self.client.clone(),
            pools: Arc::downgrade(self),
            name: key.0.clone(),
            kind,
            settings: self.settings.clone(),
            state: Mutex::default(),
            progress: Arc::default(),
            me: me.clone(),
        });
        pools.insert(key, Arc::downgrade(&pool));
        pool
    }

    /// Whether local callers wait for a lock alone.
    fn has_writers(&self, name: &LockName) -> bool {
        let pools = self.by_name.read();
        let writers = pools.get(&(name.clone(), Kind::Exclusive)).and_then(Weak::upgrade);
        drop(pools);
        writers.is_some_and(|pool| !matches!(pool.state.lock().turn, TurnState::Free))
    }

    /// Ends everything: callers who wait get an error, guards are lost, and all claims leave the store.
    pub(crate) async fn shut_down(&self) -> Result<(), Error> {
        self.client.down.cancel();
        let pools: Vec<_> = self.by_name.read().values().filter_map(Weak::upgrade).collect();
        for pool in pools {
            pool.fail_all(&Error::shut_down());
        }
        self.client.runtimes.within(self.client.shut_down()).await
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        if let Some(pools) = self.pools.upgrade() {
            let mut pools = pools.by_name.write();
            let key = (self.name.clone(), self.kind);
            if pools.get(&key).is_some_and(|pool| pool.strong_count() == 0) {
                pools.remove(&key);
            }
        }
    }
}

impl Pool {
    async fn acquire(self: &Arc<Self>, want: Want) -> Result<Option<Grant>, Error> {
        let message = match self.enter(&want) {
            Ok(message) => message,
            Err(waiting) => waiting.await,
        };
        match message {
            Message::Granted(grant) => Ok(Some(grant)),
            Message::Refused => Ok(None),
            Message::Failed(error) => Err(error),
            // Boxed, so that a caller in line is small.
            Message::Turn(turn) => Box::pin(turn.drive(&want)).await,
        }
    }

    /// At least one attempt is made, however short the timeout is. A request that is under way when the time is over is
    /// waited for, so that it is known whether the store was out of reach.
    async fn acquire_within(self: &Arc<Self>, want: Want, timeout: Duration) -> Result<Option<Grant>, Error> {
        let acquire = self.acquire(want);
        tokio::pin!(acquire);
        if let Ok(granted) = tokio::time::timeout(timeout, &mut acquire).await {
            return granted;
        }
        tokio::select! {
            biased;
            granted = &mut acquire => granted,
            state = self.last_known() => Err(state.timed_out(&self.name, timeout)),
        }
    }

    /// Whether the store answers just now, for a caller whose time is over.
    async fn last_known(&self) -> progress::State {
        let over_at = Instant::now();
        loop {
            if self.is_held() {
                return progress::State::Answered(None);
            }
            match self.progress.settled(over_at, ONE_ATTEMPT).await {
                progress::State::Answered(Some(at)) if at.elapsed() >= ONE_ATTEMPT => self.look().await,
                state => return state,
            }
        }
    }

    /// Whether a caller of this process holds the lock alone.
    fn is_held(&self) -> bool {
        let state = self.state.lock();
        state.is_held(self.kind)
    }

    /// Asks the store for the queue, only to know whether it answers.
    async fn look(&self) {
        struct Withdraw<'a>(Option<&'a Progress>);
        impl Drop for Withdraw<'_> {
            fn drop(&mut self) {
                if let Some(progress) = self.0 {
                    progress.withdrawn();
                }
            }
        }
        self.progress.asked();
        let mut withdraw = Withdraw(Some(&self.progress));
        let lock = self.name.clone();
        let request = |backend: Arc<dyn Backend>| -> BackendCall<Snapshot> {
            Box::pin(async move { backend.queue(&lock).await })
        };
        let answer = self.client.store.attempt(ONE_ATTEMPT, request).await;
        withdraw.0 = None;
        match answer {
            Ok(_) => self.progress.answered(),
            Err(error) => self.progress.failed(error),
        }
    }

    /// Takes the turn or a grant, or a place in the line.
    fn enter(self: &Arc<Self>, want: &Want) -> Result<Message, Waiting> {
        // Outside the lock, because it looks at another pool.
        let admits = self.kind == Kind::Readers && self.may_admit(want);
        let mut state = self.state.lock();
        if self.client.down.is_cancelled() {
            return Ok(Message::Failed(Error::shut_down()));
        }
        if admits && let Some(grant) = self.admit(&state, want) {
            return Ok(Message::Granted(grant));
        }
        if state.is_turn_free(self.kind) {
            self.progress.begin();
            return Ok(Message::Turn(self.give_turn(&mut state, want, None)));
        }
        if want.at_once && state.is_taken(self.kind) {
            return Ok(Message::Refused);
        }
        let (reply, place) = state.line.push(want.clone());
        drop(state);
        Err(Waiting::new(self.clone(), place, reply))
    }

    /// Gives the turn, which is free, to a caller.
    fn give_turn(self: &Arc<Self>, state: &mut State, want: &Want, claim: Option<HeldClaim>) -> Turn {
        let (passing, passed_on) = match self.kind {
            Kind::Permits => {
                let (reply, passed_on) = oneshot::channel();
                (Some((want.clone(), reply)), Some(passed_on))
            }
            Kind::Exclusive | Kind::Readers => (None, None),
        };
        state.turn = TurnState::Asking(Asking { is_waiting: claim.is_some(), passing });
        Turn::new(self.clone(), claim, passed_on)
    }

    /// Passes the turn of this caller to the next one in line, with a claim that waits in the store's queue if there is
    /// one.
    fn pass_turn(self: &Arc<Self>, claim: Option<HeldClaim>) {
        let mut state = self.state.lock();
        state.turn = TurnState::Free;
        self.offer_turn(state, claim);
    }

    /// Gives the turn to the first caller in line, if it is free.
    fn offer_turn(self: &Arc<Self>, mut state: MutexGuard<'_, State>, mut claim: Option<HeldClaim>) {
        let mut unfit = Vec::new();
        while state.is_turn_free(self.kind) {
            let Some((want, reply)) = state.line.pop() else { break };
            // A claim that waits means that others hold the lock.
            if want.at_once && claim.is_some() {
                let _ = reply.send(Message::Refused);
                continue;
            }
            unfit.extend(claim.take_if(|claim| !claim.serves(want.mode, want.terms.ttl)));
            if claim.is_none() {
                self.progress.withdrawn();
                self.progress.asked();
            }
            let is_waiting = claim.is_some();
            let turn = self.give_turn(&mut state, &want, claim.take());
            match reply.send(Message::Turn(turn)) {
                Ok(()) if is_waiting => {
                    let end = state.line.end();
                    state.line.refuse(end);
                    break;
                }
                Ok(()) => break,
                Err(Message::Turn(turn)) => claim = turn.disarm(),
                Err(_) => {}
            }
            state.turn = TurnState::Free;
        }
        drop(state);
        // Not under the lock: the claims leave.
        drop((claim, unfit));
    }

    fn fail_all(&self, error: &Error) {
        self.state.lock().line.fail(error);
    }

    /// Whether a claim may be passed on within the process: others get their turn when the time is over, and the lease
    /// must be fresh enough for one more guard.
    fn may_pass_on(&self, hold: &Hold) -> bool {
        let now = Instant::now();
        hold.guards.load(Ordering::Relaxed) < FencingToken::STEP
            && now.duration_since(hold.since) < self.settings.max_handover_time
            && hold.lease.remaining() >= hold.lease.ttl().get() / 2
            && hold.until.lock().is_none_or(|until| until <= now)
            && !self.client.down.is_cancelled()
    }

    /// Whether the shared claim may admit one more reader: not when a writer waits, as far as this process knows.
    fn may_admit(&self, want: &Want) -> bool {
        let is_unlimited = want.terms.limit(Instant::now()).is_none();
        is_unlimited && !self.pools.upgrade().is_some_and(|pools| pools.has_writers(&self.name))
    }

    fn admit(self: &Arc<Self>, state: &State, want: &Want) -> Option<Grant> {
        let hold = state.hold.as_ref().filter(|hold| hold.serves(want) && self.may_pass_on(hold))?;
        Some(Grant::new(self.clone(), hold.clone(), &want.terms, None))
    }
}

impl State {
    fn is_turn_free(&self, kind: Kind) -> bool {
        matches!(self.turn, TurnState::Free) && !self.is_held(kind)
    }

    /// Whether it is known that others have to leave first.
    fn is_taken(&self, kind: Kind) -> bool {
        self.is_held(kind) || matches!(&self.turn, TurnState::Asking(asking) if asking.is_waiting)
    }

    /// Whether a local caller holds the lock alone.
    fn is_held(&self, kind: Kind) -> bool {
        kind == Kind::Exclusive && self.hold.as_ref().is_some_and(|hold| hold.lease.loss().is_none())
    }
}

impl Hold {
    /// Whether a caller who asks for this can hold by the same claim. A longer lease could delay others by more than the
    /// ttl that the caller has chosen.
    fn serves(&self, want: &Want) -> bool {
        self.mode == want.mode && self.lease.remaining() <= want.terms.ttl.get()
    }
}

impl OnLoss for Pool {
    fn lost(&self, lease: &Arc<Lease>, reason: LossReason) {
        if reason == LossReason::MaxHold {
            // The lease may last for long. It ends soon, but not before the holder could react.
            let margin = lease.ttl().margin();
            let linger = margin.max(Duration::from_millis(1));
            self.client.leave_in_background(lease.clone(), linger, &self.progress, ());
        }
        let Some(me) = self.me.upgrade() else { return };
        let mut state = self.state.lock();
        if state.hold.as_ref().is_some_and(|hold| Arc::ptr_eq(&hold.lease, lease)) {
            state.hold = None;
            me.offer_turn(state, None);
        }
    }
}
