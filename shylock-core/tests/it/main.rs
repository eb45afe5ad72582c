//! The conformance suite over the backends of this crate.

mod faults;
mod memory;
mod record_store;
mod storm;
