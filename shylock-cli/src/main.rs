//! The command `shylock`: distributed locks for shells, cron and CI jobs.

#[cfg(not(unix))]
compile_error!("the command `shylock` needs a Unix system: process groups, signals, terminals");

mod args;
mod child;
mod claim_prefix;
mod countdown;
mod exit;
mod inspect;
mod messages;
mod pages;
mod password;
mod processes;
mod queue_view;
mod run;
mod signals;
mod store;
mod supervise;
mod terminal;
mod text;
mod values;
mod waiting;

use std::ffi::OsStr;
use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _};

use args::{Action, Cli, Supervise};
use exit::{Code, Ending, Failure};
use messages::Messages;

fn main() -> ExitCode {
    // It must work beside a lock that is about to be lost: no runtime, no store, no log.
    if let Some(asked) = Supervise::asked_for() {
        return ExitCode::from(supervise::supervise(&asked).end());
    }
    terminal::never_be_stopped_by_output();
    let cli = match parse() {
        Ok(cli) => cli,
        Err(code) => return code,
    };
    let messages = Messages::new(cli.output);
    let ending = act(&cli, &messages).unwrap_or_else(|failure| {
        messages.error(&failure.message);
        failure.code.into()
    });
    messages.finish();
    ExitCode::from(ending.end())
}

fn parse() -> Result<Cli, ExitCode> {
    let parsed = Cli::command().try_get_matches().and_then(|matches| Cli::from_arg_matches(&matches));
    parsed.map_err(|error| {
        // There is no other place to report that this cannot be printed.
        let _ = error.print();
        if !error.use_stderr() {
            return ExitCode::SUCCESS;
        }
        if is_run_without_separator() {
            eprintln!("\nThe command follows two dashes: shylock run NAME -- COMMAND [ARGUMENT]...");
        }
        ExitCode::from(u8::from(Code::Usage))
    })
}

fn is_run_without_separator() -> bool {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let has = |wanted: &str| arguments.iter().any(|argument| argument == OsStr::new(wanted));
    has("run") && !has("--")
}

fn act(cli: &Cli, messages: &Messages) -> Result<Ending, Failure> {
    match &cli.action {
        Action::Completions { shell } => return pages::completions(*shell).map(Ending::Code),
        Action::Man { of } => return pages::man(of.as_deref()).map(Ending::Code),
        _ => {}
    }
    // One thread, which lives as long as the process: the supervisor watches it. Nothing here blocks it for long.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Code::System, format!("the runtime could not start: {error}")))?;
    let ending = runtime.block_on(async {
        match &cli.action {
            Action::Run(args) => run::run(&cli.store, args, messages).await,
            Action::Status { name, json } => {
                inspect::status(&cli.store, name, *json, messages).await.map(Ending::Code)
            }
            Action::List { prefix, json } => {
                inspect::list(&cli.store, prefix, *json, messages).await.map(Ending::Code)
            }
            Action::Evict { name, claim } => {
                inspect::evict(&cli.store, name, claim, messages).await.map(Ending::Code)
            }
            Action::Completions { .. } | Action::Man { .. } => Ok(Ending::Code(0)),
        }
    });
    // A call to a store that is gone must not hold up the end.
    runtime.shutdown_background();
    ending
}
