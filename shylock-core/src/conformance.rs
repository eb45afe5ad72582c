//! The suite that every backend runs: one `#[test]` for each thing that a store promises.
//!
//! It needs a factory, an async function that makes a fresh, empty store, and a [`Harness`] that opens
//! backends on it. That is all:
//!
//! ```
//! use shylock_core::conformance::Harness;
//! use shylock_core::memory::MemoryBackend;
//!
//! struct Store(MemoryBackend);
//!
//! impl Harness for Store {
//!     type Backend = MemoryBackend;
//!
//!     async fn backend(&self) -> MemoryBackend {
//!         self.0.clone()
//!     }
//! }
//!
//! async fn fresh() -> Store {
//!     Store(MemoryBackend::new())
//! }
//!
//! shylock_core::conformance_suite!(fresh);
//! # fn main() {}
//! ```
//!
//! Put it into an integration test, and add the crate to the `dev-dependencies` with the feature
//! `conformance`. The tests need no macros of tokio: each makes a small runtime of its own.
//!
//! There are two layers. The behaviours of a *backend* drive the [`Backend`] trait directly, those of a
//! *manager* go through what users write, with several managers on one store. Times are counted in the
//! [`ttl`](Harness::ttl) of the harness, so a slow store gives a longer one.
//!
//! A behaviour that needs what a store does not have, by its [`capabilities`](Backend::capabilities), does not apply. Its
//! test says so, and checks that the store refuses: a store that does not push wakeups returns `None`, and one without
//! shared claims or values answers an error that is not retryable and changes nothing.
//!
//! [`faults`] wraps a backend so that it fails, hangs, loses replies and repeats itself on demand.
//! [`differential`] holds a native encoding against the queue, record by record.

use std::future::Future;
use std::time::Duration;

use tokio::runtime;

use crate::backend::Backend;

pub use hostile::hostile_strings;
#[doc(hidden)]
pub use needs::{Needs, run_if};

#[doc(hidden)]
#[allow(clippy::missing_panics_doc, reason = "to panic is what a failed test does")]
pub mod backend;
pub mod differential;
pub mod faults;
mod hostile;
#[doc(hidden)]
#[allow(clippy::missing_panics_doc, reason = "to panic is what a failed test does")]
pub mod manager;
mod needs;
mod probe;
mod suite;
mod wait;

/// A fresh, empty store for one test, and the way to open backends on it.
pub trait Harness: Send + Sync + 'static {
    /// The backend that is put to the test.
    type Backend: Backend;

    /// Opens one more backend on this store, as another process would.
    fn backend(&self) -> impl Future<Output = Self::Backend> + Send;

    /// The shortest ttl with which a manager can safely hold a lock on this store: a tenth of it is well
    /// above the time that a step takes on a busy machine.
    fn ttl(&self) -> Duration {
        Duration::from_secs(1)
    }

    /// Removes the store after a test that went well.
    fn close(self) -> impl Future<Output = ()> + Send
    where
        Self: Sized,
    {
        async {}
    }
}

/// No behaviour takes so many ttls, nor so many seconds besides; one that hangs shall fail.
const PATIENCE: u32 = 120;

/// Runs one behaviour on a fresh store and a runtime of its own. This is what the tests of
/// [`conformance_suite!`](crate::conformance_suite) consist of.
///
/// # Panics
/// If the behaviour is not met, or not within a generous time.
pub fn run<H, F>(factory: impl FnOnce() -> F, behaviour: impl AsyncFnOnce(&H))
where
    H: Harness,
    F: Future<Output = H>,
{
    let runtime = runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime can be built").block_on(async {
        let harness = factory().await;
        let patience = (harness.ttl() + Duration::from_secs(1)) * PATIENCE;
        let in_time = tokio::time::timeout(patience, behaviour(&harness)).await;
        assert!(in_time.is_ok(), "the test hangs: it did not end within {patience:?}");
        harness.close().await;
    });
}
