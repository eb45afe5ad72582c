//! The command `shylock`: distributed locks for shells, cron and CI jobs.

#[cfg(not(unix))]
compile_error!("the command `shylock` needs a Unix system: process groups, signals, terminals");

mod args;
mod child;
mod countdown;
mod exit;
mod look;
mod pages;
mod password;
mod processes;
mod queue_view;
mod run;
mod say;
mod signals;
mod store;
mod supervise;
mod terminal;
mod text;
mod waiting;

use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _};

use args::{Action, Cli, Supervise};
use exit::{Code, Failure};
use say::Voice;

fn main() -> ExitCode {
    // It must work beside a lock that is about to be lost: no runtime, no store, no log.
    if let Some(asked) = Supervise::asked_for() {
        return ExitCode::from(supervise::supervise(&asked));
    }
    terminal::never_be_stopped_by_output();
    let cli = match parse() {
        Ok(cli) => cli,
        Err(code) => return code,
    };
    let voice = Voice::new(cli.output);
    let code = act(&cli, &voice).unwrap_or_else(|failure| {
        voice.complain(&failure.message);
        failure.code.into()
    });
    voice.finish();
    ExitCode::from(code)
}

fn parse() -> Result<Cli, ExitCode> {
    let parsed = Cli::command().try_get_matches().and_then(|matches| Cli::from_arg_matches(&matches));
    parsed.map_err(|error| {
        // Nobody is left to be told that it could not be printed.
        let _ = error.print();
        let code = if error.use_stderr() { Code::Usage.into() } else { 0 };
        ExitCode::from(code)
    })
}

fn act(cli: &Cli, voice: &Voice) -> Result<u8, Failure> {
    match &cli.action {
        Action::Completions { shell } => return pages::completions(*shell),
        Action::Man { of } => return pages::man(of.as_deref()),
        _ => {}
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Code::System, format!("the runtime could not start: {error}")))?;
    // The main future runs on this thread, which lives as long as the process: the supervisor watches it.
    let done = runtime.block_on(async {
        match &cli.action {
            Action::Run(args) => run::run(&cli.store, args, voice).await,
            Action::Status { name, json } => look::status(&cli.store, name, *json, voice).await,
            Action::List { prefix, json } => look::list(&cli.store, prefix, *json, voice).await,
            Action::Evict { name, claim } => look::evict(&cli.store, name, *claim, voice).await,
            Action::Completions { .. } | Action::Man { .. } => Ok(0),
        }
    });
    // A call to a store that is gone shall not hold up the end.
    runtime.shutdown_background();
    done
}
