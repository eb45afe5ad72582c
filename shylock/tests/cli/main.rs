//! The command `shylock`, run as its users run it.
