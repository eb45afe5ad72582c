//! A store of versioned records, as small as it gets, under the adapter.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use async_trait::async_trait;
use futures_core::stream::BoxStream;
use shylock_core::conformance::Harness;
use shylock_core::{BackendError, ListPage, Loaded, LockName, Record, RecordBackend, RecordStore, Wakeup};

#[derive(Debug, Clone, Default)]
pub(crate) struct Records(Arc<Mutex<BTreeMap<LockName, (Record, u64)>>>);

impl Records {
    pub(crate) fn with<T>(&self, read: impl FnOnce(&mut BTreeMap<LockName, (Record, u64)>) -> T) -> T {
        read(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn now() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("it is after 1970");
    u64::try_from(now.as_millis()).expect("it is before the year 584,556,019")
}

#[async_trait]
impl RecordStore for Records {
    async fn load(&self, lock: &LockName) -> Result<Loaded, BackendError> {
        let record = self.with(|records| records.get(lock).cloned());
        // Others come in between load and store, as they would over a network.
        tokio::task::yield_now().await;
        Ok(Loaded { record, now: now() })
    }

    async fn store(
        &self,
        lock: &LockName,
        expected: Option<u64>,
        record: &Record,
    ) -> Result<bool, BackendError> {
        Ok(self.with(|records| {
            let version = records.get(lock).map(|(_, version)| *version);
            if version == expected {
                records.insert(lock.clone(), (record.clone(), version.unwrap_or(0) + 1));
            }
            version == expected
        }))
    }

    async fn list(&self, page: &ListPage) -> Result<Vec<LockName>, BackendError> {
        let now = now();
        let wanted = |name: &LockName| {
            name.as_str().starts_with(&page.prefix) && page.after.as_ref().is_none_or(|after| name > after)
        };
        Ok(self.with(|records| {
            let live = records.iter().filter(|(name, (record, _))| record.live_until > now && wanted(name));
            live.map(|(name, _)| name.clone()).take(page.limit).collect()
        }))
    }

    async fn wakeups(&self) -> Result<Option<BoxStream<'static, Wakeup>>, BackendError> {
        Ok(None)
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
