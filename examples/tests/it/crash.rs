//! A process that is killed while it holds a lock.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::run::{command, database};

/// The ttl of the example `fencing`.
const TTL: Duration = Duration::from_secs(1);

/// The example as a holder that waits for its input to go on.
fn holder(url: &str) -> Child {
    let mut holder = command(env!("CARGO_BIN_EXE_fencing"), url);
    let mut holder =
        holder.arg("holder").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the holder starts");
    let mut said = String::new();
    let mut output = BufReader::new(holder.stdout.as_mut().expect("it has an output"));
    output.read_line(&mut said).expect("the holder speaks");
    assert!(said.starts_with("held"), "{said:?}");
    holder
}

#[tokio::test(flavor = "multi_thread")]
async fn delays_the_others_by_at_most_its_ttl() {
    let database = database().await;
    let locks = shylock::connect(&database.url()).await.expect("the store is there");
    let mut holder = holder(&database.url());
    let lock = locks.lock("savings").ttl(Duration::from_secs(10));
    assert!(lock.try_acquire().await.expect("the store answers").is_none());

    let waiting = tokio::spawn(async move { lock.acquire().await });
    while locks.inspect("savings").await.expect("the store answers").waiters().is_empty() {
        tokio::task::yield_now().await;
    }
    holder.kill().expect("it can be killed");
    holder.wait().expect("it ends");
    let killed_at = Instant::now();
    let guard = waiting.await.expect("no panic").expect("the lock is free after the ttl");
    let delay = killed_at.elapsed();
    // What a busy machine adds.
    assert!(delay < TTL + Duration::from_secs(5), "{delay:?}");
    guard.release().await.expect("released");
}
