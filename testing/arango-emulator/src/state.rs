//! What all requests to one server share.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Barrier;

use crate::auth::Auth;
use crate::clock::Clock;
use crate::config::{Behaviour, Config};
use crate::counters::Counters;
use crate::cursors::Cursors;
use crate::faults::Faults;
use crate::store::Store;

/// Queries that wait for each other.
#[derive(Debug)]
struct Meeting {
    barrier: Arc<Barrier>,
    missing: usize,
}

/// A database, a collection and a key.
pub(crate) type LockedKey = (String, String, String);

/// Keys that a query has locked, until this is dropped.
#[derive(Debug)]
pub(crate) struct KeyLocks {
    state: Arc<State>,
    keys: Vec<LockedKey>,
}

impl Drop for KeyLocks {
    fn drop(&mut self) {
        let mut locked = self.state.locked.lock().unwrap_or_else(PoisonError::into_inner);
        for key in &self.keys {
            locked.remove(key);
        }
    }
}

/// One server. It outlives its restarts.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) auth: Auth,
    pub(crate) clock: Clock,
    pub(crate) faults: Faults,
    pub(crate) counters: Counters,
    pub(crate) ttl_interval: Duration,
    pub(crate) behaviour: Behaviour,
    read_only: AtomicBool,
    /// Until when the leader of the data is away.
    away: Mutex<Option<Instant>>,
    /// The keys that queries have locked and not yet committed.
    locked: Mutex<BTreeSet<LockedKey>>,
    commit_delay_micros: AtomicU64,
    meeting: Mutex<Option<Meeting>>,
    store: Mutex<Store>,
    cursors: Mutex<Cursors>,
}

impl State {
    pub(crate) fn new(config: &Config) -> Self {
        let state = Self {
            auth: Auth::new(config.authentication, &config.user, &config.password, config.token_lifetime),
            clock: Clock::default(),
            faults: Faults::default(),
            counters: Counters::default(),
            ttl_interval: config.ttl_interval,
            behaviour: config.behaviour.clone(),
            read_only: AtomicBool::new(false),
            away: Mutex::default(),
            locked: Mutex::default(),
            commit_delay_micros: AtomicU64::new(0),
            meeting: Mutex::default(),
            store: Mutex::new(Store::new()),
            cursors: Mutex::default(),
        };
        state.set_commit_delay(config.commit_delay);
        state
    }

    /// The data, for as long as the guard lives. Never held while a query is evaluated.
    pub(crate) fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn cursors(&self) -> MutexGuard<'_, Cursors> {
        self.cursors.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn commit_delay(&self) -> Duration {
        Duration::from_micros(self.commit_delay_micros.load(Ordering::SeqCst))
    }

    pub(crate) fn set_commit_delay(&self, delay: Duration) {
        self.commit_delay_micros
            .store(u64::try_from(delay.as_micros()).unwrap_or(u64::MAX), Ordering::SeqCst);
    }

    pub(crate) fn is_read_only(&self) -> bool {
        self.read_only.load(Ordering::SeqCst)
    }

    pub(crate) fn set_read_only(&self, read_only: bool) {
        self.read_only.store(read_only, Ordering::SeqCst);
    }

    /// Takes the leader of the data away for so long.
    pub(crate) fn lose_leader(&self, time: Duration) {
        *self.away.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + time);
    }

    /// Whether the data have a leader just now.
    pub(crate) fn has_leader(&self) -> bool {
        let away = *self.away.lock().unwrap_or_else(PoisonError::into_inner);
        away.is_none_or(|until| until <= Instant::now())
    }

    /// Locks all of these keys, or none; then it answers one that somebody else has.
    pub(crate) fn lock_keys(self: &Arc<Self>, keys: Vec<LockedKey>) -> Result<KeyLocks, LockedKey> {
        let mut locked = self.locked.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(taken) = keys.iter().find(|key| locked.contains(*key)) {
            return Err(taken.clone());
        }
        locked.extend(keys.iter().cloned());
        drop(locked);
        Ok(KeyLocks { state: Arc::clone(self), keys })
    }

    /// Makes the next so many queries that write wait for each other before they commit.
    pub(crate) fn plan_meeting(&self, queries: usize) {
        let meeting = Meeting { barrier: Arc::new(Barrier::new(queries)), missing: queries };
        *self.meeting.lock().unwrap_or_else(PoisonError::into_inner) = (queries > 1).then_some(meeting);
    }

    /// Where a query that writes is to wait for others.
    pub(crate) fn meeting(&self) -> Option<Arc<Barrier>> {
        let mut planned = self.meeting.lock().unwrap_or_else(PoisonError::into_inner);
        let meeting = planned.as_mut()?;
        let barrier = Arc::clone(&meeting.barrier);
        meeting.missing -= 1;
        if meeting.missing == 0 {
            *planned = None;
        }
        Some(barrier)
    }

    /// What a restart loses: cursors, and the secret behind the tokens.
    pub(crate) fn forget_volatile(&self) {
        self.auth.forget_tokens();
        *self.cursors() = Cursors::default();
    }
}
