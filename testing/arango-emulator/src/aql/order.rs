//! The order of values: `null < bool < number < string < array < object`.

use std::cmp::Ordering;

use serde_json::{Map, Number, Value};

/// ASCII in the order in which the server's collation has it, letters aside.
const SIGNS: &str = " _-,;:!?.'\"()[]{}@*/\\&#%`^+<=>|~$0123456789";

/// How two values of any type compare.
pub(crate) fn compare(left: &Value, right: &Value) -> Ordering {
    match (left, right) {
        (Value::Bool(left), Value::Bool(right)) => left.cmp(right),
        (Value::Number(left), Value::Number(right)) => numbers(left, right),
        (Value::String(left), Value::String(right)) => strings(left, right),
        (Value::Array(left), Value::Array(right)) => arrays(left, right),
        (Value::Object(left), Value::Object(right)) => objects(left, right),
        _ => rank(left).cmp(&rank(right)),
    }
}

/// Whether two values of any type are equal.
pub(crate) fn equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::String(left), Value::String(right)) => left == right,
        _ => compare(left, right).is_eq(),
    }
}

fn rank(value: &Value) -> u8 {
    match value {
        Value::Null => 0,
        Value::Bool(_) => 1,
        Value::Number(_) => 2,
        Value::String(_) => 3,
        Value::Array(_) => 4,
        Value::Object(_) => 5,
    }
}

fn numbers(left: &Number, right: &Number) -> Ordering {
    if let (Some(left), Some(right)) = (left.as_i64(), right.as_i64()) {
        return left.cmp(&right);
    }
    let float = |number: &Number| number.as_f64().unwrap_or(0.0);
    float(left).total_cmp(&float(right))
}

/// The longer array wins only if the shorter one is its beginning; a missing member counts as null.
fn arrays(left: &[Value], right: &[Value]) -> Ordering {
    for at in 0..left.len().max(right.len()) {
        let (left, right) = (left.get(at).unwrap_or(&Value::Null), right.get(at).unwrap_or(&Value::Null));
        let order = compare(left, right);
        if order.is_ne() {
            return order;
        }
    }
    Ordering::Equal
}

/// Attribute by attribute in the order of their names; a missing one counts as null.
fn objects(left: &Map<String, Value>, right: &Map<String, Value>) -> Ordering {
    let mut names: Vec<&String> = left.keys().chain(right.keys()).collect();
    names.sort();
    names.dedup();
    for name in names {
        let (left, right) = (left.get(name).unwrap_or(&Value::Null), right.get(name).unwrap_or(&Value::Null));
        let order = compare(left, right);
        if order.is_ne() {
            return order;
        }
    }
    Ordering::Equal
}

/// The collation of ASCII as a server in English has it: signs, digits, letters; case decides last, small first.
/// Other characters follow by their code point, which is not what a real server does.
pub(crate) fn strings(left: &str, right: &str) -> Ordering {
    let weights = |text: &str| text.chars().map(weight).collect::<Vec<_>>();
    let (first, second) = (weights(left), weights(right));
    let primary = first.iter().map(|w| w.0).cmp(second.iter().map(|w| w.0));
    primary
        .then_with(|| first.iter().map(|w| w.1).cmp(second.iter().map(|w| w.1)))
        .then_with(|| left.cmp(right))
}

fn weight(sign: char) -> (u32, bool) {
    if let Some(at) = SIGNS.find(sign) {
        return (u32::try_from(at).unwrap_or(0) + 1, false);
    }
    if sign.is_ascii_alphabetic() {
        return (u32::from(sign.to_ascii_lowercase()), sign.is_ascii_uppercase());
    }
    if sign.is_ascii() { (0, false) } else { (u32::from(sign) + 128, false) }
}
