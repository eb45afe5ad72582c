//! The functions that queries may call: those of the backend, and of the clients that the tests run.

// Those that cannot fail have the signature of those that can.
#![expect(clippy::unnecessary_wraps)]

use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::convert::{to_integer, to_text};
use super::order::compare;
use super::runtime::Runtime;
use crate::error::Result;

/// What runs a function.
pub(crate) type Run = fn(&Runtime<'_>, &[Value]) -> Result<Value>;

/// One function.
pub(crate) struct Function {
    pub(crate) name: &'static str,
    pub(crate) least: usize,
    pub(crate) most: usize,
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
    Function { name, least, most, run }
}

const FUNCTIONS: &[Function] = &[
    function("CONCAT", 1, MANY, concat),
    function("DATE_NOW", 0, 0, |runtime, _| Ok(Value::from(runtime.now_ms))),
    function("FIRST", 1, 1, first),
    function("HAS", 2, 2, has),
    function("LAST", 1, 1, last),
    function("LEFT", 2, 2, left),
    function("LENGTH", 1, 1, length),
    function("MAX", 1, 1, max),
    function("MERGE", 1, MANY, merge),
    function("MIN", 1, 1, min),
    function("PUSH", 2, 2, push),
    function("RIGHT", 2, 2, right),
    function("SLEEP", 1, 1, sleep),
    function("TO_HEX", 1, 1, to_hex),
    function("TO_STRING", 1, 1, |_, arguments| Ok(Value::String(to_text(&arguments[0])))),
    function("UNSET", 2, MANY, unset),
];

/// The function of that name, whatever its case.
pub(crate) fn find(name: &str) -> Option<&'static Function> {
    FUNCTIONS.iter().find(|function| function.name.eq_ignore_ascii_case(name))
}

/// The first argument, which must be an array; `None` after a warning.
fn members<'v>(runtime: &Runtime<'_>, arguments: &'v [Value]) -> Result<Option<&'v Vec<Value>>> {
    match arguments.first() {
        Some(Value::Array(members)) => Ok(Some(members)),
        _ => runtime.warn(1542).map(|_| None),
    }
}

fn first(runtime: &Runtime<'_>, arguments: &[Value]) -> Result<Value> {
    Ok(members(runtime, arguments)?.and_then(|members| members.first().cloned()).unwrap_or_default())
}

fn last(runtime: &Runtime<'_>, arguments: &[Value]) -> Result<Value> {
    Ok(members(runtime, arguments)?.and_then(|members| members.last().cloned()).unwrap_or_default())
}

/// Adds to an array; null is an empty one.
fn push(runtime: &Runtime<'_>, arguments: &[Value]) -> Result<Value> {
    if arguments[0].is_null() {
        return Ok(Value::Array(vec![arguments[1].clone()]));
    }
    let Some(mut members) = members(runtime, arguments)?.cloned() else { return Ok(Value::Null) };
    members.push(arguments[1].clone());
    Ok(Value::Array(members))
}

/// The greatest member; null counts for nothing.
fn max(runtime: &Runtime<'_>, arguments: &[Value]) -> Result<Value> {
    let present = members(runtime, arguments)?.into_iter().flatten().filter(|member| !member.is_null());
    Ok(present.max_by(|left, right| compare(left, right)).cloned().unwrap_or_default())
}

fn min(runtime: &Runtime<'_>, arguments: &[Value]) -> Result<Value> {
    let present = members(runtime, arguments)?.into_iter().flatten().filter(|member| !member.is_null());
    Ok(present.min_by(|left, right| compare(left, right)).cloned().unwrap_or_default())
}

fn length(_: &Runtime<'_>, arguments: &[Value]) -> Result<Value> {
    Ok(Value::from(match &arguments[0] {
        Value::Null => 0,
        Value::Bool(value) => usize::from(*value),
        Value::Array(members) => members.len(),
        Value::Object(members) => members.len(),
        other => to_text(other).chars().count(),
    }))
}

fn has(_: &Runtime<'_>, arguments: &[Value]) -> Result<Value> {
    let has = arguments[0].as_object().is_some_and(|members| members.contains_key(&to_text(&arguments[1])));
    Ok(Value::Bool(has))
}

/// The members of all arguments; the last one of a name wins, whole.
fn merge(runtime: &Runtime<'_>, arguments: &[Value]) -> Result<Value> {
    let mut merged = Map::new();
    for argument in arguments {
        let Value::Object(members) = argument else { return runtime.warn(1542) };
        merged.extend(members.clone());
    }
    Ok(Value::Object(merged))
}

fn unset(runtime: &Runtime<'_>, arguments: &[Value]) -> Result<Value> {
    let Value::Object(members) = &arguments[0] else { return runtime.warn(1542) };
    let goes = |name: &str| arguments[1..].iter().any(|argument| argument.as_str() == Some(name));
    let kept = members.iter().filter(|(name, _)| !goes(name));
    Ok(Value::Object(kept.map(|(name, value)| (name.clone(), value.clone())).collect()))
}

fn concat(_: &Runtime<'_>, arguments: &[Value]) -> Result<Value> {
    Ok(Value::String(arguments.iter().map(to_text).collect()))
}

fn left(_: &Runtime<'_>, arguments: &[Value]) -> Result<Value> {
    let count = usize::try_from(to_integer(&arguments[1])).unwrap_or(0);
    Ok(Value::String(to_text(&arguments[0]).chars().take(count).collect()))
}

fn right(_: &Runtime<'_>, arguments: &[Value]) -> Result<Value> {
    let count = usize::try_from(to_integer(&arguments[1])).unwrap_or(0);
    let text = to_text(&arguments[0]);
    let skipped = text.chars().count().saturating_sub(count);
    Ok(Value::String(text.chars().skip(skipped).collect()))
}

/// Two small hexadecimal digits for each byte of the text.
fn to_hex(_: &Runtime<'_>, arguments: &[Value]) -> Result<Value> {
    let mut digits = String::new();
    for byte in to_text(&arguments[0]).bytes() {
        let _ = write!(digits, "{byte:02x}");
    }
    Ok(Value::String(digits))
}

/// Waits for so many seconds, or until the query has run for too long.
fn sleep(runtime: &Runtime<'_>, arguments: &[Value]) -> Result<Value> {
    let seconds = super::convert::to_number(&arguments[0]).clamp(0.0, 3600.0);
    let end = std::time::Instant::now() + std::time::Duration::from_secs_f64(seconds);
    while std::time::Instant::now() < end {
        runtime.check_time()?;
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    Ok(Value::Null)
}
