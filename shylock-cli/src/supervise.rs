//! The process between `run` and its command. It leads the command's process group, waits for the command, and ends
//! all of it when `run` dies, even by KILL.
//!
//! It does next to nothing else, so that there is next to nothing that can fail in it.

use std::ffi::{OsStr, OsString};
use std::io;
use std::process::Command;
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, getpgrp, getppid};
use signal_hook::consts::SIGCHLD;
use signal_hook::iterator::Signals;

use crate::args::Supervise;
use crate::exit::{BY_SIGNAL, Code, Ending};
use crate::processes;
use crate::signals;
use crate::terminal::{self, Terminal};

/// Runs the command; answers how it has ended.
pub(crate) fn supervise(args: &Supervise) -> Ending {
    let parent = Pid::from_raw(args.parent);
    match prepare(parent, args.foreground) {
        Ok(mut signals) => match start(args) {
            Ok(command) => wait(parent, command, &mut signals),
            Err(code) => code.into(),
        },
        Err(error) => {
            eprintln!("shylock: the command could not be supervised: {error}");
            Code::System.into()
        }
    }
}

fn prepare(parent: Pid, foreground: bool) -> io::Result<Signals> {
    // Handled, not ignored: what is ignored would be ignored by the command too.
    let survived = signals::passed_on().map(|signal| signal as i32).chain([SIGCHLD]);
    let signals = Signals::new(survived)?;
    processes::adopt_orphans();
    be_told_of_the_end_of(parent);
    if foreground {
        Terminal::of_this_process().lend(getpgrp());
    }
    terminal::may_be_stopped_by_output();
    Ok(signals)
}

/// A SIGCHLD more will come when the parent has died.
#[cfg(target_os = "linux")]
fn be_told_of_the_end_of(_parent: Pid) {
    let _ = nix::sys::prctl::set_pdeathsig(Signal::SIGCHLD);
}

/// Systems that do not tell have to be asked.
#[cfg(not(target_os = "linux"))]
fn be_told_of_the_end_of(parent: Pid) {
    std::thread::spawn(move || {
        while getppid() == parent {
            thread::sleep(Duration::from_millis(50));
        }
        let _ = killpg(getpgrp(), Signal::SIGKILL);
    });
}

fn start(args: &Supervise) -> Result<Pid, Code> {
    let [program, rest @ ..] = &args.command[..] else { return Err(Code::Usage) };
    match Command::new(program).args(rest).spawn() {
        Ok(command) => Ok(Pid::from_raw(command.id().cast_signed())),
        Err(error) => {
            let hint = match error.kind() {
                io::ErrorKind::NotFound => hint(program, rest),
                _ => String::new(),
            };
            eprintln!("shylock: {} cannot be run: {error}{hint}", program.display());
            Err(match error.kind() {
                io::ErrorKind::NotFound => Code::NotFound,
                io::ErrorKind::OutOfMemory | io::ErrorKind::WouldBlock => Code::System,
                _ => Code::NotExecutable,
            })
        }
    }
}

/// A whole command line as one argument is for a shell.
fn hint(program: &OsStr, rest: &[OsString]) -> String {
    let program = program.to_string_lossy();
    if rest.is_empty() && program.contains(|c: char| c.is_whitespace() || "|&;<>$".contains(c)) {
        let quoted = program.replace('\'', r"'\''");
        format!("; write -- sh -c '{quoted}' to run it in a shell")
    } else {
        String::new()
    }
}

/// Waits for the command, and for the end of the parent.
fn wait(parent: Pid, command: Pid, signals: &mut Signals) -> Ending {
    loop {
        if getppid() != parent {
            end_all();
            return Ending::Code(BY_SIGNAL + Signal::SIGKILL as u8);
        }
        if let Some(ending) = reap(command) {
            return ending;
        }
        // Signals that came since the last time are here too, so nothing is missed.
        for _ in signals.wait() {}
    }
}

/// Takes note of every process below that has ended; answers how the command has, if it is one of them.
fn reap(command: Pid) -> Option<Ending> {
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(pid, code)) if pid == command => {
                return Some(Ending::Code(u8::try_from(code).unwrap_or(u8::MAX)));
            }
            Ok(WaitStatus::Signaled(pid, signal, _)) if pid == command => {
                let code = Ending::Code(BY_SIGNAL + signal as u8);
                return Some(if signals::is_passed_on(signal) { Ending::Signal(signal) } else { code });
            }
            Ok(WaitStatus::StillAlive) | Err(_) => return None,
            Ok(_) => {}
        }
    }
}

fn end_all() {
    while processes::kill_below() {
        processes::reap();
        thread::sleep(Duration::from_millis(5));
    }
    let _ = killpg(getpgrp(), Signal::SIGKILL);
}
