//! The benchmark: shylock beside the bare driver and its peers, in one run.

mod cache;
mod contestant;
mod context;
mod fleet;
mod kit;
mod machine;
mod measure;
mod options;
mod own;
mod report;
mod run;
mod servers;
mod sheet;
mod stats;

use std::env;
use std::process::ExitCode;
use std::time::Instant;

use shylock_bench_worker::Failure;

use context::Context;
use kit::Kit;
use options::{Options, Plan, USAGE};
use report::Report;
use servers::Servers;

#[tokio::main(worker_threads = 2)]
async fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let done = match &arguments[..] {
        [worker, contestant, url] if worker == "worker" => own::work(contestant, url).await,
        _ => obey(arguments).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn obey(arguments: Vec<String>) -> Result<(), Failure> {
    match Options::parse(arguments)? {
        Options::Help => println!("{USAGE}"),
        Options::List => println!("{}", measure::NAMES.join("\n")),
        Options::Run { quick, only } => {
            let names = names(&only)?;
            let plan = if quick { Plan::quick() } else { Plan::full() };
            let report = run_all(plan, &names).await?;
            let folder = report.write()?;
            print!("{}", report.summary());
            println!("\nEverything is in {}", folder.display());
        }
    }
    Ok(())
}

/// The measurements that are wanted, in the order of the run.
fn names(only: &[String]) -> Result<Vec<&'static str>, Failure> {
    for name in only {
        if !measure::NAMES.contains(&name.as_str()) {
            return Err(format!("{name:?} is no measurement; there are {}", measure::NAMES.join(", ")).into());
        }
    }
    let wanted = |name: &&str| only.is_empty() || only.iter().any(|only| only == name);
    Ok(measure::NAMES.into_iter().filter(wanted).collect())
}

async fn run_all(plan: Plan, names: &[&str]) -> Result<Report, Failure> {
    let quick = plan.quick;
    let kit = tokio::task::spawn_blocking(Kit::prepare).await??;
    eprintln!("starting the servers");
    let servers = Servers::start().await?;
    let mut facts = machine::facts();
    facts.extend(servers.describe());
    facts.extend(kit.describe());
    let load = machine::load();
    let context = Context::new(plan, kit, servers);
    let (mut sheets, mut failed) = (Vec::new(), Vec::new());
    let begun = Instant::now();
    for &name in names {
        eprintln!("{name} …");
        let since = Instant::now();
        match measure::measure(name, &context).await {
            Ok(sheet) => sheets.push(sheet),
            Err(error) => failed.push(format!("{name}: {error}")),
        }
        eprintln!("{name}: {:.1} s", since.elapsed().as_secs_f64());
    }
    facts.push(format!(
        "Load of the machine (processes that want a core, over a minute): {load} before the run, {} after it; it took {:.0} s",
        machine::load(),
        begun.elapsed().as_secs_f64()
    ));
    Ok(Report { quick, facts, sheets, failed })
}
