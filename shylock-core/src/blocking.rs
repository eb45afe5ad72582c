//! The same locks without `async`.
//!
//! The manager has a thread of its own, so leases are renewed between calls. Everything here can be used from plain
//! threads and from `tokio::task::spawn_blocking`. Inside async code the calls that wait panic and say so, because they
//! would block the runtime.
//!
//! ```
//! use shylock_core::{blocking::LockManager, memory::MemoryBackend};
//!
//! # fn main() -> Result<(), shylock_core::Error> {
//! let locks = LockManager::new(MemoryBackend::new())?;
//!
//! let guard = locks.lock("my-lock").acquire()?;
//! // ... nobody else is in here ...
//! guard.release()?;
//! # Ok(()) }
//! ```

mod guard;
mod lock;
mod manager;

pub use guard::LockGuard;
pub use lock::{Lock, Semaphore};
pub use manager::{LockManager, configure};
