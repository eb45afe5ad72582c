//! A client that does one step at a time and looks at what comes of it.

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_core::future::BoxFuture;

use super::wait::{SOON, until};
use super::{Backend, Harness};
use crate::backend::{BackendError, ListPage};
use crate::queue::{
    ClaimId, FencingToken, JoinRequest, Left, LiveClaim, LockName, ManagerId, Mode, Owner, Renewal, Renewed,
    Snapshot, Value, Written,
};

/// A lease that does not end while a test runs.
pub(super) const LONG: Duration = Duration::from_secs(3600);

/// A lease of which a test waits for the end.
pub(super) const BRIEF: Duration = Duration::from_millis(40);

/// A reader's claim.
pub(super) const READER: Mode = Mode::READER;

pub(super) fn shared(max: u32) -> Mode {
    Mode::Shared { max }
}

pub(super) fn name(name: &str) -> LockName {
    LockName::new(name).expect("a valid name")
}

pub(super) fn value(text: &str) -> Value {
    Value::new(text).expect("a valid value")
}

/// One lock of a store. Steps that fail for the moment are repeated, as the core would.
#[derive(Debug)]
pub(super) struct Probe<B> {
    pub(super) backend: Arc<B>,
    pub(super) lock: LockName,
    /// The manager whose claims it makes.
    pub(super) manager: ManagerId,
}

impl<B> Clone for Probe<B> {
    fn clone(&self) -> Self {
        Self { lock: self.lock.clone(), backend: Arc::clone(&self.backend), ..*self }
    }
}

impl<B: Backend> Probe<B> {
    /// Opens a backend, and looks at one lock.
    pub(super) async fn open<H: Harness<Backend = B>>(harness: &H, lock: &str) -> Self {
        Self { backend: Arc::new(harness.backend().await), lock: name(lock), manager: ManagerId::random() }
    }

    /// Another lock of the same backend.
    pub(super) fn on(&self, lock: &str) -> Self {
        Self { backend: Arc::clone(&self.backend), lock: name(lock), ..*self }
    }

    pub(super) fn request(&self, mode: Mode, ttl: Duration) -> JoinRequest {
        let (lock, claim) = (self.lock.clone(), self.manager.claim(fastrand::u64(..)));
        JoinRequest::new(lock, claim, mode, ttl, Owner::new("conformance", 1, None))
    }

    pub(super) async fn send(&self, request: &JoinRequest) -> Snapshot {
        persist(|| self.backend.join(request)).await
    }

    /// Joins with a long lease.
    pub(super) async fn join(&self, mode: Mode) -> ClaimId {
        self.join_for(mode, LONG).await
    }

    pub(super) async fn join_for(&self, mode: Mode, ttl: Duration) -> ClaimId {
        let request = self.request(mode, ttl);
        self.send(&request).await;
        request.claim
    }

    /// Joins with a long lease if it is granted at once.
    pub(super) async fn try_join(&self, mode: Mode) -> (ClaimId, Option<FencingToken>) {
        let request = JoinRequest { only_if_granted: true, ..self.request(mode, LONG) };
        (request.claim, self.send(&request).await.granted_token(request.claim))
    }

    pub(super) fn renewal(&self, claim: ClaimId, ttl: Duration) -> Renewal {
        Renewal { lock: self.lock.clone(), claim, ttl }
    }

    pub(super) async fn renew(&self, claim: ClaimId, ttl: Duration) -> Renewed {
        let answers = self.renew_all(&[self.renewal(claim, ttl)]).await;
        assert_eq!(answers.len(), 1, "one renewal has one answer");
        answers[0]
    }

    pub(super) async fn renew_all(&self, renewals: &[Renewal]) -> Vec<Renewed> {
        persist(|| self.backend.renew(renewals)).await
    }

    pub(super) async fn leave(&self, claim: ClaimId) -> Left {
        self.linger(claim, Duration::ZERO).await
    }

    pub(super) async fn linger(&self, claim: ClaimId, linger: Duration) -> Left {
        persist(|| self.backend.leave(&self.lock, claim, linger)).await
    }

    /// Sets the value to a text, or clears it.
    pub(super) async fn write(&self, claim: ClaimId, text: Option<&str>) -> Written {
        let value = text.map(value);
        persist(|| self.backend.write(&self.lock, claim, value.as_ref())).await
    }

    pub(super) async fn downgrade(&self, claim: ClaimId, mode: Mode) -> Written {
        persist(|| self.backend.downgrade(&self.lock, claim, mode)).await
    }

    pub(super) async fn queue(&self) -> Snapshot {
        persist(|| self.backend.queue(&self.lock)).await
    }

    pub(super) async fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Vec<String> {
        let page = ListPage { prefix: prefix.to_owned(), after: after.map(name), limit };
        let names = persist(|| self.backend.list(&page)).await;
        names.iter().map(|name| name.as_str().to_owned()).collect()
    }

    /// The value as everybody reads it.
    pub(super) async fn value(&self) -> Option<String> {
        self.queue().await.value.map(|value| value.as_str().to_owned())
    }

    /// The claims in the queue, in order.
    pub(super) async fn claims(&self) -> Vec<ClaimId> {
        ids(&self.queue().await)
    }

    /// The claims that hold, in order.
    pub(super) async fn holders(&self) -> Vec<ClaimId> {
        self.queue().await.holders().iter().map(|claim| claim.id).collect()
    }

    pub(super) async fn claim(&self, claim: ClaimId) -> LiveClaim {
        self.queue().await.claim(claim).expect("the claim is in the queue").clone()
    }

    pub(super) async fn token(&self, claim: ClaimId) -> FencingToken {
        self.claim(claim).await.token
    }

    pub(super) async fn expires_in(&self, claim: ClaimId) -> Duration {
        self.claim(claim).await.expires_in
    }

    /// Waits for the end of a lease.
    pub(super) async fn until_lapsed(&self, claim: ClaimId) {
        let gone = async || self.queue().await.position(claim).is_none().then_some(());
        until(SOON, "the lease of a claim has ended", gone).await;
    }
}

pub(super) fn ids(snapshot: &Snapshot) -> Vec<ClaimId> {
    snapshot.claims.iter().map(|claim| claim.id).collect()
}

/// Every step may be repeated, and those that fail for the moment are.
async fn persist<'a, T>(step: impl Fn() -> BoxFuture<'a, Result<T, BackendError>>) -> T {
    let start = Instant::now();
    loop {
        match step().await {
            Ok(answer) => return answer,
            Err(error) if error.is_retryable() && start.elapsed() < SOON => {
                tokio::time::sleep(Duration::from_millis(fastrand::u64(1..20))).await;
            }
            Err(error) => panic!("the backend failed: {error} ({}): {:?}", error.kind(), error.source()),
        }
    }
}
