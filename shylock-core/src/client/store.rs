//! The calls to the store, each with its limit.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::future::BoxFuture;
use tokio::time::{Instant, sleep, timeout};
use tracing::debug;

use super::lease::Lease;
use super::progress::Progress;
use super::runtimes::Runtimes;
use crate::backend::{Backend, BackendError, BackendErrorKind};
use crate::retry::{Retries, RetryPolicy};

/// One call to a backend, not yet begun.
pub(crate) type BackendCall<T> = BoxFuture<'static, Result<T, BackendError>>;

/// The backend and the retry policy.
pub(crate) struct StoreClient {
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) retry: RetryPolicy,
    runtimes: Arc<Runtimes>,
}

/// The most requests for one step that are under way at once.
const IN_FLIGHT: usize = 3;

impl StoreClient {
    pub(crate) fn new(backend: Arc<dyn Backend>, retry: RetryPolicy, runtimes: Arc<Runtimes>) -> Self {
        Self { backend, retry, runtimes }
    }

    /// Makes a call, and waits for its answer no longer than this.
    pub(crate) async fn attempt<T: Send + 'static>(
        &self,
        limit: Duration,
        call: impl FnOnce(Arc<dyn Backend>) -> BackendCall<T>,
    ) -> Result<T, BackendError> {
        let call = self.begin(call(self.backend.clone()), None);
        timeout(limit, call).await.unwrap_or_else(|_| Err(no_answer(limit)))
    }

    /// Makes a call, and repeats it while it fails in a way that may pass, as long as the policy allows.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        call: impl Fn(Arc<dyn Backend>) -> BackendCall<T>,
    ) -> Result<T, BackendError> {
        let limit = self.retry.attempt_limit(Duration::MAX);
        self.retry.retry(|| self.attempt(limit, &call)).await
    }

    /// Takes a step of a claim. While it fails in a way that may pass, it is repeated until the retries are over. A
    /// request that is not answered soon is sent again while the first one is under way: a step may be repeated, and
    /// one lost message must not cost a whole attempt. Returns the first answer, and when its request was sent.
    pub(crate) async fn persist<T: Send + 'static>(
        &self,
        lease: &Arc<Lease>,
        mut retries: Retries,
        progress: &Progress,
        call: impl Fn(Arc<dyn Backend>) -> BackendCall<T>,
    ) -> Result<Answer<T>, BackendError> {
        let mut is_first = true;
        progress.asked();
        loop {
            let error = match self.send(lease, retries.limit(), &call).await {
                Ok((sent_at, answer, was_sent_once)) => {
                    progress.answered();
                    return Ok(Answer { sent_at, value: answer, is_certain: is_first && was_sent_once });
                }
                Err(error) => error,
            };
            is_first = false;
            let Some(delay) = retries.delay_after(&error) else { return Err(error) };
            debug!(lock = %lease.lock, claim = %lease.claim, %error, ?delay, "a step failed and is repeated");
            progress.failed(error);
            sleep(delay).await;
        }
    }

    async fn send<T: Send + 'static>(
        &self,
        lease: &Arc<Lease>,
        limit: Duration,
        call: impl Fn(Arc<dyn Backend>) -> BackendCall<T>,
    ) -> Result<(Instant, T, bool), BackendError> {
        let pause = self.retry.resend_after(lease.ttl().get());
        let begun = Instant::now();
        let request = || self.begin(call(self.backend.clone()), Some(lease.clone()));
        let mut first = request();
        // Nearly always this is all.
        if let Ok(answer) = timeout(pause.min(limit), &mut first).await {
            return answer.map(|answer| (begun, answer, true));
        }
        let mut calls = vec![(begun, first)];
        let mut over = std::pin::pin!(sleep(limit.saturating_sub(begun.elapsed())));
        loop {
            if calls.len() < IN_FLIGHT {
                calls.push((Instant::now(), request()));
            }
            tokio::select! {
                (sent_at, answer) = first_of(&mut calls) => match answer {
                    Ok(answer) => return Ok((sent_at, answer, false)),
                    Err(error) if calls.is_empty() => return Err(error),
                    Err(error) => debug!(lock = %lease.lock, %error, "one of several requests failed"),
                },
                () = sleep(pause) => {}
                () = &mut over => return Err(no_answer(limit)),
            }
        }
    }

    fn begin<T: Send + 'static>(&self, call: BackendCall<T>, lease: Option<Arc<Lease>>) -> Call<T> {
        Call { future: Some(call), runtimes: self.runtimes.clone(), lease }
    }
}

/// The answer to a step.
pub(crate) struct Answer<T> {
    /// When the request was sent that was answered.
    pub(crate) sent_at: Instant,
    pub(crate) value: T,
    /// The request was sent once, so no earlier one can have changed what this one found.
    pub(crate) is_certain: bool,
}

fn no_answer(limit: Duration) -> BackendError {
    BackendError::new(BackendErrorKind::Transient, format!("the store did not answer within {limit:?}"))
}

/// The first of several calls to be answered; it is removed.
async fn first_of<T: Send + 'static>(
    calls: &mut Vec<(Instant, Call<T>)>,
) -> (Instant, Result<T, BackendError>) {
    std::future::poll_fn(|cx| {
        for i in 0..calls.len() {
            if let Poll::Ready(answer) = Pin::new(&mut calls[i].1).poll(cx) {
                let (sent_at, _) = calls.swap_remove(i);
                return Poll::Ready((sent_at, answer));
            }
        }
        Poll::Pending
    })
    .await
}

/// A call that is never cut off half way, because a driver may not be cancelled in the middle of an operation. If it is
/// dropped, it goes on in a task.
struct Call<T: Send + 'static> {
    future: Option<BackendCall<T>>,
    runtimes: Arc<Runtimes>,
    /// The lease that a late answer may bring back to the store.
    lease: Option<Arc<Lease>>,
}

impl<T: Send + 'static> Future for Call<T> {
    type Output = Result<T, BackendError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(call) = &mut self.future else { return Poll::Pending };
        let answer = match catch_unwind(AssertUnwindSafe(|| call.as_mut().poll(cx))) {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(answer)) => answer,
            Err(_) => Err(BackendError::new(BackendErrorKind::Broken, "the backend has panicked")),
        };
        self.future = None;
        Poll::Ready(answer)
    }
}

impl<T: Send + 'static> Drop for Call<T> {
    fn drop(&mut self) {
        let Some(call) = self.future.take() else { return };
        let task = self.runtimes.spawn(async move {
            let _ = call.await;
        });
        if let (Some(task), Some(lease)) = (task, &self.lease) {
            lease.add_straggler(task);
        }
    }
}
