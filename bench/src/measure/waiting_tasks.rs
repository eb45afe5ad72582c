//! What waiting tasks cost.

use shylock_bench_worker::Failure;

use crate::contestant::ON_MONGO;
use crate::context::{Context, Setting};
use crate::sheet::{Better, Sheet};
use crate::stats::number;

pub(crate) async fn measure(context: &Context) -> Result<Sheet, Failure> {
    let (tasks, time) = context.plan.waiting_tasks;
    let about = format!(
        "{tasks} tasks of one process wait for a lock that another process holds, for {} s. Counted are all commands \
         that the driver of the waiting process sends, from the first call of `acquire` on.",
        time.as_secs()
    );
    let title = "Many tasks waiting in one process (three nodes)";
    let mut sheet = Sheet::new("waiting-tasks", title, about, &[("commands", "")]);
    // The peers flood the server: a quick run is without them.
    let contestants = if context.plan.quick { &ON_MONGO[..1] } else { &ON_MONGO[..] };
    let arena = context.arena(Setting::Majority);
    for &contestant in contestants {
        let mut notes = Vec::new();
        for mut crew in arena.crews(&[contestant], 2, &mut notes).await? {
            let lock = crew.lock;
            crew.workers[0].ask(&format!("take {lock}")).await?;
            let command = format!("wait {lock} {tasks} {}", time.as_nanos());
            let commands = crew.workers[1].ask(&command).await?;
            sheet.row(contestant, [commands.first().copied().map(number)]);
        }
        sheet.notes.extend(notes);
    }
    if context.plan.quick {
        sheet.notes.push("The peers are measured in the full run.".to_owned());
    }
    let what = format!("commands of {tasks} waiting tasks in {} s", time.as_secs());
    sheet.goal(&what, 0, Better::Lower, 20.0);
    sheet.ahead_of_peers(Better::Lower);
    Ok(sheet)
}
