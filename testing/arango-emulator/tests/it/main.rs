//! The emulator's own tests: is it to be trusted?

mod aql;
mod auth;
mod cluster;
mod conflicts;
mod curl;
mod faults;
mod grammar;
mod javascript;
mod official;
mod python;
mod recorded;
mod recorded_cases;
mod rights;
mod support;
mod ttl;
mod vendor;
