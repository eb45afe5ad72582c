//! Functions over arrays as sets.

use serde_json::Value;

use super::{Function, MANY, array_argument, function};
use crate::aql::order::{compare, equal};
use crate::aql::runtime::Runtime;
use crate::error::Result;

pub(super) const FUNCTIONS: &[Function] = &[
    function("COUNT_DISTINCT", 1, 1, count_distinct),
    function("COUNT_UNIQUE", 1, 1, count_distinct),
    function("INTERSECTION", 2, MANY, intersection),
    function("MINUS", 2, MANY, minus),
    function("OUTERSECTION", 2, MANY, outersection),
    function("SORTED_UNIQUE", 1, 1, sorted_unique),
    function("UNION", 2, MANY, union),
    function("UNION_DISTINCT", 2, MANY, union_distinct),
    function("UNIQUE", 1, 1, unique),
];

fn distinct<'v>(members: impl IntoIterator<Item = &'v Value>) -> Vec<Value> {
    let mut result: Vec<Value> = Vec::new();
    for member in members {
        if !result.iter().any(|held| equal(held, member)) {
            result.push(member.clone());
        }
    }
    result
}

/// All arguments as arrays; `None` after a warning.
fn arrays<'v>(runtime: &Runtime<'_>, arguments: &'v [Value]) -> Result<Option<Vec<&'v Vec<Value>>>> {
    let mut arrays = Vec::new();
    for at in 0..arguments.len() {
        match array_argument(runtime, arguments, at)? {
            Some(members) => arrays.push(members),
            None => return Ok(None),
        }
    }
    Ok(Some(arrays))
}

fn holds(members: &[Value], wanted: &Value) -> bool {
    members.iter().any(|member| equal(member, wanted))
}

fn unique(runtime: &Runtime<'_>, arguments: &[Value]) -> Result<Value> {
    Ok(array_argument(runtime, arguments, 0)?.map_or(Value::Null, |members| Value::Array(distinct(members))))
}

fn count_distinct(runtime: &Runtime<'_>, arguments: &[Value]) -> Result<Value> {
    Ok(array_argument(runtime, arguments, 0)?
        .map_or(Value::Null, |members| Value::from(distinct(members).len())))
}

fn sorted_unique(runtime: &Runtime<'_>, arguments: &[Value]) -> Result<Value> {
    let Some(members) = array_argument(runtime, arguments, 0)? else { return Ok(Value::Null) };
    let mut members = distinct(members);
    members.sort_by(compare);
    Ok(Value::Array(members))
}

fn union(runtime: &Runtime<'_>, arguments: &[Value]) -> Result<Value> {
    let Some(arrays) = arrays(runtime, arguments)? else { return Ok(Value::Null) };
    Ok(Value::Array(arrays.into_iter().flatten().cloned().collect()))
}

fn union_distinct(runtime: &Runtime<'_>, arguments: &[Value]) -> Result<Value> {
    let Some(arrays) = arrays(runtime, arguments)? else { return Ok(Value::Null) };
    Ok(Value::Array(distinct(arrays.into_iter().flatten())))
}

fn minus(runtime: &Runtime<'_>, arguments: &[Value]) -> Result<Value> {
    let Some(arrays) = arrays(runtime, arguments)? else { return Ok(Value::Null) };
    let kept = arrays[0].iter().filter(|member| !arrays[1..].iter().any(|other| holds(other, member)));
    Ok(Value::Array(distinct(kept)))
}

fn intersection(runtime: &Runtime<'_>, arguments: &[Value]) -> Result<Value> {
    let Some(arrays) = arrays(runtime, arguments)? else { return Ok(Value::Null) };
    let kept = arrays[0].iter().filter(|member| arrays[1..].iter().all(|other| holds(other, member)));
    Ok(Value::Array(distinct(kept)))
}

fn outersection(runtime: &Runtime<'_>, arguments: &[Value]) -> Result<Value> {
    let Some(arrays) = arrays(runtime, arguments)? else { return Ok(Value::Null) };
    let once = |member: &&Value| arrays.iter().filter(|array| holds(array, member)).count() == 1;
    Ok(Value::Array(distinct(arrays.iter().flat_map(|array| array.iter()).filter(once))))
}
