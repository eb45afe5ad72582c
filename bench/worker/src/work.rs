//! What a worker does with its contestant.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::contestant::{Contestant, Failure};
use crate::{clock, usage};

/// How long the hot lock is held, and the longest pause of a worker before it wants it again.
const HOLD: Duration = Duration::from_millis(1);

/// How many locks are acquired at once when many are wanted.
const AT_ONCE: usize = 100;

/// What is in use before the first lock, and after it: connections, caches.
const SETTLE: Duration = Duration::from_millis(500);

pub(crate) async fn solo<C: Contestant>(
    contestant: &C,
    name: &str,
    count: usize,
) -> Result<Vec<u64>, Failure> {
    let mut took = Vec::with_capacity(count);
    for _ in 0..count {
        let begun = clock::now();
        let guard = contestant.acquire(name).await?;
        contestant.release(guard).await?;
        took.push(clock::now() - begun);
    }
    Ok(took)
}

pub(crate) async fn hot<C: Contestant>(
    contestant: &C,
    name: &str,
    begin: u64,
    end: u64,
) -> Result<u64, Failure> {
    sleep(Duration::from_nanos(begin.saturating_sub(clock::now()))).await;
    let mut count = 0;
    while clock::now() < end {
        let guard = contestant.acquire(name).await?;
        if clock::now() < end {
            count += 1;
            precisely(HOLD).await?;
        }
        contestant.release(guard).await?;
        precisely(HOLD.mul_f64(fastrand::f64())).await?;
    }
    Ok(count)
}

/// The timer of the runtime counts in whole milliseconds; that of the system is better.
async fn precisely(time: Duration) -> Result<(), Failure> {
    Ok(tokio::task::spawn_blocking(move || thread::sleep(time)).await?)
}

pub(crate) async fn within<C: Contestant>(
    contestant: &C,
    name: &str,
    tasks: usize,
    time: Duration,
) -> Result<Vec<u64>, Failure> {
    let given_at = Arc::new(AtomicU64::new(0));
    let begun = clock::now();
    let end = begun + u64::try_from(time.as_nanos())?;
    let mut running: JoinSet<Result<Vec<u64>, Failure>> = JoinSet::new();
    for _ in 0..tasks {
        let (contestant, name, given_at) = (contestant.clone(), name.to_owned(), given_at.clone());
        running.spawn(async move {
            let mut took = Vec::new();
            while clock::now() < end {
                let guard = contestant.acquire(&name).await?;
                let before = given_at.load(Ordering::Acquire);
                if before > 0 {
                    took.push(clock::now() - before);
                }
                given_at.store(clock::now(), Ordering::Release);
                contestant.release(guard).await?;
            }
            Ok(took)
        });
    }
    let mut all = vec![0];
    while let Some(took) = running.join_next().await {
        all.extend(took??);
    }
    all[0] = clock::now() - begun;
    Ok(all)
}

pub(crate) async fn wait<C: Contestant>(contestant: &C, name: &str, tasks: usize, time: Duration) -> u64 {
    let before = contestant.commands();
    let mut waiting = JoinSet::new();
    for _ in 0..tasks {
        let (contestant, name) = (contestant.clone(), name.to_owned());
        waiting.spawn(async move { contestant.acquire(&name).await.map(drop) });
    }
    // None of them comes back: somebody else holds the lock.
    let _ = timeout(time, waiting.join_next()).await;
    let commands = contestant.commands() - before;
    waiting.abort_all();
    commands
}

pub(crate) async fn many<C: Contestant>(
    contestant: &C,
    name: &str,
    count: usize,
    time: Duration,
) -> Result<Vec<u64>, Failure> {
    // The connections are there before the locks are.
    let _warm = acquire_many(contestant, &format!("{name}-warm"), AT_ONCE).await?;
    sleep(SETTLE).await;
    let memory_before = usage::memory();
    let guards = acquire_many(contestant, name, count).await?;
    sleep(SETTLE).await;
    let memory = usage::memory();
    let (commands_before, processor_before) = (contestant.commands(), usage::processor_time());
    sleep(time).await;
    let commands = contestant.commands() - commands_before;
    let processor = usage::processor_time().saturating_sub(processor_before);
    drop(guards);
    Ok(vec![memory_before, memory, commands, u64::try_from(processor.as_nanos())?])
}

async fn acquire_many<C: Contestant>(
    contestant: &C,
    name: &str,
    count: usize,
) -> Result<Vec<C::Guard>, Failure> {
    let mut guards = Vec::with_capacity(count);
    let mut joining = JoinSet::new();
    for number in 0..count {
        if joining.len() == AT_ONCE {
            guards.extend(joining.join_next().await.transpose()?.transpose()?);
        }
        let (contestant, name) = (contestant.clone(), format!("{name}-{number}"));
        joining.spawn(async move { contestant.acquire(&name).await });
    }
    while let Some(acquired) = joining.join_next().await {
        guards.push(acquired??);
    }
    Ok(guards)
}
