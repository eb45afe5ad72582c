//! The conformance suite over the backends of this crate, and what only the core can show.

mod batches;
mod blocking;
mod ends;
mod faults;
mod isolation;
mod memory;
mod record_store;
mod runtimes;
mod sharing;
mod storm;
mod support;
mod time;
mod truth;
mod values;
