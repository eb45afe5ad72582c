//! The MongoDB backend on real servers.

mod collection;
mod differential;
mod durability;
mod names;
mod purging;
mod racing;
mod renewing;
mod rights;
mod stored;
mod support;
