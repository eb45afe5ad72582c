//! The ArangoDB backend, on a real server if there is one, else on the emulator; what needs faults, on the emulator.

mod conformance;
mod connecting;
mod differential;
mod faults;
mod names;
mod processes;
mod renewing;
mod requests;
mod stored;
mod support;
mod tokens;
