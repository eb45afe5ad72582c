//! Distributed locks over the database that you already run.
