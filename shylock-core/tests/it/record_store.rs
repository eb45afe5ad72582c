//! A store of versioned records, as small as it gets, under the adapter.

mod batches;
mod differential;
mod limited;
mod records;
mod updates;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use shylock_core::conformance::Harness;
use shylock_core::record_store::{Loaded, Record, RecordBackend, RecordStore, Version};
use shylock_core::{
    BackendError, Capabilities, ClaimId, Clock, JoinRequest, ListPage, LockName, Mode, Owner,
};

/// A lease that does not end while a test runs.
pub(crate) const LONG: Duration = Duration::from_secs(3600);

pub(crate) fn name(name: &str) -> LockName {
    LockName::new(name).expect("a valid name")
}

/// A request for a lock that can be shared.
pub(crate) fn request(lock: &str) -> JoinRequest {
    JoinRequest::new(name(lock), ClaimId::random(), Mode::READER, LONG, Owner::new("test", 1, None))
}

type Rows = BTreeMap<LockName, (Record, Version)>;

#[derive(Debug, Clone, Default)]
pub(crate) struct Records {
    rows: Arc<Mutex<Rows>>,
    /// The last version that was drawn, of any record: none of them repeats.
    versions: Arc<AtomicU64>,
    /// A store without a clock leaves it out.
    clock: StoreClock,
}

#[derive(Clone, Default)]
pub(crate) enum StoreClock {
    #[default]
    Real,
    Missing,
    Set(Arc<AtomicU64>),
}

impl fmt::Debug for StoreClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.now())
    }
}

impl StoreClock {
    fn now(&self) -> Option<u64> {
        match self {
            Self::Real => Some(now()),
            Self::Missing => None,
            Self::Set(now) => Some(now.load(Ordering::Relaxed)),
        }
    }
}

impl Records {
    pub(crate) fn with_clock(clock: StoreClock) -> Self {
        Self { clock, ..Self::default() }
    }

    pub(crate) fn with<T>(&self, read: impl FnOnce(&mut Rows) -> T) -> T {
        read(&mut self.rows.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Replaces the text of a record.
    pub(crate) fn scribble(&self, lock: &LockName, body: &str) {
        self.with(|rows| rows.get_mut(lock).expect("a record").0.body = body.into());
    }

    /// Versions as a store of objects has them: quoted, in no order.
    fn draw_version(&self) -> Version {
        let number = self.versions.fetch_add(1, Ordering::Relaxed);
        format!("W/\"{:x}\"", number.wrapping_mul(0x9e37_79b9_7f4a_7c15)).into()
    }

    fn loaded(&self, record: Option<(Record, Version)>) -> Loaded {
        match self.clock.now() {
            Some(now) => Loaded::new(record, now),
            None => Loaded::without_clock(record),
        }
    }
}

fn now() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("it is after 1970");
    u64::try_from(now.as_millis()).expect("it is before the year 584,556,019")
}

#[async_trait]
impl RecordStore for Records {
    async fn load(&self, lock: &LockName) -> Result<Loaded, BackendError> {
        let loaded = self.loaded(self.with(|rows| rows.get(lock).cloned()));
        // Others come in between load and store, as they would over a network.
        tokio::task::yield_now().await;
        Ok(loaded)
    }

    async fn store(
        &self,
        lock: &LockName,
        expected: Option<&Version>,
        record: &Record,
    ) -> Result<bool, BackendError> {
        Ok(self.with(|rows| {
            let is_expected = rows.get(lock).map(|(_, version)| version) == expected;
            if is_expected {
                rows.insert(lock.clone(), (record.clone(), self.draw_version()));
            }
            is_expected
        }))
    }

    async fn list(&self, page: &ListPage) -> Result<Vec<LockName>, BackendError> {
        let now = self.clock.now().unwrap_or_else(now);
        let wanted = |name: &LockName| {
            name.as_str().starts_with(&page.prefix) && page.after.as_ref().is_none_or(|after| name > after)
        };
        Ok(self.with(|rows| {
            let live = rows.iter().filter(|(name, (record, _))| record.live_until > now && wanted(name));
            live.map(|(name, _)| name.clone()).take(page.limit).collect()
        }))
    }

    fn capabilities(&self) -> Capabilities {
        let clock = if matches!(self.clock, StoreClock::Missing) { Clock::Clients } else { Clock::Store };
        Capabilities::new().durable(false).clock(clock)
    }
}

struct Store(Records);

impl Harness for Store {
    type Backend = RecordBackend<Records>;

    async fn backend(&self) -> Self::Backend {
        RecordBackend::new(self.0.clone())
    }
}

async fn fresh() -> Store {
    Store(Records::default())
}

shylock_core::conformance_suite!(fresh);

/// The same on the clocks of the clients, which are one here.
mod without_a_clock {
    use super::{Records, Store, StoreClock};

    async fn fresh() -> Store {
        Store(Records::with_clock(StoreClock::Missing))
    }

    shylock_core::__conformance_backend!(fresh);
}
