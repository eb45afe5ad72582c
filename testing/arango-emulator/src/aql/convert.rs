//! Turning values into truth, numbers and text.

use serde_json::{Map, Number, Value};

/// Whole numbers up to this are exact in a double.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// `null`, `false`, `0` and `""` are false; everything else, `[]` too, is true.
pub(crate) fn truth(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(value) => *value,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(_) | Value::Object(_) => true,
    }
}

/// A number as the server writes it: whole ones without a fraction, what is no number as null.
pub(crate) fn number(value: f64) -> Value {
    if value.fract() == 0.0 && value.abs() <= EXACT {
        #[expect(clippy::cast_possible_truncation, reason = "whole and small enough")]
        return Value::from(value as i64);
    }
    Number::from_f64(value).map_or(Value::Null, Value::Number)
}

/// What `TO_NUMBER` makes of a value.
pub(crate) fn to_number(value: &Value) -> f64 {
    match value {
        Value::Null | Value::Object(_) => 0.0,
        Value::Bool(value) => f64::from(u8::from(*value)),
        Value::Number(number) => number.as_f64().unwrap_or(0.0),
        Value::String(text) => {
            text.trim().parse().ok().filter(|value: &f64| value.is_finite()).unwrap_or(0.0)
        }
        Value::Array(members) => match members.as_slice() {
            [only] => to_number(only),
            _ => 0.0,
        },
    }
}

/// A whole number, cut off towards zero.
pub(crate) fn to_integer(value: &Value) -> i64 {
    #[expect(clippy::cast_possible_truncation, reason = "cutting off is what is wanted")]
    value.as_i64().unwrap_or_else(|| to_number(value) as i64)
}

/// What `TO_STRING` makes of a value.
pub(crate) fn to_text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// What `TO_ARRAY` makes of a value.
pub(crate) fn to_array(value: &Value) -> Vec<Value> {
    match value {
        Value::Null => Vec::new(),
        Value::Array(members) => members.clone(),
        Value::Object(members) => members.values().cloned().collect(),
        other => vec![other.clone()],
    }
}

/// Values with every whole number written as one, as the server's own format keeps them.
pub(crate) fn normal(value: Value) -> Value {
    match value {
        Value::Number(ref held) if held.is_f64() => number(held.as_f64().unwrap_or(0.0)),
        Value::Array(members) => Value::Array(members.into_iter().map(normal).collect()),
        Value::Object(members) => Value::Object(
            members.into_iter().map(|(name, value)| (name, normal(value))).collect::<Map<_, _>>(),
        ),
        other => other,
    }
}
