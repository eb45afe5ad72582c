//! The command line.

#![expect(clippy::doc_markdown, reason = "`--help` shows it as it is")]

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
use shylock::ClaimId;

use crate::exit;

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

/// How much is said.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Output {
    /// Say nothing but errors.
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Say what happens inside; twice for all of it.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Action {
    Run(Run),
    /// Show who holds a lock and who waits for it. The exit code is 0 if somebody holds it, and 1 if it is free.
    Status {
        /// The name of the lock.
        name: String,
        /// For programs.
        #[arg(long)]
        json: bool,
    },
    /// List the locks that somebody holds or waits for.
    List {
        /// Only names that begin with this.
        #[arg(long, default_value = "", hide_default_value = true)]
        prefix: String,
        /// For programs.
        #[arg(long)]
        json: bool,
    },
    /// Take a claim out of a queue, whoever made it. The exit code is 1 if it is not there.
    ///
    /// A holder that is alive learns of it with its next renewal, within a third of its ttl, and may work on until
    /// then, while the next one begins: evict only what is dead.
    Evict {
        /// The name of the lock.
        name: String,
        /// The claim, as status shows it.
        claim: ClaimId,
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

/// Take a lock, run a command, and give the lock back.
///
/// The command finds the name of the lock in SHYLOCK_NAME and its fencing token in SHYLOCK_FENCING_TOKEN. It runs in a
/// process group of its own. If the lock is lost, or about to be, because the store is out of reach for too
/// long, the group is sent TERM, and KILL soon after, in time before anybody else can have the lock. INT, TERM,
/// HUP, QUIT, USR1 and USR2 are passed on to the group; while the lock is waited for, the first four end the waiting.
#[derive(Debug, Args)]
#[command(after_long_help = exit::TABLE)]
pub(crate) struct Run {
    /// Wait no longer than this, such as 500ms, 30s or 1h30m. Without it, for as long as it takes.
    #[arg(short, long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub(crate) wait: Option<Duration>,
    /// Do not wait at all.
    #[arg(short, long, conflicts_with = "wait")]
    pub(crate) no_wait: bool,
    /// The exit code if the lock is not granted, at once or in time.
    #[arg(short = 'E', long, value_name = "N", default_value_t = exit::Code::No.into())]
    pub(crate) conflict_exit_code: u8,
    /// How long the lease lasts unless it is renewed: a crash of the machine delays the others by as much.
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = humantime::parse_duration)]
    pub(crate) ttl: Duration,
    /// Keep the lock at least for this long, even if the command is quicker.
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub(crate) hold_at_least: Option<Duration>,
    /// End the command after this time at the latest.
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub(crate) max_hold: Option<Duration>,
    /// What to call this owner where people look at the queue; the command's name by default.
    #[arg(long, value_name = "TEXT")]
    pub(crate) label: Option<String>,
    /// Share the lock with others, as long as at most N hold it.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) shared: Option<u32>,
    /// The name of the lock.
    pub(crate) name: String,
    /// The command and its arguments.
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
}

/// Start a command for run, and end it if run dies. Nobody calls this by hand, so it is in no help and no completion.
#[derive(Debug, Parser)]
#[command(name = Supervise::NAME)]
pub(crate) struct Supervise {
    /// The process that holds the lock.
    #[arg(long)]
    pub(crate) parent: i32,
    /// Make the command's group the foreground one of the terminal.
    #[arg(long)]
    pub(crate) foreground: bool,
    #[arg(last = true, required = true)]
    pub(crate) command: Vec<OsString>,
}

impl Supervise {
    /// In place of a subcommand.
    pub(crate) const NAME: &str = "supervise";

    /// What this process was started for, if it is this.
    pub(crate) fn asked_for() -> Option<Self> {
        let mut arguments = env::args_os().skip(1).peekable();
        arguments.peek().is_some_and(|first| first == Self::NAME).then(|| Self::parse_from(arguments))
    }
}
