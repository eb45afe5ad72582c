use std::path::Path;

use shylock_core::BackendErrorKind;

use super::*;
use crate::options::SqliteOptions;

async fn open(folder: &Path) -> SqliteStore {
    let file = LockFile::open(&folder.join("locks.db"), &SqliteOptions::new()).await.expect("the file opens");
    SqliteStore::new(file, Duration::from_secs(3600))
}

fn a_name() -> LockName {
    LockName::new("a").expect("a valid name")
}

fn record(body: &str) -> Record {
    Record { body: body.into(), live_until: now() + 60_000, needed_until: now() + 70_000 }
}

async fn version(store: &SqliteStore) -> u64 {
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
            assert_eq!(store.store(&a_name(), Some(*expected), &record).await.expect("it answers"), is_last);
        }
        let loaded = store.load(&a_name()).await.expect("it loads").record.expect("there is a record").0;
        assert_eq!(loaded, record);
    }
    versions.sort_unstable();
    versions.dedup();
    assert_eq!(versions.len(), 19, "versions repeat");
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
            assert!(!store.store(&a_name(), Some(*expected), &record("old")).await.expect("it answers"));
        }
        for _ in 0..3 {
            seen.push(version(&store).await);
            let expected = seen.last().copied();
            assert!(store.store(&a_name(), expected, &record("more")).await.expect("it writes"));
        }
        store.file.run(|db| db.execute("DELETE FROM locks", [])).await.expect("it is purged");
        let expected = seen.last().copied();
        assert!(!store.store(&a_name(), expected, &record("gone")).await.expect("it answers"));
    }
}

#[tokio::test]
async fn a_full_disk_is_an_error_that_passes_when_there_is_space_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path()).await;
    let long = "x".repeat(100_000);
    let limit = |pages: u32| store.file.run(move |db| db.pragma_update(None, "max_page_count", pages));
    limit(4).await.expect("the limit is set");

    let error = store.store(&a_name(), None, &record(&long)).await.expect_err("there is no space");
    assert_eq!(error.kind(), BackendErrorKind::Transient);
    assert!(error.to_string().ends_with("locks.db: the disk is full; free some space"), "{error}");
    let loaded = store.load(&a_name()).await.expect("it still reads");
    assert!(loaded.record.is_none(), "nothing is half written");

    limit(1000).await.expect("the limit is set");
    assert!(store.store(&a_name(), None, &record(&long)).await.expect("there is space"));
}

fn a_write(lock: &str, expected: Option<u64>, body: &str) -> Write {
    Write { lock: LockName::new(lock).expect("a valid name"), expected, record: record(body) }
}

async fn bodies<const N: usize>(store: &SqliteStore, locks: [&str; N]) -> [Option<String>; N] {
    let locks = locks.map(|lock| LockName::new(lock).expect("a valid name"));
    let loaded = store.load_many(&locks).await.expect("it loads");
    let bodies = loaded.into_iter().map(|loaded| loaded.record.map(|(record, _)| record.body));
    bodies.collect::<Vec<_>>().try_into().expect("as many as were asked for")
}

#[tokio::test]
async fn a_write_that_comes_too_late_hinders_no_other_of_its_batch() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path()).await;
    assert!(store.store(&a_name(), None, &record("old")).await.expect("it writes"));
    let version = version(&store).await;
    let batch = [
        a_write("b", Some(version), "there is none"),
        a_write("a", None, "there is one"),
        a_write("a", Some(version), "new"),
        a_write("a", Some(version), "it was replaced just now"),
        a_write("c", None, "new"),
    ];
    assert_eq!(store.store_many(&batch).await.expect("it answers"), [false, false, true, false, true]);
    assert_eq!(bodies(&store, ["c", "b", "a"]).await, [Some("new".into()), None, Some("new".into())]);
}

#[tokio::test]
async fn a_batch_that_fails_has_written_nothing_and_leaves_nothing_open() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path()).await;
    let limit = |pages: u32| store.file.run(move |db| db.pragma_update(None, "max_page_count", pages));
    limit(4).await.expect("the limit is set");

    let batch = [a_write("a", None, "short"), a_write("b", None, &"x".repeat(100_000))];
    let error = store.store_many(&batch).await.expect_err("there is no space");
    assert_eq!(error.kind(), BackendErrorKind::Transient);
    assert_eq!(bodies(&store, ["a", "b"]).await, [None, None]);

    limit(1000).await.expect("the limit is set");
    assert_eq!(open(folder.path()).await.store_many(&batch).await.expect("there is space"), [true, true]);
    assert_eq!(store.store_many(&batch).await.expect("it answers"), [false, false]);
}

#[tokio::test]
async fn a_single_step_waits_for_one_batch_and_not_for_all() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Arc::new(open(folder.path()).await);
    let (open_gate, gate) = std::sync::mpsc::channel();
    let file = store.file.clone();
    tokio::spawn(async move { file.run(move |_| Ok(gate.recv())).await });
    let (done, mut ended) = tokio::sync::mpsc::unbounded_channel();
    for _ in 0..10 {
        let (reader, writer) = (store.clone(), store.clone());
        let (read, written) = (done.clone(), done.clone());
        tokio::spawn(async move { read.send(reader.load_many(&[a_name()]).await.map(|_| "a batch")) });
        let batch = [a_write("a", None, "")];
        tokio::spawn(async move { written.send(writer.store_many(&batch).await.map(|_| "a batch")) });
    }
    tokio::spawn(async move { done.send(store.load(&a_name()).await.map(|_| "the step")) });
    // They line up.
    tokio::task::yield_now().await;
    open_gate.send(()).expect("somebody waits");
    let mut before = 0;
    while ended.recv().await.expect("the step ends").expect("it works") == "a batch" {
        before += 1;
    }
    // One or two, according to how the threads run.
    assert!(before < 10, "{before} batches came first");
}

#[tokio::test]
async fn a_row_that_is_none_of_ours_is_reported() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path()).await;
    let insert = "INSERT INTO locks VALUES (x'C3', 1, '', 9e15, 9e15)";
    store.file.run(move |db| db.execute(insert, [])).await.expect("it is written");
    let page = ListPage { prefix: String::new(), after: None, limit: 10 };
    let error = store.list(&page).await.expect_err("the name is no UTF-8");
    assert_eq!(error.kind(), BackendErrorKind::Broken);
}

#[tokio::test]
async fn commits_wait_for_the_disk_only_if_that_is_wanted() {
    for (options, expected) in [(SqliteOptions::new(), 1), (SqliteOptions::new().survive_power_cuts(), 2)] {
        let folder = tempfile::tempdir().expect("a folder");
        let file = LockFile::open(&folder.path().join("locks.db"), &options).await.expect("the file opens");
        let ask = |db: &Connection| db.query_row("PRAGMA synchronous", [], |row| row.get::<_, i64>(0));
        assert_eq!(file.run(ask).await.expect("it answers"), expected);
    }
}
