//! Random histories, through the backend and through the pure queue, compared after each step.

use std::collections::HashMap;
use std::time::Duration;

use fastrand::Rng;

use crate::backend::{Backend, Capabilities};
use crate::conformance::Harness;
use crate::conformance::probe::{BRIEF, LONG, Probe, READER, shared};
use crate::queue::{
    ClaimId, FencingToken, JoinRequest, Left, LockName, Mode, Owner, Queue, Renewed, Snapshot, Value, Written,
};

const STEPS: usize = 80;
const CLAIMS: usize = 6;

/// The pure queue beside the store. Its clock stands still, but for the leases that the test waits for.
struct Twin<B> {
    lock: Probe<B>,
    queue: Queue,
    now: u64,
    claims: Vec<ClaimId>,
    newest: Option<FencingToken>,
    /// The store's token for each of the queue's.
    tokens: HashMap<FencingToken, FencingToken>,
}

impl<B: Backend> Twin<B> {
    async fn step(&mut self, random: &mut Rng) {
        let claim = self.claims[random.usize(..CLAIMS)];
        let can = self.lock.backend.capabilities();
        match random.u8(..20) {
            0..7 => self.join(claim, mode(random, can), random.bool()).await,
            7..10 => self.renew(claim).await,
            10..13 => self.leave(claim, Duration::ZERO).await,
            13 => self.leave(claim, LONG).await,
            14 => self.linger(claim).await,
            15..17 if can.values => self.write(self.holder_or(claim), random.choice(["", "a", "b"])).await,
            17 if can.shared => self.downgrade(self.holder_or(claim), mode(random, can)).await,
            _ => self.lapse(claim, mode(random, can)).await,
        }
        let seen = self.lock.queue().await;
        self.compare(&seen);
    }

    /// The first claim that holds, every other time; otherwise few steps of holders would be drawn.
    fn holder_or(&self, claim: ClaimId) -> ClaimId {
        let holder = self.queue.holders().first().filter(|holder| holder.token.get() / 1024 % 2 == 0);
        holder.map_or(claim, |holder| holder.id)
    }

    fn request(&self, claim: ClaimId, mode: Mode, ttl: Duration) -> JoinRequest {
        let owner = Owner::new("host", 7, Some(claim.to_string()));
        JoinRequest { claim, owner, ..self.lock.request(mode, ttl) }
    }

    async fn join(&mut self, claim: ClaimId, mode: Mode, only_if_granted: bool) {
        let request = JoinRequest { only_if_granted, ..self.request(claim, mode, LONG) };
        self.queue.join(&request, self.now);
        let answer = self.lock.send(&request).await;
        self.compare(&answer);
    }

    async fn renew(&mut self, claim: ClaimId) {
        let expected: Renewed = self.queue.renew(claim, LONG, self.now);
        assert_eq!(self.lock.renew(claim, LONG).await, expected);
    }

    async fn leave(&mut self, claim: ClaimId, linger: Duration) {
        let expected: Left = self.queue.leave(claim, linger, self.now);
        assert_eq!(self.lock.linger(claim, linger).await, expected);
    }

    /// Lingers until the lease has ended, unless it lingers for long already.
    async fn linger(&mut self, claim: ClaimId) {
        let is_leaving = self.queue.claims.iter().any(|c| c.id == claim && c.leaving);
        let expected = self.queue.leave(claim, Duration::from_millis(1), self.now);
        assert_eq!(self.lock.linger(claim, BRIEF).await, expected);
        if !is_leaving {
            self.lock.until_lapsed(claim).await;
            self.now += 1;
        }
    }

    async fn write(&mut self, claim: ClaimId, text: Option<&str>) {
        let text = text.filter(|text| !text.is_empty());
        let value = text.map(|text| Value::new(text).expect("a short value"));
        let expected: Written = self.queue.write(claim, value, self.now);
        assert_eq!(self.lock.write(claim, text).await, expected);
    }

    async fn downgrade(&mut self, claim: ClaimId, mode: Mode) {
        let expected = self.queue.downgrade(claim, mode, self.now);
        assert_eq!(self.lock.downgrade(claim, mode).await, expected);
    }

    /// Joins, if it is not there yet, with a lease of which the end is waited for.
    async fn lapse(&mut self, claim: ClaimId, mode: Mode) {
        if self.queue.claims.iter().any(|c| c.id == claim) {
            return;
        }
        let request = self.request(claim, mode, BRIEF);
        self.queue.join(&JoinRequest { ttl: Duration::from_millis(1), ..request.clone() }, self.now);
        let answer = self.lock.send(&request).await;
        self.compare(&answer);
        self.lock.until_lapsed(claim).await;
        self.now += 1;
    }

    /// Equal but for times and the numbers of the tokens.
    fn compare(&mut self, seen: &Snapshot) {
        let expected = self.queue.snapshot(self.now);
        let essence = |snapshot: &Snapshot| -> Vec<(ClaimId, Mode, bool, Owner)> {
            snapshot.claims.iter().map(|c| (c.id, c.mode, c.leaving, c.owner.clone())).collect()
        };
        assert_eq!(essence(seen), essence(&expected));
        assert_eq!(seen.holders().len(), expected.holders().len());
        assert_eq!(seen.value, expected.value);
        for (ours, theirs) in expected.claims.iter().zip(&seen.claims) {
            let known = *self.tokens.entry(ours.token).or_insert(theirs.token);
            assert_eq!(theirs.token, known, "a claim has another token than before: {seen:?}");
        }
        let abandoned = expected.abandoned.map(|token| self.tokens[&token]);
        assert_eq!(seen.abandoned, abandoned, "{seen:?} instead of {expected:?}");
        assert!(seen.claims.is_sorted_by(|a, b| a.token < b.token), "{seen:?}");
        let newest = seen.claims.last().map(|claim| claim.token).max(self.newest);
        let known = self.newest.replace(newest.unwrap_or(FencingToken::new(0)));
        let is_new = |claim: &&crate::LiveClaim| Some(claim.token) > known;
        assert!(seen.claims.iter().rev().skip(1).find(is_new).is_none(), "several new tokens: {seen:?}");
    }
}

fn mode(random: &mut Rng, can: Capabilities) -> Mode {
    let shared = [READER, shared(2), shared(3)][random.usize(..3)];
    if random.u8(..5) < 2 || !can.shared { Mode::Exclusive } else { shared }
}

/// Says how to see a failure again.
struct Seed(u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("this random history has the seed {}", self.0);
        }
    }
}

async fn agrees<H: Harness>(harness: &H, seed: u64) {
    let seed = Seed(seed);
    let mut random = Rng::with_seed(seed.0);
    let probe = Probe::open(harness, "lock").await;
    let mut twins = Vec::new();
    for name in ["$a.b", "lock"] {
        let lock: LockName = probe.on(name).lock;
        let claims = std::iter::repeat_with(ClaimId::random).take(CLAIMS).collect();
        let lock = Probe { lock, ..probe.clone() };
        let (queue, now) = (Queue::default(), 1_700_000_000_000);
        twins.push(Twin { lock, queue, now, claims, newest: None, tokens: HashMap::new() });
    }
    for _ in 0..STEPS {
        let which = random.usize(..twins.len());
        twins[which].step(&mut random).await;
    }
}

pub async fn random_histories_agree_with_the_queue<H: Harness>(harness: &H) {
    agrees(harness, fastrand::u64(..)).await;
}

pub async fn known_histories_agree_with_the_queue<H: Harness>(harness: &H) {
    agrees(harness, 1).await;
}
