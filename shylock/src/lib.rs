#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod stores;

pub use shylock_core::{
    Backend, BackendError, BackendErrorKind, ClaimId, Error, ErrorKind, FencingToken, InvalidClaimId,
    InvalidName, LiveClaim, Lock, LockGuard, LockManager, LockManagerBuilder, LockName, LossReason, Mode,
    Owner, RetryPolicy, Snapshot, backend, configure, memory, queue,
};
pub use stores::{connect, open};

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
    pub use crate::stores::connect_blocking as connect;
    pub use shylock_core::blocking::*;
}
