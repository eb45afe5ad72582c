//! The conformance suite over the backends of this crate, and what only the core can show.

mod batches;
mod blocking;
mod faults;
mod memory;
mod record_store;
mod runtimes;
mod storm;
