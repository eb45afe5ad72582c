//! The processes under this one: the command, what it has started, and what was orphaned by that.
//!
//! A process group can be left. On Linux nothing gets away all the same: this process adopts orphans, so
//! everything stays below it, whatever its group or session, and can be found.

use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;

/// From now on orphans below this process become its children.
pub(crate) fn adopt_orphans() {
    // Where it cannot be, the group is still ended.
    #[cfg(target_os = "linux")]
    let _ = nix::sys::prctl::set_child_subreaper(true);
}

/// Kills all that is below this process. Call it until it finds nothing: there may be newer ones.
pub(crate) fn kill_below() -> bool {
    let found = below();
    for process in &found {
        let _ = kill(*process, Signal::SIGKILL);
    }
    !found.is_empty()
}

/// Takes note of the end of adopted processes.
pub(crate) fn reap() {
    while waitpid(None, Some(WaitPidFlag::WNOHANG)).is_ok_and(|status| status.pid().is_some()) {}
}

/// What is below this process and alive.
#[cfg(target_os = "linux")]
pub(crate) fn below() -> Vec<Pid> {
    let all: Vec<Process> = std::fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(Process::read)
        .collect();
    let mut found = vec![Pid::this().as_raw()];
    let mut next = 0;
    while let Some(&parent) = found.get(next) {
        found.extend(all.iter().filter(|process| process.parent == parent).map(|process| process.id));
        next += 1;
    }
    let is_alive = |id: &i32| all.iter().any(|process| process.id == *id && process.is_alive);
    found.into_iter().skip(1).filter(is_alive).map(Pid::from_raw).collect()
}

/// Elsewhere only the group is known.
#[cfg(not(target_os = "linux"))]
pub(crate) fn below() -> Vec<Pid> {
    Vec::new()
}

#[cfg(target_os = "linux")]
struct Process {
    id: i32,
    parent: i32,
    is_alive: bool,
}

#[cfg(target_os = "linux")]
impl Process {
    fn read(id: i32) -> Option<Self> {
        let stat = std::fs::read(format!("/proc/{id}/stat")).ok()?;
        // "id (name) state parent …", and the name may hold anything.
        let after_name = stat.iter().rposition(|&byte| byte == b')')?;
        let mut fields = std::str::from_utf8(&stat[after_name + 1..]).ok()?.split_ascii_whitespace();
        let is_alive = !matches!(fields.next()?, "Z" | "X");
        Some(Self { id, parent: fields.next()?.parse().ok()?, is_alive })
    }
}
