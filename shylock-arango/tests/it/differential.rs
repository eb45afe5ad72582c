//! Random histories, through AQL on a server and through the queue of the core: the same records and the same answers
//! after every step.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;
use shylock_arango::ArangoBackend;
use shylock_core::queue::{Claim, Queue};
use shylock_core::{
    Backend, ClaimId, JoinRequest, ListPage, LockName, Mode, Owner, Renewal, Renewed, Snapshot,
};

use crate::stored::{Stored, number, records};
use crate::support::{TestDatabase, hostile_strings, lock};

const HISTORIES: u64 = 8;
const STEPS: usize = 150;
const HOUR: u64 = 3_600_000;

#[tokio::test]
async fn random_histories_are_as_the_queue_has_them() {
    let database = TestDatabase::new().await;
    let backend = database.backend().await;
    for seed in 0..HISTORIES {
        let mut history = History::new(&database, &backend, seed);
        for step in 0..STEPS {
            history.step(step).await;
        }
        database.query("FOR d IN @@locks REMOVE d IN @@locks", &[]).await;
    }
    database.close().await;
}

/// A step, as the backend and the reference both can do it.
#[derive(Debug)]
enum Step {
    Join(JoinRequest),
    Renew(Vec<Renewal>),
    Leave(LockName, ClaimId, Duration),
    Queue(LockName),
    List(ListPage),
}

#[derive(Debug, PartialEq)]
enum Answer {
    Snapshot(Snapshot),
    Renewed(Vec<Renewed>),
    Left,
    Names(Vec<LockName>),
}

type Records = BTreeMap<String, Stored>;
type Queues = BTreeMap<String, Queue>;

struct History<'a> {
    database: &'a TestDatabase,
    backend: &'a ArangoBackend,
    seed: u64,
    random: fastrand::Rng,
    names: Vec<String>,
    ids: Vec<ClaimId>,
}

impl<'a> History<'a> {
    fn new(database: &'a TestDatabase, backend: &'a ArangoBackend, seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut names = hostile_strings();
        random.shuffle(&mut names);
        names.truncate(3);
        Self { database, backend, seed, random, names, ids: (0..6).map(|_| ClaimId::random()).collect() }
    }

    async fn step(&mut self, number: usize) {
        if self.random.u8(..) < 12 {
            self.warp().await;
        }
        let step = self.draw();
        let before = records(self.database).await;
        let earliest = self.server_now().await;
        let answer = self.run(&step).await;
        let latest = self.server_now().await;
        let after = records(self.database).await;

        let context =
            format!("seed {}, step {number}: {step:?}\nbefore {before:?}\nafter {after:?}", self.seed);
        // A step that wrote left its `now` behind. One that wrote nothing ran at some time in between: the
        // reference must agree for one of these times.
        let written = changed(&before, &after).map(|name| after[name].at).next();
        let times = written.map_or(earliest..=latest, |at| at..=at);
        assert!(earliest <= *times.start() && *times.end() <= latest, "the server's own clock: {context}");
        let difference = |now| difference(&step, &before, &after, &answer, now);
        if let Some(difference) = times.map(difference).reduce(Option::and).flatten() {
            panic!("{difference}\nin {context}");
        }
    }

    /// Moves the record of a lock in time, as if the clock had jumped since it was written.
    async fn warp(&mut self) {
        let name = self.random.choice(&self.names).expect("a name").clone();
        let by = self.random.i64(-2_000..2_000) * self.random.choice([1, 60, 3_600]).expect("a factor");
        let update = "FOR d IN @@locks FILTER d.name == @name
            LET claims = d.claims[* RETURN MERGE(CURRENT, {
              expiresAt: CURRENT.expiresAt + @by, token: CURRENT.token + MAX([@by, 0]) * 1024
            })]
            UPDATE d WITH {
              claims: claims, at: d.at + @by, ticket: d.ticket + MAX([@by, 0]) * 1024,
              liveUntil: MAX(PUSH(claims[*].expiresAt, 0))
            } IN @@locks";
        self.database.query(update, &[("name", json!(name)), ("by", json!(by))]).await;
    }

    fn draw(&mut self) -> Step {
        match self.random.u8(..100) {
            0..45 => Step::Join(self.draw_join()),
            45..70 => Step::Renew((0..self.random.usize(1..5)).map(|_| self.draw_renewal()).collect()),
            70..90 => {
                let linger =
                    self.random.choice([0, 0, 1, 30_000]).map(Duration::from_millis).expect("a linger");
                Step::Leave(self.draw_lock(), self.draw_id(), linger)
            }
            90..96 => Step::Queue(self.draw_lock()),
            _ => Step::List(ListPage { prefix: String::new(), after: None, limit: self.random.usize(1..4) }),
        }
    }

    fn draw_join(&mut self) -> JoinRequest {
        let shared = self.random.choice([0, 1, 2, 3, u32::MAX]).map(|max| Mode::Shared { max });
        let label = self.random.choice(hostile_strings()).filter(|_| self.random.bool());
        JoinRequest {
            lock: self.draw_lock(),
            claim: self.draw_id(),
            mode: shared.filter(|_| self.random.u8(..3) > 0).unwrap_or(Mode::Exclusive),
            ttl: self.draw_ttl(),
            owner: Owner::new("@host", self.random.u32(..), label),
            only_if_granted: self.random.bool(),
        }
    }

    fn draw_renewal(&mut self) -> Renewal {
        Renewal { lock: self.draw_lock(), claim: self.draw_id(), ttl: self.draw_ttl() }
    }

    fn draw_lock(&mut self) -> LockName {
        lock(self.random.choice(&self.names).expect("a name"))
    }

    fn draw_id(&mut self) -> ClaimId {
        *self.random.choice(&self.ids).expect("an id")
    }

    /// Some end at once, some in the time of a few steps, some never.
    fn draw_ttl(&mut self) -> Duration {
        let micros = self.random.choice([1, 1_000, 10_500, 40_000, 5_000_000, 60_000_000]);
        Duration::from_micros(micros.expect("a ttl"))
    }

    async fn run(&self, step: &Step) -> Answer {
        let backend = self.backend;
        let answer = match step {
            Step::Join(request) => backend.join(request).await.map(Answer::Snapshot),
            Step::Renew(renewals) => backend.renew(renewals).await.map(Answer::Renewed),
            Step::Leave(lock, claim, linger) => {
                backend.leave(lock, *claim, *linger).await.map(|()| Answer::Left)
            }
            Step::Queue(lock) => backend.queue(lock).await.map(Answer::Snapshot),
            Step::List(page) => backend.list(page).await.map(Answer::Names),
        };
        answer.unwrap_or_else(|error| panic!("seed {}: {step:?}: {error:?}", self.seed))
    }

    async fn server_now(&self) -> u64 {
        number(&self.database.query("RETURN DATE_NOW()", &[]).await[0])
    }
}

fn changed<'a>(before: &'a Records, after: &'a Records) -> impl Iterator<Item = &'a String> {
    after.iter().filter(|(name, record)| before.get(*name) != Some(record)).map(|(name, _)| name)
}

/// What is not as the reference has it, if the step ran at `now`.
fn difference(step: &Step, before: &Records, after: &Records, answer: &Answer, now: u64) -> Option<String> {
    let mut queues: Queues =
        before.iter().map(|(name, record)| (name.clone(), record.queue.clone())).collect();
    let expected = reference(step, &mut queues, now);
    if *answer != expected {
        return Some(format!("at {now} answered\n{answer:?} instead of\n{expected:?}"));
    }
    let joins = matches!(step, Step::Join(_));
    if !joins && after.keys().ne(before.keys()) {
        return Some("a record appeared or went".into());
    }
    for (name, record) in after {
        let queue = &queues[name];
        let wrong =
            |what: &str| Some(format!("at {now} {what} of {name:?}: {record:?} instead of {queues:?}"));
        if before.get(name) == Some(record) {
            // A step that does nothing does not tidy up either.
            if live(&record.queue, now) != live(queue, now) || record.queue.ticket != queue.ticket {
                return wrong("nothing was written");
            }
        } else if record.queue != *queue {
            return wrong("another queue");
        } else if record.at != now || record.live_until != queue.live_until().unwrap_or(0) {
            return wrong("another note on when");
        } else if !is_purged_in_time(step, name, before.get(name), record, now) {
            return wrong("another date of purging");
        }
    }
    None
}

fn reference(step: &Step, queues: &mut Queues, now: u64) -> Answer {
    let mut queue = |lock: &LockName| queues.remove(lock.as_str()).unwrap_or_default();
    match step {
        Step::Join(request) => {
            let mut joined = queue(&request.lock);
            joined.join(request, now);
            let snapshot = joined.snapshot(now);
            queues.insert(request.lock.to_string(), joined);
            Answer::Snapshot(snapshot)
        }
        Step::Renew(renewals) => {
            let mut renew = |renewal: &Renewal| match queues.get_mut(renewal.lock.as_str()) {
                Some(queue) => queue.renew(renewal.claim, renewal.ttl, now),
                None => Renewed::Gone,
            };
            Answer::Renewed(renewals.iter().map(&mut renew).collect())
        }
        Step::Leave(lock, claim, linger) => {
            if let Some(queue) = queues.get_mut(lock.as_str()) {
                queue.leave(*claim, *linger, now);
            }
            Answer::Left
        }
        Step::Queue(lock) => {
            Answer::Snapshot(queues.get(lock.as_str()).map(|q| q.snapshot(now)).unwrap_or_default())
        }
        Step::List(page) => {
            let alive = queues.iter().filter(|(_, queue)| queue.live_until().is_some_and(|end| end > now));
            Answer::Names(alive.map(|(name, _)| lock(name)).take(page.limit).collect())
        }
    }
}

fn live(queue: &Queue, now: u64) -> Vec<&Claim> {
    queue.claims.iter().filter(|claim| claim.expires_at > now).collect()
}

/// An hour after the end of the leases that the step gave, and never earlier than before. A renewal of a claim that is
/// gone may count too.
#[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
fn is_purged_in_time(step: &Step, name: &str, before: Option<&Stored>, after: &Stored, now: u64) -> bool {
    let end = |lease: Duration| {
        let lease = u64::try_from(lease.as_micros().div_ceil(1_000)).expect("a lease");
        (now + lease + HOUR) as f64 / 1_000.0
    };
    let was = before.map_or(0.0, |record| record.purge_at);
    let expected = match step {
        Step::Join(request) => was.max(end(request.ttl)),
        Step::Renew(renewals) => {
            let here = renewals.iter().filter(|renewal| renewal.lock.as_str() == name);
            here.map(|renewal| end(renewal.ttl)).fold(was, f64::max)
        }
        Step::Leave(_, _, linger) => was.max(end(*linger)),
        Step::Queue(_) | Step::List(_) => was,
    };
    (after.purge_at - expected).abs() < 0.001
}
