//! The process between `run` and its command. It leads the command's process group, waits for the command, and ends
//! all of it when `run` dies, even by KILL.
//!
//! It does next to nothing else, so that there is next to nothing that can fail in it.

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
use crate::exit::{BY_SIGNAL, Code};
use crate::processes;
use crate::signals;
use crate::terminal::{self, Terminal};

/// Runs the command; answers its exit code.
pub(crate) fn supervise(args: &Supervise) -> u8 {
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
    hear_of_the_end_of(parent);
    if foreground {
        Terminal::of_this_process().lend(getpgrp());
    }
    terminal::may_be_stopped_by_output();
    Ok(signals)
}

/// A SIGCHLD more will come when the parent has died.
#[cfg(target_os = "linux")]
fn hear_of_the_end_of(_parent: Pid) {
    let _ = nix::sys::prctl::set_pdeathsig(Signal::SIGCHLD);
}

/// Systems that do not tell have to be asked.
#[cfg(not(target_os = "linux"))]
fn hear_of_the_end_of(parent: Pid) {
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
            eprintln!("shylock: {} cannot be run: {error}", program.display());
            Err(match error.kind() {
                io::ErrorKind::NotFound => Code::NotFound,
                io::ErrorKind::OutOfMemory | io::ErrorKind::WouldBlock => Code::System,
                _ => Code::NotExecutable,
            })
        }
    }
}

/// Waits for the command, and for the end of the parent.
fn wait(parent: Pid, command: Pid, signals: &mut Signals) -> u8 {
    loop {
        if getppid() != parent {
            end_all();
            return BY_SIGNAL + Signal::SIGKILL as u8;
        }
        if let Some(code) = reap(command) {
            return code;
        }
        // Signals that came since the last time are here too, so nothing is missed.
        for _ in signals.wait() {}
    }
}

/// Takes note of every process below that has ended; answers the command's code if it is one of them.
fn reap(command: Pid) -> Option<u8> {
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(pid, code)) if pid == command => {
                return Some(u8::try_from(code).unwrap_or(u8::MAX));
            }
            Ok(WaitStatus::Signaled(pid, signal, _)) if pid == command => {
                return Some(BY_SIGNAL + signal as u8);
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
