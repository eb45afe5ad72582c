//! One `mongod` on this machine.

use std::{
    fs::{self, File},
    net::TcpListener,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use mongodb::bson::doc;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
use tokio::net::TcpStream;

use super::{
    Error,
    client::{admin, direct, until},
    error::Context as _,
    replica_set,
};

/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// Below the ports that systems give to outgoing connections, so that a server which is down for a while
/// finds its port free again.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// One `mongod` on this machine. Dropping it leaves the process alone.
#[derive(Debug)]
pub(super) struct Mongod {
    program: PathBuf,
    folder: PathBuf,
    port: u16,
    in_set: bool,
    paused: bool,
    child: Child,
}

impl Mongod {
    /// Starts a server on a free port, with its data in `folder`, and waits until it answers.
    pub(super) async fn start(program: &Path, folder: PathBuf, in_set: bool) -> Result<Self, Error> {
        fs::create_dir_all(&folder).context(format!("cannot make {}", folder.display()))?;
        let mut attempts_left = 5;
        loop {
            let port = free_port()?;
            let child = spawn(program, &folder, port, in_set)?;
            let (program, folder) = (program.to_owned(), folder.clone());
            let mut server = Self { program, folder, port, in_set, paused: false, child };
            attempts_left -= 1;
            match server.answers().await {
                // Another process may have taken the port in between.
                Err(_) if attempts_left > 0 && server.says("address already in use") => {}
                answer => return answer.map(|()| server),
            }
        }
    }

    /// Where it listens.
    pub(super) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Ends it at once, like a crash.
    pub(super) fn kill(&mut self) -> Result<(), Error> {
        self.paused = false;
        self.child.kill().context("cannot kill mongod")?;
        self.child.wait().context("cannot wait for mongod")?;
        Ok(())
    }

    /// Freezes it, and waits until it is frozen: a signal alone leaves it time for another answer.
    pub(super) fn pause(&mut self) -> Result<(), Error> {
        if !self.paused {
            kill_process(self.id(), Signal::STOP).context("cannot pause mongod")?;
            let stopped = waitid(WaitId::Pid(self.id()), WaitIdOptions::STOPPED);
            stopped.context("cannot wait for the pause of mongod")?;
            self.paused = true;
        }
        Ok(())
    }

    /// Lets it go on after a pause.
    pub(super) fn resume(&mut self) -> Result<(), Error> {
        self.paused = false;
        kill_process(self.id(), Signal::CONT).context("cannot resume mongod")
    }

    fn id(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Starts it again on the same port and the same data, and waits until it answers.
    pub(super) async fn restart(&mut self) -> Result<(), Error> {
        self.kill()?;
        self.child = spawn(&self.program, &self.folder, self.port, self.in_set)?;
        self.answers().await
    }

    /// Waits until this very process answers, not another one that got the port first.
    async fn answers(&mut self) -> Result<(), Error> {
        let address = self.address();
        let log = log_file(&self.folder);
        loop {
            let ended = self.child.try_wait().context("cannot look at mongod")?;
            if let Some(status) = ended {
                return Err(Error::Start(format!("mongod ended with {status}:\n{}", tail(&log))));
            }
            if TcpStream::connect(&address).await.is_ok() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let expected = i64::from(self.child.id());
        let client = direct(&address).await?;
        until("mongod", PATIENCE, async || {
            let status = admin(&client, doc! { "serverStatus": 1 }).await.map_err(|e| e.to_string())?;
            match status.get_i64("pid") {
                Ok(pid) if pid == expected => Ok(()),
                _ => Err(format!("another server answers on {address}")),
            }
        })
        .await
    }

    fn says(&self, words: &str) -> bool {
        tail(&log_file(&self.folder)).to_lowercase().contains(words)
    }
}

/// The arguments for a server that is small, quick to delete by TTL, and takes fail points.
pub(super) fn arguments(folder: &str, port: u16, in_set: bool) -> Vec<String> {
    let mut arguments = vec![
        // The keeper finds its servers by this argument: it must stay in one piece.
        format!("--dbpath={folder}"),
        format!("--port={port}"),
        "--nounixsocket".to_owned(),
        "--wiredTigerCacheSizeGB=0.25".to_owned(),
        "--setParameter=ttlMonitorSleepSecs=1".to_owned(),
        "--setParameter=enableTestCommands=1".to_owned(),
        "--setParameter=diagnosticDataCollectionEnabled=false".to_owned(),
    ];
    if in_set {
        arguments.push(format!("--replSet={}", replica_set::NAME));
        arguments.push("--oplogSize=64".to_owned());
    }
    arguments
}

fn spawn(program: &Path, folder: &Path, port: u16, in_set: bool) -> Result<Child, Error> {
    let log = log_file(folder);
    let open = || File::options().create(true).append(true).open(&log);
    let (stdout, stderr) = (open().context("cannot open the log")?, open().context("cannot open the log")?);
    Command::new(program)
        .args(arguments(&folder.to_string_lossy(), port, in_set))
        .arg("--bind_ip=127.0.0.1")
        .stdin(Stdio::null())
        .stdout(stdout)
        .stderr(stderr)
        // Its own group: what ends a test's process must not end the server under other tests.
        .process_group(0)
        .spawn()
        .context(format!("cannot start {}", program.display()))
}

/// Beside the data, because a server wants its folder for itself.
fn log_file(folder: &Path) -> PathBuf {
    folder.with_extension("log")
}

/// The end of a log, for an error message.
fn tail(log: &Path) -> String {
    let bytes = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(8)..].join("\n")
}

/// A port on which nobody listens now.
pub(super) fn free_port() -> Result<u16, Error> {
    (0..100)
        .map(|_| fastrand::u16(PORTS))
        .find(|&port| TcpListener::bind(("127.0.0.1", port)).is_ok())
        .ok_or_else(|| Error::Start(format!("no free port in {PORTS:?}")))
}
