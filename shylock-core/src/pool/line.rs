//! The local callers who wait, in order.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::sync::oneshot;

use super::turn::Turn;
use super::{Grant, Pool, Want};
use crate::error::Error;

/// What a caller in line is told.
pub(super) enum Message {
    /// It holds the lock.
    Granted(Grant),
    /// It wanted the lock at once, and others hold it.
    Refused,
    /// It is to drive a claim.
    Turn(Turn),
    /// The store is out of reach, or the manager was shut down.
    Failed(Error),
}

pub(super) type Reply = oneshot::Sender<Message>;

struct Waiter {
    place: u64,
    want: Want,
    reply: Reply,
}

#[derive(Default)]
pub(super) struct Line {
    waiters: VecDeque<Waiter>,
    next_place: u64,
}

impl Line {
    pub(super) fn push(&mut self, want: Want) -> (oneshot::Receiver<Message>, u64) {
        let (reply, message) = oneshot::channel();
        let place = self.next_place;
        self.next_place += 1;
        self.waiters.push_back(Waiter { place, want, reply });
        (message, place)
    }

    pub(super) fn pop(&mut self) -> Option<(Want, Reply)> {
        let first = self.waiters.pop_front();
        self.shrink();
        first.map(|waiter| (waiter.want, waiter.reply))
    }

    /// The first caller, if `fits`.
    pub(super) fn pop_if(&mut self, fits: impl FnOnce(&Want) -> bool) -> Option<(Want, Reply)> {
        if fits(&self.waiters.front()?.want) { self.pop() } else { None }
    }

    pub(super) fn remove(&mut self, place: u64) {
        if let Ok(found) = self.waiters.binary_search_by_key(&place, |waiter| waiter.place) {
            self.waiters.remove(found);
            self.shrink();
        }
    }

    /// A place that all callers in line have before those who come later.
    pub(super) fn end(&self) -> u64 {
        self.next_place
    }

    /// Tells the callers before `end` who want the lock at once that they cannot have it.
    pub(super) fn refuse(&mut self, end: u64) {
        if !self.waiters.iter().any(|waiter| waiter.want.at_once) {
            return;
        }
        let (refused, others) =
            self.waiters.drain(..).partition(|waiter| waiter.want.at_once && waiter.place < end);
        self.waiters = others;
        for waiter in Vec::from(refused) {
            let _ = waiter.reply.send(Message::Refused);
        }
    }

    /// Tells everybody in line of an error.
    pub(super) fn fail(&mut self, error: &Error) {
        for waiter in std::mem::take(&mut self.waiters) {
            let _ = waiter.reply.send(Message::Failed(error.clone()));
        }
    }

    /// A lock that nobody waits for needs no memory for a line.
    fn shrink(&mut self) {
        if self.waiters.is_empty() {
            self.waiters = VecDeque::new();
        }
    }
}

/// A caller's place in the line. When it is dropped, the caller leaves the line, and passes on what it was given.
pub(super) struct Waiting {
    pool: Arc<Pool>,
    place: u64,
    message: oneshot::Receiver<Message>,
    is_over: bool,
}

impl Waiting {
    pub(super) fn new(pool: Arc<Pool>, place: u64, message: oneshot::Receiver<Message>) -> Self {
        Self { pool, place, message, is_over: false }
    }
}

impl Future for Waiting {
    type Output = Message;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Message> {
        let message = ready!(Pin::new(&mut self.message).poll(cx));
        self.is_over = true;
        // Every caller in line is told something, unless the manager is shut down meanwhile.
        Poll::Ready(message.unwrap_or_else(|_| Message::Failed(Error::shut_down())))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if !self.is_over {
            self.pool.state.lock().line.remove(self.place);
        }
    }
}
