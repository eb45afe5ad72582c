//! Many renewals at once.

use std::fs;
use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;
use shylock_core::{Backend, Mode, Renewal, Renewed, Value};
use shylock_sqlite::SqliteBackend;

use crate::support::{LONG, fresh, pass, request};

/// Joins so many locks, and answers how to renew the claims.
async fn join(backend: &SqliteBackend, number: usize) -> Vec<Renewal> {
    let mut renewals = Vec::new();
    for n in 0..number {
        let request = request(&format!("lock {n}"), LONG);
        backend.join(&request).await.expect("it joins");
        renewals.push(Renewal::new(request.lock, request.claim, LONG * 2));
    }
    renewals
}

/// How many transactions are in the WAL: the last frame of each says how many pages the file has then.
fn transactions(path: &Path) -> usize {
    let wal = fs::read(path.with_extension("db-wal")).expect("the WAL");
    let Some((header, frames)) = wal.split_at_checked(32) else { return 0 };
    let page_size = u32::from_be_bytes(header[8..12].try_into().expect("four bytes"));
    let frames = frames.chunks_exact(24 + usize::try_from(page_size).expect("a small number"));
    frames.filter(|frame| frame[8..16] == header[16..24] && frame[4..8] != [0; 4]).count()
}

/// An empty WAL, which counts the transactions from now on, as long as the reader that keeps it so is open.
fn count_from_now(path: &Path) -> Connection {
    let other = Connection::open(path).expect("the file opens");
    other.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).expect("it is emptied");
    other.execute_batch("BEGIN; SELECT name FROM locks").expect("it reads");
    assert_eq!(transactions(path), 0);
    other
}

#[tokio::test]
async fn each_step_is_one_transaction_and_one_that_changes_nothing_is_none() {
    let (_folder, path) = fresh();
    let backend = SqliteBackend::open(&path).await.expect("the file opens");
    pass(&backend, "another lock").await;
    let (holder, waiter) = (request("a", LONG), request("a", LONG));
    let _reader = count_from_now(&path);
    let mut expected = 0;
    let mut check = |writes: bool, step: &str| {
        expected += usize::from(writes);
        assert_eq!(transactions(&path), expected, "after {step}");
    };
    backend.join(&holder).await.expect("it joins");
    check(true, "a join");
    backend.join(&waiter.clone().only_if_granted(true)).await.expect("it answers");
    check(false, "an attempt");
    backend.queue(&holder.lock).await.expect("it answers");
    check(false, "a look");
    let value = Value::new("value").expect("a value");
    backend.write(&holder.lock, holder.claim, Some(&value)).await.expect("it writes");
    check(true, "a write");
    backend.write(&waiter.lock, waiter.claim, None).await.expect("it answers");
    check(false, "a stranger's write");
    backend.downgrade(&holder.lock, holder.claim, Mode::READER).await.expect("it answers");
    check(true, "a downgrade");
    backend.leave(&waiter.lock, waiter.claim, LONG).await.expect("it answers");
    check(false, "a stranger's leave");
    backend.leave(&holder.lock, holder.claim, Duration::ZERO).await.expect("it leaves");
    check(true, "a leave");
}

#[tokio::test]
async fn a_thousand_renewals_are_one_transaction() {
    let (_folder, path) = fresh();
    let backend = SqliteBackend::open(&path).await.expect("the file opens");
    let renewals = join(&backend, 1000).await;
    let _reader = count_from_now(&path);
    let answers = backend.renew(&renewals).await.expect("it renews");
    assert_eq!(answers, vec![Renewed::Extended; 1000]);
    assert_eq!(transactions(&path), 1);
    for renewal in &renewals {
        let queue = backend.queue(&renewal.lock).await.expect("it answers");
        assert!(queue.claims[0].expires_in > LONG, "{renewal:?}");
    }
}
