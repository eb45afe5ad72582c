#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod backend;
mod error;
mod options;
mod place;
mod setup;
mod store;
mod table;
mod thread;

pub use backend::SqliteBackend;
pub use options::{SqliteOptions, Synchronous};
