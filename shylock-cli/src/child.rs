//! The command that runs under the lock, as `run` sees it: a process group with a supervisor at its head.

use std::env;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use shylock::FencingToken;
use tokio::signal::unix::{self, SignalKind};
use tokio::time::{Instant, sleep};

use crate::args::{Run, Supervise};
use crate::exit::{BY_SIGNAL, Ending};
use crate::processes;
use crate::signals;
use crate::terminal::{self, Terminal};

/// What the command finds in its environment: the name of its lock.
pub(crate) const NAME: &str = "SHYLOCK_NAME";
/// And its fencing token.
pub(crate) const FENCING_TOKEN: &str = "SHYLOCK_FENCING_TOKEN";

/// The pause between two looks at what is left of a command that is being ended.
const LOOK: Duration = Duration::from_millis(10);

pub(crate) struct Child {
    /// The supervisor, and the group that it leads.
    group: Pid,
    is_reaped: bool,
    changes: unix::Signal,
    terminal: Terminal,
}

/// What has become of the command.
pub(crate) enum Change {
    Ended(Ending),
    /// The supervisor was killed, so nothing would end the command.
    Abandoned(Ending),
    Stopped(Signal),
}

impl Child {
    /// Starts the command. Call it on the main thread: the supervisor ends with the thread that started it.
    pub(crate) fn start(run: &Run, token: FencingToken) -> io::Result<Self> {
        let changes = unix::signal(SignalKind::child())?;
        processes::adopt_orphans();
        let mut terminal = Terminal::of_this_process();
        let foreground = terminal.is_for_the_command();
        if foreground {
            terminal.is_lent();
        }
        let supervise = Supervise { parent: Pid::this().as_raw(), foreground, command: run.command.clone() };
        let mut supervisor = Command::new(this_program()?);
        supervisor.arg0("shylock").args(supervise.arguments()).process_group(0);
        supervisor.env(NAME, run.name.as_str()).env(FENCING_TOKEN, token.to_string());
        supervisor.env_remove("SHYLOCK_PASSWORD");
        let group = Pid::from_raw(supervisor.spawn()?.id().cast_signed());
        Ok(Self { group, is_reaped: false, changes, terminal })
    }

    /// Waits until it has ended or was stopped. It can be dropped and called again.
    pub(crate) async fn changed(&mut self) -> Change {
        loop {
            let flags = WaitPidFlag::WNOHANG | WaitPidFlag::WUNTRACED;
            let change = match waitpid(self.group, Some(flags)) {
                Ok(WaitStatus::Exited(_, code)) => {
                    Change::Ended(Ending::Code(u8::try_from(code).unwrap_or(u8::MAX)))
                }
                Ok(WaitStatus::Signaled(_, signal, _)) if signals::is_passed_on(signal) => {
                    Change::Ended(Ending::Signal(signal))
                }
                Ok(WaitStatus::Signaled(_, signal, _)) => {
                    Change::Abandoned(Ending::Code(BY_SIGNAL + signal as u8))
                }
                Ok(WaitStatus::Stopped(_, signal)) => return Change::Stopped(signal),
                _ => {
                    self.changes.recv().await;
                    continue;
                }
            };
            self.is_reaped = true;
            self.terminal.take_back(self.group);
            return change;
        }
    }

    pub(crate) fn pass_on(&self, signal: Signal) {
        // It may have ended just now.
        let _ = killpg(self.group, signal);
    }

    /// Ends all of it: asks it to, and kills what is left after `grace`.
    pub(crate) async fn end(&mut self, grace: Duration) {
        let kill_at = Instant::now() + grace;
        self.pass_on(Signal::SIGTERM);
        // What is stopped cannot end itself.
        self.pass_on(Signal::SIGCONT);
        while is_there() && Instant::now() < kill_at {
            sleep(LOOK.min(kill_at - Instant::now())).await;
        }
        self.kill().await;
    }

    /// Ends all of it at once, and waits until it is gone.
    pub(crate) async fn kill(&mut self) {
        if !self.is_reaped || cfg!(not(target_os = "linux")) {
            self.pass_on(Signal::SIGKILL);
        }
        while processes::kill_below() {
            sleep(LOOK).await;
            processes::reap();
        }
        self.terminal.take_back(self.group);
    }

    /// The command was stopped, or shall be. If it only asks for the terminal it gets that. If its user suspends
    /// the job, this process stops too, and it is the shell that lets both go on.
    ///
    /// `None`: it stays stopped.
    pub(crate) fn stop(&mut self, by: Signal) -> Option<Resume> {
        let asks = matches!(by, Signal::SIGTTIN | Signal::SIGTTOU);
        if asks && self.terminal.is_ours() {
            return Some(Resume { lend: true });
        }
        // Somebody else's STOP is not our business.
        if !self.terminal.is_there() {
            return None;
        }
        self.pass_on(Signal::SIGSTOP);
        let lend = self.terminal.take_back(self.group);
        terminal::stop_this_job();
        Some(Resume { lend: lend && self.terminal.is_ours() })
    }

    /// Lets a command that was stopped go on.
    pub(crate) fn resume(&mut self, resume: &Resume) {
        if resume.lend {
            self.terminal.lend(self.group);
        }
        self.pass_on(Signal::SIGCONT);
    }
}

/// Whether anything is left of the command but an exit code.
fn is_there() -> bool {
    cfg!(not(target_os = "linux")) || !processes::below().is_empty()
}

/// How a stopped command goes on.
pub(crate) struct Resume {
    lend: bool,
}

/// This program, even if its file was replaced since it started.
fn this_program() -> io::Result<PathBuf> {
    let path = env::current_exe()?;
    let running = PathBuf::from("/proc/self/exe");
    Ok(if path.exists() || !running.exists() { path } else { running })
}
