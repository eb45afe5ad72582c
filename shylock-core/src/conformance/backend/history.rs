//! Random histories, through the backend and through the pure queue, compared after each step.

use std::time::Duration;

use fastrand::Rng;

use crate::conformance::Harness;
use crate::conformance::probe::{BRIEF, LONG, Probe, READER, shared};
use crate::queue::Queue;
use crate::queue::{ClaimId, FencingToken, LockName, Mode, Owner};
use crate::queue::{JoinRequest, Renewed, Snapshot};

const STEPS: usize = 80;
const CLAIMS: usize = 6;

/// The pure queue beside the store. Its clock stands still, but for the leases that the test waits for.
struct Twin<B> {
    lock: Probe<B>,
    queue: Queue,
    now: u64,
    claims: Vec<ClaimId>,
    newest: Option<FencingToken>,
}

impl<B: crate::Backend> Twin<B> {
    async fn step(&mut self, random: &mut Rng) {
        let claim = self.claims[random.usize(..CLAIMS)];
        match random.u8(..10) {
            0..4 => self.join(claim, mode(random), random.bool()).await,
            4..6 => self.renew(claim).await,
            6..8 => self.leave(claim).await,
            8 => self.linger(claim).await,
            _ => self.lapse(claim, mode(random)).await,
        }
        let seen = self.lock.queue().await;
        self.compare(&seen);
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

    async fn leave(&mut self, claim: ClaimId) {
        self.queue.leave(claim, Duration::ZERO, self.now);
        self.lock.leave(claim).await;
    }

    /// Lingers until the lease has ended.
    async fn linger(&mut self, claim: ClaimId) {
        self.lock.linger(claim, BRIEF).await;
        self.lock.until_lapsed(claim).await;
        self.queue.leave(claim, Duration::from_millis(1), self.now);
        self.now += 1;
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
        let essence = |snapshot: &Snapshot| -> Vec<(ClaimId, Mode, Owner)> {
            snapshot.claims.iter().map(|c| (c.id, c.mode, c.owner.clone())).collect()
        };
        assert_eq!(essence(seen), essence(&expected));
        assert_eq!(seen.holders().len(), expected.holders().len());
        assert!(seen.claims.is_sorted_by(|a, b| a.token < b.token), "{seen:?}");
        let newest = seen.claims.last().map(|claim| claim.token).max(self.newest);
        let known = self.newest.replace(newest.unwrap_or(FencingToken::new(0)));
        let is_new = |claim: &&crate::LiveClaim| Some(claim.token) > known;
        assert!(seen.claims.iter().rev().skip(1).find(is_new).is_none(), "several new tokens: {seen:?}");
    }
}

fn mode(random: &mut Rng) -> Mode {
    [Mode::Exclusive, Mode::Exclusive, READER, shared(2), shared(3)][random.usize(..5)]
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
        twins.push(Twin { lock, queue: Queue::default(), now: 1_700_000_000_000, claims, newest: None });
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
