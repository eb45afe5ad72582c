//! The comparison with the queue, record by record, of a store that does as the queue does, and of some that do not.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use shylock_core::conformance::differential::{Encoding, WrittenRecord, histories_agree};
use shylock_core::queue::{Claim, Queue};
use shylock_core::record_store::{Loaded, Record, RecordBackend, RecordStore, Version};
use shylock_core::{BackendError, Capabilities, FencingToken, ListPage, LockName, Mode};

use super::{Records, StoreClock};

/// Notes when each record was written, and perhaps writes something else than it should.
#[derive(Debug, Clone)]
struct Store {
    records: Records,
    clock: Arc<AtomicU64>,
    written_at: Arc<std::sync::Mutex<BTreeMap<LockName, u64>>>,
    mistake: Mistake,
}

/// What a store does to a queue before it writes it.
type Mistake = fn(&mut Queue);

#[derive(Debug, Clone, PartialEq)]
struct Row {
    queue: Queue,
    record: Record,
    version: Version,
    at: u64,
}

struct Fixture {
    backend: RecordBackend<Store>,
    store: Store,
}

impl Fixture {
    fn new(mistake: Mistake) -> Self {
        let clock = Arc::new(AtomicU64::new(1_700_000_000_000));
        let records = Records::with_clock(StoreClock::Set(clock.clone()));
        let store = Store { records, clock, written_at: Arc::default(), mistake };
        Self { backend: RecordBackend::new(store.clone()), store }
    }
}

fn decoded(record: &Record) -> Queue {
    serde_json::from_str(&record.body).expect("a queue")
}

/// The record of a queue.
fn encoded(queue: &Queue) -> Record {
    let body = serde_json::to_string(queue).expect("it can be encoded");
    Record::new(body, queue.live_until().unwrap_or(0), queue.needed_until())
}

#[async_trait]
impl RecordStore for Store {
    async fn load(&self, lock: &LockName) -> Result<Loaded, BackendError> {
        self.records.load(lock).await
    }

    async fn store(
        &self,
        lock: &LockName,
        expected: Option<&Version>,
        record: &Record,
    ) -> Result<bool, BackendError> {
        let mut queue = decoded(record);
        (self.mistake)(&mut queue);
        self.written_at.lock().expect("no panic").insert(lock.clone(), self.clock.load(Ordering::Relaxed));
        self.records.store(lock, expected, &encoded(&queue)).await
    }

    async fn list(&self, page: &ListPage) -> Result<Vec<LockName>, BackendError> {
        self.records.list(page).await
    }

    fn capabilities(&self) -> Capabilities {
        self.records.capabilities()
    }
}

impl Encoding for Fixture {
    type Backend = RecordBackend<Store>;
    type Record = Row;

    fn backend(&self) -> &Self::Backend {
        &self.backend
    }

    async fn records(&self) -> BTreeMap<String, Row> {
        let written_at = self.store.written_at.lock().expect("no panic");
        self.store.records.with(|rows| {
            let row = |(lock, (record, version)): (&LockName, &(Record, Version))| {
                let (record, version, queue) = (record.clone(), version.clone(), decoded(record));
                (lock.to_string(), Row { queue, record, version, at: written_at[lock] })
            };
            rows.iter().map(row).collect()
        })
    }

    fn queue(row: &Row) -> &Queue {
        &row.queue
    }

    fn at(row: &Row) -> u64 {
        row.at
    }

    /// The clock moves between two steps.
    async fn now(&self) -> u64 {
        let now = self.store.clock.load(Ordering::Relaxed);
        self.store.clock.fetch_add(7, Ordering::Relaxed);
        now + 7
    }

    async fn warp(&self, lock: &str, by: i64, tokens: i64) {
        let name = LockName::new(lock).expect("a name");
        self.store.records.with(|rows| {
            let Some((record, _)) = rows.get_mut(&name) else { return };
            let mut queue = decoded(record);
            queue.ticket = queue.ticket.saturating_add_signed(tokens);
            for claim in &mut queue.claims {
                claim.expires_at = claim.expires_at.saturating_add_signed(by);
                claim.token = FencingToken::new(claim.token.get().saturating_add_signed(tokens));
            }
            *record = encoded(&queue);
        });
    }

    async fn clear(&self) {
        self.store.records.with(BTreeMap::clear);
    }

    fn difference(&self, written: &WrittenRecord<'_, Row>) -> Option<&'static str> {
        let differs = written.after.record != encoded(written.queue);
        differs.then_some("other times beside the queue")
    }
}

#[tokio::test]
async fn the_adapter_does_as_the_queue_does() {
    histories_agree(&Fixture::new(|_| {}), 0..24).await;
}

fn claims(queue: &mut Queue, change: fn(&mut Claim)) {
    queue.claims.iter_mut().for_each(change);
}

/// Each of these is found within a few histories.
#[tokio::test]
async fn a_store_that_does_not_do_as_the_queue_does_is_found_out() {
    let mistakes: [(&str, Mistake); 9] = [
        ("it forgets who is leaving", |queue| claims(queue, |claim| claim.leaving = false)),
        ("it forgets when a claim joined", |queue| claims(queue, |claim| claim.joined_at = 1)),
        ("it forgets the value", |queue| queue.value = None),
        ("it cannot clear a value", |queue| {
            queue.value = queue.value.take().or_else(|| shylock_core::Value::new("old").ok());
        }),
        ("it forgets what was abandoned", |queue| queue.abandoned = None),
        ("it forgets a downgrade", |queue| {
            let downgraded = queue.claims.first_mut().filter(|c| c.mode == Mode::Shared { max: 3 });
            if let Some(claim) = downgraded {
                claim.mode = Mode::Exclusive;
            }
        }),
        ("its leases are too long", |queue| claims(queue, |claim| claim.expires_at += 1)),
        ("its tickets stand still", |queue| queue.ticket = 1),
        ("it loses a claim", |queue| drop(queue.claims.pop())),
    ];
    for (what, mistake) in mistakes {
        let found = tokio::spawn(async move { histories_agree(&Fixture::new(mistake), 0..24).await }).await;
        assert!(found.is_err_and(|error| error.is_panic()), "not found: {what}");
    }
}
