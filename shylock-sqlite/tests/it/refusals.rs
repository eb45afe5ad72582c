//! Files that cannot be used: a clear error, and the file stays as it was.

use std::fs;
use std::path::Path;

use rusqlite::Connection;
use shylock_core::BackendErrorKind::{Broken, Misconfigured, Transient};
use shylock_core::{Backend, BackendErrorKind};
use shylock_sqlite::{SqliteBackend, SqliteOptions};

use crate::support::{LONG, assert_refused, fresh, pass, request};

/// Opens the file, which is refused and stays as it was.
async fn assert_untouched(path: &Path, kind: BackendErrorKind, words: &[&str]) {
    let before = fs::read(path).expect("the file");
    let message = assert_refused(SqliteBackend::open(path).await, kind, words);
    assert!(message.contains(path.to_str().expect("a tame path")), "{message}");
    assert!(fs::read(path).expect("the file") == before, "the file was changed");
}

/// A file of ours with records in it, closed.
async fn filled(path: &Path) {
    let backend = SqliteBackend::open(path).await.expect("the file opens");
    for i in 0..100 {
        backend.join(&request(&format!("lock {i}"), LONG)).await.expect("it joins");
    }
}

fn sql(path: &Path, sql: &str) {
    Connection::open(path).expect("the file opens").execute_batch(sql).expect("it is done");
}

#[tokio::test]
async fn a_path_that_cannot_be() {
    let (folder, path) = fresh();
    let no_folder = folder.path().join("none/locks.db");
    assert_refused(SqliteBackend::open(&no_folder).await, Misconfigured, &["none/locks.db", "create it"]);
    assert!(!folder.path().join("none").exists());
    assert_refused(SqliteBackend::open(folder.path()).await, Misconfigured, &["not a file"]);
    fs::write(&path, "").expect("a file");
    assert_refused(SqliteBackend::open(path.join("x")).await, Misconfigured, &["cannot be used"]);
    assert_refused(SqliteBackend::open("").await, Misconfigured, &["cannot be used"]);
    assert_refused(SqliteBackend::open("a\0b").await, Misconfigured, &["cannot be used"]);
    let long = folder.path().join("x".repeat(300));
    assert_refused(SqliteBackend::open(long).await, Misconfigured, &["cannot be used"]);
}

#[tokio::test]
async fn a_file_that_is_no_database() {
    for content in ["hello", "SQLite format 3\0", &"text\n".repeat(5000)] {
        let (_folder, path) = fresh();
        fs::write(&path, content).expect("a file");
        assert_untouched(&path, Misconfigured, &["no SQLite database", "another path"]).await;
    }
}

#[tokio::test]
async fn the_database_of_another_program() {
    for setup in [
        "CREATE TABLE t (x)",
        "PRAGMA application_id = 1; CREATE TABLE locks (name)",
        "PRAGMA journal_mode = WAL; CREATE TABLE t (x); INSERT INTO t VALUES (1)",
        "PRAGMA user_version = 1",
    ] {
        let (_folder, path) = fresh();
        sql(&path, setup);
        assert_untouched(&path, Misconfigured, &["another program", "another path"]).await;
    }
}

/// What another program left in its WAL is its own business, too.
#[tokio::test]
async fn the_database_of_another_program_that_was_killed() {
    let (_folder, path) = fresh();
    let killed = path.with_extension("killed");
    let db = Connection::open(&killed).expect("the file opens");
    db.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE t (x); INSERT INTO t VALUES (1)")
        .expect("rows");
    let wal =
        |path: &Path| path.with_file_name(format!("{}-wal", path.file_name().unwrap().to_str().unwrap()));
    fs::copy(&killed, &path).expect("a copy");
    fs::copy(wal(&killed), wal(&path)).expect("a copy");
    let before = fs::read(wal(&path)).expect("the WAL");
    assert!(!before.is_empty());

    assert_untouched(&path, Misconfigured, &["another program"]).await;
    assert!(fs::read(wal(&path)).expect("the WAL") == before, "the WAL was changed");
}

#[tokio::test]
async fn a_file_of_a_newer_version() {
    let (_folder, path) = fresh();
    filled(&path).await;
    sql(&path, "PRAGMA user_version = 3");
    assert_untouched(&path, Misconfigured, &["version 3", "knows version 2", "same version"]).await;
}

/// Programs of the older version may have it open, and would misread what this one writes.
#[tokio::test]
async fn a_file_of_an_older_version() {
    let (_folder, path) = fresh();
    let older = "
        CREATE TABLE locks (
            name BLOB PRIMARY KEY, version INTEGER NOT NULL, body TEXT NOT NULL, live_until INTEGER NOT NULL,
            needed_until INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;
        PRAGMA application_id = 0x7368796c; PRAGMA user_version = 1; PRAGMA journal_mode = WAL;
        INSERT INTO locks VALUES (x'61', 1, '{\"ticket\":1,\"claims\":[]}', 0, 1)";
    sql(&path, older);
    assert_untouched(&path, Misconfigured, &["version 1", "needs version 2", "delete it"]).await;
}

#[tokio::test]
async fn a_damaged_file() {
    let (_folder, path) = fresh();
    filled(&path).await;
    let sound = fs::read(&path).expect("the file");
    assert!(sound.len() >= 4 * 4096, "it has several pages");
    let mut scribbled = sound.clone();
    scribbled[4096..4196].fill(0xAB);
    let mut truncated = sound.clone();
    truncated.truncate(2 * 4096);
    let mut shuffled = sound.clone();
    shuffled.copy_within(3 * 4096..4 * 4096, 2 * 4096);
    for damaged in [scribbled, truncated, shuffled] {
        fs::write(&path, damaged).expect("the file");
        assert_untouched(&path, Broken, &["damaged", "move it away"]).await;
    }
    fs::write(&path, sound).expect("the file");
    assert_eq!(
        SqliteBackend::open(&path).await.expect("sound again").list(&all()).await.expect("names").len(),
        100
    );
}

fn all() -> shylock_core::ListPage {
    shylock_core::ListPage::new("", 1000)
}

#[tokio::test]
async fn a_file_that_is_locked_for_longer_than_the_time_out() {
    let (_folder, path) = fresh();
    let locker = Connection::open(&path).expect("the file opens");
    locker.execute_batch("BEGIN EXCLUSIVE").expect("it is locked");
    let options = SqliteOptions::new().busy_timeout(std::time::Duration::from_millis(50));
    let opened = SqliteBackend::open_with(&path, options.clone()).await;
    assert_refused(opened, Transient, &["another process keeps it locked"]);
    assert_eq!(fs::metadata(&path).expect("the file").len(), 0);
    locker.execute_batch("ROLLBACK").expect("it is unlocked");
    pass(&SqliteBackend::open_with(&path, options).await.expect("the file opens"), "a").await;
}
