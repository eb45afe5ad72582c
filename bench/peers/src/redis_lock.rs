//! The crate `rslock`, over one Redis server.

use rslock::{LockGuard, LockManager};
use shylock_bench_worker::{Contestant, Failure};

use crate::{POLL, TTL};

#[derive(Clone)]
pub(crate) struct Rslock(LockManager);

impl Rslock {
    pub(crate) fn connect(url: &str) -> Self {
        let mut manager = LockManager::new(vec![url]);
        // It waits for a random part of this between two attempts.
        manager.set_retry(u32::MAX, POLL);
        Self(manager)
    }
}

impl Contestant for Rslock {
    type Guard = LockGuard;

    async fn acquire(&self, name: &str) -> Result<LockGuard, Failure> {
        Ok(self.0.acquire(name.as_bytes(), TTL).await?)
    }

    async fn release(&self, guard: LockGuard) -> Result<(), Failure> {
        guard.release().await;
        Ok(())
    }
}
