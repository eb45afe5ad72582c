#![doc = include_str!("../README.md")]

mod aql;
mod auth;
mod clock;
mod config;
mod counters;
mod cursors;
mod date;
mod emulator;
mod error;
mod faults;
mod http;
mod state;
mod store;

pub use config::Config;
pub use emulator::Emulator;
pub use faults::{Fault, FaultId};
