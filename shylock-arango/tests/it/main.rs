//! The ArangoDB backend, on a real server if one is named, else on the emulator; what needs faults, on the emulator.

mod cluster;
mod conformance;
mod connecting;
mod container;
mod differential;
mod doubtful;
mod faults;
mod names;
mod processes;
mod renewing;
mod requests;
mod rights;
mod stored;
mod support;
mod thirteen;
mod tokens;
