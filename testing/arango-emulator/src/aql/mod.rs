//! AQL: read into a tree, then run on a snapshot.

pub(crate) mod ast;
pub(crate) mod convert;
mod env;
mod eval;
mod exec;
mod expansion;
pub(crate) mod functions;
mod lexer;
mod lookup;
mod modify;
mod operators;
pub(crate) mod order;
mod parser;
mod runtime;
mod token;

pub(crate) use parser::options::overwrite_mode;
pub(crate) use parser::{parse, parse_only};
pub(crate) use runtime::{Limits, Outcome, Runtime, Stats};
