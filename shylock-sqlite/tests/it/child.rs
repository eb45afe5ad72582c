//! Other processes: this test binary, started again with a role.

use std::env;
use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use shylock_core::{Backend, LockManager};
use shylock_sqlite::SqliteBackend;

use crate::support::{LONG, request};

const ROLE: &str = "SHYLOCK_TEST_ROLE";
const FILE: &str = "SHYLOCK_TEST_FILE";

/// What goes before the answers of a process, in between the output of the test runner.
const MARK: &str = "answer: ";

pub(crate) const LOCK: &str = "number";
pub(crate) const TARGET: u64 = 2_000;
pub(crate) const TTL: Duration = Duration::from_secs(2);

/// Another process with a role; killed when this is dropped.
pub(crate) struct Process(Child);

impl Process {
    pub(crate) fn start(role: &str, file: &Path) -> Self {
        Self::spawn(role, file, &mut this_program())
    }

    pub(crate) fn spawn(role: &str, file: &Path, program: &mut Command) -> Self {
        let program = program.args(["child::as_another_process", "--exact", "--nocapture"]);
        let child = program.env(ROLE, role).env(FILE, file).stdout(Stdio::piped()).spawn();
        Self(child.expect("the process starts"))
    }

    /// The next answer; panics when the process ends without one.
    pub(crate) fn answer(&mut self) -> String {
        let output = BufReader::with_capacity(1, self.0.stdout.as_mut().expect("its output"));
        let answers = output.lines().map(|line| line.expect("text"));
        let mut answers =
            answers.filter_map(|line| line.split_once(MARK).map(|(_, answer)| answer.to_owned()));
        answers.next().expect("an answer")
    }

    pub(crate) fn kill(&mut self) {
        self.0.kill().expect("it can be killed");
        self.0.wait().expect("it has ended");
    }

    pub(crate) fn end(mut self) {
        assert!(self.0.wait().expect("it has ended").success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(crate) fn this_program() -> Command {
    Command::new(env::current_exe().expect("this program has a path"))
}

/// Does nothing, unless it is another process that runs it.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn as_another_process() {
    let (Ok(role), Some(file)) = (env::var(ROLE), env::var_os(FILE).map(PathBuf::from)) else { return };
    match role.as_str() {
        "count" => count(&file).await,
        "hold" => hold(&file).await,
        "open" => open(&file).await,
        "join" => join(&file).await,
        role => panic!("what is {role}?"),
    }
}

fn answer(answer: impl std::fmt::Display) {
    println!("{MARK}{answer}");
}

pub(crate) async fn manager(file: &Path) -> LockManager {
    let backend = SqliteBackend::open(file).await.expect("the file opens");
    // A short turn: the processes shall take turns often.
    let locks = LockManager::builder(backend).ttl(TTL).max_handover_time(Duration::from_millis(5)).build();
    locks.expect("the settings can be")
}

/// Four tasks count on, each time under the lock, and note the token.
async fn count(file: &Path) {
    let locks = manager(file).await;
    let tasks: Vec<_> = (0..4).map(|_| tokio::spawn(count_on(locks.clone(), file.to_owned()))).collect();
    for task in tasks {
        task.await.expect("no panic");
    }
}

async fn count_on(locks: LockManager, file: PathBuf) {
    let (number, journal) = (file.with_extension("number"), file.with_extension("journal"));
    loop {
        let guard = locks.lock(LOCK).acquire().await.expect("it is granted");
        let next = fs::read_to_string(&number).expect("a file").parse::<u64>().expect("a number") + 1;
        if next > TARGET {
            guard.release().await.expect("it is given back");
            return;
        }
        let mut journal = OpenOptions::new().append(true).open(&journal).expect("a file");
        writeln!(journal, "{} {}", guard.fencing_token(), std::process::id()).expect("a line");
        fs::write(&number, next.to_string()).expect("the number is written");
        drop(guard);
    }
}

async fn hold(file: &Path) {
    let guard = manager(file).await.lock(LOCK).acquire().await.expect("it is granted");
    answer(guard.fencing_token());
    std::future::pending::<()>().await;
}

/// Joins without a manager, answers the claim if it is granted, and stays.
async fn join(file: &Path) {
    let backend = SqliteBackend::open(file).await.expect("the file opens");
    let request = request("a", LONG);
    let joined = backend.join(&request).await.expect("it joins");
    answer(
        joined.granted_token(request.claim).map_or_else(|| "it waits".into(), |_| request.claim.to_string()),
    );
    std::future::pending::<()>().await;
}

async fn open(file: &Path) {
    let opened = SqliteBackend::open(file).await;
    answer(opened.map_or_else(|error| format!("{}, {error}", error.kind()), |_| "opened".into()));
}
