//! Functions over dates.

use serde_json::Value;

use super::{Function, function};
use crate::aql::convert::to_integer;
use crate::aql::runtime::Runtime;
use crate::date::{self, Civil};
use crate::error::Result;

pub(super) const FUNCTIONS: &[Function] = &[
    function("DATE_DAY", 1, 1, |runtime, arguments| part(runtime, arguments, |date| date.day)),
    function("DATE_HOUR", 1, 1, |runtime, arguments| part(runtime, arguments, |date| date.hour)),
    function("DATE_ISO8601", 1, 7, iso8601),
    function("DATE_MILLISECOND", 1, 1, |runtime, arguments| part(runtime, arguments, |date| date.milli)),
    function("DATE_MINUTE", 1, 1, |runtime, arguments| part(runtime, arguments, |date| date.minute)),
    function("DATE_MONTH", 1, 1, |runtime, arguments| part(runtime, arguments, |date| date.month)),
    function("DATE_NOW", 0, 0, |runtime, _| Ok(Value::from(runtime.now_ms))),
    function("DATE_SECOND", 1, 1, |runtime, arguments| part(runtime, arguments, |date| date.second)),
    function("DATE_TIMESTAMP", 1, 7, timestamp),
    function("DATE_YEAR", 1, 1, |runtime, arguments| part(runtime, arguments, |date| date.year)),
    function("IS_DATESTRING", 1, 1, |_, arguments| {
        Ok(Value::Bool(arguments[0].as_str().is_some_and(|text| date::parse(text).is_some())))
    }),
];

/// The moment that the arguments mean: milliseconds, a text, or year, month, day and so on.
fn moment(arguments: &[Value]) -> Option<i64> {
    match arguments {
        [number @ Value::Number(_)] => Some(to_integer(number)),
        [Value::String(text)] => date::parse(text),
        [_] => None,
        parts => {
            let part = |at: usize| parts.get(at).map_or(0, to_integer);
            let civil = Civil {
                year: part(0),
                month: part(1).max(1),
                day: part(2).max(1),
                hour: part(3),
                minute: part(4),
                second: part(5),
                milli: part(6),
            };
            Some(civil.to_millis())
        }
    }
}

fn timestamp(runtime: &Runtime<'_>, arguments: &[Value]) -> Result<Value> {
    moment(arguments).map_or_else(|| runtime.warn(1542), |millis| Ok(Value::from(millis)))
}

fn iso8601(runtime: &Runtime<'_>, arguments: &[Value]) -> Result<Value> {
    moment(arguments).map_or_else(|| runtime.warn(1542), |millis| Ok(Value::String(date::format(millis))))
}

fn part(runtime: &Runtime<'_>, arguments: &[Value], of: impl Fn(Civil) -> i64) -> Result<Value> {
    moment(arguments)
        .map_or_else(|| runtime.warn(1542), |millis| Ok(Value::from(of(Civil::from_millis(millis)))))
}
