//! Turning values into truth, numbers and text.

use serde_json::{Number, Value};

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

/// A double; what is no number is null.
pub(crate) fn number(value: f64) -> Value {
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
        other => crate::numbers::to_json(other),
    }
}
