//! What becomes of records that nobody wants any more.

use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;
use shylock_core::Backend;
use shylock_sqlite::{SqliteBackend, SqliteOptions};

use crate::support::{LONG, fresh, pass, request};

async fn open_keeping(path: &Path, retention: Duration) -> SqliteBackend {
    let options = SqliteOptions::new().retention(retention);
    SqliteBackend::open_with(path, options).await.expect("the file opens")
}

fn names(path: &Path) -> Vec<String> {
    let db = Connection::open(path).expect("the file opens");
    let mut statement =
        db.prepare("SELECT CAST(name AS TEXT) FROM locks ORDER BY name").expect("a statement");
    statement.query_map([], |row| row.get(0)).expect("rows").collect::<Result<_, _>>().expect("names")
}

#[tokio::test]
async fn records_are_purged_when_their_time_is_over() {
    let (_folder, path) = fresh();
    let backend = open_keeping(&path, Duration::ZERO).await;
    let held = request("held", LONG);
    backend.join(&held).await.expect("it joins");
    for i in 0..50 {
        pass(&backend, &format!("{i}")).await;
    }
    pass(&backend, "last").await;
    assert_eq!(names(&path), ["held", "last"]);
    assert_eq!(backend.queue(&held.lock).await.expect("it answers").granted().len(), 1);
}

#[tokio::test]
async fn records_are_kept_for_the_retention() {
    let (_folder, path) = fresh();
    let backend = open_keeping(&path, LONG).await;
    for name in ["a", "b", "c"] {
        pass(&backend, name).await;
    }
    pass(&open_keeping(&path, LONG).await, "d").await;
    assert_eq!(names(&path), ["a", "b", "c", "d"]);
}

/// A process that takes one lock and ends cleans up too.
#[tokio::test]
async fn the_first_new_record_of_a_process_sweeps_even_a_lot() {
    let (_folder, path) = fresh();
    pass(&open_keeping(&path, LONG).await, "a").await;
    let many = "
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500)
        INSERT INTO locks SELECT CAST('old' || i AS BLOB), 1, '', 0, 1 FROM n";
    Connection::open(&path).expect("the file opens").execute(many, []).expect("rows");

    let backend = open_keeping(&path, LONG).await;
    pass(&backend, "b").await;
    assert_eq!(names(&path).len(), 1502, "a thousand at once");
    pass(&backend, "c").await;
    pass(&backend, "d").await;
    assert_eq!(names(&path), ["a", "b", "c", "d"]);
}

#[tokio::test]
async fn the_token_after_a_purge_is_greater() {
    let (_folder, path) = fresh();
    let backend = open_keeping(&path, Duration::ZERO).await;
    let before = pass(&backend, "a").await;
    pass(&backend, "b").await;
    assert_eq!(names(&path), ["b"], "it was purged");
    // Tokens follow the clock then; it ticks once in a millisecond.
    tokio::time::sleep(Duration::from_millis(2)).await;
    assert!(pass(&backend, "a").await > before);
}
