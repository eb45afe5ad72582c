//! Many renewals at once over a store of records: one load and one store, and again only what others changed.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use shylock_core::Renewed::{Extended, Gone};
use shylock_core::record_store::{Loaded, Record, RecordBackend, RecordStore, Version, Write};
use shylock_core::{
    Backend, BackendError, BackendErrorKind, Capabilities, ClaimId, JoinRequest, ListPage, LockName, Renewal,
};

use super::{LONG, Records, name, request};

/// A store that takes batches and notes them.
#[derive(Debug, Clone, Default)]
struct Batches {
    records: Records,
    /// Each call, with the number of its locks.
    calls: Arc<Mutex<Vec<(&'static str, usize)>>>,
    /// What somebody else does just before the first batch is stored, before the second one, and so on.
    rival: Arc<Mutex<VecDeque<Vec<Deed>>>>,
    /// Leaves out the last answer of each batch.
    is_forgetful: Arc<AtomicBool>,
    /// Leaves out the last record that it loads.
    is_blind: Arc<AtomicBool>,
}

#[derive(Debug)]
enum Deed {
    Join(JoinRequest),
    Leave(LockName, ClaimId),
}

impl Batches {
    fn note(&self, call: &'static str, locks: usize) {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).push((call, locks));
    }

    /// The calls since the last time.
    fn calls(&self) -> Vec<(&'static str, usize)> {
        std::mem::take(&mut *self.calls.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn expect(&self, deeds: impl IntoIterator<Item = Vec<Deed>>) {
        self.rival.lock().unwrap_or_else(PoisonError::into_inner).extend(deeds);
    }

    async fn let_the_rival_in(&self) -> Result<(), BackendError> {
        let deeds = self.rival.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        let rival = RecordBackend::new(self.records.clone());
        for deed in deeds.unwrap_or_default() {
            match deed {
                Deed::Join(request) => drop(rival.join(&request).await?),
                Deed::Leave(lock, claim) => drop(rival.leave(&lock, claim, Duration::ZERO).await?),
            }
        }
        Ok(())
    }
}

#[async_trait]
impl RecordStore for Batches {
    async fn load(&self, lock: &LockName) -> Result<Loaded, BackendError> {
        self.note("load", 1);
        self.records.load(lock).await
    }

    async fn store(
        &self,
        lock: &LockName,
        expected: Option<&Version>,
        record: &Record,
    ) -> Result<bool, BackendError> {
        self.note("store", 1);
        self.records.store(lock, expected, record).await
    }

    async fn load_many(&self, locks: &[LockName]) -> Result<Vec<Loaded>, BackendError> {
        self.note("load_many", locks.len());
        let mut loaded = self.records.load_many(locks).await?;
        loaded.truncate(locks.len() - usize::from(self.is_blind.load(Ordering::Relaxed)));
        Ok(loaded)
    }

    async fn store_many(&self, writes: &[Write]) -> Result<Vec<bool>, BackendError> {
        self.note("store_many", writes.len());
        self.let_the_rival_in().await?;
        let mut written = self.records.store_many(writes).await?;
        written.truncate(writes.len() - usize::from(self.is_forgetful.load(Ordering::Relaxed)));
        Ok(written)
    }

    async fn list(&self, page: &ListPage) -> Result<Vec<LockName>, BackendError> {
        self.records.list(page).await
    }

    fn capabilities(&self) -> Capabilities {
        self.records.capabilities()
    }
}

fn open() -> (Batches, RecordBackend<Batches>) {
    let store = Batches::default();
    (store.clone(), RecordBackend::new(store))
}

fn renewal(lock: &str, claim: ClaimId) -> Renewal {
    Renewal::new(name(lock), claim, LONG * 2)
}

/// Joins each of these, and answers how to renew it.
async fn join(backend: &impl Backend, locks: &[&str]) -> Vec<Renewal> {
    let mut renewals = Vec::new();
    for lock in locks {
        let request = request(lock);
        backend.join(&request).await.expect("it joins");
        renewals.push(renewal(lock, request.claim));
    }
    renewals
}

async fn is_extended(store: &Batches, renewal: &Renewal) -> bool {
    let queue = RecordBackend::new(store.records.clone()).queue(&renewal.lock).await.expect("it answers");
    queue.claims.iter().any(|claim| claim.id == renewal.claim && claim.expires_in > LONG)
}

#[tokio::test]
async fn the_calls_do_not_grow_with_the_number_of_claims() {
    for number in [1, 10, 1000] {
        let (store, backend) = open();
        let names: Vec<String> = (0..number).map(|n| format!("lock {n}")).collect();
        let renewals = join(&backend, &names.iter().map(String::as_str).collect::<Vec<_>>()).await;
        store.calls();
        assert_eq!(backend.renew(&renewals).await.expect("it renews"), vec![Extended; number]);
        assert_eq!(store.calls(), [("load_many", number), ("store_many", number)]);
        for renewal in &renewals {
            assert!(is_extended(&store, renewal).await, "{renewal:?}");
        }
    }
}

#[tokio::test]
async fn the_claims_of_one_lock_share_a_write() {
    let (store, backend) = open();
    let mut renewals = join(&backend, &["b", "a", "b", "a", "b"]).await;
    renewals.insert(1, renewal("b", ClaimId::random()));
    renewals.push(renewals[0].clone());
    store.calls();
    let answers = backend.renew(&renewals).await.expect("it renews");
    assert_eq!(answers, [Extended, Gone, Extended, Extended, Extended, Extended, Extended]);
    assert_eq!(store.calls(), [("load_many", 2), ("store_many", 2)]);
    for (renewal, answer) in renewals.iter().zip(answers) {
        assert_eq!(is_extended(&store, renewal).await, answer == Extended, "{renewal:?}");
    }
}

#[tokio::test]
async fn claims_that_are_gone_cost_no_write() {
    let (store, backend) = open();
    join(&backend, &["a"]).await;
    store.calls();
    let gone = ["a", "b"].map(|lock| renewal(lock, ClaimId::random()));
    assert_eq!(backend.renew(&gone).await.expect("it answers"), [Gone, Gone]);
    assert_eq!(store.calls(), [("load_many", 2)]);
    assert_eq!(backend.renew(&[]).await.expect("it answers"), []);
    assert_eq!(store.calls(), []);
}

#[tokio::test]
async fn only_what_others_changed_in_between_is_done_again() {
    let (store, backend) = open();
    let renewals = join(&backend, &["a", "evicted", "c", "wanted", "e"]).await;
    let [first, second] = ["wanted"; 2].map(request);
    let (lock, claim) = (renewals[1].lock.clone(), renewals[1].claim);
    store.expect([
        vec![Deed::Leave(lock, claim), Deed::Join(first.clone())],
        vec![Deed::Join(second.clone())],
    ]);
    store.calls();

    let answers = backend.renew(&renewals).await.expect("it renews");
    assert_eq!(answers, [Extended, Gone, Extended, Extended, Extended]);
    let rounds = [
        [("load_many", 5), ("store_many", 5)],
        // The claim that was evicted has nothing to store.
        [("load_many", 2), ("store_many", 1)],
        [("load_many", 1), ("store_many", 1)],
    ];
    assert_eq!(store.calls(), rounds.concat());
    for (renewal, answer) in renewals.iter().zip(answers) {
        assert_eq!(is_extended(&store, renewal).await, answer == Extended, "{renewal:?}");
    }
    let queue = backend.queue(&first.lock).await.expect("it answers");
    let claims: Vec<ClaimId> = queue.claims.iter().map(|claim| claim.id).collect();
    assert_eq!(claims, [renewals[3].claim, first.claim, second.claim], "the others' claims are still there");
}

#[tokio::test]
async fn a_record_that_others_keep_changing_is_an_error_and_all_others_are_renewed() {
    let (store, backend) = open();
    let renewals = join(&backend, &["a", "busy", "c"]).await;
    store.expect((0..100).map(|_| vec![Deed::Join(request("busy"))]));
    store.calls();

    let error = backend.renew(&renewals).await.expect_err("others come in between");
    assert_eq!(error.kind(), BackendErrorKind::Transient);
    assert!(error.to_string().contains("busy"), "{error}");
    let calls = store.calls();
    assert_eq!(calls[..2], [("load_many", 3), ("store_many", 3)]);
    assert!(calls[2..].iter().all(|(_, locks)| *locks == 1), "{calls:?}");
    assert!(is_extended(&store, &renewals[0]).await && is_extended(&store, &renewals[2]).await);
}

#[tokio::test]
async fn a_record_that_cannot_be_read_is_an_error_and_all_others_are_renewed() {
    let (store, backend) = open();
    let renewals = join(&backend, &["a", "broken", "c"]).await;
    store.records.scribble(&renewals[1].lock, "none of ours");
    // Nor does it get lost when another one is done again.
    store.expect([vec![Deed::Join(request("c"))]]);
    store.calls();

    let error = backend.renew(&renewals).await.expect_err("a record cannot be read");
    assert_eq!(error.kind(), BackendErrorKind::Broken);
    assert!(error.to_string().contains("\"broken\""), "{error}");
    let calls = [("load_many", 3), ("store_many", 2), ("load_many", 1), ("store_many", 1)];
    assert_eq!(store.calls(), calls);
    assert!(is_extended(&store, &renewals[0]).await && is_extended(&store, &renewals[2]).await);
}

#[tokio::test]
async fn a_store_that_leaves_out_an_answer_has_renewed_nothing_for_sure() {
    let (store, backend) = open();
    let renewals = join(&backend, &["a", "b"]).await;
    store.is_forgetful.store(true, Ordering::Relaxed);
    let error = backend.renew(&renewals).await.expect_err("one was not answered");
    assert_eq!(error.kind(), BackendErrorKind::Broken);
    assert!(error.to_string().contains("1 of 2"), "{error}");
    store.is_forgetful.store(false, Ordering::Relaxed);
    store.is_blind.store(true, Ordering::Relaxed);
    let error = backend.renew(&renewals).await.expect_err("one was not loaded");
    assert_eq!(error.kind(), BackendErrorKind::Broken);
    let error = backend.join(&request("c")).await.expect_err("nothing was loaded");
    assert_eq!(error.kind(), BackendErrorKind::Broken);
}
