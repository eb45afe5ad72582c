//! What several topics use.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use futures_core::future::BoxFuture;
use futures_core::stream::BoxStream;
use shylock_core::conformance::faults::{Faults, Faulty, Step};
use shylock_core::memory::MemoryBackend;
use shylock_core::{
    Backend, BackendError, Capabilities, ClaimId, Interest, JoinRequest, Left, ListPage, LockManager,
    LockName, Mode, Owner, Renewal, Renewed, RetryPolicy, Snapshot, Value, Wakeup, Written,
};
use tokio::time::Instant;

/// A store on tokio's clock, which the tests pause.
pub(crate) fn store() -> MemoryBackend {
    let (start, epoch) = (Instant::now(), SystemTime::now());
    MemoryBackend::with_clock(move || epoch + start.elapsed())
}

/// A manager whose store fails on demand. An outage is reported after five seconds.
pub(crate) fn manager(backend: impl Backend, ttl: Duration) -> (LockManager, Faults) {
    let (backend, faults) = Faulty::new(backend);
    let retry =
        RetryPolicy::default().max_elapsed(Duration::from_secs(5)).attempt_timeout(Duration::from_secs(1));
    (LockManager::builder(backend).ttl(ttl).retry(retry).build().expect("settings"), faults)
}

pub(crate) fn secs(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

pub(crate) async fn pass(seconds: f64) {
    tokio::time::sleep(secs(seconds)).await;
}

/// A claim of a process that has crashed: nobody renews it.
pub(crate) async fn crashed(store: &MemoryBackend, lock: &str, ttl: Duration) {
    let name = LockName::new(lock).expect("a name");
    let owner = Owner::new("elsewhere", 1, None);
    let request = JoinRequest::new(name, ClaimId::random(), Mode::Exclusive, ttl, owner);
    store.join(&request).await.expect("it joins");
}

type Hook = dyn Fn(Step, &[&LockName]) -> BoxFuture<'static, Result<(), BackendError>> + Send + Sync;

/// A store in memory with something before each step, and with wakeups or without.
pub(crate) struct Hooked {
    store: MemoryBackend,
    pushes: bool,
    hook: Box<Hook>,
    calls: Arc<AtomicUsize>,
}

impl Hooked {
    pub(crate) fn new(
        store: &MemoryBackend,
        hook: impl Fn(Step, &[&LockName]) -> BoxFuture<'static, Result<(), BackendError>> + Send + Sync + 'static,
    ) -> Self {
        Self { store: store.clone(), pushes: true, hook: Box::new(hook), calls: Arc::default() }
    }

    /// Every step takes so long.
    pub(crate) fn slow(store: &MemoryBackend, latency: Duration) -> Self {
        Self::new(store, move |_, _| {
            Box::pin(async move {
                tokio::time::sleep(latency).await;
                Ok(())
            })
        })
    }

    /// Every step is pending so many times before it is done.
    pub(crate) fn yielding(store: &MemoryBackend, times: usize) -> Self {
        Self::new(store, move |_, _| {
            Box::pin(async move {
                for _ in 0..times {
                    tokio::task::yield_now().await;
                }
                Ok(())
            })
        })
    }

    pub(crate) fn pushes(mut self, pushes: bool) -> Self {
        self.pushes = pushes;
        self
    }

    /// Counts the steps.
    pub(crate) fn calls(&self) -> Arc<AtomicUsize> {
        self.calls.clone()
    }

    async fn before(&self, step: Step, locks: &[&LockName]) -> Result<(), BackendError> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        (self.hook)(step, locks).await
    }
}

impl std::fmt::Debug for Hooked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hooked")
    }
}

#[async_trait]
impl Backend for Hooked {
    async fn join(&self, request: &JoinRequest) -> Result<Snapshot, BackendError> {
        self.before(Step::Join, &[&request.lock]).await?;
        self.store.join(request).await
    }

    async fn renew(&self, renewals: &[Renewal]) -> Result<Vec<Renewed>, BackendError> {
        let locks: Vec<_> = renewals.iter().map(|renewal| &renewal.lock).collect();
        self.before(Step::Renew, &locks).await?;
        self.store.renew(renewals).await
    }

    async fn leave(&self, lock: &LockName, claim: ClaimId, linger: Duration) -> Result<Left, BackendError> {
        self.before(Step::Leave, &[lock]).await?;
        self.store.leave(lock, claim, linger).await
    }

    async fn write(
        &self,
        lock: &LockName,
        claim: ClaimId,
        value: Option<&Value>,
    ) -> Result<Written, BackendError> {
        self.before(Step::Write, &[lock]).await?;
        self.store.write(lock, claim, value).await
    }

    async fn downgrade(&self, lock: &LockName, claim: ClaimId, mode: Mode) -> Result<Written, BackendError> {
        self.before(Step::Downgrade, &[lock]).await?;
        self.store.downgrade(lock, claim, mode).await
    }

    async fn queue(&self, lock: &LockName) -> Result<Snapshot, BackendError> {
        self.before(Step::Queue, &[lock]).await?;
        self.store.queue(lock).await
    }

    async fn list(&self, page: &ListPage) -> Result<Vec<LockName>, BackendError> {
        self.before(Step::List, &[]).await?;
        self.store.list(page).await
    }

    async fn wakeups(&self, interest: &Interest) -> Result<Option<BoxStream<'static, Wakeup>>, BackendError> {
        if !self.pushes {
            return Ok(None);
        }
        self.before(Step::Wakeups, &[]).await?;
        self.store.wakeups(interest).await
    }

    fn capabilities(&self) -> Capabilities {
        self.store.capabilities().wakeups(self.pushes)
    }
}

/// Waits for a future on this thread, without any runtime.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(std::thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut future = std::pin::pin!(future);
    loop {
        if let Poll::Ready(done) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return done;
        }
        std::thread::park();
    }
}
