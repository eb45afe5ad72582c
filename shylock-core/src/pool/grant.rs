//! What a guard holds.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::line::Message;
use super::turn::LeavingTurn;
use super::{Hold, Kind, Pool, State, TurnState};
use crate::client::lease::{Lease, LossReason};
use crate::client::progress::Progress;
use crate::client::{Client, HANGING};
use crate::error::Error;
use crate::options::Terms;
use crate::queue::{FencingToken, Left, LockName, Value, Written};

/// The hold of one local guard on a claim. When it is dropped, the lock is released in the background.
pub(crate) struct Grant {
    pool: Arc<Pool>,
    hold: Arc<Hold>,
    token: FencingToken,
    abandoned: Option<FencingToken>,
    is_over: bool,
}

/// The result of giving a grant back.
enum GivenBack {
    /// Another caller of this process holds the lock now, or still does.
    Kept,
    /// The claim leaves the store now, after this time.
    Leaving(Duration, Option<LeavingTurn>),
    /// The guard did not hold it any more.
    Lost(LossReason),
}

impl Grant {
    pub(super) fn new(
        pool: Arc<Pool>,
        hold: Arc<Hold>,
        terms: &Terms,
        abandoned: Option<FencingToken>,
    ) -> Self {
        let now = Instant::now();
        let number = hold.guards.fetch_add(1, Ordering::Relaxed);
        hold.users.fetch_add(1, Ordering::Relaxed);
        if pool.kind != Kind::Readers || number == 0 {
            let had = hold.lease.ttl();
            hold.lease.begin(terms.ttl, terms.limit(now));
            if terms.ttl.get() > had.get() {
                // The present lease is shorter than this guard expects.
                pool.client.renewals.schedule(hold.lease.claim, now);
            }
        }
        if let Some(until) = terms.hold_until(now) {
            let mut latest = hold.until.lock();
            *latest = Some(latest.map_or(until, |before| before.max(until)));
        }
        let token = hold.token.handed_over(number);
        Self { pool, hold, token, abandoned, is_over: false }
    }

    pub(crate) fn client(&self) -> &Arc<Client> {
        &self.pool.client
    }

    pub(crate) fn lock(&self) -> &LockName {
        &self.hold.lease.lock
    }

    pub(crate) fn token(&self) -> FencingToken {
        self.token
    }

    pub(crate) fn lease(&self) -> &Arc<Lease> {
        &self.hold.lease
    }

    pub(crate) fn abandoned(&self) -> Option<FencingToken> {
        self.abandoned
    }

    /// Ends a grant that was never handed out.
    pub(super) fn forget(mut self) {
        self.is_over = true;
        self.hold.users.fetch_sub(1, Ordering::Relaxed);
    }

    /// Releases the lock, and waits until another process can have it.
    pub(crate) async fn release(mut self) -> Result<(), Error> {
        if self.client().is_forked() {
            self.is_over = true;
            return self.client().enter();
        }
        let given_back = self.give_back();
        let (linger, turn) = match given_back {
            GivenBack::Kept => return Ok(()),
            GivenBack::Lost(reason) => return Err(Error::lost(self.lock(), reason)),
            GivenBack::Leaving(linger, turn) => (linger, turn),
        };
        let client = self.client().clone();
        client.runtimes.within(Box::pin(self.leave(linger, turn))).await?
    }

    async fn leave(&self, linger: Duration, turn: Option<LeavingTurn>) -> Result<(), Error> {
        let Some(claim) = self.hold.claim.lock().take() else { return Ok(()) };
        let ends_at = self.lease().deadline();
        let progress = Progress::default();
        let progress = if turn.is_some() { &self.pool.progress } else { &progress };
        let left = {
            let leave = claim.leave(linger, progress);
            tokio::pin!(leave);
            // One that hangs does not hold up the next caller, whose claim queues behind it.
            if let Ok(left) = timeout(HANGING, &mut leave).await {
                left
            } else {
                drop(turn);
                leave.await
            }
        };
        match left {
            Ok(Left::Left) => Ok(()),
            // Nobody renewed or left but us: if the lease was to last, somebody else has ended it.
            Ok(Left::Gone) => {
                let is_over = ends_at.is_none_or(|ends_at| ends_at <= Instant::now());
                let reason = if is_over { LossReason::Expired } else { LossReason::Evicted };
                Err(Error::lost(self.lock(), reason))
            }
            Err(error) => {
                let doing =
                    format!("lock {:?} could not be released; it is free when its lease ends", self.lock());
                Err(Error::from_backend(&doing, error))
            }
        }
    }

    fn give_back(&mut self) -> GivenBack {
        self.is_over = true;
        let (pool, hold) = (&self.pool, &self.hold);
        let mut state = pool.state.lock();
        let users = hold.users.fetch_sub(1, Ordering::Relaxed) - 1;
        let is_current = state.hold.as_ref().is_some_and(|current| Arc::ptr_eq(current, hold));
        if let Some(reason) = hold.lease.loss() {
            if is_current {
                state.hold = None;
            }
            // The turn may have been taken since the lease ended.
            pool.offer_turn(state, None);
            let claim = if users == 0 { hold.claim.lock().take() } else { None };
            drop(claim);
            return GivenBack::Lost(reason);
        }
        if users > 0 {
            return GivenBack::Kept;
        }
        if pool.kind != Kind::Readers && pool.may_pass_on(hold) && self.pass_on(&mut state) {
            return GivenBack::Kept;
        }
        if is_current {
            state.hold = None;
        }
        let until = *hold.until.lock();
        let linger = until.map_or(Duration::ZERO, |until| until.saturating_duration_since(Instant::now()));
        let turn = (pool.kind == Kind::Exclusive && is_current).then(|| {
            state.turn = TurnState::Leaving;
            LeavingTurn(pool.clone())
        });
        GivenBack::Leaving(linger, turn)
    }

    /// Hands the claim to the first caller in line who takes it.
    fn pass_on(&self, state: &mut State) -> bool {
        let (pool, hold) = (&self.pool, &self.hold);
        // Whoever has the turn for a permit is first in line.
        if let TurnState::Asking(asking) = &mut state.turn
            && let Some((want, reply)) = asking.passing.take()
        {
            if !hold.serves(&want) {
                asking.passing = Some((want, reply));
                return false;
            }
            let grant = Grant::new(pool.clone(), hold.clone(), &want.terms, None);
            match reply.send(Message::Granted(grant)) {
                Ok(()) => return true,
                Err(Message::Granted(grant)) => grant.forget(),
                Err(_) => {}
            }
            return false;
        }
        while let Some((want, reply)) = state.line.pop_if(|want| hold.serves(want)) {
            let grant = Grant::new(pool.clone(), hold.clone(), &want.terms, None);
            match reply.send(Message::Granted(grant)) {
                Ok(()) => {
                    let end = state.line.end();
                    state.line.refuse(end);
                    return true;
                }
                Err(Message::Granted(grant)) => grant.forget(),
                Err(_) => {}
            }
        }
        false
    }

    /// Writes or clears the value of the lock.
    pub(crate) async fn write(&self, value: Option<Value>) -> Result<(), Error> {
        self.client().enter()?;
        let doing = format!("the value of lock {:?} could not be written", self.lock());
        let written = {
            let (lock, claim) = (self.lock().clone(), self.lease().claim);
            let ask = self.client().store.ask(move |backend| {
                let (lock, value) = (lock.clone(), value.clone());
                Box::pin(async move { backend.write(&lock, claim, value.as_ref()).await })
            });
            self.client().runtimes.within(ask).await?
        };
        match written.map_err(|error| Error::from_backend(&doing, error))? {
            Written::Done => Ok(()),
            Written::NotHolding => {
                self.lease().end(LossReason::Evicted);
                self.client().renewals.schedule(self.lease().claim, Instant::now());
                Err(Error::lost(self.lock(), self.lease().loss().unwrap_or(LossReason::Evicted)))
            }
        }
    }
}

impl Drop for Grant {
    fn drop(&mut self) {
        if self.is_over || self.client().is_forked() {
            return;
        }
        if let GivenBack::Leaving(linger, turn) = self.give_back()
            && let Some(claim) = self.hold.claim.lock().take()
        {
            claim.leave_in_background(linger, &self.pool.progress, turn);
        }
    }
}

impl fmt::Debug for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grant").field("lock", self.lock()).field("token", &self.token).finish_non_exhaustive()
    }
}
