//! Acquire and release where nobody else wants the lock, beside a bare insert and delete.

use shylock_bench_worker::Failure;

use super::{millis, turns};
use crate::contestant::{Contestant, ELSEWHERE, ON_MONGO};
use crate::context::{Context, Setting};
use crate::sheet::{Better, Sheet};
use crate::stats::Samples;

const TIMES_BARE: usize = 2;

pub(crate) async fn measure(context: &Context, setting: Setting) -> Result<Sheet, Failure> {
    let (plan, on_set) = (&context.plan, setting == Setting::Majority);
    let (id, where_it_is, elsewhere, bound) = if on_set {
        ("uncontended", "three nodes, majority", &ELSEWHERE[..], 1.1)
    } else {
        ("uncontended-standalone", "one server, w:1", &[][..], 1.5)
    };
    let mut sheet = Sheet::new(
        id,
        &format!("Uncontended acquire + release ({where_it_is})"),
        format!(
            "One process for each contestant, one pair at a time, {} pairs each in {} rounds that go round the contestants.",
            plan.pair_rounds * plan.pairs,
            plan.pair_rounds
        ),
        &[("median", "ms"), ("p99", "ms"), ("against bare", "×")],
    );
    let contestants = [&[Contestant::Bare], &ON_MONGO[..], elsewhere].concat();
    let mut crews = context.arena(setting).crews(&contestants, 1, &mut sheet.notes).await?;
    let mut times = vec![Vec::new(); crews.len()];
    for round in 0..=plan.pair_rounds {
        for turn in turns(crews.len(), round) {
            let crew = &mut crews[turn];
            let took = crew.workers[0].ask(&format!("solo {} {}", crew.lock, plan.pairs)).await?;
            // The first round is to warm up.
            if round > 0 {
                times[turn].extend(took.into_iter().map(millis));
            }
        }
    }
    let times: Vec<Samples> = times.into_iter().map(Samples::new).collect();
    let bare = times[0].median();
    for (crew, times) in crews.iter().zip(&times) {
        let median = times.median();
        let ratio = median.zip(bare).map(|(median, bare)| median / bare);
        sheet.row(crew.contestant, [median, times.p99(), ratio]);
    }
    sheet.goal("acquire + release against bare insert + delete", TIMES_BARE, Better::Lower, bound);
    sheet.ahead_of_peers(Better::Lower);
    Ok(sheet)
}
