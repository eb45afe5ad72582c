//! The conformance suite over the backends of this crate.

mod memory;
mod record_store;
