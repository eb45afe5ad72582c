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
    body_part: Option<String>,
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
    Conflict,
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
            body_part: None,
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
        Self::new(Effect::Conflict).on_path("/_api/cursor")
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

    /// Only requests whose body contains that text.
    #[must_use]
    pub fn when_body_contains(mut self, text: impl Into<String>) -> Self {
        self.body_part = Some(text.into());
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
            && self.body_part.as_deref().is_none_or(|part| contains(body, part.as_bytes()))
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

    /// What happens to this request, if anything.
    pub(crate) fn strike(&self, method: &str, path: &str, body: &[u8]) -> Option<Strike> {
        let mut injected = self.injected.lock().unwrap_or_else(PoisonError::into_inner);
        for entry in injected.iter_mut() {
            if entry.fault.left == Some(0) || !entry.fault.matches(method, path, body) {
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
