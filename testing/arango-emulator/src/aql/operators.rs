//! What the operators do.

use serde_json::Value;

use super::ast::{Binary, Quantifier};
use super::convert::{number, to_integer, to_number, to_text};
use super::env::Env;
use super::like;
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
        Binary::Like => like::matches(&to_text(left), &to_text(right), false),
        Binary::NotLike => !like::matches(&to_text(left), &to_text(right), false),
        _ => false,
    }
}

fn contains(array: &Value, wanted: &Value) -> bool {
    array.as_array().is_some_and(|members| members.iter().any(|member| equal(member, wanted)))
}

fn arithmetic(operator: Binary, left: &Value, right: &Value) -> Value {
    if let (Some(left), Some(right)) = (left.as_i64(), right.as_i64()) {
        let exact = match operator {
            Binary::Plus => left.checked_add(right),
            Binary::Minus => left.checked_sub(right),
            _ => left.checked_mul(right),
        };
        if let Some(exact) = exact {
            return Value::from(exact);
        }
    }
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
    if operator == Binary::Divide {
        return Ok(number(to_number(left) / to_number(right)));
    }
    match (left.as_i64(), right.as_i64()) {
        (Some(left), Some(right)) => Ok(left.checked_rem(right).map_or(Value::Null, Value::from)),
        _ => Ok(number(to_number(left) % to_number(right))),
    }
}

impl Runtime<'_> {
    /// `array ALL == value` and its like.
    pub(super) fn quantified(
        &self,
        quantifier: &Quantifier,
        operator: Binary,
        left: &Value,
        right: &Value,
        env: &Env,
    ) -> Result<Value> {
        let Some(members) = left.as_array() else {
            self.warn(1563)?;
            return Ok(Value::Bool(false));
        };
        let matching = members.iter().filter(|member| holds(operator, member, right)).count();
        self.enough(quantifier, matching, members.len(), env).map(Value::Bool)
    }

    /// Whether that many of so many members satisfy a quantifier.
    pub(super) fn enough(
        &self,
        quantifier: &Quantifier,
        matching: usize,
        all: usize,
        env: &Env,
    ) -> Result<bool> {
        let found = i64::try_from(matching).unwrap_or(i64::MAX);
        Ok(match quantifier {
            Quantifier::All => matching == all,
            Quantifier::Any => matching > 0,
            Quantifier::None => matching == 0,
            Quantifier::AtLeast(least) => found >= to_integer(&*self.eval(least, env)?),
            Quantifier::Exactly(wanted) => match &*self.eval(wanted, env)? {
                Value::Array(range) => range.iter().any(|wanted| to_integer(wanted) == found),
                wanted => to_integer(wanted) == found,
            },
        })
    }
}
