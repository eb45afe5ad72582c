#![cfg_attr(docsrs, feature(doc_cfg))]
//! The core of shylock: the queue of leases, the trait of a store, and the manager that runs both.

mod attempt;
pub mod backend;
#[cfg(feature = "blocking")]
#[cfg_attr(docsrs, doc(cfg(feature = "blocking")))]
pub mod blocking;
#[cfg(feature = "conformance")]
pub mod conformance;
mod contender;
mod ears;
mod engine;
mod error;
mod guard;
mod heartbeat;
mod lease;
mod lock;
mod manager;
pub mod memory;
mod polling;
pub mod queue;
pub mod record_store;
mod retry;
mod ttl;
#[doc = include_str!("../docs/writing-a-backend.md")]
pub mod writing_a_backend {}

pub use backend::{Backend, BackendError, BackendErrorKind, Capabilities, Clock, Interest, ListPage, Wakeup};
pub use error::{Error, ErrorKind};
pub use guard::LockGuard;
pub use lease::LossReason;
pub use lock::Lock;
pub use manager::{LockManager, LockManagerBuilder, configure};
pub use queue::{
    ClaimId, FencingToken, InvalidClaimId, InvalidName, InvalidValue, JoinRequest, Left, LiveClaim, LockName,
    ManagerId, Mode, Owner, Renewal, Renewed, Snapshot, Value, Written,
};
pub use retry::RetryPolicy;

/// What the macros and implementations of [`Backend`] need of other crates.
pub mod reexport {
    pub use async_trait::async_trait;
    pub use futures_core::stream::BoxStream;
}
