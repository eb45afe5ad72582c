//! What the operators do.

use serde_json::Value;

use super::ast::Binary;
use super::convert::{number, to_number};
use super::order::{compare, equal};
use super::runtime::Runtime;
use crate::error::Result;

/// The value of `left operator right`.
pub(super) fn apply(runtime: &Runtime<'_>, operator: Binary, left: &Value, right: &Value) -> Result<Value> {
    match operator {
        Binary::Plus | Binary::Minus | Binary::Times => Ok(arithmetic(operator, left, right)),
        Binary::Divide | Binary::Modulo => divide(runtime, operator, left, right),
        Binary::In | Binary::NotIn if !right.is_array() => {
            runtime.warn(1563)?;
            Ok(Value::Bool(operator == Binary::NotIn))
        }
        _ => Ok(Value::Bool(holds(operator, left, right))),
    }
}

/// Whether a comparison is true.
pub(super) fn holds(operator: Binary, left: &Value, right: &Value) -> bool {
    match operator {
        Binary::Equal => equal(left, right),
        Binary::NotEqual => !equal(left, right),
        Binary::Less => compare(left, right).is_lt(),
        Binary::LessEqual => compare(left, right).is_le(),
        Binary::Greater => compare(left, right).is_gt(),
        Binary::GreaterEqual => compare(left, right).is_ge(),
        Binary::In => contains(right, left),
        Binary::NotIn => !contains(right, left),
        _ => false,
    }
}

fn contains(array: &Value, wanted: &Value) -> bool {
    array.as_array().is_some_and(|members| members.iter().any(|member| equal(member, wanted)))
}

/// The result always is a double, also that of two whole numbers.
fn arithmetic(operator: Binary, left: &Value, right: &Value) -> Value {
    let (left, right) = (to_number(left), to_number(right));
    number(match operator {
        Binary::Plus => left + right,
        Binary::Minus => left - right,
        _ => left * right,
    })
}

fn divide(runtime: &Runtime<'_>, operator: Binary, left: &Value, right: &Value) -> Result<Value> {
    if to_number(right) == 0.0 {
        return runtime.warn(1562);
    }
    let (left, right) = (to_number(left), to_number(right));
    Ok(number(if operator == Binary::Divide { left / right } else { left % right }))
}
