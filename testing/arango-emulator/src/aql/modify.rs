//! INSERT, UPDATE, REPLACE, REMOVE and UPSERT, row by row.

use std::sync::Arc;

use serde_json::Value;

use super::ast::{Expr, Modify, Name, Operation, Search};
use super::env::Env;
use super::order::equal;
use super::runtime::Runtime;
use crate::error::{ArangoError, Result};
use crate::store::Document;
use crate::store::transaction::{Overwrite, Target, Written};

impl Runtime<'_> {
    pub(super) fn modify(&self, modify: &Modify, rows: &[Env]) -> Result<Vec<Env>> {
        let (old, new) = (Name::from("OLD"), Name::from("NEW"));
        let mut result = Vec::new();
        for row in rows {
            match self.write(modify, row) {
                Ok(written) => {
                    self.count_write(modify, &written);
                    let row = row.with(&old, body(written.old.as_ref()));
                    result.push(row.with(&new, body(written.new.as_ref())));
                }
                Err(_) if modify.options.ignore_errors => self.count(|stats| stats.writes_ignored += 1),
                Err(error) => return Err(at_node(error, modify)),
            }
        }
        Ok(result)
    }

    fn count_write(&self, modify: &Modify, written: &Written) {
        let kept = modify.options.overwrite == Overwrite::Ignore && written.new.is_none();
        let ignored = matches!(modify.operation, Operation::Insert(_)) && kept;
        self.count(|stats| if ignored { stats.writes_ignored += 1 } else { stats.writes_executed += 1 });
    }

    fn write(&self, modify: &Modify, row: &Env) -> Result<Written> {
        let (name, options) = (modify.collection.as_str(), &modify.options);
        match &modify.operation {
            Operation::Insert(body) => {
                let body = self.value(body, row)?;
                self.transaction.borrow_mut().insert(name, &body, options)
            }
            Operation::Remove(key) => {
                let target = target(&*self.eval(key, row)?)?;
                self.transaction.borrow_mut().remove(name, &target, options)
            }
            Operation::Update { key, patch } => {
                let (target, patch) = self.change(key, patch.as_ref(), row)?;
                self.transaction.borrow_mut().update(name, &target, &patch, options)
            }
            Operation::Replace { key, body } => {
                let (target, body) = self.change(key, body.as_ref(), row)?;
                self.transaction.borrow_mut().replace(name, &target, &body, options)
            }
            Operation::Upsert { search, insert, change, replace } => {
                let found = self.search(name, search, row)?;
                match found {
                    None => self.upsert_insert(modify, insert, row),
                    Some(found) => self.upsert_change(modify, &found, change, *replace, row),
                }
            }
        }
    }

    fn change(&self, key: &Expr, change: Option<&Expr>, row: &Env) -> Result<(Target, Value)> {
        let key = self.value(key, row)?;
        let target = target(&key)?;
        let change = match change {
            Some(change) => self.value(change, row)?,
            None => key,
        };
        if change.is_object() { Ok((target, change)) } else { Err(ArangoError::new(1227)) }
    }

    fn upsert_insert(&self, modify: &Modify, insert: &Expr, row: &Env) -> Result<Written> {
        let body = self.value(insert, row)?;
        self.transaction.borrow_mut().insert(&modify.collection, &body, &modify.options)
    }

    fn upsert_change(
        &self,
        modify: &Modify,
        found: &Document,
        change: &Expr,
        replace: bool,
        row: &Env,
    ) -> Result<Written> {
        let row = row.with(&Name::from("OLD"), Arc::clone(&found.body));
        let change = self.value(change, &row)?;
        // Here, unlike in UPDATE, the revision that must still hold stands in the change.
        let rev = change["_rev"].as_str().map(str::to_owned);
        let key = found.body["_key"].as_str().unwrap_or_default().to_owned();
        let (target, mut transaction) = (Target { key, rev }, self.transaction.borrow_mut());
        if replace {
            transaction.replace(&modify.collection, &target, &change, &modify.options)
        } else {
            transaction.update(&modify.collection, &target, &change, &modify.options)
        }
    }

    /// The document that UPSERT changes, if there is one.
    fn search(&self, collection: &str, search: &Search, row: &Env) -> Result<Option<Document>> {
        match search {
            Search::Example(example) => self.by_example(collection, &self.value(example, row)?),
            Search::Filter(condition) => {
                let documents = self.transaction.borrow().scan(collection)?;
                for document in documents {
                    if self
                        .is_true(condition, &row.with(&Name::from("CURRENT"), Arc::clone(&document.body)))?
                    {
                        return Ok(Some(document));
                    }
                }
                Ok(None)
            }
        }
    }

    fn by_example(&self, collection: &str, example: &Value) -> Result<Option<Document>> {
        let Some(fields) = example.as_object() else { return Ok(None) };
        let like =
            |document: &Document| fields.iter().all(|(name, value)| equal(&document.body[name], value));
        let transaction = self.transaction.borrow();
        if let Some(Value::String(key)) = fields.get("_key") {
            return Ok(transaction.get(collection, key)?.filter(like));
        }
        Ok(transaction.scan(collection)?.into_iter().find(like))
    }
}

fn body(document: Option<&Document>) -> Arc<Value> {
    document.map_or_else(Arc::default, |document| Arc::clone(&document.body))
}

/// The document that a key expression means: a key, or an object with `_key` and perhaps `_rev`.
fn target(key: &Value) -> Result<Target> {
    let (key, rev) = match key {
        Value::String(key) => (key.as_str(), None),
        Value::Object(fields) => {
            let key = fields.get("_key").and_then(Value::as_str).ok_or_else(|| ArangoError::new(1221))?;
            (key, fields.get("_rev").and_then(Value::as_str))
        }
        _ => return Err(ArangoError::new(1221)),
    };
    if !crate::store::names::is_key(key) {
        return Err(ArangoError::new(1221));
    }
    Ok(Target { key: key.to_owned(), rev: rev.map(str::to_owned) })
}

/// Names the part of the plan where a write failed, as the server does since 3.12.
fn at_node(mut error: ArangoError, modify: &Modify) -> ArangoError {
    let node = match modify.operation {
        Operation::Insert(_) => "InsertNode",
        Operation::Update { .. } => "UpdateNode",
        Operation::Replace { .. } => "ReplaceNode",
        Operation::Remove(_) => "RemoveNode",
        Operation::Upsert { .. } => "UpsertNode",
    };
    error.message = format!("{} [node #{}: {node}]", error.message, modify.node);
    error
}
