//! The measurements.

mod between;
mod hot;
mod local;
mod many;
mod uncontended;
mod waiting_processes;
mod waiting_tasks;
mod within;

use shylock_bench_worker::Failure;

use crate::context::{Context, Setting};
use crate::sheet::Sheet;

/// The name of each measurement, in the order of the run.
pub(crate) const NAMES: [&str; 13] = [
    "engine",
    "sqlite",
    "command",
    "uncontended",
    "uncontended-standalone",
    "between",
    "within",
    "waiting-tasks",
    "waiting-processes",
    "many",
    "hot",
    "polling",
    "polling-load",
];

pub(crate) async fn measure(name: &str, context: &Context) -> Result<Sheet, Failure> {
    match name {
        "engine" => local::engine(context).await,
        "sqlite" => local::sqlite(context).await,
        "command" => local::command(context).await,
        "uncontended" => uncontended::measure(context, Setting::Majority).await,
        "uncontended-standalone" => uncontended::measure(context, Setting::Memory).await,
        "between" => between::measure(context, Setting::Majority).await,
        "within" => within::measure(context).await,
        "waiting-tasks" => waiting_tasks::measure(context).await,
        "waiting-processes" => waiting_processes::measure(context, Setting::Majority).await,
        "many" => many::measure(context).await,
        "hot" => hot::measure(context).await,
        "polling" => between::measure(context, Setting::Journal).await,
        "polling-load" => waiting_processes::measure(context, Setting::Journal).await,
        _ => Err(format!("{name:?} is no measurement; there are {}", NAMES.join(", ")).into()),
    }
}

/// The order of this round, so that nobody always comes first.
fn turns(count: usize, round: usize) -> impl Iterator<Item = usize> {
    (0..count).map(move |turn| (turn + round) % count)
}

/// Nanoseconds as milliseconds.
fn millis(nanos: u64) -> f64 {
    crate::stats::number(nanos) / 1e6
}
