//! Draws the steps, runs them on the backend, and looks at the store before and after.

use std::collections::BTreeMap;
use std::time::Duration;

use fastrand::Rng;

use super::reference::{Answer, difference};
use super::{Encoding, Step};
use crate::backend::{Backend, ListPage};
use crate::conformance::probe::name;
use crate::queue::{ClaimId, FencingToken, JoinRequest, LockName, Mode, Owner, Renewal, Value};

pub(super) struct History<'a, E> {
    encoding: &'a E,
    seed: u64,
    random: Rng,
    names: Vec<String>,
    ids: Vec<ClaimId>,
}

impl<'a, E: Encoding> History<'a, E> {
    pub(super) fn new(encoding: &'a E, seed: u64) -> Self {
        let mut random = Rng::with_seed(seed);
        let mut names = encoding.hostile_strings();
        random.shuffle(&mut names);
        names.truncate(3);
        Self { encoding, seed, random, names, ids: (0..6).map(|_| ClaimId::random()).collect() }
    }

    pub(super) async fn step(&mut self, number: usize) {
        if self.random.u8(..) < 12 {
            self.warp().await;
        }
        let before = self.encoding.records().await;
        let step = self.draw(&before);
        let earliest = self.encoding.now().await;
        let answer = self.run(&step).await;
        let latest = self.encoding.now().await;
        let after = self.encoding.records().await;

        let context =
            format!("seed {}, step {number}: {step:?}\nbefore {before:?}\nafter {after:?}", self.seed);
        // A step that wrote left its `now` behind. One that wrote nothing ran at some time in between: the
        // reference must agree for one of these times.
        let written = changed(&before, &after).map(E::at).next();
        let times = written.map_or(earliest..=latest, |at| at..=at);
        assert!(earliest <= *times.start() && *times.end() <= latest, "the server's own clock: {context}");
        let difference = |now| difference(self.encoding, &step, &before, &after, &answer, now);
        if let Some(difference) = times.map(difference).reduce(Option::and).flatten() {
            panic!("{difference}\nin {context}");
        }
    }

    async fn warp(&mut self) {
        let lock = self.random.choice(&self.names).expect("a name").clone();
        let by = self.random.i64(-2_000..2_000) * self.random.choice([1, 60, 3_600]).expect("a factor");
        let tokens = by.max(0) * FencingToken::STEP.cast_signed();
        self.encoding.warp(&lock, by, tokens).await;
    }

    fn draw(&mut self, records: &BTreeMap<String, E::Record>) -> Step {
        match self.random.u8(..100) {
            0..45 => Step::Join(self.draw_join()),
            45..70 => Step::Renew((0..self.random.usize(1..5)).map(|_| self.draw_renewal()).collect()),
            70..85 => {
                let linger =
                    self.random.choice([0, 0, 1, 30_000]).map(Duration::from_millis).expect("a linger");
                let (lock, claim) = self.draw_claim(records);
                Step::Leave(lock, claim, linger)
            }
            85..90 => {
                let (lock, claim) = self.draw_claim(records);
                Step::Write(lock, claim, self.draw_value())
            }
            90..93 => {
                let (lock, claim) = self.draw_claim(records);
                Step::Downgrade(lock, claim, self.draw_mode())
            }
            93..97 => Step::Queue(self.draw_lock()),
            _ => Step::List(ListPage { prefix: String::new(), after: None, limit: self.random.usize(1..4) }),
        }
    }

    /// Every other time the first claim of a queue, which holds if its lease lasts: by chance it would rarely be drawn.
    fn draw_claim(&mut self, records: &BTreeMap<String, E::Record>) -> (LockName, ClaimId) {
        let lock = self.draw_lock();
        let queue = records.get(lock.as_str()).map(E::queue).filter(|_| self.random.bool());
        let head = queue.and_then(|queue| queue.claims.first()).map(|claim| claim.id);
        (lock, head.unwrap_or_else(|| self.draw_id()))
    }

    fn draw_join(&mut self) -> JoinRequest {
        let label = self.random.choice(self.encoding.hostile_strings()).filter(|_| self.random.bool());
        JoinRequest {
            lock: self.draw_lock(),
            claim: self.draw_id(),
            mode: if self.random.u8(..3) > 0 { self.draw_mode() } else { Mode::Exclusive },
            ttl: self.draw_ttl(),
            owner: Owner::new("$host @host", self.random.u32(..), label),
            only_if_granted: self.random.bool(),
        }
    }

    fn draw_mode(&mut self) -> Mode {
        Mode::Shared { max: self.random.choice([0, 1, 2, 3, u32::MAX]).expect("a maximum") }
    }

    fn draw_value(&mut self) -> Option<Value> {
        let longest = "\"🔒x\0".repeat(Value::MAX_BYTES / 7);
        let texts = self.encoding.hostile_strings().into_iter().chain([String::new(), longest]);
        let text = self.random.choice(texts.collect::<Vec<_>>()).filter(|_| self.random.u8(..3) > 0);
        text.map(|text| Value::new(text).expect("they are short enough for a value"))
    }

    fn draw_renewal(&mut self) -> Renewal {
        Renewal { lock: self.draw_lock(), claim: self.draw_id(), ttl: self.draw_ttl() }
    }

    fn draw_lock(&mut self) -> LockName {
        name(self.random.choice(&self.names).expect("a name"))
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
        let backend = self.encoding.backend();
        let answer = match step {
            Step::Join(request) => backend.join(request).await.map(Answer::Snapshot),
            Step::Renew(renewals) => backend.renew(renewals).await.map(Answer::Renewed),
            Step::Leave(lock, claim, linger) => backend.leave(lock, *claim, *linger).await.map(Answer::Left),
            Step::Write(lock, claim, value) => {
                backend.write(lock, *claim, value.as_ref()).await.map(Answer::Written)
            }
            Step::Downgrade(lock, claim, mode) => {
                backend.downgrade(lock, *claim, *mode).await.map(Answer::Written)
            }
            Step::Queue(lock) => backend.queue(lock).await.map(Answer::Snapshot),
            Step::List(page) => backend.list(page).await.map(Answer::Names),
        };
        answer.unwrap_or_else(|error| panic!("seed {}: {step:?}: {error:?}", self.seed))
    }
}

fn changed<'a, R: PartialEq>(
    before: &BTreeMap<String, R>,
    after: &'a BTreeMap<String, R>,
) -> impl Iterator<Item = &'a R> {
    after.iter().filter(|(name, record)| before.get(*name) != Some(record)).map(|(_, record)| record)
}
