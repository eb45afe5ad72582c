//! `array[* FILTER .. LIMIT .. RETURN ..]`

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::Value;

use super::ast::{Expansion, Name};
use super::convert::to_integer;
use super::env::Env;
use super::parser::postfix::MEMBER;
use super::runtime::Runtime;
use crate::error::Result;

impl Runtime<'_> {
    pub(super) fn expansion(&self, expansion: &Expansion, env: &Env) -> Result<Value> {
        let base = self.eval(&expansion.base, env)?;
        let members = match base {
            Cow::Borrowed(Value::Array(members)) => members.clone(),
            Cow::Owned(Value::Array(members)) => members,
            // Anything but an array is like an empty one.
            _ => Vec::new(),
        };
        let kept = self.kept(expansion, members, env)?;
        self.limited(expansion, kept, env)?
            .into_iter()
            .map(|inner| self.projected(expansion, &inner, env))
            .collect()
    }

    fn kept(&self, expansion: &Expansion, members: Vec<Value>, env: &Env) -> Result<Vec<Arc<Value>>> {
        let members = members.into_iter().map(Arc::new);
        let Some(filter) = &expansion.filter else { return Ok(members.collect()) };
        let current = Name::from("CURRENT");
        let mut kept = Vec::new();
        for member in members {
            if self.is_true(filter, &env.with(&current, Arc::clone(&member)))? {
                kept.push(member);
            }
        }
        Ok(kept)
    }

    fn limited(&self, expansion: &Expansion, members: Vec<Arc<Value>>, env: &Env) -> Result<Vec<Arc<Value>>> {
        let Some((offset, count)) = &expansion.limit else { return Ok(members) };
        let size = |value: &Value| usize::try_from(to_integer(value)).unwrap_or(0);
        let (offset, count) = (size(&*self.eval(offset, env)?), size(&*self.eval(count, env)?));
        Ok(members.into_iter().skip(offset).take(count).collect())
    }

    fn projected(&self, expansion: &Expansion, member: &Arc<Value>, env: &Env) -> Result<Value> {
        let value = match &expansion.project {
            Some(project) => self.value(project, &env.with(&Name::from("CURRENT"), Arc::clone(member)))?,
            None => (**member).clone(),
        };
        match &expansion.tail {
            Some(tail) => self.value(tail, &env.with(&Name::from(MEMBER), Arc::new(value))),
            None => Ok(value),
        }
    }
}
