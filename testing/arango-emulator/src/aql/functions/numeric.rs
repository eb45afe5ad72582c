//! Functions over numbers, and over arrays of numbers.

use serde_json::Value;

use super::{Function, array_argument, function};
use crate::aql::convert::{number, to_number};
use crate::aql::order::compare;
use crate::aql::runtime::Runtime;
use crate::error::Result;

pub(super) const FUNCTIONS: &[Function] = &[
    function("ABS", 1, 1, |_, arguments| Ok(number(to_number(&arguments[0]).abs()))),
    function("AVERAGE", 1, 1, average),
    function("AVG", 1, 1, average),
    function("CEIL", 1, 1, |_, arguments| Ok(number(to_number(&arguments[0]).ceil()))),
    function("FLOOR", 1, 1, |_, arguments| Ok(number(to_number(&arguments[0]).floor()))),
    function("MAX", 1, 1, max),
    function("MIN", 1, 1, min),
    function("POW", 2, 2, |_, arguments| Ok(number(to_number(&arguments[0]).powf(to_number(&arguments[1]))))),
    function("PRODUCT", 1, 1, product),
    function("RAND", 0, 0, |_, _| Ok(number(fastrand::f64()))),
    function("ROUND", 1, 1, |_, arguments| Ok(number((to_number(&arguments[0]) + 0.5).floor()))),
    function("SQRT", 1, 1, |_, arguments| Ok(number(to_number(&arguments[0]).sqrt()))),
    function("SUM", 1, 1, sum),
];

/// The members that are not null.
fn present<'v>(runtime: &Runtime<'_>, arguments: &'v [Value]) -> Result<Option<Vec<&'v Value>>> {
    let members = array_argument(runtime, arguments, 0)?;
    Ok(members.map(|members| members.iter().filter(|member| !member.is_null()).collect()))
}

fn max(runtime: &Runtime<'_>, arguments: &[Value]) -> Result<Value> {
    let members = present(runtime, arguments)?.unwrap_or_default();
    Ok(members.into_iter().max_by(|left, right| compare(left, right)).cloned().unwrap_or_default())
}

fn min(runtime: &Runtime<'_>, arguments: &[Value]) -> Result<Value> {
    let members = present(runtime, arguments)?.unwrap_or_default();
    Ok(members.into_iter().min_by(|left, right| compare(left, right)).cloned().unwrap_or_default())
}

/// The numbers of an array; `None` after a warning, when something else is among them.
fn numbers(runtime: &Runtime<'_>, arguments: &[Value]) -> Result<Option<Vec<f64>>> {
    let Some(members) = present(runtime, arguments)? else { return Ok(None) };
    match members.iter().map(|member| member.as_f64()).collect::<Option<Vec<f64>>>() {
        Some(numbers) => Ok(Some(numbers)),
        None => runtime.warn(1542).map(|_| None),
    }
}

fn sum(runtime: &Runtime<'_>, arguments: &[Value]) -> Result<Value> {
    Ok(numbers(runtime, arguments)?.map_or(Value::Null, |numbers| number(numbers.iter().sum())))
}

fn product(runtime: &Runtime<'_>, arguments: &[Value]) -> Result<Value> {
    Ok(numbers(runtime, arguments)?.map_or(Value::Null, |numbers| number(numbers.iter().product())))
}

fn average(runtime: &Runtime<'_>, arguments: &[Value]) -> Result<Value> {
    let Some(numbers) = numbers(runtime, arguments)?.filter(|numbers| !numbers.is_empty()) else {
        return Ok(Value::Null);
    };
    #[expect(clippy::cast_precision_loss, reason = "no array has 2^53 members")]
    let count = numbers.len() as f64;
    Ok(number(numbers.iter().sum::<f64>() / count))
}
