//! The functions that queries may call.

// Those that cannot fail have the signature of those that can.
#![expect(clippy::unnecessary_wraps)]

mod array;
mod date;
mod general;
mod numeric;
mod object;
mod sets;
mod string;
mod types;

use serde_json::Value;

use super::runtime::Runtime;
use crate::error::Result;

/// What runs a function.
pub(crate) type Run = fn(&Runtime<'_>, &[Value]) -> Result<Value>;

/// One function.
pub(crate) struct Function {
    pub(crate) name: &'static str,
    pub(crate) least: usize,
    pub(crate) most: usize,
    /// Whether a collection as first argument means its name, not its documents.
    pub(crate) takes_collection: bool,
    pub(crate) run: Run,
}

impl std::fmt::Debug for Function {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.name)
    }
}

/// No limit to the number of arguments.
const MANY: usize = usize::MAX;

const fn function(name: &'static str, least: usize, most: usize, run: Run) -> Function {
    Function { name, least, most, takes_collection: false, run }
}

/// The function of that name, whatever its case.
pub(crate) fn find(name: &str) -> Option<&'static Function> {
    let tables: [&[Function]; 8] = [
        array::FUNCTIONS,
        date::FUNCTIONS,
        general::FUNCTIONS,
        numeric::FUNCTIONS,
        object::FUNCTIONS,
        sets::FUNCTIONS,
        string::FUNCTIONS,
        types::FUNCTIONS,
    ];
    tables.into_iter().flatten().find(|function| function.name.eq_ignore_ascii_case(name))
}

/// Whether COLLECT .. AGGREGATE may use a function.
pub(crate) fn is_aggregate(name: &str) -> bool {
    const NAMES: [&str; 11] = [
        "AVERAGE",
        "AVG",
        "COUNT",
        "COUNT_DISTINCT",
        "COUNT_UNIQUE",
        "LENGTH",
        "MAX",
        "MIN",
        "SORTED_UNIQUE",
        "SUM",
        "UNIQUE",
    ];
    NAMES.contains(&name)
}

/// An argument that must be an array; `None` after a warning.
fn array_argument<'v>(
    runtime: &Runtime<'_>,
    arguments: &'v [Value],
    at: usize,
) -> Result<Option<&'v Vec<Value>>> {
    match arguments.get(at) {
        Some(Value::Array(members)) => Ok(Some(members)),
        _ => runtime.warn(1542).map(|_| None),
    }
}

/// An argument that may be missing.
fn optional(arguments: &[Value], at: usize) -> &Value {
    arguments.get(at).unwrap_or(&Value::Null)
}
