//! The MongoDB backend on real servers.

mod collection;
mod conformance;
mod differential;
mod durability;
mod handover;
mod names;
mod older;
mod opening;
mod purging;
mod racing;
mod renewing;
mod rights;
mod stored;
mod support;
mod wakeups;
