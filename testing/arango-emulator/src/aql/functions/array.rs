//! Functions over the members of an array.

use serde_json::Value;

use super::{Function, MANY, array_argument, function, optional};
use crate::aql::convert::{to_array, to_integer, to_number, truth};
use crate::aql::eval::position;
use crate::aql::expansion::flattened;
use crate::aql::order::{compare, equal};
use crate::aql::runtime::Runtime;
use crate::error::Result;

pub(super) const FUNCTIONS: &[Function] = &[
    function("APPEND", 2, 3, append),
    function("CONTAINS_ARRAY", 2, 3, position_of),
    function("FIRST", 1, 1, first),
    function("FLATTEN", 1, 2, flatten),
    function("LAST", 1, 1, last),
    function("NTH", 2, 2, nth),
    function("POP", 1, 1, pop),
    function("POSITION", 2, 3, position_of),
    function("PUSH", 2, 3, push),
    function("RANGE", 2, 3, range),
    function("REMOVE_NTH", 2, 2, remove_nth),
    function("REMOVE_VALUE", 2, 3, remove_value),
    function("REMOVE_VALUES", 2, 2, remove_values),
    function("REPLACE_NTH", 3, 4, replace_nth),
    function("REVERSE", 1, 1, reverse),
    function("SHIFT", 1, 1, shift),
    function("SLICE", 2, 3, slice),
    function("SORTED", 1, 1, sorted),
    function("UNSHIFT", 2, 3, unshift),
    function("ZIP", 2, 2, zip),
    function("INTERLEAVE", 2, MANY, interleave),
];

fn holds(members: &[Value], wanted: &Value) -> bool {
    members.iter().any(|member| equal(member, wanted))
}

fn first(runtime: &Runtime<'_>, arguments: &[Value]) -> Result<Value> {
    Ok(array_argument(runtime, arguments, 0)?
        .and_then(|members| members.first().cloned())
        .unwrap_or_default())
}

fn last(runtime: &Runtime<'_>, arguments: &[Value]) -> Result<Value> {
    Ok(array_argument(runtime, arguments, 0)?.and_then(|members| members.last().cloned()).unwrap_or_default())
}

fn nth(runtime: &Runtime<'_>, arguments: &[Value]) -> Result<Value> {
    let Some(members) = array_argument(runtime, arguments, 0)? else { return Ok(Value::Null) };
    let at = usize::try_from(to_integer(&arguments[1])).ok();
    Ok(at.and_then(|at| members.get(at)).cloned().unwrap_or_default())
}

fn pop(runtime: &Runtime<'_>, arguments: &[Value]) -> Result<Value> {
    let Some(members) = array_argument(runtime, arguments, 0)? else { return Ok(Value::Null) };
    Ok(Value::Array(members[..members.len().saturating_sub(1)].to_vec()))
}

fn shift(runtime: &Runtime<'_>, arguments: &[Value]) -> Result<Value> {
    let Some(members) = array_argument(runtime, arguments, 0)? else { return Ok(Value::Null) };
    Ok(Value::Array(members.iter().skip(1).cloned().collect()))
}

/// The array to which PUSH and UNSHIFT add; null is an empty one.
fn growing(runtime: &Runtime<'_>, arguments: &[Value]) -> Result<Option<Vec<Value>>> {
    if arguments[0].is_null() {
        return Ok(Some(Vec::new()));
    }
    Ok(array_argument(runtime, arguments, 0)?.cloned())
}

fn push(runtime: &Runtime<'_>, arguments: &[Value]) -> Result<Value> {
    let Some(mut members) = growing(runtime, arguments)? else { return Ok(Value::Null) };
    if !truth(optional(arguments, 2)) || !holds(&members, &arguments[1]) {
        members.push(arguments[1].clone());
    }
    Ok(Value::Array(members))
}

fn unshift(runtime: &Runtime<'_>, arguments: &[Value]) -> Result<Value> {
    let Some(mut members) = growing(runtime, arguments)? else { return Ok(Value::Null) };
    if !truth(optional(arguments, 2)) || !holds(&members, &arguments[1]) {
        members.insert(0, arguments[1].clone());
    }
    Ok(Value::Array(members))
}

fn append(_: &Runtime<'_>, arguments: &[Value]) -> Result<Value> {
    if arguments[1].is_null() {
        return Ok(arguments[0].clone());
    }
    if arguments[0].is_null() {
        return Ok(Value::Array(to_array(&arguments[1])));
    }
    let unique = truth(optional(arguments, 2));
    let mut members: Vec<Value> = Vec::new();
    for member in to_array(&arguments[0]).into_iter().chain(to_array(&arguments[1])) {
        if !unique || !holds(&members, &member) {
            members.push(member);
        }
    }
    Ok(Value::Array(members))
}

fn position_of(runtime: &Runtime<'_>, arguments: &[Value]) -> Result<Value> {
    let Some(members) = array_argument(runtime, arguments, 0)? else { return Ok(Value::Null) };
    let at = members.iter().position(|member| equal(member, &arguments[1]));
    if truth(optional(arguments, 2)) {
        return Ok(at.map_or(Value::from(-1), Value::from));
    }
    Ok(Value::Bool(at.is_some()))
}

fn slice(runtime: &Runtime<'_>, arguments: &[Value]) -> Result<Value> {
    let Some(members) = array_argument(runtime, arguments, 0)? else { return Ok(Value::Null) };
    let length = i64::try_from(members.len()).unwrap_or(i64::MAX);
    let from_end = |at: i64| if at < 0 { at + length } else { at }.clamp(0, length);
    let start = from_end(to_integer(&arguments[1]));
    let end = match arguments.get(2) {
        None | Some(Value::Null) => length,
        Some(count) if to_number(count) < 0.0 => from_end(to_integer(count)),
        Some(count) => start.saturating_add(to_integer(count)).min(length),
    };
    let size = |at: i64| usize::try_from(at).unwrap_or(0);
    Ok(Value::Array(members.get(size(start)..size(end)).unwrap_or_default().to_vec()))
}

fn remove_value(runtime: &Runtime<'_>, arguments: &[Value]) -> Result<Value> {
    if arguments[0].is_null() {
        return Ok(Value::Array(Vec::new()));
    }
    let Some(members) = array_argument(runtime, arguments, 0)? else { return Ok(Value::Null) };
    let mut left = arguments.get(2).filter(|limit| !limit.is_null()).map_or(i64::MAX, to_integer);
    let kept = members.iter().filter(|member| {
        let goes = left > 0 && equal(member, &arguments[1]);
        left -= i64::from(goes);
        !goes
    });
    Ok(Value::Array(kept.cloned().collect()))
}

fn remove_values(runtime: &Runtime<'_>, arguments: &[Value]) -> Result<Value> {
    if arguments[0].is_null() {
        return Ok(Value::Array(Vec::new()));
    }
    if arguments[1].is_null() {
        return Ok(arguments[0].clone());
    }
    let (Some(members), Some(values)) =
        (array_argument(runtime, arguments, 0)?, array_argument(runtime, arguments, 1)?)
    else {
        return Ok(Value::Null);
    };
    Ok(Value::Array(members.iter().filter(|member| !holds(values, member)).cloned().collect()))
}

fn remove_nth(runtime: &Runtime<'_>, arguments: &[Value]) -> Result<Value> {
    if arguments[0].is_null() {
        return Ok(Value::Array(Vec::new()));
    }
    let Some(members) = array_argument(runtime, arguments, 0)? else { return Ok(Value::Null) };
    let mut members = members.clone();
    if let Some(at) = position(members.len(), to_integer(&arguments[1])) {
        members.remove(at);
    }
    Ok(Value::Array(members))
}

fn replace_nth(runtime: &Runtime<'_>, arguments: &[Value]) -> Result<Value> {
    let Some(members) = array_argument(runtime, arguments, 0)? else { return Ok(Value::Null) };
    let (mut members, at) = (members.clone(), to_integer(&arguments[1]));
    if let Some(at) = position(members.len(), at) {
        members[at] = arguments[2].clone();
    } else if at >= 0 {
        let at = usize::try_from(at).unwrap_or(0);
        let Some(padding) = arguments.get(3) else { return runtime.warn(1542) };
        members.resize(at, padding.clone());
        members.push(arguments[2].clone());
    } else if !members.is_empty() {
        members[0] = arguments[2].clone();
    }
    Ok(Value::Array(members))
}

fn range(runtime: &Runtime<'_>, arguments: &[Value]) -> Result<Value> {
    use crate::aql::convert::number;
    let (from, to) = (to_number(&arguments[0]), to_number(&arguments[1]));
    let step = arguments.get(2).map_or(if from <= to { 1.0 } else { -1.0 }, to_number);
    if step == 0.0 || (to - from).signum() * step.signum() < 0.0 && (to - from) != 0.0 {
        return runtime.warn(1542);
    }
    let (mut values, mut at) = (Vec::new(), from);
    while if step > 0.0 { at <= to } else { at >= to } {
        runtime.check_time()?;
        values.push(number(at));
        at += step;
    }
    Ok(Value::Array(values))
}

fn flatten(runtime: &Runtime<'_>, arguments: &[Value]) -> Result<Value> {
    let Some(members) = array_argument(runtime, arguments, 0)? else { return Ok(Value::Null) };
    let depth = arguments.get(1).map_or(1, to_integer).max(1);
    Ok(Value::Array(flattened(members.clone(), usize::try_from(depth).unwrap_or(1))))
}

fn reverse(runtime: &Runtime<'_>, arguments: &[Value]) -> Result<Value> {
    match &arguments[0] {
        Value::Array(members) => Ok(Value::Array(members.iter().rev().cloned().collect())),
        Value::String(text) => Ok(Value::String(text.chars().rev().collect())),
        _ => runtime.warn(1542),
    }
}

fn sorted(runtime: &Runtime<'_>, arguments: &[Value]) -> Result<Value> {
    let Some(members) = array_argument(runtime, arguments, 0)? else { return Ok(Value::Null) };
    let mut members = members.clone();
    members.sort_by(compare);
    Ok(Value::Array(members))
}

fn zip(runtime: &Runtime<'_>, arguments: &[Value]) -> Result<Value> {
    use crate::aql::convert::to_text;
    let (Some(names), Some(values)) =
        (array_argument(runtime, arguments, 0)?, array_argument(runtime, arguments, 1)?)
    else {
        return Ok(Value::Null);
    };
    if names.len() != values.len() {
        return runtime.warn(1542);
    }
    let members = names.iter().zip(values).map(|(name, value)| (to_text(name), value.clone()));
    Ok(Value::Object(members.collect()))
}

fn interleave(runtime: &Runtime<'_>, arguments: &[Value]) -> Result<Value> {
    if arguments.iter().any(|argument| !argument.is_array()) {
        return runtime.warn(1542);
    }
    let longest = arguments.iter().filter_map(Value::as_array).map(Vec::len).max().unwrap_or(0);
    let lists = || arguments.iter().filter_map(Value::as_array);
    Ok(Value::Array(
        (0..longest).flat_map(|at| lists().filter_map(move |list| list.get(at).cloned())).collect(),
    ))
}
