//! The rules one by one, the laws on random histories, and the protocol of clients that use the queue.

mod laws;
mod protocol;
mod rules;

use std::time::Duration;

use super::{Claim, ClaimId, JoinRequest, LockName, Mode, Owner, Queue, Value};

/// A time to begin at, in milliseconds since 1970.
const START: u64 = 1_700_000_000_000;

const READER: Mode = Mode::READER;

fn shared(max: u32) -> Mode {
    Mode::Shared { max }
}

fn id(n: u64) -> ClaimId {
    format!("{n:032x}").parse().expect("32 digits")
}

fn request(n: u64, mode: Mode, ttl: u64) -> JoinRequest {
    let lock = LockName::new("lock").expect("a name");
    JoinRequest::new(lock, id(n), mode, Duration::from_millis(ttl), Owner::new("host", 1, None))
}

fn if_granted(n: u64, mode: Mode, ttl: u64) -> JoinRequest {
    request(n, mode, ttl).only_if_granted(true)
}

#[allow(clippy::unnecessary_wraps, reason = "it is what a queue has and a write takes")]
fn value(text: &str) -> Option<Value> {
    Some(Value::new(text).expect("a short value"))
}

fn find(queue: &Queue, claim: ClaimId) -> Option<&Claim> {
    queue.claims.iter().find(|c| c.id == claim)
}

fn holds(queue: &Queue, claim: ClaimId) -> bool {
    queue.holders().iter().any(|c| c.id == claim)
}

fn ids(queue: &Queue) -> Vec<ClaimId> {
    queue.claims.iter().map(|claim| claim.id).collect()
}

/// A queue that these modes joined in this order at `START`, as the claims 0, 1, 2 and so on.
fn queue_of(modes: &[Mode]) -> Queue {
    let mut queue = Queue::default();
    for (n, mode) in (0..).zip(modes) {
        queue.join(&request(n, *mode, 100), START);
    }
    queue
}
