//! COLLECT: rows by equal values, and what is computed over each group.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::ast::{Collect, Into};
use super::env::Env;
use super::functions;
use super::order::compare;
use super::runtime::Runtime;
use crate::error::Result;

struct Group<'r> {
    values: Vec<Value>,
    rows: Vec<&'r Env>,
}

impl Runtime<'_> {
    pub(super) fn collect(&self, collect: &Collect, rows: &[Env], base: &Env) -> Result<Vec<Env>> {
        let mut result = Vec::new();
        for group in self.groups(collect, rows)? {
            let mut env = base.clone();
            for ((name, _), value) in collect.groups.iter().zip(&group.values) {
                env = env.with(name, Arc::new(value.clone()));
            }
            for aggregate in &collect.aggregates {
                let values = group
                    .rows
                    .iter()
                    .map(|row| self.value(&aggregate.value, row))
                    .collect::<Result<Vec<_>>>()?;
                let value = self.aggregate(&aggregate.function, values)?;
                env = env.with(&aggregate.name, Arc::new(value));
            }
            if let Some(name) = &collect.count {
                env = env.with(name, Arc::new(Value::from(group.rows.len())));
            }
            if let Some(into) = &collect.into {
                env = env.with(&into.name, Arc::new(self.members(into, &group.rows)?));
            }
            result.push(env);
        }
        Ok(result)
    }

    /// The groups in the order of their values. Without criteria there is one group, even of nothing.
    fn groups<'r>(&self, collect: &Collect, rows: &'r [Env]) -> Result<Vec<Group<'r>>> {
        if collect.groups.is_empty() {
            return Ok(vec![Group { values: Vec::new(), rows: rows.iter().collect() }]);
        }
        let mut groups: Vec<Group<'r>> = Vec::new();
        for row in rows {
            let values =
                collect.groups.iter().map(|(_, value)| self.value(value, row)).collect::<Result<Vec<_>>>()?;
            let order = |group: &Group<'_>| compare_all(&group.values, &values);
            match groups.binary_search_by(order) {
                Ok(at) => groups[at].rows.push(row),
                Err(at) => groups.insert(at, Group { values, rows: vec![row] }),
            }
        }
        Ok(groups)
    }

    fn aggregate(&self, name: &str, values: Vec<Value>) -> Result<Value> {
        match functions::find(name) {
            Some(function) => (function.run)(self, &[Value::Array(values)]),
            None => Ok(Value::Null),
        }
    }

    fn members(&self, into: &Into, rows: &[&Env]) -> Result<Value> {
        let member = |row: &Env| {
            if let Some(value) = &into.value {
                return self.value(value, row);
            }
            let kept =
                into.keep.iter().filter_map(|name| Some((name.to_string(), (**row.get(name)?).clone())));
            Ok(Value::Object(kept.collect::<Map<_, _>>()))
        };
        rows.iter().map(|row| member(row)).collect()
    }
}

fn compare_all(left: &[Value], right: &[Value]) -> std::cmp::Ordering {
    let orders = left.iter().zip(right).map(|(left, right)| compare(left, right));
    orders.into_iter().find(|order| order.is_ne()).unwrap_or(std::cmp::Ordering::Equal)
}
