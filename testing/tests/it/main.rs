//! The servers for tests are themselves tested: every other test stands on them.

mod databases;
mod lifetime;
mod private;
mod sources;
mod support;
mod topologies;
