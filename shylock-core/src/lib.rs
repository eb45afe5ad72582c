//! The core of shylock: the queue of leases, the trait of a store, and the manager that runs both.

pub mod backend;
mod claim;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod memory;
pub mod queue;
mod record_store;

pub use backend::{
    Backend, BackendError, BackendErrorKind, JoinRequest, ListPage, LiveClaim, Renewal, Renewed, Snapshot,
    Wakeup,
};
pub use claim::{ClaimId, FencingToken, InvalidClaimId, InvalidName, LockName, Mode, Owner};
pub use record_store::{Loaded, Record, RecordBackend, RecordStore};
