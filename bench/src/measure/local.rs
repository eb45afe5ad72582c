//! What needs no server: the engine over the store in memory, SQLite, and the command line.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use rusqlite::Connection;
use shylock::memory::MemoryBackend;
use shylock::sqlite::SqliteBackend;
use shylock::LockManager;
use shylock_bench_worker::Failure;

use super::{millis, turns};
use crate::contestant::Contestant;
use crate::context::Context;
use crate::kit;
use crate::sheet::{Better, Sheet};
use crate::stats::Samples;

const MEDIAN: usize = 0;
const TIMES_BARE: usize = 2;

/// Pairs for each of a plan's pairs: here they take microseconds.
const MORE: usize = 100;

/// The engine alone.
pub(crate) async fn engine(context: &Context) -> Result<Sheet, Failure> {
    let (rounds, pairs) = (context.plan.pair_rounds, context.plan.pairs * MORE);
    let about = format!("One task, one pair at a time, {} pairs over the store in memory.", rounds * pairs);
    let title = "The engine: uncontended acquire + release in memory";
    let mut sheet = Sheet::new("engine", title, about, &[("median", "µs"), ("p99", "µs")]);
    let locks = LockManager::new(MemoryBackend::new());
    let mut times = Vec::new();
    for _ in 0..rounds {
        times.extend(shylock_pairs(&locks, pairs).await?.into_iter().map(|time| time * 1e3));
    }
    locks.shutdown().await?;
    let times = Samples::new(times);
    sheet.row(Contestant::Shylock, [times.median(), times.p99()]);
    sheet.goal("acquire + release in memory", MEDIAN, Better::Lower, 8.0);
    Ok(sheet)
}

/// A file, beside the bare library in the same journal and synchronisation mode.
pub(crate) async fn sqlite(context: &Context) -> Result<Sheet, Failure> {
    let (rounds, pairs) = (context.plan.pair_rounds, context.plan.pairs * 10);
    let about = format!(
        "One process, one pair at a time, {} pairs each, in turns. Both write ahead (WAL) with synchronous = NORMAL.",
        rounds * pairs
    );
    let columns = [("median", "ms"), ("p99", "ms"), ("against bare", "×")];
    let mut sheet = Sheet::new("sqlite", "SQLite: uncontended acquire + release", about, &columns);
    let folder = tempfile::tempdir()?;
    let locks = LockManager::new(SqliteBackend::open(folder.path().join("locks.db")).await?);
    let bare = bare_database(&folder.path().join("bare.db"))?;
    let mut times = [Vec::new(), Vec::new()];
    for round in 0..=rounds {
        for turn in turns(2, round) {
            let took = if turn == 0 { bare_pairs(&bare, pairs)? } else { shylock_pairs(&locks, pairs).await? };
            // The first round is to warm up.
            if round > 0 {
                times[turn].extend(took);
            }
        }
    }
    locks.shutdown().await?;
    compare(&mut sheet, Contestant::BareSqlite, times);
    sheet.goal("acquire + release against bare insert + delete in SQLite", TIMES_BARE, Better::Lower, 3.0);
    Ok(sheet)
}

/// The command line, as a whole process.
pub(crate) async fn command(context: &Context) -> Result<Sheet, Failure> {
    let shylock = tokio::task::spawn_blocking(kit::build_command).await??;
    let rounds = context.plan.pair_rounds * 3;
    let about = format!("`shylock run x -- true` and `flock x true`, {rounds} times each, in turns, on SQLite and a file.");
    let columns = [("median", "ms"), ("p99", "ms"), ("against flock", "×")];
    let mut sheet = Sheet::new("command", "The command line: the whole process", about, &columns);
    let folder = tempfile::tempdir()?;
    let (url, file) = (format!("sqlite:{}", folder.path().join("locks.db").display()), folder.path().join("file"));
    let mut times = [Vec::new(), Vec::new()];
    for round in 0..=rounds {
        for turn in turns(2, round) {
            let mut command = if turn == 0 { Command::new("flock") } else { Command::new(&shylock) };
            if turn == 0 {
                command.arg(&file).arg("true");
            } else {
                command.args(["run", "x", "--url", &url, "--", "true"]);
            }
            let took = timed(|| Ok(command.status()?.success()))?;
            if round > 0 {
                times[turn].push(took);
            }
        }
    }
    compare(&mut sheet, Contestant::Flock, times);
    sheet.goal("`shylock run` against `flock`", TIMES_BARE, Better::Lower, 2.0);
    Ok(sheet)
}

/// Rows for the limit and for shylock, whose times are the first and the second.
fn compare(sheet: &mut Sheet, limit: Contestant, times: [Vec<f64>; 2]) {
    let [bare, ours] = times.map(Samples::new);
    let ratio = ours.median().zip(bare.median()).map(|(ours, bare)| ours / bare);
    sheet.row(limit, [bare.median(), bare.p99(), Some(1.0)]);
    sheet.row(Contestant::Shylock, [ours.median(), ours.p99(), ratio]);
}

/// How long something took, in milliseconds.
fn timed(work: impl FnOnce() -> Result<bool, Failure>) -> Result<f64, Failure> {
    let begun = Instant::now();
    let has_worked = work()?;
    let took = millis(u64::try_from(begun.elapsed().as_nanos())?);
    if has_worked { Ok(took) } else { Err("the command has failed".into()) }
}

async fn shylock_pairs(locks: &LockManager, count: usize) -> Result<Vec<f64>, Failure> {
    let mut took = Vec::with_capacity(count);
    for _ in 0..count {
        let begun = Instant::now();
        locks.lock("bench").acquire().await?.release().await?;
        took.push(millis(u64::try_from(begun.elapsed().as_nanos())?));
    }
    Ok(took)
}

fn bare_database(path: &Path) -> Result<Connection, Failure> {
    let database = Connection::open(path)?;
    database.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;
         CREATE TABLE bare (name TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID",
    )?;
    Ok(database)
}

fn bare_pairs(database: &Connection, count: usize) -> Result<Vec<f64>, Failure> {
    let mut insert = database.prepare("INSERT INTO bare VALUES ('bench', 'a body')")?;
    let mut delete = database.prepare("DELETE FROM bare WHERE name = 'bench'")?;
    (0..count).map(|_| timed(|| Ok(insert.execute([])? + delete.execute([])? == 2))).collect()
}
