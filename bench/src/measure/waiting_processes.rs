//! What waiting processes cost the database.

use std::time::{Duration, Instant};

use shylock_bench_worker::Failure;
use tokio::time::sleep;

use crate::contestant::{Contestant, ON_MONGO};
use crate::context::{Arena, Context, Setting};
use crate::servers::{Mongo, Rates};
use crate::sheet::{Better, Sheet};

const ALL: usize = 0;
const READS: usize = 1;

/// Until everybody stands in the queue, and the pace of waiting is that of a long wait.
const SETTLE: Duration = Duration::from_secs(3);

pub(crate) async fn measure(context: &Context, setting: Setting) -> Result<Sheet, Failure> {
    let (processes, time) = context.plan.waiting_processes;
    let mut sheet = headings(processes, time, setting);
    // Each peer is fifty processes more: a quick run is without them.
    let contestants = if context.plan.quick { &ON_MONGO[..1] } else { &ON_MONGO[..] };
    let mongo = context.servers.mongo(setting.place());
    for &contestant in contestants {
        let arena = context.arena(setting);
        match watch(&arena, mongo, contestant, processes, time).await {
            Ok((idle, busy)) => {
                let reads = (busy.reads() - idle.reads()).max(0.0);
                let writes = (busy.writes() - idle.writes()).max(0.0);
                sheet.row(contestant, [Some(reads + writes), Some(reads), Some(writes)]);
                sheet.notes.push(format!(
                    "{}, commands in a second: idle {}; waiting {}.",
                    contestant.name(),
                    idle.describe(),
                    busy.describe()
                ));
            }
            Err(error) if contestant == Contestant::Shylock => return Err(error),
            Err(error) => sheet.notes.push(format!("{} could not take part: {error}", contestant.name())),
        }
    }
    if context.plan.quick {
        sheet.notes.push("The peers are measured in the full run.".to_owned());
    }
    if setting == Setting::Majority {
        let what = format!("reads and writes of {processes} waiting processes");
        sheet.goal(&what, ALL, Better::Lower, 50.0);
    } else {
        let what = format!("reads for one lock, {processes} processes waiting");
        sheet.goal(&what, READS, Better::Lower, 100.0);
    }
    sheet.ahead_of_peers(Better::Lower);
    Ok(sheet)
}

fn headings(processes: usize, time: Duration, setting: Setting) -> Sheet {
    let (id, title) = match setting {
        Setting::Majority => ("waiting-processes", "Many processes waiting (three nodes)"),
        _ => ("polling-load", "Without wakeups: many processes waiting (one server)"),
    };
    let about = format!(
        "{processes} processes wait for one lock that another one holds. Counted are the reads and writes that the server \
         does in {} s, in all, less what it does when the same processes are connected and idle.",
        time.as_secs()
    );
    Sheet::new(id, title, about, &[("reads + writes", "/s"), ("reads", "/s"), ("writes", "/s")])
}

/// The rates with everybody idle, and with everybody but one waiting.
async fn watch(
    arena: &Arena<'_>,
    mongo: &Mongo,
    contestant: Contestant,
    processes: usize,
    time: Duration,
) -> Result<(Rates, Rates), Failure> {
    let mut workers = arena.crew(contestant, processes + 1).await?;
    sleep(SETTLE / 3).await;
    let idle = rates(mongo, time / 2).await?;
    let command = format!("take {}", contestant.word());
    let (holder, waiting) = workers.split_first_mut().ok_or("no workers")?;
    holder.ask(&command).await?;
    for worker in waiting {
        worker.tell(&command).await?;
    }
    sleep(SETTLE).await;
    Ok((idle, rates(mongo, time).await?))
}

async fn rates(mongo: &Mongo, time: Duration) -> Result<Rates, Failure> {
    let (before, begun) = (mongo.done().await?, Instant::now());
    sleep(time).await;
    Ok(mongo.done().await?.each_second(&before, begun.elapsed()))
}
