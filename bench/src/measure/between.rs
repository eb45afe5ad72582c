//! From `release` in one process to the return of `acquire` in the next.

use std::time::Duration;

use shylock_bench_worker::Failure;
use tokio::time::sleep;

use super::{millis, turns};
use crate::contestant::{Contestant, ELSEWHERE, ON_MONGO};
use crate::context::{Context, Crew, Setting};
use crate::sheet::{Better, Sheet};
use crate::stats::Samples;

const P50: usize = 0;
const TIMES_WRITE: usize = 2;
const P99_TIMES_WRITE: usize = 3;

/// Rounds that do not count.
const WARM_UP: usize = 3;

pub(crate) async fn measure(context: &Context, setting: Setting) -> Result<Sheet, Failure> {
    let mut sheet = headings(context, setting);
    let elsewhere = if setting == Setting::Majority { &ELSEWHERE[..] } else { &[] };
    let contestants = [&ON_MONGO[..], elsewhere].concat();
    let arena = context.arena(setting);
    let mut crews = arena.crews(&contestants, 2, &mut sheet.notes).await?;
    let mut bare = arena.worker(Contestant::BareWrite).await?;
    let (mut writes, mut in_a_row) = (Vec::new(), Vec::new());
    let mut handovers = vec![Vec::new(); crews.len()];
    for crew in &mut crews {
        crew.workers[0].ask(&format!("take {}", crew.lock)).await?;
    }
    for round in 0..WARM_UP + context.plan.handovers {
        for turn in turns(crews.len(), round) {
            let nanos = hand_over(&mut crews[turn], round, context.plan.wait_before_handover).await?;
            if round >= WARM_UP {
                handovers[turn].push(millis(nanos));
            }
        }
        // Servers that had nothing to do for a while are slower: a bare write is preceded by the same pause.
        pause(context.plan.wait_before_handover).await;
        let wrote = bare.ask("solo write 2").await?;
        if round >= WARM_UP {
            writes.extend(wrote.first().copied().map(millis));
            in_a_row.extend(wrote.last().copied().map(millis));
        }
    }
    let writes = Samples::new(writes);
    let write = writes.median();
    let against = |time: Option<f64>| time.zip(write).map(|(time, write)| time / write);
    for (contestant, times) in
        [(Contestant::BareWrite, writes), (Contestant::BareWriteInARow, Samples::new(in_a_row))]
    {
        let (p50, p99) = (times.median(), times.p99());
        sheet.row(contestant, [p50, p99, against(p50), against(p99)]);
    }
    for (crew, times) in crews.iter().zip(handovers) {
        let times = Samples::new(times);
        let (p50, p99) = (times.median(), times.p99());
        sheet.row(crew.contestant, [p50, p99, against(p50), against(p99)]);
    }
    if setting == Setting::Majority {
        sheet.goal("p50 against one bare majority write", TIMES_WRITE, Better::Lower, 1.3);
        sheet.goal("p99 against one bare majority write", P99_TIMES_WRITE, Better::Lower, 3.0);
    } else {
        sheet.goal("p50 without wakeups", P50, Better::Lower, 10.0);
    }
    sheet.ahead_of_peers(Better::Lower);
    Ok(sheet)
}

fn headings(context: &Context, setting: Setting) -> Sheet {
    let (id, title) = match setting {
        Setting::Majority => ("between", "Between processes: release → next acquire (three nodes, majority)"),
        _ => ("polling", "Without wakeups, between processes: release → next acquire (one server, journal)"),
    };
    let about = format!(
        "Two processes for each contestant take turns, {} times: one holds, the other one waits for {} to {} ms, then \
         `release` is called. Counted from there to the return of `acquire`, by the clock of the machine. The limit is a \
         bare write after the same pause: servers that had nothing to do for a while are slower.",
        context.plan.handovers,
        context.plan.wait_before_handover.0.as_millis(),
        context.plan.wait_before_handover.1.as_millis(),
    );
    let columns =
        [("p50", "ms"), ("p99", "ms"), ("p50 against one write", "×"), ("p99 against one write", "×")];
    Sheet::new(id, title, about, &columns)
}

/// The lock goes from one worker to the other one. In even rounds the first one has it.
async fn hand_over(crew: &mut Crew, round: usize, wait: (Duration, Duration)) -> Result<u64, Failure> {
    let lock = &crew.lock;
    let (first, second) = crew.workers.split_at_mut(1);
    let (holder, next) = if round.is_multiple_of(2) {
        (&mut first[0], &mut second[0])
    } else {
        (&mut second[0], &mut first[0])
    };
    next.tell(&format!("take {lock}")).await?;
    pause(wait).await;
    let given = holder.ask("give").await?;
    let taken = next.answer().await?;
    let (called, taken) = (given.first().ok_or("no time")?, taken.first().ok_or("no time")?);
    Ok(taken.saturating_sub(*called))
}

async fn pause((from, to): (Duration, Duration)) {
    sleep(from + to.saturating_sub(from).mul_f64(fastrand::f64())).await;
}
