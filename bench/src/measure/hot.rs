//! One lock that everybody wants.

use std::time::Duration;

use shylock_bench_worker::{Failure, clock};

use super::turns;
use crate::contestant::{Contestant, ELSEWHERE, ON_MONGO};
use crate::context::{Context, Crew, Setting};
use crate::sheet::{Better, Sheet, Verdict, with_unit};
use crate::stats::{fairness, number};

const FAIRNESS: usize = 1;

const PROCESSES: usize = 8;

/// Time for the command to reach every process.
const LEAD: Duration = Duration::from_millis(100);

pub(crate) async fn measure(context: &Context) -> Result<Sheet, Failure> {
    let (rounds, time) = context.plan.hot;
    let about = format!(
        "{PROCESSES} processes with one task each want one lock, hold it for 1 ms, and pause for 0 to 1 ms; \
         {rounds} × {} s for each contestant. The bare driver does the same alone, with nobody to wait for. Fairness is the fewest against the most acquisitions of a process.",
        time.as_secs()
    );
    let columns = [("acquisitions", "/s"), ("fewest against most", "")];
    let mut sheet = Sheet::new("hot", "Eight processes on one hot lock (three nodes)", about, &columns);
    let contestants = [&ON_MONGO[..], &ELSEWHERE].concat();
    let arena = context.arena(Setting::Majority);
    let mut crews = arena.crews(&contestants, PROCESSES, &mut sheet.notes).await?;
    let mut alone = arena.crews(&[Contestant::Bare], 1, &mut sheet.notes).await?;
    let mut counts = vec![[0; PROCESSES]; crews.len()];
    let mut count_alone = 0;
    for round in 0..rounds {
        for turn in turns(crews.len(), round) {
            for (sum, count) in counts[turn].iter_mut().zip(run(&mut crews[turn], time).await?) {
                *sum += count;
            }
        }
        for crew in &mut alone {
            count_alone += run(crew, time).await?.iter().sum::<u64>();
        }
    }
    let seconds = time.as_secs_f64() * number(u64::try_from(rounds)?);
    sheet.row(Contestant::Bare, [Some(number(count_alone) / seconds), None]);
    for (crew, counts) in crews.iter().zip(&counts) {
        let rate = number(counts.iter().sum()) / seconds;
        sheet.row(crew.contestant, [Some(rate), fairness(counts)]);
    }
    twice_the_best_peer(&mut sheet);
    sheet.goal("fairness", FAIRNESS, Better::Higher, 0.95);
    Ok(sheet)
}

/// How often each worker has held the lock.
async fn run(crew: &mut Crew, time: Duration) -> Result<Vec<u64>, Failure> {
    let begin = clock::now() + u64::try_from(LEAD.as_nanos())?;
    let end = begin + u64::try_from(time.as_nanos())?;
    for worker in &mut crew.workers {
        worker.tell(&format!("hot {} {begin} {end}", crew.lock)).await?;
    }
    let mut counts = Vec::new();
    for worker in &mut crew.workers {
        counts.extend(worker.answer().await?.first());
    }
    Ok(counts)
}

fn twice_the_best_peer(sheet: &mut Sheet) {
    let Some((peer, best)) = sheet.best_peer(Better::Higher) else { return };
    let Some(seen) = sheet.cell(Contestant::Shylock, 0) else { return };
    sheet.verdicts.push(Verdict {
        what: "acquisitions a second against the best peer on MongoDB".to_owned(),
        goal: format!("≥ 2 × {} ({})", with_unit(best, "/s"), peer.name()),
        seen: format!("{} × ({})", crate::sheet::figure(seen / best), with_unit(seen, "/s")),
        reached: Some(seen >= 2.0 * best),
    });
}
