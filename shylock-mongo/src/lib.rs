//! Distributed locks over MongoDB.
