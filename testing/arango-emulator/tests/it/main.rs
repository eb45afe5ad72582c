//! The emulator's own tests: is it to be trusted?

mod aql;
mod auth;
mod conflicts;
mod curl;
mod faults;
mod official;
mod python;
mod recorded;
mod recorded_cases;
mod support;
mod ttl;
mod vendor;
