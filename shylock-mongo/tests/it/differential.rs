//! Random histories, through the pipelines on a real server and through the queue of the core: the same records
//! and the same answers after every step.

use std::collections::BTreeMap;
use std::time::Duration;

use mongodb::bson::{DateTime, doc};
use shylock_core::queue::{Claim, Queue};
use shylock_core::{
    Backend, ClaimId, JoinRequest, ListPage, LockName, Mode, Owner, Renewal, Renewed, Snapshot,
};
use shylock_testing::mongo::Topology;

use crate::stored::{Stored, records, stored};
use crate::support::{Fixture, exclusive, hostile_strings, lock};

const HISTORIES: u64 = 5;
const STEPS: usize = 150;
const HOUR: u64 = 3_600_000;

#[tokio::test]
async fn random_histories_are_as_the_queue_has_them_on_a_standalone() {
    run_histories(Topology::Standalone).await;
}

#[tokio::test]
async fn random_histories_are_as_the_queue_has_them_on_a_replica_set() {
    run_histories(Topology::ReplicaSet).await;
}

/// In each of so many milliseconds from now on a lease ends, so that the step hits one.
const AHEAD: i64 = 2_000;

#[tokio::test]
async fn a_lease_ends_in_its_very_millisecond() {
    let fixture = Fixture::new(Topology::ReplicaSet).await;
    // On a busy machine the step may come too late.
    for _ in 0..20 {
        if spread_and_join(&fixture).await {
            return;
        }
    }
    panic!("no step came in the millisecond in which a lease ends");
}

/// Whether the join came in a millisecond in which a lease ended. Then it was right.
async fn spread_and_join(fixture: &Fixture) -> bool {
    fixture.join("a", ClaimId::random()).await;
    let ending = doc! { "expiresAt": { "$add": ["$$NOW", "$$this"] } };
    let claim = doc! { "$mergeObjects": [{ "$arrayElemAt": ["$claims", 0] }, ending] };
    let spread = doc! { "$map": { "input": { "$range": [-10, AHEAD] }, "in": claim } };
    let update = vec![doc! { "$set": { "claims": spread } }];
    fixture.collection().update_one(doc! { "_id": "a" }, update).await.expect("spread");
    let before = fixture.record("a").await.expect("a record");
    let request = exclusive("a", ClaimId::random());
    let snapshot = fixture.backend.join(&request).await.expect("joined");
    let after = stored(&fixture.record("a").await.expect("a record"));

    let mut queue = stored(&before).queue;
    if !queue.claims.iter().any(|claim| claim.expires_at == after.at) {
        return false;
    }
    queue.join(&request, after.at);
    assert_eq!(after.queue, queue);
    assert_eq!(snapshot, queue.snapshot(after.at));
    true
}

async fn run_histories(topology: Topology) {
    let fixture = Fixture::new(topology).await;
    for seed in 0..HISTORIES {
        let mut history = History::new(&fixture, seed);
        for step in 0..STEPS {
            history.step(step).await;
        }
        fixture.collection().delete_many(doc! {}).await.expect("emptied");
    }
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
    fixture: &'a Fixture,
    seed: u64,
    random: fastrand::Rng,
    names: Vec<String>,
    ids: Vec<ClaimId>,
}

impl<'a> History<'a> {
    fn new(fixture: &'a Fixture, seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut names = hostile_strings();
        random.shuffle(&mut names);
        names.truncate(3);
        Self { fixture, seed, random, names, ids: (0..6).map(|_| ClaimId::random()).collect() }
    }

    async fn step(&mut self, number: usize) {
        if self.random.u8(..) < 12 {
            self.warp().await;
        }
        let step = self.draw();
        let before = records(self.fixture).await;
        let earliest = self.server_now().await;
        let answer = self.run(&step).await;
        let latest = self.server_now().await;
        let after = records(self.fixture).await;

        let context =
            format!("seed {}, step {number}: {step:?}\nbefore {before:?}\nafter {after:?}", self.seed);
        // A step that wrote left its `now` behind. One that wrote nothing ran at some time in between: the
        // reference must agree for one of these times.
        let written = changed(&before, &after).map(|name| after[name].at).next();
        let times = written.map_or(earliest..=latest, |at| at..=at);
        assert!(earliest <= *times.start() && *times.end() <= latest, "the server's own clock: {context}");
        let difference = |now| difference(&step, &before, &after, &answer, now);
        if let Some(difference) = times.clone().map(difference).reduce(Option::and).flatten() {
            panic!("{difference}\nin {context}");
        }
    }

    /// Moves the record of a lock in time, as if the clock had jumped since it was written.
    async fn warp(&mut self) {
        let name = self.random.choice(&self.names).expect("a name").clone();
        let by = self.random.i64(-2_000..2_000) * self.random.choice([1, 60, 3_600]).expect("a factor");
        let later = doc! { "$add": ["$$this.expiresAt", by] };
        let greater = by.max(0) * 1_024;
        let token = doc! { "$add": ["$$this.token", greater] };
        let claim = doc! { "$mergeObjects": ["$$this", { "expiresAt": later, "token": token }] };
        let claims = doc! { "$map": { "input": "$claims", "in": claim } };
        let at = doc! { "$add": ["$at", by] };
        let update =
            vec![doc! { "$set": { "claims": claims, "at": at, "ticket": { "$add": ["$ticket", greater] } } }];
        self.fixture.collection().update_one(doc! { "_id": name }, update).await.expect("warped");
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
            owner: Owner::new("$host", self.random.u32(..), label),
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
        let backend = &self.fixture.backend;
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
        let reply = self.fixture.database.run_command(doc! { "hello": 1 }).await.expect("an answer");
        let now = reply.get_datetime("localTime").map(|now| DateTime::timestamp_millis(*now));
        now.expect("a time").try_into().expect("after 1970")
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
        let wrong =
            |what: &str| Some(format!("at {now} {what} of {name:?}: {record:?} instead of {queues:?}"));
        if before.get(name) == Some(record) {
            // A step that does nothing does not tidy up either.
            if live(&record.queue, now) != live(&queues[name], now)
                || record.queue.ticket != queues[name].ticket
            {
                return wrong("nothing was written");
            }
        } else if record.queue != queues[name] {
            return wrong("another queue");
        } else if record.at != now || record.granted != expected_granted(step, &queues[name]) {
            return wrong("another note on who holds since when");
        } else if record.purge_at != expected_purge(step, name, before.get(name), now) {
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

/// Only a leave writes down who holds.
fn expected_granted(step: &Step, queue: &Queue) -> Option<Vec<String>> {
    let granted: Vec<String> = queue.granted().iter().map(|claim| claim.id.to_string()).collect();
    Some(granted).filter(|granted| matches!(step, Step::Leave(..)) && !granted.is_empty())
}

/// An hour after the end of the leases that the step gave, and never earlier than before.
fn expected_purge(step: &Step, name: &str, before: Option<&Stored>, now: u64) -> u64 {
    let end =
        |lease: Duration| now + u64::try_from(lease.as_micros().div_ceil(1_000)).expect("a lease") + HOUR;
    let was = before.map_or(0, |record| record.purge_at);
    match step {
        Step::Join(request) => was.max(end(request.ttl)),
        Step::Renew(renewals) => {
            let mut stored = before.map(|record| record.queue.clone()).unwrap_or_default();
            let mut wrote = |renewal: &&Renewal| {
                let mut next = stored.clone();
                let extended = next.renew(renewal.claim, renewal.ttl, now) == Renewed::Extended;
                let wrote = extended && next != stored;
                stored = if extended { next } else { stored.clone() };
                wrote
            };
            let here = renewals.iter().filter(|renewal| renewal.lock.as_str() == name);
            here.filter(&mut wrote).map(|renewal| end(renewal.ttl)).fold(was, u64::max)
        }
        Step::Leave(_, _, linger) => was.max(end(*linger)),
        Step::Queue(_) | Step::List(_) => was,
    }
}
