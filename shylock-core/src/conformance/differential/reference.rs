//! What the queue makes of a step, and how the store differs from it.

use std::collections::BTreeMap;

use super::{Encoding, Step, WrittenRecord};
use crate::conformance::probe::name;
use crate::queue::{Left, LockName, Queue, Renewal, Renewed, Snapshot, Written};

#[derive(Debug, PartialEq)]
pub(super) enum Answer {
    Snapshot(Snapshot),
    Renewed(Vec<Renewed>),
    Left(Left),
    Written(Written),
    Names(Vec<LockName>),
}

type Queues = BTreeMap<String, Queue>;

/// What is not as the reference has it, if the step ran at `now`.
pub(super) fn difference<E: Encoding>(
    encoding: &E,
    step: &Step,
    before: &BTreeMap<String, E::Record>,
    after: &BTreeMap<String, E::Record>,
    answer: &Answer,
    now: u64,
) -> Option<String> {
    let mut queues: Queues =
        before.iter().map(|(lock, record)| (lock.clone(), E::queue(record).clone())).collect();
    let expected = reference(step, &mut queues, now);
    if *answer != expected {
        return Some(format!("at {now} answered\n{answer:?} instead of\n{expected:?}"));
    }
    let joins = matches!(step, Step::Join(_));
    if !joins && after.keys().ne(before.keys()) {
        return Some("a record appeared or went".into());
    }
    for (lock, record) in after {
        let (queue, stored, before) = (&queues[lock], E::queue(record), before.get(lock));
        let wrong =
            |what: &str| Some(format!("at {now} {what} of {lock:?}: {record:?} instead of {queues:?}"));
        if before == Some(record) {
            // A step that does nothing does not tidy up either.
            if stored.snapshot(now) != queue.snapshot(now) || stored.ticket != queue.ticket {
                return wrong("nothing was written");
            }
        } else if stored != queue {
            return wrong("another queue");
        } else if E::at(record) != now {
            return wrong("another note on when");
        } else if let Some(what) =
            encoding.difference(&WrittenRecord { step, lock, before, after: record, queue, now })
        {
            return wrong(what);
        }
    }
    None
}

fn reference(step: &Step, queues: &mut Queues, now: u64) -> Answer {
    match step {
        Step::Join(request) => {
            let joined = queues.entry(request.lock.to_string()).or_default();
            joined.join(request, now);
            Answer::Snapshot(joined.snapshot(now))
        }
        Step::Renew(renewals) => {
            let mut renew = |renewal: &Renewal| match queues.get_mut(renewal.lock.as_str()) {
                Some(queue) => queue.renew(renewal.claim, renewal.ttl, now),
                None => Renewed::Gone,
            };
            Answer::Renewed(renewals.iter().map(&mut renew).collect())
        }
        Step::Leave(lock, claim, linger) => {
            let queue = queues.get_mut(lock.as_str());
            Answer::Left(queue.map_or(Left::Gone, |queue| queue.leave(*claim, *linger, now)))
        }
        Step::Write(lock, claim, value) => {
            let queue = queues.get_mut(lock.as_str());
            Answer::Written(
                queue.map_or(Written::NotHolding, |queue| queue.write(*claim, value.clone(), now)),
            )
        }
        Step::Downgrade(lock, claim, mode) => {
            let queue = queues.get_mut(lock.as_str());
            Answer::Written(queue.map_or(Written::NotHolding, |queue| queue.downgrade(*claim, *mode, now)))
        }
        Step::Queue(lock) => {
            Answer::Snapshot(queues.get(lock.as_str()).map(|queue| queue.snapshot(now)).unwrap_or_default())
        }
        Step::List(page) => {
            let alive = queues.iter().filter(|(_, queue)| queue.live_until().is_some_and(|end| end > now));
            Answer::Names(alive.map(|(lock, _)| name(lock)).take(page.limit).collect())
        }
    }
}
