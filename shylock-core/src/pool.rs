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
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use tokio::time::Instant;

use crate::client::Client;
use crate::client::held_claim::HeldClaim;
use crate::client::lease::{Lease, LossReason};
use crate::client::progress::Progress;
use crate::client::renewals::OnLoss;
use crate::error::Error;
use crate::options::Terms;
use crate::queue::{FencingToken, LockName, Mode, Owner};

pub(crate) use grant::Grant;
use line::{Line, Message, Reply, Waiting};
use turn::Turn;

/// The pools of a manager.
pub(crate) struct Pools {
    client: Arc<Client>,
    settings: PoolSettings,
    pools: RwLock<HashMap<(LockName, Kind), Weak<Pool>>>,
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
    /// A caller drives a claim. A permit that comes free is passed on to it.
    Asking(Option<(Want, Reply)>),
    /// The claim of the last local holder is leaving the store.
    Leaving,
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
    guards: AtomicUsize,
    /// How many guards hold by it now.
    users: AtomicUsize,
    /// Released earlier, the lock stays taken until then.
    hold_until: Mutex<Option<Instant>>,
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
        Arc::new(Self { client, settings, pools: RwLock::default() })
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
        self.client.runtimes.within(acquire).await
    }

    fn pool(self: &Arc<Self>, name: LockName, kind: Kind) -> Arc<Pool> {
        let key = (name, kind);
        if let Some(pool) = self.pools.read().get(&key).and_then(Weak::upgrade) {
            return pool;
        }
        let mut pools = self.pools.write();
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
        let pools = self.pools.read();
        let writers = pools.get(&(name.clone(), Kind::Exclusive)).and_then(Weak::upgrade);
        drop(pools);
        writers.is_some_and(|pool| !matches!(pool.state.lock().turn, TurnState::Free))
    }

    /// Ends everything: callers who wait get an error, guards are lost, and all claims leave the store.
    pub(crate) async fn shut_down(&self) {
        self.client.down.cancel();
        let pools: Vec<_> = self.pools.read().values().filter_map(Weak::upgrade).collect();
        for pool in pools {
            pool.fail_all(&Error::shut_down());
        }
        self.client.runtimes.within(self.client.shut_down()).await;
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        if let Some(pools) = self.pools.upgrade() {
            let mut pools = pools.pools.write();
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

    /// At least one attempt is made, however short the timeout is.
    async fn acquire_within(self: &Arc<Self>, want: Want, timeout: Duration) -> Result<Option<Grant>, Error> {
        let begun = Instant::now();
        let acquire = self.acquire(want);
        tokio::pin!(acquire);
        if let Ok(granted) = tokio::time::timeout(timeout, &mut acquire).await {
            return granted;
        }
        tokio::select! {
            biased;
            granted = &mut acquire => granted,
            () = self.progress.known() => Err(self.progress.timed_out(&self.name, timeout)),
            () = tokio::time::sleep_until(begun + ONE_ATTEMPT) => {
                Err(self.progress.timed_out(&self.name, timeout))
            }
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
            state.turn = TurnState::Asking(None);
            self.progress.asked();
            return Ok(Message::Turn(Turn::new(self.clone())));
        }
        if want.at_once && state.is_taken(self.kind) && self.progress.is_answered() {
            return Ok(Message::Refused);
        }
        let (reply, place) = state.line.push(want.clone());
        drop(state);
        Err(Waiting::new(self.clone(), place, reply))
    }

    /// Passes the turn to the next caller in line, with a claim that waits in the store's queue if there is one.
    fn pass_turn(self: &Arc<Self>, mut claim: Option<HeldClaim>) {
        let mut state = self.state.lock();
        state.turn = TurnState::Free;
        while state.is_turn_free(self.kind) {
            let Some((want, reply)) = state.line.pop() else { break };
            // A claim that waits means that others hold the lock.
            if want.at_once && claim.is_some() {
                let _ = reply.send(Message::Refused);
                continue;
            }
            state.turn = TurnState::Asking(None);
            let turn = Turn::with_claim(self.clone(), claim.take());
            match reply.send(Message::Turn(turn)) {
                Ok(()) => return,
                Err(Message::Turn(turn)) => claim = turn.disarm(),
                Err(_) => {}
            }
            state.turn = TurnState::Free;
        }
        drop(state);
        // Not under the lock: the claim leaves.
        drop(claim);
    }

    fn fail_all(&self, error: &Error) {
        self.state.lock().line.fail(error);
    }

    /// Whether a claim may be passed on within the process: others get their turn when the time is over, and the lease
    /// must be fresh enough for one more guard.
    fn may_pass_on(&self, hold: &Hold) -> bool {
        let now = Instant::now();
        hold.guards.load(Ordering::Relaxed) < FencingToken::STEP as usize
            && now.duration_since(hold.since) < self.settings.max_handover_time
            && hold.lease.remaining() >= hold.lease.ttl().get() / 2
            && hold.hold_until.lock().is_none_or(|until| until <= now)
            && !self.client.down.is_cancelled()
    }

    /// Whether the shared claim may admit one more reader: not when a writer waits, as far as this process knows.
    fn may_admit(&self, want: &Want) -> bool {
        let is_unlimited = want.terms.limit(Instant::now()).is_none();
        is_unlimited && !self.pools.upgrade().is_some_and(|pools| pools.has_writers(&self.name))
    }

    fn admit(self: &Arc<Self>, state: &State, want: &Want) -> Option<Grant> {
        let hold = state.hold.as_ref().filter(|hold| hold.mode == want.mode && self.may_pass_on(hold))?;
        Some(Grant::new(self.clone(), hold.clone(), &want.terms, None))
    }
}

impl State {
    fn is_turn_free(&self, kind: Kind) -> bool {
        let is_held =
            kind == Kind::Exclusive && self.hold.as_ref().is_some_and(|hold| hold.lease.loss().is_none());
        matches!(self.turn, TurnState::Free) && !is_held
    }

    /// Whether it is known that others have to leave first.
    fn is_taken(&self, kind: Kind) -> bool {
        let is_held =
            kind == Kind::Exclusive && self.hold.as_ref().is_some_and(|hold| hold.lease.loss().is_none());
        is_held || matches!(self.turn, TurnState::Asking(_))
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
            let is_waited_for = matches!(state.turn, TurnState::Free) && self.kind == Kind::Exclusive;
            drop(state);
            if is_waited_for {
                me.pass_turn(None);
            }
        }
    }
}
