//! What becomes of records that nobody wants any more.

use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;
use shylock_core::{Backend, Value};
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
    // A record is of use until the clock has passed its token.
    for i in 0.. {
        let last = format!("last {i}");
        pass(&backend, &last).await;
        if names(&path) == ["held", last.as_str()] {
            break;
        }
        assert!(i < 1000, "still there: {:?}", names(&path));
    }
    assert_eq!(backend.queue(&held.lock).await.expect("it answers").holders().len(), 1);
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
    for i in 0.. {
        pass(&backend, &format!("b{i}")).await;
        if !names(&path).contains(&"a".into()) {
            break;
        }
        assert!(i < 1000, "it is not purged");
    }
    assert!(pass(&backend, "a").await > before);
}

/// Who joins more often than once in a millisecond is ahead of the clock with the tokens.
#[tokio::test]
async fn a_record_whose_token_is_ahead_of_the_clock_is_kept() {
    let (_folder, path) = fresh();
    let backend = open_keeping(&path, Duration::ZERO).await;
    let before = pass(&backend, "a").await;
    let ahead = before + 1024 * 3_600_000;
    let db = Connection::open(&path).expect("the file opens");
    let body = "UPDATE locks SET body = replace(body, ?1, ?2)";
    assert_eq!(db.execute(body, [before.to_string(), ahead.to_string()]).expect("a row"), 1);

    assert_eq!(pass(&backend, "a").await, ahead + 1024);
    for i in 0..50 {
        pass(&backend, &format!("b{i}")).await;
    }
    assert_eq!(pass(&backend, "a").await, ahead + 2048);
}

#[tokio::test]
async fn a_record_with_a_value_is_never_purged() {
    let (_folder, path) = fresh();
    let backend = open_keeping(&path, Duration::ZERO).await;
    let holder = request("valued", LONG);
    backend.join(&holder).await.expect("it joins");
    let value = Value::new("kept").expect("a short value");
    backend.write(&holder.lock, holder.claim, Some(&value)).await.expect("it writes");
    backend.leave(&holder.lock, holder.claim, Duration::ZERO).await.expect("it leaves");
    pass(&backend, "plain").await;
    // As if both were from long ago.
    let db = Connection::open(&path).expect("the file opens");
    let old = "UPDATE locks SET live_until = 0, needed_until = iif(needed_until IS NULL, NULL, 1)";
    assert_eq!(db.execute(old, []).expect("rows"), 2);
    for i in 0.. {
        pass(&backend, &format!("{i}")).await;
        if !names(&path).contains(&"plain".into()) {
            break;
        }
        assert!(i < 1000, "nothing is purged");
    }
    assert_eq!(backend.queue(&holder.lock).await.expect("it answers").value, Some(value));

    // Once it is cleared, the record may go.
    let holder = request("valued", LONG);
    backend.join(&holder).await.expect("it joins");
    backend.write(&holder.lock, holder.claim, None).await.expect("it writes");
    backend.leave(&holder.lock, holder.claim, Duration::ZERO).await.expect("it leaves");
    for i in 0.. {
        pass(&backend, &format!("again {i}")).await;
        if !names(&path).contains(&"valued".into()) {
            break;
        }
        assert!(i < 1000, "it is not purged");
    }
}
