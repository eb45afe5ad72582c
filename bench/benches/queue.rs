//! The pure parts: what a step costs before anything is sent.

use std::hint::black_box;
use std::time::Duration;

use criterion::{BatchSize, BenchmarkId, Criterion, criterion_group, criterion_main};
use shylock_core::queue::Queue;
use shylock_core::{ClaimId, JoinRequest, LockName, Mode, Owner};

const TTL: Duration = Duration::from_secs(30);
const NOW: u64 = 1_800_000_000_000;

fn request() -> JoinRequest {
    let (lock, claim) = (LockName::new("bench").expect("a name"), ClaimId::random());
    JoinRequest::new(lock, claim, Mode::Exclusive, TTL, Owner::new("host", 1, None))
}

/// A queue of so many claims, and the one in its middle.
fn queue_of(claims: usize) -> (Queue, ClaimId) {
    let mut queue = Queue::default();
    for _ in 0..claims {
        queue.join(&request(), NOW);
    }
    let middle = queue.claims[claims / 2].id;
    (queue, middle)
}

fn steps(criterion: &mut Criterion) {
    for claims in [1, 10, 100] {
        let (queue, claim) = queue_of(claims);
        let mut group = criterion.benchmark_group("queue");
        let mut step = |name: &str, step: &dyn Fn(&mut Queue)| {
            group.bench_function(BenchmarkId::new(name, claims), |bencher| {
                let fresh = || queue.clone();
                bencher.iter_batched_ref(fresh, |queue| step(queue), BatchSize::SmallInput);
            });
        };
        let joining = request();
        step("join", &|queue| queue.join(&joining, NOW + 1));
        step("renew", &|queue| {
            black_box(queue.renew(claim, TTL, NOW + 1));
        });
        step("leave", &|queue| {
            black_box(queue.leave(claim, Duration::ZERO, NOW + 1));
        });
        step("snapshot", &|queue| {
            black_box(queue.snapshot(NOW + 1));
        });
    }
}

criterion_group!(benches, steps);
criterion_main!(benches);
