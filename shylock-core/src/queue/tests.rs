//! The rules one by one, the laws on random histories, and the protocol of clients that use the queue.

mod laws;
mod protocol;
mod rules;

use std::time::Duration;

use super::Queue;
use crate::queue::JoinRequest;
use crate::queue::{ClaimId, LockName, Mode, Owner};

/// A time to begin at, in milliseconds since 1970.
const START: u64 = 1_700_000_000_000;

const READER: Mode = Mode::Shared { max: u32::MAX };

fn shared(max: u32) -> Mode {
    Mode::Shared { max }
}

fn id(n: u64) -> ClaimId {
    format!("{n:032x}").parse().expect("32 digits")
}

fn request(n: u64, mode: Mode, ttl: u64) -> JoinRequest {
    JoinRequest {
        lock: LockName::new("lock").expect("a name"),
        claim: id(n),
        mode,
        ttl: Duration::from_millis(ttl),
        owner: Owner::new("host", 1, None),
        only_if_granted: false,
    }
}

fn if_granted(n: u64, mode: Mode, ttl: u64) -> JoinRequest {
    JoinRequest { only_if_granted: true, ..request(n, mode, ttl) }
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
