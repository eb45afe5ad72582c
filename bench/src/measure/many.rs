//! What many held locks cost the process that holds them.

use shylock_bench_worker::Failure;

use crate::contestant::Contestant;
use crate::context::{Context, Setting};
use crate::sheet::{Better, Sheet};
use crate::stats::number;

/// The default ttl of shylock, and how often it renews: a beat.
const TTL_SECONDS: f64 = 30.0;
const BEAT_SECONDS: f64 = TTL_SECONDS / 3.0;

const COMMANDS: usize = 0;
const KIBIBYTES: usize = 1;
const PROCESSOR: usize = 2;

/// For none of the peers renews what it holds, there is nobody beside shylock here.
pub(crate) async fn measure(context: &Context) -> Result<Sheet, Failure> {
    let (count, time) = context.plan.many;
    let about = format!(
        "One process holds {count} locks with a ttl of {TTL_SECONDS} s for {} s. Counted are the commands of its driver for \
         each beat of {BEAT_SECONDS} s, the growth of its resident memory for each lock, and its time on a processor. \
         (No peer on MongoDB renews what it holds.)",
        time.as_secs()
    );
    let columns = [("commands for each beat", ""), ("memory for each lock", "KiB"), ("of a core", "%")];
    let mut sheet = Sheet::new("many", "Many locks held by one process (three nodes)", about, &columns);
    let mut worker = context.arena(Setting::Majority).worker(Contestant::Shylock).await?;
    let answer = worker.ask(&format!("many lock {count} {}", time.as_nanos())).await?;
    let [before, with_locks, commands, processor] = answer[..] else {
        return Err("the worker gave other figures than asked for".into());
    };
    let beats = time.as_secs_f64() / BEAT_SECONDS;
    let locks = number(u64::try_from(count)?);
    let kibibytes = number(with_locks.saturating_sub(before)) / 1024.0 / locks;
    let percent = number(processor) / 1e9 / time.as_secs_f64() * 100.0;
    sheet.row(Contestant::Shylock, [Some(number(commands) / beats), Some(kibibytes), Some(percent)]);
    if context.plan.quick {
        sheet.notes.push("The goals are for 10,000 locks, as the full run holds them.".to_owned());
    }
    sheet.goal(&format!("commands for each beat with {count} locks"), COMMANDS, Better::Lower, 20.0);
    sheet.goal("memory for each lock", KIBIBYTES, Better::Lower, 4.0);
    sheet.goal("time on a processor", PROCESSOR, Better::Lower, 10.0);
    Ok(sheet)
}
