//! What a backend promises, on the trait itself.

pub mod abandoned;
pub mod concurrency;
pub mod downgrading;
pub mod history;
pub mod joining;
pub mod leases;
pub mod leaving;
pub mod listing;
pub mod modes;
pub mod names;
pub mod values;
pub mod wakeups;
