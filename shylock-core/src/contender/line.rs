//! The local callers who wait, in order.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::{Contender, Tenure};
use crate::error::Error;
use crate::lease::LossReason;
use crate::ttl::Ttl;

/// What a caller wants.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Want {
    /// Now or not at all.
    pub(crate) at_once: bool,
    pub(crate) auto_renew: bool,
    pub(crate) max_hold: Option<Duration>,
    pub(crate) hold_at_least: Option<Duration>,
}

impl Want {
    /// For how long a guard that begins now may hold at the most, and why no longer.
    pub(super) fn limit(&self, now: Instant, ttl: Ttl) -> Option<(Instant, LossReason)> {
        let unrenewed = (!self.auto_renew).then(|| (now + ttl.trusted(), LossReason::Expired));
        let longest = self.max_hold.map(|time| (now + time, LossReason::MaxHold));
        unrenewed.into_iter().chain(longest).min_by_key(|(until, _)| *until)
    }
}

pub(super) type Answer = Result<Option<Tenure>, Error>;

pub(super) struct Waiter {
    pub(super) key: u64,
    pub(super) want: Want,
    pub(super) reply: oneshot::Sender<Answer>,
}

#[derive(Default)]
pub(super) struct Line(VecDeque<Waiter>);

impl Line {
    pub(super) fn push(&mut self, waiter: Waiter) {
        self.0.push_back(waiter);
    }

    pub(super) fn pop(&mut self) -> Option<Waiter> {
        let first = self.0.pop_front();
        if self.0.is_empty() {
            // A lock that nobody waits for needs no room for a line.
            self.0 = VecDeque::new();
        }
        first
    }

    pub(super) fn remove(&mut self, key: u64) -> bool {
        let place = self.0.iter().position(|waiter| waiter.key == key);
        place.and_then(|place| self.0.remove(place)).is_some()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Somebody waits for as long as it takes.
    pub(super) fn has_patient(&self) -> bool {
        self.0.iter().any(|waiter| !waiter.want.at_once)
    }

    /// Tells those who want the lock at once that they cannot have it.
    pub(super) fn refuse_hasty(&mut self) {
        if !self.0.iter().any(|waiter| waiter.want.at_once) {
            return;
        }
        let (hasty, patient) = self.0.drain(..).partition(|waiter: &Waiter| waiter.want.at_once);
        self.0 = patient;
        for waiter in Vec::from(hasty) {
            let _ = waiter.reply.send(Ok(None));
        }
    }

    pub(super) fn fail(&mut self, error: &Error) {
        for waiter in self.0.drain(..) {
            let _ = waiter.reply.send(Err(error.clone()));
        }
    }

    /// Drops the callers' ends, so that each starts anew.
    pub(super) fn scatter(&mut self) {
        self.0.clear();
    }
}

/// A caller's place in the line. Dropped, it steps out; a guard that it was given is given back.
pub(crate) struct Waiting {
    contender: Arc<Contender>,
    key: u64,
    reply: oneshot::Receiver<Answer>,
    answered: bool,
}

impl Waiting {
    pub(super) fn new(contender: Arc<Contender>) -> (oneshot::Sender<Answer>, Self) {
        static KEYS: AtomicU64 = AtomicU64::new(0);
        let key = KEYS.fetch_add(1, Ordering::Relaxed);
        let (sender, reply) = oneshot::channel();
        (sender, Self { contender, key, reply, answered: false })
    }

    pub(super) fn key(&self) -> u64 {
        self.key
    }

    pub(crate) fn contender(&self) -> &Arc<Contender> {
        &self.contender
    }
}

impl Future for Waiting {
    /// `None` if the contender's task ended with its runtime: line up again.
    type Output = Option<Answer>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = ready!(Pin::new(&mut self.reply).poll(cx));
        self.answered = true;
        Poll::Ready(answer.ok())
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if !self.answered {
            self.contender.step_out(self.key);
        }
    }
}
