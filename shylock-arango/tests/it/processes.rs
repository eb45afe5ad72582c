//! Several processes increment a number in a file, which is only right if they take turns.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use shylock_arango::ArangoBackend;
use shylock_arango_emulator::{Config, Fault};
use shylock_core::LockManager;

use crate::support::TestDatabase;

const PROCESSES: usize = 8;
const TASKS: usize = 4;

/// Names the folder of the number to a process that is to do this work, and nothing else.
const FOLDER: &str = "SHYLOCK_TEST_WORKER_FOLDER";
const URL: &str = "SHYLOCK_TEST_WORKER_URL";
const SHARE: &str = "SHYLOCK_TEST_WORKER_SHARE";

#[tokio::test]
async fn processes_count_to_two_thousand() {
    let database = TestDatabase::new().await;
    count(&database, 2_000).await;
    database.close().await;
}

#[tokio::test]
async fn processes_count_through_faults() {
    // And with tokens that hardly last.
    let database = TestDatabase::emulated(&Config::new().token_lifetime(Duration::from_secs(3))).await;
    for (seed, fault) in (0..).zip([
        Fault::reply_lost(),
        Fault::cut(),
        Fault::error(409, 1200),
        Fault::conflict_after_evaluation(),
        Fault::error(503, 21_003),
        Fault::error(500, 1457).after_commit(),
        Fault::plain_text(503, "upstream connect error").after_commit(),
        Fault::slow(Duration::from_millis(30)),
        Fault::slow(Duration::from_millis(30)).after_commit(),
    ]) {
        database.emulator().inject(fault.on_path("/_api/cursor").with_probability(0.02, seed));
    }
    count(&database, 2_000).await;
}

async fn count(database: &TestDatabase, increments: usize) {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(number(folder.path()), "0").expect("written");
    database.backend().await;
    let start = || Process::start(database, folder.path(), increments / PROCESSES);
    let processes: Vec<Process> = (0..PROCESSES).map(|_| start()).collect();
    for mut process in processes {
        let ended = tokio::task::spawn_blocking(move || process.0.wait().expect("a child").success());
        assert!(ended.await.expect("no panic"), "a process failed");
    }
    assert_eq!(read(folder.path()), increments as u64);
    let log = fs::read_to_string(tokens(folder.path())).expect("tokens");
    let tokens: Vec<u64> = log.lines().map(|line| line.parse().expect("a token")).collect();
    assert_eq!(tokens.len(), increments);
    assert!(tokens.is_sorted_by(|a, b| a < b), "tokens grow in the order of the increments");
}

/// Ends with the test, whatever becomes of that.
struct Process(Child);

impl Process {
    /// This test binary once more, for the work below.
    fn start(database: &TestDatabase, folder: &Path, share: usize) -> Self {
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        command.args(["processes::work_of_one_process", "--exact", "--nocapture", "--test-threads=1"]);
        command.env(FOLDER, folder).env(URL, database.url()).env(SHARE, share.to_string());
        Self(command.stdout(Stdio::null()).spawn().expect("a process"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What each of the processes does. There is nothing to do in a process that is not one of them.
#[test]
fn work_of_one_process() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        let url = std::env::var(URL).expect("a URL");
        let share = std::env::var(SHARE).expect("a share").parse().expect("a number");
        work(folder.as_ref(), &url, share);
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn work(folder: &Path, url: &str, share: usize) {
    let backend = loop {
        match ArangoBackend::connect(url).await {
            Ok(backend) => break backend,
            Err(error) => assert!(error.is_retryable(), "{error}"),
        }
    };
    let locks = LockManager::new(backend);
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..TASKS {
        let (lock, folder) = (locks.lock("number"), folder.to_owned());
        let share = share / TASKS + usize::from(task < share % TASKS);
        tasks.spawn(async move {
            for _ in 0..share {
                let guard = lock.acquire().await.expect("its turn");
                increment(&folder, guard.fencing_token().get());
                guard.release().await.expect("held");
            }
        });
    }
    tasks.join_all().await;
    locks.shutdown().await.expect("shut down");
}

fn increment(folder: &Path, token: u64) {
    let next = read(folder) + 1;
    std::thread::yield_now();
    fs::write(number(folder), next.to_string()).expect("written");
    let mut log = fs::OpenOptions::new().create(true).append(true).open(tokens(folder)).expect("a log");
    std::io::Write::write_all(&mut log, format!("{token}\n").as_bytes()).expect("written");
}

fn read(folder: &Path) -> u64 {
    fs::read_to_string(number(folder)).expect("a number").parse().expect("a number")
}

fn number(folder: &Path) -> std::path::PathBuf {
    folder.join("number")
}

fn tokens(folder: &Path) -> std::path::PathBuf {
    folder.join("tokens")
}
