//! The default update by compare-and-swap, and updates that a store does itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use shylock_core::record_store::{Change, Loaded, Record, RecordBackend, RecordStore, Version};
use shylock_core::{
    Backend, BackendError, BackendErrorKind, Capabilities, ClaimId, JoinRequest, Left, ListPage, LockName,
    Renewal, Renewed, Value, Written,
};

use super::{LONG, Records, name, request};

/// How a store does its updates.
#[derive(Debug, Clone, Copy)]
enum Update {
    /// Each as it should, in one transaction.
    Properly,
    LeavesOutTheLast,
    LeavesOutAll,
    InAnotherOrder,
    WithoutApplying,
    /// Applies each twice, as if somebody else had written in between.
    Twice,
}

/// A store with transactions: nobody comes in between.
#[derive(Debug, Clone)]
struct Transactions {
    records: Records,
    update: Update,
    updates: Arc<AtomicUsize>,
}

fn store(update: Update) -> (RecordBackend<Transactions>, Transactions) {
    let store = Transactions { records: Records::default(), update, updates: Arc::default() };
    (RecordBackend::new(store.clone()), store)
}

#[async_trait]
impl RecordStore for Transactions {
    async fn load(&self, lock: &LockName) -> Result<Loaded, BackendError> {
        self.records.load(lock).await
    }

    async fn store(&self, _: &LockName, _: Option<&Version>, _: &Record) -> Result<bool, BackendError> {
        unreachable!("all that is written is written by `update`")
    }

    async fn update(&self, mut changes: Vec<Change>) -> Result<Vec<Change>, BackendError> {
        self.updates.fetch_add(1, Ordering::Relaxed);
        for change in &mut changes {
            let loaded = self.records.load(change.lock()).await?;
            match self.update {
                Update::WithoutApplying => continue,
                Update::Twice => drop(change.apply(&loaded)),
                _ => {}
            }
            if let Some(record) = change.apply(&loaded) {
                let expected = loaded.record.as_ref().map(|(_, version)| version);
                assert!(self.records.store(change.lock(), expected, &record).await?);
            }
        }
        match self.update {
            Update::LeavesOutTheLast => drop(changes.pop()),
            Update::LeavesOutAll => changes.clear(),
            Update::InAnotherOrder => changes.reverse(),
            _ => {}
        }
        Ok(changes)
    }

    async fn list(&self, page: &ListPage) -> Result<Vec<LockName>, BackendError> {
        self.records.list(page).await
    }

    fn capabilities(&self) -> Capabilities {
        self.records.capabilities()
    }
}

fn renewals(locks: &[&str]) -> Vec<Renewal> {
    locks.iter().map(|lock| Renewal::new(name(lock), ClaimId::random(), LONG)).collect()
}

#[tokio::test]
async fn a_store_with_transactions_does_each_step_and_each_batch_in_one_update() {
    for update in [Update::Properly, Update::Twice] {
        let (backend, store) = store(update);
        let request = request("a");
        let joined = backend.join(&request).await.expect("it joins");
        assert!(joined.granted_token(request.claim).is_some());
        let value = Value::new("value").expect("a short value");
        let written = backend.write(&request.lock, request.claim, Some(&value)).await;
        assert_eq!(written.expect("it writes"), Written::Done);
        let mut batch = renewals(&["b", "c"]);
        batch.insert(1, Renewal::new(name("a"), request.claim, LONG));
        let renewed = backend.renew(&batch).await.expect("it renews");
        assert_eq!(renewed, [Renewed::Gone, Renewed::Extended, Renewed::Gone]);
        let left = backend.leave(&request.lock, request.claim, Duration::ZERO).await;
        assert_eq!(left.expect("it leaves"), Left::Left);
        assert_eq!(store.updates.load(Ordering::Relaxed), 4);
        assert_eq!(backend.queue(&request.lock).await.expect("it answers").value, Some(value));
    }
}

#[tokio::test]
async fn a_store_that_answers_too_little_has_done_nothing_for_sure() {
    for update in [Update::LeavesOutTheLast, Update::LeavesOutAll, Update::WithoutApplying] {
        let (backend, _) = store(update);
        let error = backend.renew(&renewals(&["a", "b"])).await.expect_err("something is missing");
        assert_eq!(error.kind(), BackendErrorKind::Broken, "{update:?}");
        let error = backend.join(&request("a")).await.expect_err("something is missing");
        assert_eq!(error.kind(), BackendErrorKind::Broken, "{update:?}");
        assert!(error.to_string().contains("answered 0 of 1"), "{error}");
        let left = backend.leave(&name("a"), ClaimId::random(), LONG).await;
        assert_eq!(left.expect_err("something is missing").kind(), BackendErrorKind::Broken);
    }
}

#[tokio::test]
async fn a_store_that_mixes_up_its_answers_is_found_out() {
    let (backend, store) = store(Update::InAnotherOrder);
    let request = request("b");
    backend.join(&request).await.expect("one alone has one order");
    // The answer of "b" in the place of that of "a" would tell that a stranger's claim was extended.
    let mut batch = renewals(&["a"]);
    batch.push(Renewal::new(name("b"), request.claim, LONG));
    let error = backend.renew(&batch).await.expect_err("the answers are in another order");
    assert_eq!(error.kind(), BackendErrorKind::Broken);
    assert!(error.to_string().contains("another"), "{error}");
    assert_eq!(store.updates.load(Ordering::Relaxed), 2);
}

/// Everybody loads before anybody stores, so in each round just one succeeds.
#[tokio::test]
async fn by_compare_and_swap_no_step_of_many_at_once_is_lost() {
    let records = Records::default();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..24 {
        let (backend, request): (_, JoinRequest) = (RecordBackend::new(records.clone()), request("a"));
        tasks.spawn(async move {
            backend.join(&request).await.expect("it joins");
            request.claim
        });
    }
    let claims = tasks.join_all().await;
    let queue = RecordBackend::new(records).queue(&name("a")).await.expect("it answers");
    assert_eq!(queue.claims.len(), claims.len());
    assert!(claims.iter().all(|claim| queue.claim(*claim).is_some()), "{queue:?}");
}

#[tokio::test]
async fn a_step_that_changes_nothing_writes_nothing() {
    let records = Records::default();
    let backend = RecordBackend::new(records.clone());
    let request = request("a");
    backend.join(&request).await.expect("it joins");
    let before = records.with(|rows| rows.clone());
    let stranger = ClaimId::random();
    backend.leave(&request.lock, stranger, Duration::ZERO).await.expect("it answers");
    backend.leave(&name("b"), stranger, LONG).await.expect("it answers");
    backend.write(&request.lock, stranger, None).await.expect("it answers");
    backend.write(&request.lock, request.claim, None).await.expect("it answers");
    backend.downgrade(&request.lock, request.claim, request.mode).await.expect("it answers");
    backend.renew(&renewals(&["a", "b"])).await.expect("it answers");
    assert!(records.with(|rows| *rows == before), "something was written");
}
