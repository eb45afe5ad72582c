#![cfg_attr(docsrs, feature(doc_cfg))]
//! The core of shylock: the queue of leases, the trait of a store, and the manager that runs both.

mod access;
pub mod backend;
#[cfg(feature = "blocking")]
#[cfg_attr(docsrs, doc(cfg(feature = "blocking")))]
pub mod blocking;
mod client;
#[cfg(feature = "conformance")]
#[cfg_attr(docsrs, doc(cfg(feature = "conformance")))]
pub mod conformance;
mod error;
mod guard;
mod lock;
mod manager;
pub mod memory;
mod options;
mod pool;
pub mod queue;
pub mod record_store;
mod retry;
mod rw_lock;
mod semaphore;
#[doc = include_str!("../docs/writing-a-backend.md")]
pub mod writing_a_backend {}

pub use backend::{Backend, BackendError, BackendErrorKind, Capabilities, Clock, Interest, ListPage, Wakeup};
pub use client::lease::LossReason;
pub use error::{Error, ErrorKind};
pub use guard::LockGuard;
pub use lock::Lock;
pub use manager::{LockManager, LockManagerBuilder, configure};
pub use queue::{
    ClaimId, FencingToken, InvalidClaimId, InvalidName, InvalidValue, JoinRequest, Left, LiveClaim, LockName,
    ManagerId, Mode, Owner, Renewal, Renewed, Snapshot, Value, Written,
};
pub use retry::RetryPolicy;
pub use rw_lock::RwLock;
pub use semaphore::Semaphore;

/// What the macros and implementations of [`Backend`] need of other crates.
pub mod reexport {
    pub use async_trait::async_trait;
    pub use futures_core::stream::BoxStream;
}
