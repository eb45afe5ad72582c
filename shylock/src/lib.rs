#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod open;
#[cfg(any(feature = "sqlite", test))]
#[cfg_attr(not(feature = "sqlite"), expect(dead_code, reason = "its tests need no store"))]
mod sqlite_url;
mod store_kind;

pub use open::{connect, connect_on_background_thread, open, open_within};
pub use shylock_core::{
    Backend, BackendError, BackendErrorKind, Capabilities, ClaimId, Clock, Error, ErrorKind, FencingToken,
    InvalidClaimId, InvalidName, InvalidValue, Left, LiveClaim, Lock, LockGuard, LockManager,
    LockManagerBuilder, LockName, LossReason, Mode, Owner, RetryPolicy, RwLock, Semaphore, Snapshot, Value,
    Written, backend, configure, forward_backend, memory, queue, record_store, reexport, writing_a_backend,
};
pub use store_kind::StoreKind;

/// The test suite for backends.
#[cfg(feature = "conformance")]
#[cfg_attr(docsrs, doc(cfg(feature = "conformance")))]
pub mod conformance {
    pub use shylock_core::conformance::*;
    pub use shylock_core::conformance_suite;
}

/// Locks over MongoDB.
#[cfg(feature = "mongo")]
#[cfg_attr(docsrs, doc(cfg(feature = "mongo")))]
pub mod mongo {
    pub use shylock_mongo::*;
}

/// Locks over ArangoDB.
#[cfg(feature = "arango")]
#[cfg_attr(docsrs, doc(cfg(feature = "arango")))]
pub mod arango {
    pub use shylock_arango::*;
}

/// Locks over an SQLite file.
#[cfg(feature = "sqlite")]
#[cfg_attr(docsrs, doc(cfg(feature = "sqlite")))]
pub mod sqlite {
    pub use shylock_sqlite::*;
}

/// The same locks without `async`.
#[cfg(feature = "blocking")]
#[cfg_attr(docsrs, doc(cfg(feature = "blocking")))]
pub mod blocking {
    pub use crate::open::blocking::connect;
    pub use shylock_core::blocking::*;
}
