//! INSERT, UPDATE, REPLACE and REMOVE, row by row.

use std::sync::Arc;

use serde_json::Value;

use super::ast::{Expr, Modify, Name, Operation};
use super::env::Env;
use super::runtime::Runtime;
use crate::error::{ArangoError, Result};
use crate::store::Document;
use crate::store::transaction::{Target, Written};

impl Runtime<'_> {
    pub(super) fn modify(&self, modify: &Modify, rows: &[Env]) -> Result<Vec<Env>> {
        let (old, new) = (Name::from("OLD"), Name::from("NEW"));
        let mut result = Vec::new();
        for row in rows {
            match self.write(modify, row) {
                Ok(written) => {
                    self.count(|stats| stats.writes_executed += 1);
                    let row = row.with(&old, body(written.old.as_ref()));
                    result.push(row.with(&new, body(written.new.as_ref())));
                }
                Err(error) => return Err(at_node(error, modify)),
            }
        }
        Ok(result)
    }

    fn write(&self, modify: &Modify, row: &Env) -> Result<Written> {
        let (name, options) = (modify.collection.as_str(), &modify.options);
        match &modify.operation {
            Operation::Insert(body) => {
                let body = self.value(body, row)?;
                self.transaction.borrow_mut().insert(name, &body, options)
            }
            Operation::Remove(key) => {
                let target = target(&*self.eval(key, row)?, options.ignore_revs)?;
                self.transaction.borrow_mut().remove(name, &target, options)
            }
            Operation::Update { key, patch } => {
                let (target, patch) = self.change(key, patch.as_ref(), options.ignore_revs, row)?;
                self.transaction.borrow_mut().update(name, &target, &patch, options)
            }
            Operation::Replace { key, body } => {
                let (target, body) = self.change(key, body.as_ref(), options.ignore_revs, row)?;
                self.transaction.borrow_mut().replace(name, &target, &body, options)
            }
        }
    }

    fn change(
        &self,
        key: &Expr,
        change: Option<&Expr>,
        ignore_revs: bool,
        row: &Env,
    ) -> Result<(Target, Value)> {
        let key = self.value(key, row)?;
        let target = target(&key, ignore_revs)?;
        let change = match change {
            Some(change) => self.value(change, row)?,
            None => key,
        };
        if change.is_object() { Ok((target, change)) } else { Err(ArangoError::new(1227)) }
    }
}

fn body(document: Option<&Document>) -> Arc<Value> {
    document.map_or_else(Arc::default, |document| Arc::clone(&document.body))
}

/// The document that a key expression means: a key, or an object with `_key` and perhaps `_rev`, which is looked at
/// only where revisions count.
fn target(key: &Value, ignore_revs: bool) -> Result<Target> {
    let (key, rev) = match key {
        Value::String(key) => (key.as_str(), None),
        Value::Object(fields) => {
            let key = fields.get("_key").and_then(Value::as_str).ok_or_else(|| ArangoError::new(1226))?;
            (key, fields.get("_rev").filter(|_| !ignore_revs))
        }
        _ => return Err(ArangoError::new(1227)),
    };
    if !crate::store::names::is_key(key) {
        return Err(ArangoError::new(1221));
    }
    let rev = match rev {
        None => None,
        Some(Value::String(rev)) => Some(rev.clone()),
        Some(_) => return Err(ArangoError::with(1227, "Expected _rev as string, but got null")),
    };
    Ok(Target { key: key.to_owned(), rev })
}

/// Names the part of the plan where a write failed, as the server does since 3.12.
fn at_node(mut error: ArangoError, modify: &Modify) -> ArangoError {
    let node = match modify.operation {
        Operation::Insert(_) => "InsertNode",
        Operation::Update { .. } => "UpdateNode",
        Operation::Replace { .. } => "ReplaceNode",
        Operation::Remove(_) => "RemoveNode",
    };
    error.message = format!("{} [node #{}: {node}]", error.message, modify.node);
    error
}
