//! Many renewals at once.

use std::fs;
use std::path::Path;

use rusqlite::Connection;
use shylock_core::{Backend, Renewal, Renewed};
use shylock_sqlite::SqliteBackend;

use crate::support::{LONG, fresh, request};

/// Joins so many locks, and answers how to renew the claims.
async fn join(backend: &SqliteBackend, number: usize) -> Vec<Renewal> {
    let mut renewals = Vec::new();
    for n in 0..number {
        let request = request(&format!("lock {n}"), LONG);
        backend.join(&request).await.expect("it joins");
        renewals.push(Renewal { lock: request.lock, claim: request.claim, ttl: LONG * 2 });
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

#[tokio::test]
async fn a_thousand_renewals_are_one_transaction() {
    let (_folder, path) = fresh();
    let backend = SqliteBackend::open(&path).await.expect("the file opens");
    let renewals = join(&backend, 1000).await;
    let other = Connection::open(&path).expect("the file opens");
    // An empty WAL, and a reader who keeps it from being emptied again.
    other.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).expect("it is emptied");
    other.execute_batch("BEGIN; SELECT name FROM locks").expect("it reads");
    assert_eq!(transactions(&path), 0);

    let answers = backend.renew(&renewals).await.expect("it renews");
    assert_eq!(answers, vec![Renewed::Extended; 1000]);
    assert_eq!(transactions(&path), 1);
    for renewal in &renewals {
        let queue = backend.queue(&renewal.lock).await.expect("it answers");
        assert!(queue.claims[0].expires_in > LONG, "{renewal:?}");
    }
}
