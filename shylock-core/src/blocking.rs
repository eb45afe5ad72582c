//! The same locks without `async`.
//!
//! The manager owns a small runtime on a thread of its own, so leases are renewed between calls. Everything
//! here may be used from plain threads and from `tokio::task::spawn_blocking`. Inside async code the calls
//! that wait panic and say so, because they would block the runtime; to create and to drop is harmless anywhere.
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
mod runtime;

pub use guard::LockGuard;
pub use lock::Lock;
pub use manager::{LockManager, configure};
