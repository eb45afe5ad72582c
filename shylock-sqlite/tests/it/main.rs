//! Locks in an SQLite file.

mod batches;
mod child;
mod conformance;
mod ends;
mod garbage;
mod processes;
mod refusals;
#[cfg(unix)]
mod rights;
mod sharing;
mod support;
