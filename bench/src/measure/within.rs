//! From task to task in one process.

use shylock_bench_worker::Failure;

use super::turns;
use crate::contestant::{Contestant, ON_MONGO};
use crate::context::{Context, Setting};
use crate::sheet::{Better, Sheet};
use crate::stats::{Samples, number};

const MICROS: usize = 1;
const TIMES_BARE: usize = 2;

/// So many tasks want the lock without a pause.
const TASKS: usize = 4;

pub(crate) async fn measure(context: &Context) -> Result<Sheet, Failure> {
    let (rounds, time) = context.plan.within;
    let about = format!(
        "{TASKS} tasks of one process acquire and release one lock without a pause, {rounds} × {} s; the bare driver \
         does one pair after the other. A hand-over is counted from the call of `release` to the return of the next `acquire`.",
        time.as_secs()
    );
    let columns = [("hand-overs", "/s"), ("p50", "µs"), ("against bare pairs", "×")];
    let title = "Within a process: from task to task (three nodes, majority)";
    let mut sheet = Sheet::new("within", title, about, &columns);
    let arena = context.arena(Setting::Majority);
    let mut crews = arena.crews(&ON_MONGO, 1, &mut sheet.notes).await?;
    let mut bare = arena.worker(Contestant::Bare).await?;
    let mut pairs = Vec::new();
    let mut seen = vec![(0.0, 0.0, Vec::new()); crews.len()];
    for round in 0..rounds {
        pairs.extend(bare.ask("solo bare 30").await?);
        for turn in turns(crews.len(), round) {
            let crew = &mut crews[turn];
            let command = format!("within {} {TASKS} {}", crew.lock, time.as_nanos());
            let answer = crew.workers[0].ask(&command).await?;
            let (elapsed, took) = answer.split_first().ok_or("no time")?;
            let (seconds, count, all) = &mut seen[turn];
            *seconds += number(*elapsed) / 1e9;
            *count += number(u64::try_from(took.len())?);
            all.extend(took.iter().map(|nanos| number(*nanos) / 1e3));
        }
    }
    let pairs = Samples::new(pairs.into_iter().map(number)).median().map(|nanos| 1e9 / nanos);
    sheet.row(Contestant::Bare, [pairs, None, Some(1.0)]);
    for (crew, (seconds, count, times)) in crews.iter().zip(seen) {
        let rate = count / seconds;
        let p50 = Samples::new(times).median();
        sheet.row(crew.contestant, [Some(rate), p50, pairs.map(|pairs| rate / pairs)]);
    }
    sheet.goal("hand-overs against bare pairs", TIMES_BARE, Better::Higher, 100.0);
    sheet.goal("p50 of a hand-over", MICROS, Better::Lower, 20.0);
    sheet.ahead_of_peers(Better::Higher);
    Ok(sheet)
}
