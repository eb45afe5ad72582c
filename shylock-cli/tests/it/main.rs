//! The command `shylock`, run as its users run it.

#![cfg(unix)]

mod codes;
mod crashes;
mod looking;
mod order;
mod outages;
mod passwords;
mod signals;
mod support;
mod terminals;
