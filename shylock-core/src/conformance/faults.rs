//! A backend that fails, hangs, is late and repeats itself on demand.
//!
//! ```
//! use shylock_core::conformance::faults::{Fault, Faulty, Step};
//! use shylock_core::{ErrorKind, LockManager, RetryPolicy, memory::MemoryBackend};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), shylock_core::Error> {
//! let (backend, faults) = Faulty::new(MemoryBackend::new());
//! let locks = LockManager::new(backend);
//!
//! faults.next(Step::Join, [Fault::FailAfter, Fault::FailBefore]);
//! let guard = locks.lock("my-lock").acquire().await?;
//! assert_eq!(faults.calls(Step::Join), 3);
//! # drop(guard);
//! # Ok(()) }
//! ```

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use fastrand::Rng;
use futures_core::future::BoxFuture;
use futures_core::stream::BoxStream;

use crate::backend::{Backend, BackendError, BackendErrorKind, Capabilities, Interest, ListPage, Wakeup};
use crate::queue::{ClaimId, JoinRequest, Left, LockName, Mode, Renewal, Renewed, Snapshot, Value, Written};

/// What a backend is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "they are the methods of `Backend`")]
pub enum Step {
    Join,
    Renew,
    Leave,
    Write,
    Downgrade,
    Queue,
    List,
    Wakeups,
}

impl Step {
    /// Every step.
    pub const ALL: [Self; 8] = [
        Self::Join,
        Self::Renew,
        Self::Leave,
        Self::Write,
        Self::Downgrade,
        Self::Queue,
        Self::List,
        Self::Wakeups,
    ];
}

/// What goes wrong with one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Nothing.
    None,
    /// The request is lost, with a transient error.
    FailBefore,
    /// The step is done and its answer is lost, with a transient error.
    FailAfter,
    /// The request is refused with an error of this kind.
    Refuse(BackendErrorKind),
    /// The request is lost, and nobody ever answers.
    HangBefore,
    /// The step is done, and nobody ever answers.
    HangAfter,
    /// The step is done twice.
    Repeat,
    /// The request arrives late.
    DelayBefore(Duration),
    /// The answer arrives late.
    DelayAfter(Duration),
    /// The step is done, and once more by a straggler that arrives so much later.
    RepeatAfter(Duration),
}

/// Wraps a backend so that [`Faults`] decides what goes wrong with each call.
pub struct Faulty<B> {
    backend: Arc<B>,
    faults: Faults,
}

/// Decides what goes wrong. Clones decide for the same backend.
#[derive(Debug, Clone, Default)]
pub struct Faults(Arc<Mutex<Plan>>);

#[derive(Debug, Default)]
struct Plan {
    next: HashMap<Step, VecDeque<Fault>>,
    always: HashMap<Step, Fault>,
    random: Option<(Rng, f64, Vec<Fault>)>,
    calls: HashMap<Step, usize>,
}

impl Faults {
    /// These faults befall the next calls of this step, one each, before anything else does.
    pub fn next(&self, step: Step, faults: impl IntoIterator<Item = Fault>) {
        self.plan().next.entry(step).or_default().extend(faults);
    }

    /// From now on this fault befalls every call of this step; [`Fault::None`] ends it.
    pub fn always(&self, step: Step, fault: Fault) {
        self.plan().always.insert(step, fault);
    }

    /// From now on this fault befalls every call: an outage, say.
    pub fn everywhere(&self, fault: Fault) {
        for step in Step::ALL {
            self.always(step, fault);
        }
    }

    /// From now on one of these befalls each call with this probability, the same ones for the same seed.
    pub fn at_random(&self, seed: u64, probability: f64, faults: impl Into<Vec<Fault>>) {
        self.plan().random = Some((Rng::with_seed(seed), probability, faults.into()));
    }

    /// Ends all faults, those too that were still to come.
    pub fn clear(&self) {
        let mut plan = self.plan();
        let calls = std::mem::take(&mut plan.calls);
        *plan = Plan { calls, ..Plan::default() };
    }

    /// How often a step was called until now.
    pub fn calls(&self, step: Step) -> usize {
        self.plan().calls.get(&step).copied().unwrap_or(0)
    }

    fn draw(&self, step: Step) -> Fault {
        let mut plan = self.plan();
        *plan.calls.entry(step).or_default() += 1;
        if let Some(fault) = plan.next.get_mut(&step).and_then(VecDeque::pop_front) {
            return fault;
        }
        if let Some(fault) = plan.always.get(&step).filter(|fault| **fault != Fault::None) {
            return *fault;
        }
        let Some((rng, probability, faults)) = &mut plan.random else { return Fault::None };
        let befalls = rng.f64() < *probability;
        rng.choice(faults).copied().filter(|_| befalls).unwrap_or(Fault::None)
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<B: Backend> Faulty<B> {
    /// Wraps a backend. Nothing goes wrong until the faults say so.
    pub fn new(backend: B) -> (Self, Faults) {
        let faults = Faults::default();
        (Self { backend: Arc::new(backend), faults: faults.clone() }, faults)
    }

    /// Does a step as its fault wants it.
    async fn suffer<T: Send + 'static>(
        &self,
        step: Step,
        call: impl Fn(Arc<B>) -> BoxFuture<'static, Result<T, BackendError>> + Send + Sync,
    ) -> Result<T, BackendError> {
        let call = || call(self.backend.clone());
        let lost = |what: &str| BackendError::new(BackendErrorKind::Transient, format!("{what} was lost"));
        match self.faults.draw(step) {
            Fault::None => call().await,
            Fault::FailBefore => Err(lost("the request")),
            Fault::FailAfter => call().await.and_then(|_| Err(lost("the answer"))),
            Fault::Refuse(kind) => Err(BackendError::new(kind, "the request was refused")),
            Fault::HangBefore => pending().await,
            Fault::HangAfter => {
                let _ = call().await;
                pending().await
            }
            Fault::Repeat => {
                call().await?;
                call().await
            }
            Fault::DelayBefore(delay) => {
                tokio::time::sleep(delay).await;
                call().await
            }
            Fault::DelayAfter(delay) => {
                let answer = call().await;
                tokio::time::sleep(delay).await;
                answer
            }
            Fault::RepeatAfter(delay) => {
                let straggler = call();
                tokio::spawn(async move {
                    tokio::time::sleep(delay).await;
                    straggler.await
                });
                call().await
            }
        }
    }
}

#[async_trait]
impl<B: Backend> Backend for Faulty<B> {
    async fn join(&self, request: &JoinRequest) -> Result<Snapshot, BackendError> {
        let request = request.clone();
        self.suffer(Step::Join, move |backend| {
            let request = request.clone();
            Box::pin(async move { backend.join(&request).await })
        })
        .await
    }

    async fn renew(&self, renewals: &[Renewal]) -> Result<Vec<Renewed>, BackendError> {
        let renewals = renewals.to_vec();
        self.suffer(Step::Renew, move |backend| {
            let renewals = renewals.clone();
            Box::pin(async move { backend.renew(&renewals).await })
        })
        .await
    }

    async fn leave(&self, lock: &LockName, claim: ClaimId, linger: Duration) -> Result<Left, BackendError> {
        let lock = lock.clone();
        self.suffer(Step::Leave, move |backend| {
            let lock = lock.clone();
            Box::pin(async move { backend.leave(&lock, claim, linger).await })
        })
        .await
    }

    async fn write(
        &self,
        lock: &LockName,
        claim: ClaimId,
        value: Option<&Value>,
    ) -> Result<Written, BackendError> {
        let (lock, value) = (lock.clone(), value.cloned());
        self.suffer(Step::Write, move |backend| {
            let (lock, value) = (lock.clone(), value.clone());
            Box::pin(async move { backend.write(&lock, claim, value.as_ref()).await })
        })
        .await
    }

    async fn downgrade(&self, lock: &LockName, claim: ClaimId, mode: Mode) -> Result<Written, BackendError> {
        let lock = lock.clone();
        self.suffer(Step::Downgrade, move |backend| {
            let lock = lock.clone();
            Box::pin(async move { backend.downgrade(&lock, claim, mode).await })
        })
        .await
    }

    async fn queue(&self, lock: &LockName) -> Result<Snapshot, BackendError> {
        let lock = lock.clone();
        self.suffer(Step::Queue, move |backend| {
            let lock = lock.clone();
            Box::pin(async move { backend.queue(&lock).await })
        })
        .await
    }

    async fn list(&self, page: &ListPage) -> Result<Vec<LockName>, BackendError> {
        let page = page.clone();
        self.suffer(Step::List, move |backend| {
            let page = page.clone();
            Box::pin(async move { backend.list(&page).await })
        })
        .await
    }

    async fn wakeups(&self, interest: &Interest) -> Result<Option<BoxStream<'static, Wakeup>>, BackendError> {
        let interest = interest.clone();
        self.suffer(Step::Wakeups, move |backend| {
            let interest = interest.clone();
            Box::pin(async move { backend.wakeups(&interest).await })
        })
        .await
    }

    fn capabilities(&self) -> Capabilities {
        self.backend.capabilities()
    }
}

impl<B: Backend> fmt::Debug for Faulty<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Faulty").field("backend", &self.backend).finish_non_exhaustive()
    }
}
