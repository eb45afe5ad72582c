//! The ArangoDB backend, on a real server if one is named, else on the emulator; what needs faults, on the emulator.

mod conformance;
mod connecting;
mod container;
mod differential;
mod faults;
mod names;
mod processes;
mod renewing;
mod requests;
mod stored;
mod support;
mod tokens;
