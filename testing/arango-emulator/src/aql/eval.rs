//! The value of an expression.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::ast::Expr;
use super::convert::{number, to_integer, to_number, to_text, truth};
use super::env::Env;
use super::operators;
use super::runtime::Runtime;
use crate::error::Result;

/// The longest range that is written out.
const LONGEST_RANGE: i64 = 10_000_000;

impl Runtime<'_> {
    /// The value of an expression; values that are already held somewhere are not copied.
    pub(super) fn eval<'v>(&self, expr: &'v Expr, env: &'v Env) -> Result<Cow<'v, Value>> {
        match expr {
            Expr::Literal(value) => Ok(Cow::Borrowed(value)),
            Expr::Variable(name) => {
                Ok(env.get(name).map_or(Cow::Owned(Value::Null), |value| Cow::Borrowed(&**value)))
            }
            Expr::Attribute(base, name) => Ok(member(self.eval(base, env)?, name)),
            Expr::Index(base, at) => {
                let at = self.eval(at, env)?;
                Ok(element(self.eval(base, env)?, &at))
            }
            Expr::Ternary(condition, then, otherwise) => {
                let value = self.eval(condition, env)?;
                match (truth(&value), then) {
                    (true, None) => Ok(value),
                    (true, Some(then)) => self.eval(then, env),
                    (false, _) => self.eval(otherwise, env),
                }
            }
            Expr::And(left, right) => {
                let value = self.eval(left, env)?;
                if truth(&value) { self.eval(right, env) } else { Ok(value) }
            }
            Expr::Or(left, right) => {
                let value = self.eval(left, env)?;
                if truth(&value) { Ok(value) } else { self.eval(right, env) }
            }
            other => self.computed(other, env).map(Cow::Owned),
        }
    }

    /// The value of an expression as a value of one's own.
    pub(super) fn value(&self, expr: &Expr, env: &Env) -> Result<Value> {
        self.eval(expr, env).map(Cow::into_owned)
    }

    pub(super) fn is_true(&self, expr: &Expr, env: &Env) -> Result<bool> {
        self.eval(expr, env).map(|value| truth(&value))
    }

    /// Expressions whose value is always a new one.
    fn computed(&self, expr: &Expr, env: &Env) -> Result<Value> {
        match expr {
            Expr::Array(members) => self.values(members, env).map(Value::Array),
            Expr::Object(members) => self.object(members, env),
            Expr::Not(value) => Ok(Value::Bool(!self.is_true(value, env)?)),
            Expr::Negative(value) => Ok(number(-to_number(&*self.eval(value, env)?))),
            Expr::Positive(value) => Ok(number(to_number(&*self.eval(value, env)?))),
            Expr::Binary(operator, left, right) => {
                operators::apply(self, *operator, &*self.eval(left, env)?, &*self.eval(right, env)?)
            }
            Expr::Range(from, to) => self.range(from, to, env),
            Expr::Call(function, arguments) => (function.run)(self, &self.values(arguments, env)?),
            Expr::Subquery(block) => self.block(block, env, false).map(Value::Array),
            Expr::Expansion(expansion) => self.expansion(expansion, env),
            Expr::Collection(name) => self.whole_collection(name),
            _ => Ok(Value::Null),
        }
    }

    fn values(&self, exprs: &[Expr], env: &Env) -> Result<Vec<Value>> {
        exprs.iter().map(|expr| self.value(expr, env)).collect()
    }

    fn object(&self, members: &[(Expr, Expr)], env: &Env) -> Result<Value> {
        let mut object = Map::new();
        for (name, value) in members {
            object.insert(to_text(&*self.eval(name, env)?), self.value(value, env)?);
        }
        Ok(Value::Object(object))
    }

    fn range(&self, from: &Expr, to: &Expr, env: &Env) -> Result<Value> {
        let (from, to) = (to_integer(&*self.eval(from, env)?), to_integer(&*self.eval(to, env)?));
        if from.abs_diff(to) > LONGEST_RANGE.unsigned_abs() {
            return Err(crate::error::ArangoError::new(32));
        }
        let values = if from <= to {
            (from..=to).map(Value::from).collect()
        } else {
            (to..=from).rev().map(Value::from).collect()
        };
        Ok(Value::Array(values))
    }

    fn whole_collection(&self, name: &str) -> Result<Value> {
        let documents = self.transaction.borrow().scan(name)?;
        Ok(Value::Array(documents.iter().map(|document| (*document.body).clone()).collect()))
    }
}

/// The attribute of that name, or null.
pub(super) fn member<'v>(base: Cow<'v, Value>, name: &str) -> Cow<'v, Value> {
    match base {
        Cow::Borrowed(value) => value.get(name).map_or(Cow::Owned(Value::Null), Cow::Borrowed),
        Cow::Owned(mut value) => Cow::Owned(value.get_mut(name).map_or(Value::Null, Value::take)),
    }
}

/// What stands at that position or under that name, or null; negative positions count from the end.
fn element<'v>(base: Cow<'v, Value>, at: &Value) -> Cow<'v, Value> {
    if base.is_object() {
        return member(base, &to_text(at));
    }
    let Some(members) = base.as_array() else { return Cow::Owned(Value::Null) };
    if !matches!(at, Value::Number(_) | Value::String(_)) {
        return Cow::Owned(Value::Null);
    }
    let Some(at) = position(members.len(), to_integer(at)) else { return Cow::Owned(Value::Null) };
    match base {
        Cow::Borrowed(value) => Cow::Borrowed(&value[at]),
        Cow::Owned(mut value) => Cow::Owned(value[at].take()),
    }
}

/// The position that a possibly negative number means.
pub(super) fn position(length: usize, at: i64) -> Option<usize> {
    let length = i64::try_from(length).ok()?;
    let at = if at < 0 { at + length } else { at };
    if (0..length).contains(&at) { usize::try_from(at).ok() } else { None }
}
