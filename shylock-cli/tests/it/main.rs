//! The command `shylock`, run as its users run it.

#![cfg(unix)]

mod codes;
mod crashes;
mod limits;
mod looking;
mod options;
mod order;
#[cfg(feature = "mongo")]
mod outages;
mod passwords;
mod signals;
#[cfg(feature = "mongo")]
mod silence;
mod stores;
mod support;
mod terminals;
