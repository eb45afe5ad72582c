#![doc = include_str!("../README.md")]

mod aql;
mod auth;
mod clock;
mod config;
mod counters;
mod cursors;
mod emulator;
mod error;
mod faults;
mod http;
mod numbers;
mod state;
mod store;

pub use auth::{Access, Rights};
pub use config::Config;
pub use emulator::Emulator;
pub use faults::{Fault, FaultId};
