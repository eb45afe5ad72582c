//! Several processes increment one number in a file: first without a lock, then with one.
//!
//! Without a lock two processes read the same number, and an increment gets lost. With a lock none does, and
//! the fencing tokens grow in the order of the increments.
//!
//! ```text
//! counter [PROCESSES [TASKS [INCREMENTS]]]
//! ```
//! `INCREMENTS` is the sum over all processes. The store is the one that `SHYLOCK_URL` names, or else an
//! `SQLite` file.

use std::error::Error;
use std::fs::{self, File, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> ExitCode {
    let result = match std::env::var_os("COUNTER_WORKER") {
        Some(folder) => work(Path::new(&folder)).map(|()| true),
        None => compare(),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// How much of everything.
#[derive(Clone, Copy)]
struct Plan {
    processes: u32,
    tasks: u32,
    increments: u32,
}

/// What a round came to.
struct Round {
    counter: u64,
    in_order: bool,
    time: Duration,
}

fn compare() -> Result<bool> {
    let plan = Plan { processes: argument(1, 8)?, tasks: argument(2, 4)?, increments: argument(3, 2000)? };
    let url = shylock_examples::store_url();
    println!(
        "{} processes with {} tasks each increment one number in a file, {} times in all.",
        plan.processes, plan.tasks, plan.increments
    );
    println!("The lock is in {}.\n", url.split_once(':').map_or("a store", |(scheme, _)| scheme));
    let without = run(plan, None)?;
    let with = run(plan, Some(&url))?;

    println!("\n                 counted    lost   seconds");
    for (name, round) in [("without a lock", &without), ("with a lock", &with)] {
        let lost = u64::from(plan.increments) - round.counter;
        println!("{name:<15} {:>8} {lost:>7} {:>9.2}", round.counter, round.time.as_secs_f64());
    }
    let order = if with.in_order { "grew in the order of the increments" } else { "were out of order" };
    println!("\nThe fencing tokens {order}.");
    Ok(with.counter == u64::from(plan.increments) && with.in_order)
}

fn argument(place: usize, default: u32) -> Result<u32> {
    let Some(text) = std::env::args().nth(place) else { return Ok(default) };
    match u32::from_str(&text) {
        Ok(number) if number > 0 => Ok(number),
        _ => {
            Err(format!("{text:?} is no number above 0; say: counter [PROCESSES [TASKS [INCREMENTS]]]")
                .into())
        }
    }
}

/// One round: starts the processes, shows how far they are, and reads what they have left.
fn run(plan: Plan, url: Option<&str>) -> Result<Round> {
    let folder = tempfile::tempdir()?;
    write_number(
        &OpenOptions::new().create(true).write(true).truncate(true).open(counter(folder.path()))?,
        0,
    )?;
    let start = Instant::now();
    let mut processes = Vec::new();
    for number in 0..plan.processes {
        let share = plan.increments / plan.processes + u32::from(number < plan.increments % plan.processes);
        let mut command = Command::new(std::env::current_exe()?);
        command.env("COUNTER_WORKER", folder.path()).stdin(Stdio::null());
        command.env("COUNTER_TASKS", plan.tasks.to_string()).env("COUNTER_SHARE", share.to_string());
        match url {
            Some(url) => command.env("SHYLOCK_URL", url),
            None => command.env_remove("SHYLOCK_URL"),
        };
        processes.push(command.spawn()?);
    }
    show_progress(plan, folder.path(), &mut processes, url.is_some())?;
    for mut process in processes {
        let status = process.wait()?;
        if !status.success() {
            return Err(format!("a process ended with {status}").into());
        }
    }
    let time = start.elapsed();
    let counter = read_number(&File::open(counter(folder.path()))?)?;
    Ok(Round { counter, in_order: tokens_in_order(folder.path())?, time })
}

fn show_progress(
    plan: Plan,
    folder: &Path,
    processes: &mut [std::process::Child],
    locked: bool,
) -> Result<()> {
    let name = if locked { "with a lock" } else { "without a lock" };
    let file = File::open(counter(folder))?;
    let live = io::stdout().is_terminal();
    let back = if live { "\r" } else { "" };
    loop {
        let mut running = false;
        for process in processes.iter_mut() {
            running |= process.try_wait()?.is_none();
        }
        // In a log only the end of it.
        if live || !running {
            print!("{back}{name}: {} of {}", read_number(&file)?, plan.increments);
            io::stdout().flush()?;
        }
        if !running {
            println!();
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// One process: its tasks increment until its share is done.
#[tokio::main]
async fn work(folder: &Path) -> Result<()> {
    let locks = match std::env::var("SHYLOCK_URL") {
        Ok(url) => Some(shylock::connect(&url).await?),
        Err(_) => None,
    };
    let lock = locks.as_ref().map(|locks| locks.lock("counter"));
    let tasks: u32 = std::env::var("COUNTER_TASKS")?.parse()?;
    let left = Arc::new(AtomicI64::new(std::env::var("COUNTER_SHARE")?.parse()?));
    let mut running = Vec::new();
    for _ in 0..tasks {
        let (lock, left, folder) = (lock.clone(), left.clone(), folder.to_path_buf());
        running.push(tokio::spawn(async move {
            while left.fetch_sub(1, Ordering::Relaxed) > 0 {
                match &lock {
                    Some(lock) => {
                        let guard = lock.acquire().await?;
                        increment(&folder, Some(guard.fencing_token().get())).await?;
                        guard.release().await?;
                    }
                    None => increment(&folder, None).await?,
                }
            }
            Result::Ok(())
        }));
    }
    for task in running {
        task.await??;
    }
    if let Some(locks) = locks {
        locks.shutdown().await?;
    }
    Ok(())
}

/// Reads, thinks for a moment, and writes: what a lock is for.
async fn increment(folder: &Path, token: Option<u64>) -> Result<()> {
    let file = OpenOptions::new().read(true).write(true).open(counter(folder))?;
    let number = read_number(&file)? + 1;
    tokio::time::sleep(Duration::from_millis(1)).await;
    write_number(&file, number)?;
    if let Some(token) = token {
        let mut log = OpenOptions::new().create(true).append(true).open(tokens(folder))?;
        log.write_all(format!("{number} {token}\n").as_bytes())?;
    }
    Ok(())
}

/// Each increment left a line with its number and its token; both grow, or somebody got in between.
fn tokens_in_order(folder: &Path) -> Result<bool> {
    let log = fs::read_to_string(tokens(folder)).unwrap_or_default();
    let mut lines = Vec::new();
    for line in log.lines() {
        let (number, token) = line.split_once(' ').ok_or("a line without a token")?;
        lines.push((number.parse::<u64>()?, token.parse::<u64>()?));
    }
    Ok(lines.windows(2).all(|pair| pair[0].0 + 1 == pair[1].0 && pair[0].1 < pair[1].1))
}

fn counter(folder: &Path) -> PathBuf {
    folder.join("counter")
}

fn tokens(folder: &Path) -> PathBuf {
    folder.join("tokens")
}

/// Always 20 digits, so that a reader without a lock never sees half of a number.
fn write_number(file: &File, number: u64) -> Result<()> {
    Ok(file.write_all_at(format!("{number:020}").as_bytes(), 0)?)
}

fn read_number(file: &File) -> Result<u64> {
    let mut digits = [0; 20];
    file.read_exact_at(&mut digits, 0)?;
    Ok(std::str::from_utf8(&digits)?.parse()?)
}
