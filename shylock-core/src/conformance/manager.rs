//! What a manager promises over a backend, through what users write.

pub mod acquiring;
pub mod crashing;
pub mod excluding;
pub mod giving_back;
pub mod holding;
pub mod watching;

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use super::Harness;
use super::wait::{SOON, until};
use crate::manager::{LockManager, LockManagerBuilder};
use crate::queue::LockName;
use crate::queue::Snapshot;

async fn builder<H: Harness>(harness: &H) -> LockManagerBuilder {
    LockManager::builder(harness.backend().await).ttl(harness.ttl())
}

/// One more process, as it were.
async fn manager<H: Harness>(harness: &H) -> LockManager {
    builder(harness).await.build().expect("the settings can be")
}

async fn managers<H: Harness>(harness: &H, count: usize) -> Vec<LockManager> {
    let mut managers = Vec::new();
    for _ in 0..count {
        managers.push(manager(harness).await);
    }
    managers
}

async fn queue(manager: &LockManager, name: &str) -> Snapshot {
    manager.inspect(name).await.expect("the store can be asked")
}

/// Waits until the queue has so many claims.
async fn until_claims(manager: &LockManager, name: &str, count: usize) -> Snapshot {
    let what = format!("the queue of {name:?} has {count} claims");
    until(SOON, &what, async || Some(queue(manager, name).await).filter(|queue| queue.claims.len() == count))
        .await
}

async fn list(manager: &LockManager, prefix: &str) -> Vec<String> {
    let names = manager.list(prefix).await.expect("the store can be asked");
    names.iter().map(|name: &LockName| name.as_str().to_owned()).collect()
}

/// Lets a future begin.
async fn poll_once<F: Future>(future: &mut Pin<Box<F>>) -> Poll<F::Output> {
    poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await
}

/// Fails if it takes longer than this.
async fn within<T>(limit: Duration, what: &str, work: impl Future<Output = T>) -> T {
    let done = tokio::time::timeout(limit, work).await;
    done.unwrap_or_else(|_| panic!("{what}: not after {limit:?}"))
}

/// For what should happen without anybody's lease having to end.
async fn soon<T>(what: &str, work: impl Future<Output = T>) -> T {
    within(SOON, what, work).await
}
