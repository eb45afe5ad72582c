//! What a contestant is.

use std::error::Error;
use std::future::Future;

/// Why a contestant could not go on.
pub type Failure = Box<dyn Error + Send + Sync>;

/// Something with locks: a library over a store.
pub trait Contestant: Clone + Send + Sync + 'static {
    /// A held lock.
    type Guard: Send + 'static;

    /// Waits for a lock, for as long as it takes.
    fn acquire(&self, name: &str) -> impl Future<Output = Result<Self::Guard, Failure>> + Send;

    /// Gives a lock back, and waits until the store has it.
    fn release(&self, guard: Self::Guard) -> impl Future<Output = Result<(), Failure>> + Send;

    /// How many commands its driver has sent to the store so far, where that is counted.
    fn commands(&self) -> u64 {
        0
    }
}
