//! Jobs under locks, and what is to be known of them.

use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
#[cfg(feature = "mongo")]
use shylock_testing::mongo::{MongoServer, TestDatabase, Topology};
use tempfile::TempDir;

/// Nothing that is waited for takes so long unless it is broken.
pub(crate) const LONG: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(10);

/// A folder for a test's files, and a store. Scripts run in the folder.
#[derive(Debug)]
pub(crate) struct Scene {
    folder: TempDir,
    url: String,
    #[cfg(feature = "mongo")]
    _store: Option<(TestDatabase, MongoServer)>,
}

impl Scene {
    pub(crate) fn sqlite() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let url = format!("sqlite:{}", folder.path().join("locks.db").display());
        Self {
            folder,
            url,
            #[cfg(feature = "mongo")]
            _store: None,
        }
    }

    #[cfg(feature = "mongo")]
    pub(crate) async fn mongo() -> Self {
        let server = MongoServer::shared(Topology::ReplicaSet).await;
        let database = server.database();
        Self { url: database.url(), _store: Some((database, server)), ..Self::sqlite() }
    }

    #[cfg(feature = "mongo")]
    pub(crate) fn at(url: String) -> Self {
        Self { url, ..Self::sqlite() }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    pub(crate) fn read(&self, file: &str) -> String {
        fs::read_to_string(self.path(file)).unwrap_or_default()
    }

    pub(crate) fn has(&self, file: &str) -> bool {
        self.path(file).exists()
    }

    pub(crate) fn touch(&self, file: &str) {
        fs::write(self.path(file), "").expect("a file");
    }

    /// Waits for a file with a whole line in it.
    pub(crate) fn line_of(&self, file: &str) -> String {
        until(file, LONG, || self.read(file).ends_with('\n'));
        self.read(file).trim().to_owned()
    }

    /// The command with these arguments, over the scene's store.
    pub(crate) fn shylock(&self, arguments: &[&str]) -> Command {
        let mut command = bare();
        command.args(arguments).env("SHYLOCK_URL", &self.url).current_dir(&self.folder);
        command
    }

    pub(crate) fn output(&self, arguments: &[&str]) -> Output {
        self.shylock(arguments).output().expect("shylock runs")
    }

    /// `shylock run` with these options before a script for `sh`.
    pub(crate) fn job(&self, options: &[&str], script: &str) -> Job {
        self.job_of(self.shylock(&[&["run"], options, &["lock", "--", "sh", "-c", script]].concat()))
    }

    pub(crate) fn job_of(&self, mut command: Command) -> Job {
        let log = tempfile::NamedTempFile::new_in(&self.folder).expect("a log").into_temp_path();
        let log = log.keep().expect("a log");
        let file = File::create(&log).expect("a log");
        let child = command.stdin(Stdio::null()).stderr(file).spawn().expect("shylock starts");
        Job { child, log }
    }

    /// The queue of the lock, as `status --json` tells it.
    pub(crate) fn queue(&self) -> Vec<Value> {
        let output = self.output(&["status", "lock", "--json"]);
        let status: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
            panic!("{error}: {}", String::from_utf8_lossy(&output.stderr));
        });
        status["claims"].as_array().expect("claims").clone()
    }

    /// Waits until so many claims are in the queue.
    pub(crate) fn until_queued(&self, claims: usize) {
        until("the queue to grow", LONG, || self.queue().len() == claims);
    }
}

/// A program that ignores no signal, though these tests may have been started so, for instance in the background.
pub(crate) fn heeding_signals(program: &str) -> Command {
    let mut command = Command::new("env");
    command.args(["--default-signal", program]);
    command
}

/// The command without what the environment of the test says.
pub(crate) fn bare() -> Command {
    let mut command = heeding_signals(env!("CARGO_BIN_EXE_shylock"));
    for name in ["URL", "PASSWORD", "PASSWORD_FILE", "NAME", "FENCING_TOKEN"] {
        command.env_remove(format!("SHYLOCK_{name}"));
    }
    command
}

/// The exit code as a shell has it: 128 and the number of the signal for a process that died of one.
pub(crate) fn code(status: ExitStatus) -> Option<i32> {
    status.code().or_else(|| status.signal().map(|signal| 128 + signal))
}

/// A `shylock run` in the background. Dropped, it is killed.
#[derive(Debug)]
pub(crate) struct Job {
    child: Child,
    log: PathBuf,
}

impl Job {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: &str) {
        send(signal, &self.pid().to_string());
    }

    pub(crate) fn wait(&mut self) -> ExitStatus {
        let mut ended = None;
        until("the end of a job", LONG, || {
            ended = self.child.try_wait().expect("a child");
            ended.is_some()
        });
        ended.expect("an exit status")
    }

    pub(crate) fn code(&mut self) -> Option<i32> {
        code(self.wait())
    }

    /// What it has said so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).expect("a log")
    }

    /// The process that leads the command's group.
    pub(crate) fn supervisor(&self) -> String {
        let mut found = String::new();
        until("a supervisor", LONG, || {
            found = ps("ppid=,pid=", &["-e"])
                .lines()
                .filter_map(|line| line.trim().split_once(char::is_whitespace))
                .find_map(|(parent, id)| (parent == self.pid().to_string()).then(|| id.trim().to_owned()))
                .unwrap_or_default();
            !found.is_empty()
        });
        found
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("a job said: {}", self.log());
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn send(signal: &str, pid: &str) {
    let sent = Command::new("kill").args([&format!("-{signal}"), pid]).status().expect("kill runs");
    assert!(sent.success(), "no process {pid}");
}

pub(crate) fn ps(columns: &str, selection: &[&str]) -> String {
    let output = Command::new("ps").args(["-o", columns]).args(selection).output().expect("ps runs");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Whether a process runs; one that waits for somebody to take its exit code does not.
pub(crate) fn is_alive(pid: &str) -> bool {
    assert!(!pid.is_empty(), "no process id");
    let state = ps("stat=", &["-p", pid]);
    !state.trim().is_empty() && !state.trim().starts_with('Z')
}

/// Waits until a condition holds, and fails if it does not in time.
pub(crate) fn until(what: &str, limit: Duration, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + limit;
    while !holds() {
        assert!(Instant::now() < deadline, "{what}: not within {limit:?}");
        thread::sleep(LOOK);
    }
}

/// A script that waits for a file.
pub(crate) fn wait_for(file: &str) -> String {
    format!("while [ ! -e {file} ]; do sleep 0.02; done")
}

/// A shell's condition: the process whose id is in this file is gone, but perhaps for its exit code.
pub(crate) fn is_gone(file: &str) -> String {
    format!("! ps -o stat= -p $(cat {file}) | grep -q '^[^Z]'")
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
