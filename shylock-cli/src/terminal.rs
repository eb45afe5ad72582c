//! Who may read from the terminal, as a shell decides it.
//!
//! The command has a process group of its own, which must be the foreground one to read the keyboard and to
//! get its signals. It is lent the terminal from the start if we have it and no pipe is about; in a
//! pipeline another program may be the one that reads, so then only when the command asks for it.

use std::fs::{self, File};
use std::io::{self, IsTerminal as _};
use std::os::unix::fs::FileTypeExt as _;

use nix::sys::signal::{SigSet, Signal, killpg};
use nix::unistd::{Pid, getpgrp, getsid, tcgetpgrp, tcsetpgrp};

/// Terminals stop background processes that write, or that change the foreground group. Call this before
/// there are threads: to be stopped would be to lose the lock.
pub(crate) fn never_be_stopped_by_output() {
    // Fails only for arguments that cannot be.
    let _ = output_stop().thread_block();
}

/// Puts that back, for the sake of the command.
pub(crate) fn may_be_stopped_by_output() {
    let _ = output_stop().thread_unblock();
}

fn output_stop() -> SigSet {
    SigSet::from_iter([Signal::SIGTTOU])
}

/// The controlling terminal, if there is one.
#[derive(Debug)]
pub(crate) struct Terminal {
    tty: Option<File>,
    is_lent: bool,
}

impl Terminal {
    pub(crate) fn of_this_process() -> Self {
        Self { tty: File::options().read(true).write(true).open("/dev/tty").ok(), is_lent: false }
    }

    pub(crate) fn is_there(&self) -> bool {
        self.tty.is_some()
    }

    /// Whether this process's group has the terminal.
    pub(crate) fn is_ours(&self) -> bool {
        self.tty.as_ref().is_some_and(|tty| tcgetpgrp(tty) == Ok(getpgrp()))
    }

    /// Whether the command shall have it from the start.
    pub(crate) fn is_for_the_command(&self) -> bool {
        let is_piped = |path: &&str| {
            let kind = fs::metadata(path).map(|file| file.file_type());
            kind.is_ok_and(|kind| kind.is_fifo() || kind.is_socket())
        };
        io::stdin().is_terminal() && self.is_ours() && !["/dev/fd/1", "/dev/fd/2"].iter().any(is_piped)
    }

    /// Lends it to a group.
    pub(crate) fn lend(&mut self, group: Pid) {
        self.is_lent = self.tty.as_ref().is_some_and(|tty| tcsetpgrp(tty, group).is_ok());
    }

    /// Notes that the group has taken it by itself.
    pub(crate) fn is_lent(&mut self) {
        self.is_lent = true;
    }

    /// Takes it back from the group that it was lent to; says whether it was.
    pub(crate) fn take_back(&mut self, group: Pid) -> bool {
        let lent = std::mem::take(&mut self.is_lent);
        if let Some(tty) = self.tty.as_ref().filter(|tty| lent && tcgetpgrp(tty) == Ok(group)) {
            let _ = tcsetpgrp(tty, getpgrp());
        }
        lent
    }
}

/// Stops this process and its whole job, until the shell lets them go on. Without a shell nobody would do that.
pub(crate) fn stop_this_job() {
    if getsid(None) != Ok(Pid::this()) {
        let _ = killpg(getpgrp(), Signal::SIGSTOP);
    }
}
