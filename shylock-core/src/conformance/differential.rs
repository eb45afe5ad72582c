//! Random histories, through a native encoding and through the [queue](crate::queue): the same records and the same
//! answers after every step.
//!
//! This is for the author of a [`Backend`] that writes the steps of the queue in the store's own language. The suite
//! only sees the answers of a backend; here the test also reads the records, and knows the `now` that the store took,
//! so that every lease and every token must be right to the millisecond and to the digit. Implement [`Encoding`] on
//! the fixture of your tests:
//!
//! ```no_run
//! use std::collections::BTreeMap;
//!
//! use shylock_core::conformance::differential::{Encoding, WrittenRecord, histories_agree};
//! use shylock_core::queue::Queue;
//! # use shylock_core::memory::MemoryBackend as YourBackend;
//! # struct Client;
//! # impl Client {
//! #     async fn select(&self, query: &str) -> BTreeMap<String, Row> { unimplemented!("{query}") }
//! #     async fn clock(&self) -> u64 { unimplemented!() }
//! #     async fn execute<T>(&self, query: &str, binds: T) { let _ = (query, binds); }
//! # }
//! # async fn fresh() -> Store { unimplemented!() }
//!
//! struct Store {
//!     backend: YourBackend,
//!     client: Client, // not the backend's own
//! }
//!
//! #[derive(Debug, Clone, PartialEq)]
//! struct Row {
//!     queue: Queue,
//!     at: u64,
//!     live_until: u64,
//! }
//!
//! impl Encoding for Store {
//!     type Backend = YourBackend;
//!     type Record = Row;
//!
//!     fn backend(&self) -> &YourBackend {
//!         &self.backend
//!     }
//!
//!     async fn records(&self) -> BTreeMap<String, Row> {
//!         self.client.select("every row, by its name").await
//!     }
//!
//!     fn queue(row: &Row) -> &Queue {
//!         &row.queue
//!     }
//!
//!     fn at(row: &Row) -> u64 {
//!         row.at
//!     }
//!
//!     async fn now(&self) -> u64 {
//!         self.client.clock().await
//!     }
//!
//!     async fn warp(&self, lock: &str, by: i64, tokens: i64) {
//!         self.client.execute("add them to what is in the row", (lock, by, tokens)).await;
//!     }
//!
//!     async fn clear(&self) {
//!         self.client.execute("delete every row", ()).await;
//!     }
//!
//!     fn difference(&self, written: &WrittenRecord<'_, Row>) -> Option<&'static str> {
//!         let live_until = written.queue.live_until().unwrap_or(0);
//!         (written.after.live_until != live_until).then_some("another end of the last lease")
//!     }
//! }
//!
//! # async fn test() {
//! histories_agree(&fresh().await, 0..8).await;
//! # }
//! ```

mod history;
mod reference;

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::future::Future;
use std::ops::Range;
use std::time::Duration;

use crate::backend::{Backend, ListPage};
use crate::conformance::hostile_strings;
use crate::queue::{ClaimId, JoinRequest, LockName, Mode, Queue, Renewal, Value};

/// A store with a native backend, and a way to look into it that is not the backend's own.
pub trait Encoding {
    /// The backend that is put to the test.
    type Backend: Backend;

    /// A record as it is stored: all of its fields, so that a step that writes nothing can be told.
    type Record: Clone + Debug + PartialEq;

    /// The backend. Nobody else uses its store.
    fn backend(&self) -> &Self::Backend;

    /// Every record of the store, by the name of its lock.
    fn records(&self) -> impl Future<Output = BTreeMap<String, Self::Record>>;

    /// The queue in a record.
    fn queue(record: &Self::Record) -> &Queue;

    /// The `now` of the step that wrote a record, in milliseconds since 1970.
    fn at(record: &Self::Record) -> u64;

    /// The store's clock, in milliseconds since 1970.
    fn now(&self) -> impl Future<Output = u64>;

    /// Moves the record of a lock in time, if there is one, as if the clock had jumped since it was written: adds `by`
    /// (milliseconds) to its `at` and to the ends of its leases, and `tokens` to its ticket and to the tokens of its
    /// claims. What follows from them is to be right again.
    fn warp(&self, lock: &str, by: i64, tokens: i64) -> impl Future<Output = ()>;

    /// Removes every record, so that the next history begins with an empty store.
    fn clear(&self) -> impl Future<Output = ()>;

    /// The names and labels of the histories; add those that mean something to your store.
    fn hostile_strings(&self) -> Vec<String> {
        hostile_strings()
    }

    /// What is wrong with the fields of a record that a step wrote, other than its queue and its `at`, which are right.
    fn difference(&self, written: &WrittenRecord<'_, Self::Record>) -> Option<&'static str>;
}

/// A record that a step wrote.
#[derive(Debug)]
pub struct WrittenRecord<'a, R> {
    /// The step that wrote it.
    pub step: &'a Step,
    /// The lock whose record it is.
    pub lock: &'a str,
    /// As it was before, if it was there.
    pub before: Option<&'a R>,
    /// As it is now.
    pub after: &'a R,
    /// Its queue.
    pub queue: &'a Queue,
    /// When the step ran, in milliseconds since 1970.
    pub now: u64,
}

/// A step of a history, as the backend and the queue both can do it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Step {
    /// [`Backend::join`].
    Join(JoinRequest),
    /// [`Backend::renew`].
    Renew(Vec<Renewal>),
    /// [`Backend::leave`], with the time to linger.
    Leave(LockName, ClaimId, Duration),
    /// [`Backend::write`].
    Write(LockName, ClaimId, Option<Value>),
    /// [`Backend::downgrade`].
    Downgrade(LockName, ClaimId, Mode),
    /// [`Backend::queue`].
    Queue(LockName),
    /// [`Backend::list`].
    List(ListPage),
}

const STEPS: usize = 150;

/// Runs a random history for each seed, and compares records and answers with those of the queue after every step.
///
/// # Panics
/// If they differ; it says where, and with which seed.
pub async fn histories_agree<E: Encoding>(encoding: &E, seeds: Range<u64>) {
    for seed in seeds {
        let mut history = history::History::new(encoding, seed);
        for step in 0..STEPS {
            history.step(step).await;
        }
        encoding.clear().await;
    }
}
