//! Faults on demand: which requests go wrong, how, and how often.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::error::describe;

/// Something that goes wrong with requests that match.
///
/// A fault is made by what happens ([`Fault::error`], [`Fault::cut`], ..) and narrowed by methods: to a path, a
/// method or a part of the body, and to a number of requests. Without them it hits the next request to an API path
/// (`/_api/..`), once. The first injected fault that matches a request wins.
#[derive(Debug, Clone)]
pub struct Fault {
    effect: Effect,
    after_commit: bool,
    path: String,
    method: Option<String>,
    body_parts: Vec<String>,
    chance: Option<(f64, u64)>,
    left: Option<u64>,
}

/// What a fault does.
#[derive(Debug, Clone)]
pub(crate) enum Effect {
    Error { status: u16, num: u32, message: String },
    Raw { status: u16, content_type: Option<&'static str>, body: String },
    Delay(Duration),
    Cut,
    Query(Mishap),
}

/// What goes wrong inside of one query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mishap {
    /// Another writer comes in between.
    Conflict,
    /// In a cluster: the rows are answered, whatever became of the commit.
    Finish(Finish),
}

/// How the end of a query goes wrong in a cluster: the request with which the coordinator makes a DB-Server commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Finish {
    /// Whether the DB-Server committed.
    pub(crate) committed: bool,
    /// Whether its answer, which has the numbers of the writes, reached the coordinator.
    pub(crate) answered: bool,
    /// How long the coordinator waits for it.
    pub(crate) hangs: Duration,
    /// For how long the leader of the collection is away afterwards.
    pub(crate) away: Duration,
}

/// Names an injected fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FaultId(u64);

impl Fault {
    fn new(effect: Effect) -> Self {
        Self {
            effect,
            after_commit: false,
            path: "/_api".to_owned(),
            method: None,
            body_parts: Vec::new(),
            chance: None,
            left: Some(1),
        }
    }

    /// The server's error of that status and number, instead of an answer. Nothing is applied, unless
    /// [`after_commit`](Self::after_commit) says otherwise.
    pub fn error(status: u16, num: u32) -> Self {
        Self::new(Effect::Error { status, num, message: describe(num).1.to_owned() })
    }

    /// An answer without any body.
    pub fn empty_body(status: u16) -> Self {
        Self::new(Effect::Raw { status, content_type: None, body: String::new() })
    }

    /// An answer that is not JSON, as a proxy in between gives it.
    pub fn plain_text(status: u16, text: impl Into<String>) -> Self {
        Self::new(Effect::Raw { status, content_type: Some("text/plain; charset=utf-8"), body: text.into() })
    }

    /// The request is handled only after that time; with [`after_commit`](Self::after_commit) it is handled at once
    /// and answered after that time.
    pub fn slow(time: Duration) -> Self {
        Self::new(Effect::Delay(time))
    }

    /// The connection is cut before anything is applied.
    pub fn cut() -> Self {
        Self::new(Effect::Cut)
    }

    /// The request is applied, then the connection is cut instead of an answer.
    pub fn reply_lost() -> Self {
        Self::cut().after_commit()
    }

    /// A query is evaluated, then loses to another writer (409/1200) at its commit, if it wrote anything.
    pub fn conflict_after_evaluation() -> Self {
        Self::new(Effect::Query(Mishap::Conflict)).on_path("/_api/cursor")
    }

    /// In a cluster: a query that writes is answered with its rows, but the request that makes the DB-Server commit got
    /// lost. Nothing is written, and `writesExecuted` is 0.
    pub fn finish_lost() -> Self {
        Self::finish(false, false)
    }

    /// In a cluster: a query that writes is answered with its rows and their number in `writesExecuted`, but the
    /// DB-Server failed to commit. Nothing is written.
    pub fn commit_failed() -> Self {
        Self::finish(false, true)
    }

    /// In a cluster: the DB-Server committed, but its answer got lost. `writesExecuted` is 0.
    pub fn finish_answer_lost() -> Self {
        Self::finish(true, false)
    }

    /// In a cluster: the DB-Server dies between the write and the commit. The query is answered with its rows; for
    /// `time` every other query on the data is answered with 503/1478, until another server leads.
    pub fn server_dies_before_commit(time: Duration) -> Self {
        Self::with_finish(|finish| finish.away = time)
    }

    /// In a cluster: the coordinator waits for the DB-Server's answer for `time`, then gives up and answers the rows.
    /// Whether the DB-Server committed shows `committed`.
    pub fn finish_hangs(time: Duration, committed: bool) -> Self {
        Self::with_finish(|finish| {
            finish.hangs = time;
            finish.committed = committed;
        })
    }

    fn finish(committed: bool, answered: bool) -> Self {
        Self::with_finish(|finish| {
            finish.committed = committed;
            finish.answered = answered;
        })
    }

    fn with_finish(change: impl FnOnce(&mut Finish)) -> Self {
        let mut finish =
            Finish { committed: false, answered: false, hangs: Duration::ZERO, away: Duration::ZERO };
        change(&mut finish);
        Self::new(Effect::Query(Mishap::Finish(finish))).on_path("/_api/cursor")
    }

    /// The request is applied first; what goes wrong is only the answer.
    #[must_use]
    pub fn after_commit(mut self) -> Self {
        self.after_commit = true;
        self
    }

    /// Only requests whose path, without its `/_db/<name>` prefix, is this or lies below it.
    #[must_use]
    pub fn on_path(mut self, path: impl Into<String>) -> Self {
        self.path = path.into();
        self
    }

    /// Only requests of that HTTP method.
    #[must_use]
    pub fn on_method(mut self, method: impl Into<String>) -> Self {
        self.method = Some(method.into().to_uppercase());
        self
    }

    /// Only requests whose body contains that text, and those of earlier calls.
    #[must_use]
    pub fn when_body_contains(mut self, text: impl Into<String>) -> Self {
        self.body_parts.push(text.into());
        self
    }

    /// The next `times` requests that match.
    #[must_use]
    pub fn times(mut self, times: u64) -> Self {
        self.left = Some(times);
        self
    }

    /// Every request that matches, until the fault is cleared.
    #[must_use]
    pub fn until_cleared(mut self) -> Self {
        self.left = None;
        self
    }

    /// Each request that matches with that probability, from a repeatable sequence, until the fault is cleared.
    #[must_use]
    pub fn with_probability(mut self, probability: f64, seed: u64) -> Self {
        self.chance = Some((probability, seed));
        self.until_cleared()
    }

    fn matches(&self, method: &str, path: &str, body: &[u8]) -> bool {
        let below = path
            .strip_prefix(self.path.trim_end_matches('/'))
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || self.path == "/");
        below
            && self.method.as_deref().is_none_or(|wanted| wanted == method)
            && self.body_parts.iter().all(|part| contains(body, part.as_bytes()))
    }
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    needle.is_empty() || haystack.windows(needle.len()).any(|window| window == needle)
}

/// What is to happen to one request.
#[derive(Debug, Clone)]
pub(crate) struct Strike {
    pub(crate) effect: Effect,
    pub(crate) after_commit: bool,
}

#[derive(Debug)]
struct Injected {
    id: FaultId,
    fault: Fault,
    random: fastrand::Rng,
    fired: u64,
}

/// The faults of one emulator.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    injected: Mutex<Vec<Injected>>,
}

impl Faults {
    pub(crate) fn inject(&self, fault: Fault) -> FaultId {
        let mut injected = self.injected.lock().unwrap_or_else(PoisonError::into_inner);
        let id = FaultId(injected.last().map_or(0, |last| last.id.0 + 1));
        let random = fastrand::Rng::with_seed(fault.chance.map_or(0, |(_, seed)| seed));
        injected.push(Injected { id, fault, random, fired: 0 });
        id
    }

    /// Stops every fault; how often each fired stays known.
    pub(crate) fn clear(&self) {
        for entry in self.injected.lock().unwrap_or_else(PoisonError::into_inner).iter_mut() {
            entry.fault.left = Some(0);
        }
    }

    pub(crate) fn clear_one(&self, id: FaultId) {
        let mut injected = self.injected.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = injected.iter_mut().find(|entry| entry.id == id) {
            entry.fault.left = Some(0);
        }
    }

    pub(crate) fn fired(&self, id: FaultId) -> u64 {
        let injected = self.injected.lock().unwrap_or_else(PoisonError::into_inner);
        injected.iter().find(|entry| entry.id == id).map_or(0, |entry| entry.fired)
    }

    /// What happens to this request as a whole, if anything.
    pub(crate) fn strike(&self, method: &str, path: &str, body: &[u8]) -> Option<Strike> {
        self.next(method, path, body, |effect| !matches!(effect, Effect::Query(_)))
    }

    /// What happens inside of the query of this request, if anything. In a cluster more can go wrong.
    pub(crate) fn mishap(&self, body: &[u8], wanted: impl Fn(Mishap) -> bool) -> Option<Mishap> {
        let of_query = |effect: &Effect| matches!(effect, Effect::Query(mishap) if wanted(*mishap));
        match self.next("POST", "/_api/cursor", body, of_query)?.effect {
            Effect::Query(mishap) => Some(mishap),
            _ => None,
        }
    }

    fn next(
        &self,
        method: &str,
        path: &str,
        body: &[u8],
        wanted: impl Fn(&Effect) -> bool,
    ) -> Option<Strike> {
        let mut injected = self.injected.lock().unwrap_or_else(PoisonError::into_inner);
        for entry in injected.iter_mut() {
            let due = entry.fault.left != Some(0) && wanted(&entry.fault.effect);
            if !due || !entry.fault.matches(method, path, body) {
                continue;
            }
            if entry.fault.chance.is_some_and(|(chance, _)| entry.random.f64() >= chance) {
                continue;
            }
            entry.fired += 1;
            entry.fault.left = entry.fault.left.map(|left| left - 1);
            return Some(Strike {
                effect: entry.fault.effect.clone(),
                after_commit: entry.fault.after_commit,
            });
        }
        None
    }
}
