//! The turn of one caller: it drives a claim through the store.

use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::line::Message;
use super::{Grant, Hold, Kind, Pool, State, TurnState, Want};
use crate::backend::BackendError;
use crate::client::held_claim::{ClaimSpec, Granted, HeldClaim, Joined, Waited};
use crate::client::renewals::OnLoss;
use crate::error::Error;
use crate::queue::Owner;

/// The right to drive a claim through the store. When it is dropped, the turn passes to the next caller in line,
/// together with a claim that already waits in the store's queue, so that the process keeps its place.
pub(super) struct Turn {
    pool: Arc<Pool>,
    claim: Option<HeldClaim>,
    /// A permit that comes free in this process goes to whoever is first in line: this caller.
    passed_on: Option<oneshot::Receiver<Message>>,
    is_armed: bool,
}

impl Turn {
    pub(super) fn new(
        pool: Arc<Pool>,
        claim: Option<HeldClaim>,
        passed_on: Option<oneshot::Receiver<Message>>,
    ) -> Self {
        Self { pool, claim, passed_on, is_armed: true }
    }

    /// Ends the turn without passing it on.
    pub(super) fn disarm(mut self) -> Option<HeldClaim> {
        self.is_armed = false;
        self.claim.take()
    }

    /// Drives a claim until it is granted, or refused if it was wanted at once.
    pub(super) async fn drive(self, want: &Want) -> Result<Option<Grant>, Error> {
        let down = self.pool.client.down.clone();
        tokio::select! {
            biased;
            granted = self.drive_on(want) => granted,
            () = down.cancelled() => Err(Error::shut_down()),
        }
    }

    async fn drive_on(mut self, want: &Want) -> Result<Option<Grant>, Error> {
        let Some(passed_on) = self.passed_on.take() else { return self.ask(want).await };
        tokio::select! {
            biased;
            message = passed_on => match message {
                Ok(Message::Granted(grant)) => Ok(Some(grant)),
                _ => Err(Error::shut_down()),
            },
            granted = self.ask(want) => granted,
        }
    }

    async fn ask(&mut self, want: &Want) -> Result<Option<Grant>, Error> {
        loop {
            let asked = {
                let mut state = self.pool.state.lock();
                state.set_waiting(self.claim.is_some());
                // Callers who come later ask the store themselves.
                state.line.end()
            };
            match self.ask_once(want).await {
                Ok(Some(Waited::Granted(granted))) => {
                    if let Some(grant) = self.hold(granted, want) {
                        return Ok(Some(grant));
                    }
                }
                Ok(Some(Waited::Lost)) => drop(self.claim.take()),
                Ok(None) => {
                    drop(self.claim.take());
                    self.pool.state.lock().line.refuse(asked);
                    return Ok(None);
                }
                Err(error) => return Err(self.fail(error)),
            }
        }
    }

    /// `None`: refused.
    async fn ask_once(&mut self, want: &Want) -> Result<Option<Waited>, BackendError> {
        let (pool, progress) = (&self.pool, &self.pool.progress);
        if let Some(claim) = &mut self.claim {
            // It waits already, for a caller who has gone.
            return claim.wait(None, progress).await.map(Some);
        }
        let owner = &pool.settings.owner;
        let label = want.terms.label.as_deref().map(str::to_owned).or_else(|| owner.label.clone());
        let on_loss: Weak<dyn OnLoss> = pool.me.clone();
        let spec = ClaimSpec {
            lock: pool.name.clone(),
            mode: want.mode,
            ttl: want.terms.ttl,
            owner: Owner::new(owner.host.clone(), owner.pid, label),
            only_if_granted: want.at_once,
            on_loss,
        };
        let claim = self.claim.insert(HeldClaim::new(&pool.client, spec));
        match claim.join(progress).await? {
            Joined::Granted(granted) => Ok(Some(Waited::Granted(granted))),
            Joined::Refused => Ok(None),
            Joined::Waiting(snapshot) => {
                {
                    let mut state = pool.state.lock();
                    state.set_waiting(true);
                    let end = state.line.end();
                    state.line.refuse(end);
                }
                claim.wait(Some(snapshot), progress).await.map(Some)
            }
        }
    }

    /// Makes a grant of a claim that was granted, and ends the turn.
    fn hold(&mut self, granted: Granted, want: &Want) -> Option<Grant> {
        let claim = self.claim.take()?;
        let lease = claim.lease().clone();
        if lease.loss().is_some() {
            return None;
        }
        let hold = Arc::new(Hold {
            claim: Mutex::new(Some(claim)),
            lease,
            mode: want.mode,
            token: granted.token,
            since: Instant::now(),
            guards: AtomicU64::new(0),
            users: AtomicUsize::new(0),
            until: Mutex::default(),
        });
        let grant = Grant::new(self.pool.clone(), hold.clone(), &want.terms, granted.abandoned);
        self.is_armed = false;
        self.pool.begin(hold, want);
        Some(grant)
    }

    /// The store is out of reach, or refuses: everybody in line has waited for the same answer.
    fn fail(&mut self, error: BackendError) -> Error {
        drop(self.claim.take());
        let error = Error::from_backend(&format!("lock {:?} could not be acquired", self.pool.name), error);
        self.pool.fail_all(&error);
        error
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if !self.is_armed {
            return;
        }
        match self.claim.take() {
            Some(claim) if !claim.is_waiting() && claim.has_to_leave() => {
                // Until it has left, it would be in the way of the next caller.
                self.pool.state.lock().turn = TurnState::Leaving;
                let turn = LeavingTurn(self.pool.clone());
                claim.leave_in_background(Duration::ZERO, &self.pool.progress, turn);
            }
            claim => self.pool.pass_turn(claim.filter(HeldClaim::is_waiting)),
        }
    }
}

/// The turn of a pool whose claim is leaving the store. When it is dropped, the next caller joins.
pub(super) struct LeavingTurn(pub(super) Arc<Pool>);

impl Drop for LeavingTurn {
    fn drop(&mut self) {
        self.0.pass_turn(None);
    }
}

impl State {
    /// Notes whether the claim of the caller who has the turn waits in the store's queue.
    fn set_waiting(&mut self, is_waiting: bool) {
        if let TurnState::Asking(asking) = &mut self.turn {
            asking.is_waiting = is_waiting;
        }
    }
}

impl Pool {
    /// The store has granted a claim: the turn is over.
    fn begin(self: &Arc<Self>, hold: Arc<Hold>, want: &Want) {
        let mut state = self.state.lock();
        match self.kind {
            Kind::Exclusive => {
                state.turn = TurnState::Free;
                state.hold = Some(hold);
                let end = state.line.end();
                state.line.refuse(end);
            }
            Kind::Readers => {
                if want.terms.limit(Instant::now()).is_none() {
                    state.hold = Some(hold.clone());
                    while let Some((want, reply)) = state.line.pop_if(|next| self.shares(&hold, next)) {
                        let grant = Grant::new(self.clone(), hold.clone(), &want.terms, None);
                        if let Err(Message::Granted(grant)) = reply.send(Message::Granted(grant)) {
                            grant.forget();
                        }
                    }
                }
                drop(state);
                self.pass_turn(None);
            }
            Kind::Permits => {
                drop(state);
                self.pass_turn(None);
            }
        }
    }

    /// Whether a reader may share a claim that was just granted.
    fn shares(&self, hold: &Hold, want: &Want) -> bool {
        hold.serves(want) && want.terms.limit(Instant::now()).is_none() && self.may_pass_on(hold)
    }
}
