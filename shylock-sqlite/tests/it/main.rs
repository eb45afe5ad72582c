//! Locks in an SQLite file.

mod conformance;
mod garbage;
mod processes;
mod refusals;
mod sharing;
mod support;
