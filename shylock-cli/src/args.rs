//! The command line.

#![expect(clippy::doc_markdown, reason = "`--help` shows it as it is")]

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
use shylock::LockName;

use crate::claim_prefix::ClaimPrefix;
use crate::exit;
use crate::values::{self, at_least_1_ms, duration, label, ttl, up_to_30_days};

/// Distributed locks over the database that you already run.
///
/// Without a URL the locks are those of this user on this machine, kept in a small file: nothing has to be
/// installed or started.
#[derive(Debug, Parser)]
#[command(name = "shylock", version, propagate_version = true, after_long_help = exit::TABLE, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) store: Store,
    #[command(flatten)]
    pub(crate) output: Output,
    #[command(subcommand)]
    pub(crate) action: Action,
}

/// Where the locks are.
#[derive(Debug, Args)]
pub(crate) struct Store {
    /// The store, as in mongodb://user@host/database or sqlite:/path/to/file; otherwise that of SHYLOCK_URL.
    ///
    /// Without either it is a file of this user on this machine: $XDG_STATE_HOME/shylock/locks.db or
    /// ~/.local/state/shylock/locks.db. Do not write a password here: everybody on the machine can see it in
    /// the list of processes. Use SHYLOCK_PASSWORD or a file.
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) url: Option<String>,
    /// A file with the password for the URL's user; otherwise that of SHYLOCK_PASSWORD_FILE.
    ///
    /// SHYLOCK_PASSWORD may hold the password itself. A line end after it is not part of it.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) password_file: Option<PathBuf>,
}

/// How much is printed on stderr.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Output {
    /// Print nothing but errors.
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Print what happens inside; twice for all of it.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Action {
    Run(Run),
    /// Show who holds a lock and who waits for it. The exit code is 0 if somebody holds it, and 1 if it is free.
    Status {
        /// The name of the lock.
        #[arg(value_parser = values::lock_name)]
        name: LockName,
        /// Print a JSON object.
        #[arg(long)]
        json: bool,
    },
    /// List the locks that somebody holds or waits for.
    List {
        /// Only names that begin with this.
        #[arg(long, default_value = "", hide_default_value = true)]
        prefix: String,
        /// Print a JSON array.
        #[arg(long)]
        json: bool,
    },
    /// Take a claim out of a queue, whoever made it. The exit code is 1 if it is not there.
    ///
    /// A holder that is alive learns of it with its next renewal, within a third of its ttl. Until then it goes on
    /// while the next one begins: evict only claims whose holder is dead.
    Evict {
        /// The name of the lock.
        #[arg(value_parser = values::lock_name)]
        name: LockName,
        /// The claim, as status and list show it, or the beginning of its id.
        claim: ClaimPrefix,
    },
    /// Print the completions for a shell.
    Completions {
        /// Which shell.
        shell: Shell,
    },
    /// Print the manual page, of shylock or of one of its subcommands.
    Man {
        /// The subcommand.
        #[arg(value_name = "SUBCOMMAND")]
        of: Option<String>,
    },
}

/// Acquire a lock, run a command, and release the lock.
///
/// The command finds the name of the lock in SHYLOCK_NAME and its fencing token in SHYLOCK_FENCING_TOKEN. It runs in a
/// process group of its own. If the lock is lost, or about to be, because the store is out of reach for too
/// long, the group is sent TERM, and KILL soon after, in time before anybody else can have the lock. INT, TERM,
/// HUP, QUIT, USR1 and USR2 are passed on to the group; while the lock is waited for, the first four end the waiting.
///
/// A duration is a number of seconds, such as 5, or has units: 500ms, 30s, 1h30m.
#[derive(Debug, Args)]
#[command(
    after_long_help = exit::TABLE,
    override_usage = "shylock run [OPTIONS] <NAME> -- <COMMAND> [ARGUMENT]..."
)]
pub(crate) struct Run {
    /// Wait no longer than this. 0 is one attempt. Without this option, wait for as long as it takes.
    #[arg(short, long, value_name = "DURATION", value_parser = duration)]
    pub(crate) wait: Option<Duration>,
    /// Do not wait at all.
    #[arg(short, long, conflicts_with = "wait")]
    pub(crate) no_wait: bool,
    /// The exit code if the lock is not granted, at once or in time.
    #[arg(short = 'E', long, value_name = "N", default_value_t = exit::Code::No.into())]
    pub(crate) conflict_exit_code: u8,
    /// How long the lease lasts unless it is renewed, from 100ms to 30d: a crash of the machine delays the others by it.
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = ttl)]
    pub(crate) ttl: Duration,
    /// Keep the lock at least for this long, even if the command is quicker; at most 30d.
    #[arg(long, value_name = "DURATION", value_parser = up_to_30_days)]
    pub(crate) min_hold: Option<Duration>,
    /// End the command after this time at the latest.
    #[arg(long, value_name = "DURATION", value_parser = at_least_1_ms)]
    pub(crate) max_hold: Option<Duration>,
    /// What to call this owner where people look at the queue; the command's name by default.
    #[arg(long, value_name = "TEXT", value_parser = label)]
    pub(crate) label: Option<String>,
    /// Acquire one of N permits of the lock, so that at most N commands run at once.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) permits: Option<u32>,
    /// The name of the lock.
    #[arg(value_parser = values::lock_name)]
    pub(crate) name: LockName,
    /// The command and its arguments.
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
}

impl Run {
    /// Whether nobody is to be waited for.
    pub(crate) fn is_one_attempt(&self) -> bool {
        self.no_wait || self.wait.is_some_and(|wait| wait.is_zero())
    }
}

/// The command line of the process between `run` and its command. Nobody writes it by hand, so it is in no help and no
/// completion, and it is read without clap, which would take its time while the lock is held.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Supervise {
    /// The process that holds the lock.
    pub(crate) parent: i32,
    /// Make the command's group the foreground one of the terminal.
    pub(crate) foreground: bool,
    pub(crate) command: Vec<OsString>,
}

impl Supervise {
    /// In place of a subcommand.
    pub(crate) const NAME: &str = "supervise";
    const FOREGROUND: &str = "foreground";
    const BACKGROUND: &str = "background";

    /// What this process was started for, if it is this.
    pub(crate) fn asked_for() -> Option<Self> {
        Self::parse(env::args_os().skip(1))
    }

    /// `supervise PARENT foreground|background -- COMMAND [ARGUMENT]...`
    fn parse(mut arguments: impl Iterator<Item = OsString>) -> Option<Self> {
        arguments.next().filter(|name| name == Self::NAME)?;
        let parent = arguments.next()?.to_str()?.parse().ok()?;
        let foreground = arguments.next()? == Self::FOREGROUND;
        arguments.next().filter(|separator| separator == "--")?;
        Some(Self { parent, foreground, command: arguments.collect() })
    }

    /// The arguments from which this is read again.
    pub(crate) fn arguments(&self) -> impl Iterator<Item = OsString> {
        let ground = if self.foreground { Self::FOREGROUND } else { Self::BACKGROUND };
        let before = [Self::NAME.into(), self.parent.to_string().into(), ground.into(), "--".into()];
        before.into_iter().chain(self.command.iter().cloned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_of_the_supervisor_are_read_as_they_are_written() {
        for foreground in [false, true] {
            let command = ["echo", "--", "-x", ""].map(OsString::from).to_vec();
            let supervise = Supervise { parent: 17, foreground, command };
            assert_eq!(Supervise::parse(supervise.arguments()), Some(supervise));
        }
        assert_eq!(Supervise::parse(["run"].map(OsString::from).into_iter()), None);
    }
}
