//! What a behaviour needs of a store, and what a store that does not have it must answer.

use std::fmt::Debug;
use std::future::Future;

use super::probe::{LONG, Probe, READER, name, value};
use super::{Harness, run};
use crate::backend::{Backend, BackendError, Capabilities, Interest};
use crate::queue::Mode::Exclusive;

/// What a behaviour needs of a store besides what every store has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Wakeups are pushed.
    Wakeups,
    /// There are shared claims.
    Shared,
    /// Holders can write a value.
    Values,
}

impl Needs {
    fn are_met(self, capabilities: Capabilities) -> bool {
        match self {
            Self::Wakeups => capabilities.wakeups,
            Self::Shared => capabilities.shared,
            Self::Values => capabilities.values,
        }
    }

    /// A store must not do by halves what it says it cannot do.
    async fn are_refused<H: Harness>(self, harness: &H) {
        let lock = Probe::open(harness, "lock").await;
        match self {
            Self::Wakeups => {
                let wakeups = lock.backend.wakeups(&Interest::new(lock.manager)).await;
                assert!(wakeups.expect("it answers").is_none(), "a store that does not push has wakeups");
            }
            Self::Shared => {
                refused("a shared claim", lock.backend.join(&lock.request(READER, LONG)).await);
                assert_eq!(lock.claims().await, []);
                let holder = lock.join(Exclusive).await;
                refused("a downgrade", lock.backend.downgrade(&lock.lock, holder, READER).await);
                assert_eq!(lock.queue().await.claims[0].mode, Exclusive);
            }
            Self::Values => {
                let holder = lock.join(Exclusive).await;
                refused("a value", lock.backend.write(&name("lock"), holder, Some(&value("a"))).await);
                assert_eq!(lock.queue().await.value, None);
            }
        }
    }
}

fn refused<T: Debug>(what: &str, answer: Result<T, BackendError>) {
    let error = answer.expect_err(&format!("a store that does not have it accepts {what}"));
    assert!(!error.is_retryable(), "{what} would be tried again and again: {error}");
}

/// As [`run`], for a behaviour that only applies to stores that can do this.
///
/// # Panics
/// If the behaviour is not met; or, where it does not apply, if the store does not refuse.
#[allow(clippy::print_stdout, reason = "a test that does not apply says so")]
pub fn run_if<H, F>(needs: &[Needs], factory: impl FnOnce() -> F, behaviour: impl AsyncFnOnce(&H))
where
    H: Harness,
    F: Future<Output = H>,
{
    run(factory, async |harness: &H| {
        let capabilities = harness.backend().await.capabilities();
        let missing = needs.iter().find(|needs| !needs.are_met(capabilities));
        let Some(missing) = missing else { return behaviour(harness).await };
        println!("this behaviour does not apply: the store says that it lacks what it needs ({missing:?})");
        missing.are_refused(harness).await;
    });
}
