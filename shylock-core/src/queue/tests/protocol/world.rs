//! The store, the network and the clients of the simulation, and the watch over their promises.

use std::time::Duration;

use super::{Action, CLIENTS, TTL};
use crate::queue::Mode;
use crate::queue::Renewed;
use crate::queue::tests::{READER, START, id, request, shared};
use crate::queue::{Queue, holder_count};

/// How the store extends a lease.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Extend {
    /// As the queue does: a lease never ends sooner than it did.
    ToTheLater,
    /// To `now + ttl`, come what may. This is wrong.
    Always,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Step {
    Join(Mode),
    Renew,
    /// With the time to linger.
    Leave(u64),
}

#[derive(Debug, Clone)]
struct Message {
    client: usize,
    claim: u64,
    step: Step,
    sent_at: u64,
    /// The now that the store froze when it began with it.
    began: Option<u64>,
}

#[derive(Debug, Clone)]
struct Reply {
    client: usize,
    claim: u64,
    sent_at: u64,
    answer: Answer,
}

#[derive(Debug, Clone, Copy)]
enum Answer {
    Joined { token: u64, granted: bool },
    Renewed(Renewed),
}

/// What a client knows of the claim that it wants.
#[derive(Debug, Clone)]
struct Wish {
    claim: u64,
    mode: Mode,
    first_sent_at: u64,
    granted: Option<u64>,
    trusted_until: u64,
}

#[derive(Debug)]
pub(super) struct World {
    margin: u64,
    extend: Extend,
    time: u64,
    queue: Queue,
    messages: Vec<Message>,
    replies: Vec<Reply>,
    clients: [Option<Wish>; CLIENTS],
    claims_drawn: u64,
    /// Grants that clients came to trust, in order: mode and token.
    trusted: Vec<(Mode, u64)>,
    /// Every token that a client was told of, and when.
    known: Vec<(u64, u64)>,
    violation: Option<String>,
}

impl World {
    pub(super) fn new(margin: u64, extend: Extend) -> Self {
        Self {
            margin,
            extend,
            time: START,
            queue: Queue::default(),
            messages: Vec::new(),
            replies: Vec::new(),
            clients: Default::default(),
            claims_drawn: 0,
            trusted: Vec::new(),
            known: Vec::new(),
            violation: None,
        }
    }

    pub(super) fn grants(&self) -> usize {
        self.trusted.len()
    }

    pub(super) fn act(&mut self, action: &Action) {
        match *action {
            Action::Pass(time) => self.pass(time),
            Action::Speak(client) => self.speak(client % CLIENTS),
            Action::Converse(client, skew) => {
                self.speak(client % CLIENTS);
                self.apply(self.messages.len() - 1, skew, false);
                self.deliver(self.replies.len() - 1);
            }
            Action::Leave(client) => self.leave(client % CLIENTS),
            Action::Crash(client) => self.clients[client % CLIENTS] = None,
            Action::Begin(n, skew) => {
                let now = self.time + skew;
                if let Some(message) = pick(&self.messages, n).map(|n| &mut self.messages[n]) {
                    message.began.get_or_insert(now);
                }
            }
            Action::Apply(n, skew, again) => {
                if let Some(n) = pick(&self.messages, n) {
                    self.apply(n, skew, again);
                }
            }
            Action::LoseMessage(n) => drop(pick(&self.messages, n).map(|n| self.messages.remove(n))),
            Action::Deliver(n) => {
                if let Some(n) = pick(&self.replies, n) {
                    self.deliver(n);
                }
            }
            Action::LoseReply(n) => drop(pick(&self.replies, n).map(|n| self.replies.remove(n))),
        }
    }

    fn pass(&mut self, time: u64) {
        self.time += time;
        for client in &mut self.clients {
            // What was granted and is trusted no more is lost for good.
            client.take_if(|wish| wish.granted.is_some() && wish.trusted_until <= self.time);
        }
    }

    fn speak(&mut self, client: usize) {
        let (claim, time) = (self.claims_drawn, self.time);
        let wish = self.clients[client].get_or_insert_with(|| {
            let mode = match claim % 4 {
                0 => READER,
                1 => shared(2),
                _ => Mode::Exclusive,
            };
            Wish { claim, mode, first_sent_at: time, granted: None, trusted_until: 0 }
        });
        self.claims_drawn += u64::from(wish.claim == claim);
        // One who holds renews; one who waits does it now and then, or asks again.
        let renews = wish.granted.is_some() || (wish.trusted_until > time && time % 3 == 0);
        let step = if renews { Step::Renew } else { Step::Join(wish.mode) };
        self.messages.push(Message { client, claim: wish.claim, step, sent_at: time, began: None });
    }

    fn leave(&mut self, client: usize) {
        if let Some(wish) = self.clients[client].take() {
            let claim = wish.claim;
            // One in three lingers, for longer than its lease or not.
            let linger = if claim % 3 == 0 { TTL / 2 + claim % TTL } else { 0 };
            let left = Message { client, claim, step: Step::Leave(linger), sent_at: self.time, began: None };
            self.messages.push(left);
        }
    }

    fn apply(&mut self, n: usize, skew: u64, again: bool) {
        let message = if again { self.messages[n].clone() } else { self.messages.remove(n) };
        let now = message.began.unwrap_or(self.time + skew);
        let Message { client, claim, step, sent_at, .. } = message;
        let answer = match step {
            Step::Join(mode) => {
                self.queue.join(&request(claim, mode, TTL), now);
                let snapshot = self.queue.snapshot(now);
                let joined = snapshot.claims.iter().find(|c| c.id == id(claim)).expect("it joined");
                let granted = snapshot.granted_token(id(claim)).is_some();
                Answer::Joined { token: joined.token.get(), granted }
            }
            Step::Renew => Answer::Renewed(self.queue.renew(id(claim), Duration::from_millis(TTL), now)),
            Step::Leave(linger) => {
                self.queue.leave(id(claim), Duration::from_millis(linger), now);
                return;
            }
        };
        if self.extend == Extend::Always {
            let extended = self.queue.claims.iter_mut().find(|c| c.id == id(claim));
            if let Some(claim) = extended {
                claim.expires_at = now + TTL;
            }
        }
        self.replies.push(Reply { client, claim, sent_at, answer });
    }

    fn deliver(&mut self, n: usize) {
        let Reply { client, claim, sent_at, answer } = self.replies.remove(n);
        let trusted_until = sent_at + TTL - self.margin;
        let Some(wish) = self.clients[client].as_mut().filter(|wish| wish.claim == claim) else { return };
        if let Answer::Renewed(Renewed::Gone) = answer {
            self.clients[client] = None;
            return;
        }
        if trusted_until <= self.time {
            return;
        }
        wish.trusted_until = wish.trusted_until.max(trusted_until);
        let Answer::Joined { token, granted } = answer else { return };
        let (mode, first_sent_at) = (wish.mode, wish.first_sent_at);
        if granted && wish.granted.replace(token).is_none() {
            self.begin_trust(mode, token);
        }
        // S3: one who joined after another had been told of its place stands behind it.
        if let Some((ahead, _)) = self.known.iter().find(|(t, since)| *since < first_sent_at && *t > token) {
            self.violation = Some(format!("S3: token {token} joined after {ahead} and stands before it"));
        }
        self.known.push((token, self.time));
    }

    /// S2: of two grants that conflict, the later one has the greater token.
    fn begin_trust(&mut self, mode: Mode, token: u64) {
        let conflicts = |other: &&(Mode, u64)| mode == Mode::Exclusive || other.0 == Mode::Exclusive;
        if let Some((_, before)) = self.trusted.iter().filter(conflicts).find(|(_, before)| *before >= token)
        {
            self.violation = Some(format!("S2: token {token} was granted after {before}"));
        }
        self.trusted.push((mode, token));
    }

    /// S1: the claims that clients trust now get along.
    pub(super) fn check(&self) -> Result<(), String> {
        if let Some(violation) = &self.violation {
            return Err(violation.clone());
        }
        let holders = self.clients.iter().flatten().filter(|wish| wish.granted.is_some());
        let mut modes: Vec<Mode> = holders.map(|wish| wish.mode).collect();
        modes.sort_by_key(|mode| mode.max_holders());
        if holder_count(modes.iter().copied()) < modes.len() {
            return Err(format!("S1: {modes:?} are trusted at once"));
        }
        Ok(())
    }
}

fn pick<T>(among: &[T], n: usize) -> Option<usize> {
    (!among.is_empty()).then(|| n % among.len())
}
