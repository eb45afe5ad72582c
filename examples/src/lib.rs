//! Complete programs that use shylock; each is a file in `src/bin`.
