use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use shylock_core::record_store::RecordBackend;
use shylock_core::{Backend, BackendErrorKind, ClaimId, JoinRequest, Mode, Owner, Renewal, Renewed};

use super::*;
use crate::options::Synchronous;
use crate::table::now;

async fn open(folder: &Path) -> SqliteStore {
    open_with(folder, SqliteOptions::new()).await
}

async fn open_with(folder: &Path, options: SqliteOptions) -> SqliteStore {
    SqliteStore::open(&folder.join("locks.db"), options).await.expect("the file opens")
}

fn a_name() -> LockName {
    LockName::new("a").expect("a valid name")
}

fn record(body: &str) -> Record {
    Record::new(body, now() + 60_000, Some(now() + 70_000))
}

async fn execute(store: &SqliteStore, sql: &'static str) {
    store.database.run(move |table| Ok(table.db().execute_batch(sql)?)).await.expect("it is done");
}

/// Bounds the size of the file, as a full disk does.
async fn limit(store: &SqliteStore, pages: u32) {
    let set = move |table: &mut Table<'_>| Ok(table.db().pragma_update(None, "max_page_count", pages)?);
    store.database.run(set).await.expect("the limit is set");
}

async fn version(store: &SqliteStore) -> Version {
    store.load(&a_name()).await.expect("it loads").record.expect("there is a record").1
}

#[tokio::test]
async fn each_write_has_a_version_of_its_own_and_only_the_last_one_can_be_replaced() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path()).await;
    let mut versions = Vec::new();
    assert!(store.store(&a_name(), None, &record("0")).await.expect("it writes"));
    for round in 1..20 {
        versions.push(version(&store).await);
        let record = record(&round.to_string());
        assert!(!store.store(&a_name(), None, &record).await.expect("it answers"), "there is a record");
        for (i, expected) in versions.iter().enumerate() {
            let is_last = i + 1 == versions.len();
            assert_eq!(store.store(&a_name(), Some(expected), &record).await.expect("it answers"), is_last);
        }
        let loaded = store.load(&a_name()).await.expect("it loads").record.expect("there is a record").0;
        assert_eq!(loaded, record);
    }
    let distinct: std::collections::HashSet<_> = versions.iter().collect();
    assert_eq!(distinct.len(), 19, "versions repeat");
}

/// Somebody who read the record long ago, and was stopped since, must not overwrite what came after.
#[tokio::test]
async fn a_version_of_a_purged_record_is_of_no_use_for_the_next_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path()).await;
    let mut seen = Vec::new();
    for _ in 0..20 {
        assert!(store.store(&a_name(), None, &record("new")).await.expect("it writes"));
        for expected in &seen {
            assert!(!store.store(&a_name(), Some(expected), &record("old")).await.expect("it answers"));
        }
        for _ in 0..3 {
            seen.push(version(&store).await);
            let expected = seen.last();
            assert!(store.store(&a_name(), expected, &record("more")).await.expect("it writes"));
        }
        execute(&store, "DELETE FROM locks").await;
        let expected = seen.last();
        assert!(!store.store(&a_name(), expected, &record("gone")).await.expect("it answers"));
    }
}

#[tokio::test]
async fn a_full_disk_is_an_error_that_passes_when_there_is_space_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path()).await;
    let long = "x".repeat(100_000);
    limit(&store, 4).await;

    let error = store.store(&a_name(), None, &record(&long)).await.expect_err("there is no space");
    assert_eq!(error.kind(), BackendErrorKind::Transient);
    assert!(error.to_string().ends_with("locks.db: the disk is full; free some space"), "{error}");
    let loaded = store.load(&a_name()).await.expect("it still reads");
    assert!(loaded.record.is_none(), "nothing is half written");

    limit(&store, 1000).await;
    assert!(store.store(&a_name(), None, &record(&long)).await.expect("there is space"));
}

fn request(lock: &str, label: &str) -> JoinRequest {
    let (lock, owner) = (LockName::new(lock).expect("a name"), Owner::new("test", 1, Some(label.into())));
    JoinRequest::new(lock, ClaimId::random(), Mode::Exclusive, Duration::from_secs(60), owner)
}

#[tokio::test]
async fn a_batch_that_fails_has_written_nothing_and_leaves_nothing_open() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path()).await;
    let backend = RecordBackend::new(open(folder.path()).await);
    let mut renewals = Vec::new();
    for lock in ["a", "b", "c"] {
        let request = request(lock, "");
        backend.join(&request).await.expect("it joins");
        renewals.push(Renewal::new(request.lock, request.claim, Duration::from_secs(3600)));
    }
    // The row of "b" cannot be written.
    execute(
        &store,
        "CREATE TRIGGER t BEFORE UPDATE ON locks WHEN OLD.name = x'62' BEGIN SELECT RAISE(FAIL, 'no'); END",
    )
    .await;
    let error = backend.renew(&renewals).await.expect_err("one cannot be written");
    assert_eq!(error.kind(), BackendErrorKind::Broken);
    for renewal in &renewals {
        let queue = backend.queue(&renewal.lock).await.expect("it answers");
        assert!(queue.claims[0].expires_in <= Duration::from_secs(60), "{renewal:?} is half written");
    }
    execute(&store, "DROP TRIGGER t").await;
    assert_eq!(backend.renew(&renewals).await.expect("it renews"), [Renewed::Extended; 3]);
}

#[tokio::test]
async fn a_record_that_cannot_be_read_costs_no_other_lock_its_renewal() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path()).await;
    let backend = RecordBackend::new(open(folder.path()).await);
    let mut renewals = Vec::new();
    for lock in ["a", "b", "c"] {
        let request = request(lock, "");
        backend.join(&request).await.expect("it joins");
        renewals.push(Renewal::new(request.lock, request.claim, Duration::from_secs(3600)));
    }
    execute(&store, "UPDATE locks SET body = 'none of ours' WHERE name = x'62'").await;
    let error = backend.renew(&renewals).await.expect_err("one cannot be read");
    assert_eq!(error.kind(), BackendErrorKind::Broken);
    for renewal in [&renewals[0], &renewals[2]] {
        let queue = backend.queue(&renewal.lock).await.expect("it answers");
        assert!(queue.claims[0].expires_in > Duration::from_secs(60), "{renewal:?} was not renewed");
    }
}

#[tokio::test]
async fn a_step_on_a_full_disk_fails_and_the_next_one_works() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path()).await;
    limit(&store, 4).await;
    let backend = RecordBackend::new(store);
    let long = "x".repeat(100_000);
    let error = backend.join(&request("a", &long)).await.expect_err("there is no space");
    assert_eq!(error.kind(), BackendErrorKind::Transient);
    assert!(backend.queue(&a_name()).await.expect("it still reads").claims.is_empty());
    limit(backend.store(), 1000).await;
    assert_eq!(backend.join(&request("a", &long)).await.expect("there is space").claims.len(), 1);
}

/// The steps line up behind one that waits, so their order is known.
#[tokio::test]
async fn a_single_step_waits_for_one_batch_and_not_for_all() {
    let folder = tempfile::tempdir().expect("a folder");
    let backend = Arc::new(RecordBackend::new(open(folder.path()).await));
    let (open_gate, gate) = std::sync::mpsc::channel::<()>();
    let mut blocking = Box::pin(backend.store().database.run(move |_| Ok(gate.recv().is_ok())));
    assert!(poll_once(&mut blocking).is_pending());
    let renewals = ["a", "b"].map(|lock| {
        Renewal::new(LockName::new(lock).expect("a name"), ClaimId::random(), Duration::from_secs(1))
    });
    let mut batches: Vec<_> = (0..10).map(|_| Box::pin(backend.renew(&renewals))).collect();
    for batch in &mut batches {
        assert!(poll_once(batch).is_pending());
    }
    let name = a_name();
    let mut step = Box::pin(backend.queue(&name));
    assert!(poll_once(&mut step).is_pending());

    open_gate.send(()).expect("the thread waits");
    assert!(blocking.await.expect("it was opened"));
    step.await.expect("it answers");
    // The last ones first: one that is answered lets the next one go.
    batches.reverse();
    batches.retain_mut(|batch| poll_once(batch).is_pending());
    assert!(batches.len() >= 9, "only {} of 10 batches came after the step", batches.len());
    for batch in batches.into_iter().rev() {
        batch.await.expect("it answers");
    }
}

fn poll_once<F: Future + Unpin>(future: &mut F) -> std::task::Poll<F::Output> {
    std::pin::Pin::new(future).poll(&mut std::task::Context::from_waker(std::task::Waker::noop()))
}

#[tokio::test]
async fn a_step_that_is_dropped_before_its_turn_does_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path()).await;
    let (open_gate, gate) = std::sync::mpsc::channel::<()>();
    let mut blocking = Box::pin(store.database.run(move |_| Ok(gate.recv().is_ok())));
    assert!(poll_once(&mut blocking).is_pending());
    let (name, new) = (a_name(), record("new"));
    {
        let mut dropped = Box::pin(store.store(&name, None, &new));
        assert!(poll_once(&mut dropped).is_pending());
    }
    open_gate.send(()).expect("the thread waits");
    blocking.await.expect("it was opened");
    assert!(store.load(&name).await.expect("it loads").record.is_none());
}

#[tokio::test]
async fn a_step_that_panics_is_an_error_and_the_others_go_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path()).await;
    let panicking = |table: &mut Table<'_>| -> Result<(), crate::error::StepError> {
        table.write(|table| {
            table.store(&a_name(), &record("half"), true)?;
            panic!("a test panics")
        })
    };
    let error = store.database.run(panicking).await.expect_err("it panics");
    assert_eq!(error.kind(), BackendErrorKind::Broken);
    assert!(error.to_string().contains("locks.db: the step panicked"), "{error}");
    assert!(store.load(&a_name()).await.expect("it loads").record.is_none(), "it was rolled back");
    assert!(store.store(&a_name(), None, &record("new")).await.expect("it writes"));
}

#[tokio::test]
async fn a_row_that_is_none_of_ours_is_reported() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path()).await;
    execute(&store, "INSERT INTO locks VALUES (x'C3', 1, '', 9e15, 9e15)").await;
    let error = store.list(&ListPage::new("", 10)).await.expect_err("the name is no UTF-8");
    assert_eq!(error.kind(), BackendErrorKind::Broken);
}

#[tokio::test]
async fn commits_wait_for_the_disk_only_if_that_is_wanted() {
    for (options, expected) in [
        (SqliteOptions::new(), 1),
        (SqliteOptions::new().synchronous(Synchronous::Normal), 1),
        (SqliteOptions::new().synchronous(Synchronous::Full), 2),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let store = open_with(folder.path(), options).await;
        let ask = |table: &mut Table<'_>| {
            Ok(table.db().query_row("PRAGMA synchronous", [], |row| row.get::<_, i64>(0))?)
        };
        assert_eq!(store.database.run(ask).await.expect("it answers"), expected);
    }
}

#[tokio::test]
async fn a_busy_timeout_is_at_most_an_hour_and_any_retention_is_valid() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("locks.db");
    for limit in [Duration::from_millis(3_600_001), Duration::from_secs(u64::from(u32::MAX)), Duration::MAX] {
        let opened = SqliteStore::open(&path, SqliteOptions::new().busy_timeout(limit)).await;
        let error = opened.expect_err("it is too long");
        assert_eq!(error.kind(), BackendErrorKind::Misconfigured);
        assert!(error.to_string().contains("busy_timeout") && error.to_string().contains("hour"), "{error}");
        assert!(!path.exists(), "it opened the file all the same");
    }
    for limit in [Duration::ZERO, Duration::from_nanos(1), Duration::from_secs(3600)] {
        open_with(folder.path(), SqliteOptions::new().busy_timeout(limit)).await;
    }
    for retention in [Duration::ZERO, Duration::from_nanos(1), Duration::MAX] {
        let backend =
            RecordBackend::new(open_with(folder.path(), SqliteOptions::new().retention(retention)).await);
        for lock in ["a", "b"] {
            let request = request(lock, "");
            backend.join(&request).await.expect("it joins");
            backend.leave(&request.lock, request.claim, Duration::ZERO).await.expect("it leaves");
        }
    }
}
