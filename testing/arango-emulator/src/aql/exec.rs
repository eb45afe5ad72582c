//! The clauses of a query, run one after the other over all rows.

use std::cmp::Ordering;
use std::sync::Arc;

use serde_json::Value;

use super::ast::{Block, Clause, Expr, Name, SortKey};
use super::convert::to_integer;
use super::env::Env;
use super::order::compare;
use super::runtime::Runtime;
use crate::error::{ArangoError, Result};

impl Runtime<'_> {
    /// Runs a query or subquery; `main` is set for the outermost one.
    pub(super) fn block(&self, block: &Block, base: &Env, main: bool) -> Result<Vec<Value>> {
        let mut rows = vec![base.clone()];
        for (at, clause) in block.clauses.iter().enumerate() {
            rows = match clause {
                Clause::For { variable, source } => {
                    self.for_rows(variable, source, &block.clauses[at + 1..], &rows)?
                }
                Clause::Filter(condition) => self.filter(condition, rows)?,
                Clause::Let(name, value) => self.bind_all(name, value, &rows)?,
                Clause::Sort(keys) => self.sort(keys, rows)?,
                Clause::Limit { offset, count } => self.limit(offset, count, rows, base, main)?,
                Clause::Modify(modify) => self.modify(modify, &rows)?,
                Clause::Return(value) => {
                    return rows.iter().map(|row| self.value(value, row)).collect();
                }
            };
        }
        Ok(Vec::new())
    }

    fn for_rows(
        &self,
        variable: &Name,
        source: &Expr,
        following: &[Clause],
        rows: &[Env],
    ) -> Result<Vec<Env>> {
        let mut result = Vec::new();
        for row in rows {
            self.check_time()?;
            if let Expr::Collection(name) = source {
                let documents = self.documents(name, variable, following, row)?;
                result.extend(documents.into_iter().map(|document| row.with(variable, document.body)));
                continue;
            }
            match self.value(source, row)? {
                Value::Array(members) => {
                    result.extend(members.into_iter().map(|member| row.with(variable, Arc::new(member))));
                }
                _ => {
                    self.warn_with(ArangoError::with(1563, "array expected as operand to FOR loop"))?;
                }
            }
        }
        Ok(result)
    }

    fn filter(&self, condition: &Expr, rows: Vec<Env>) -> Result<Vec<Env>> {
        let mut kept = Vec::new();
        for row in rows {
            if self.is_true(condition, &row)? {
                kept.push(row);
            } else {
                self.count(|stats| stats.filtered += 1);
            }
        }
        Ok(kept)
    }

    fn bind_all(&self, name: &Name, value: &Expr, rows: &[Env]) -> Result<Vec<Env>> {
        rows.iter().map(|row| Ok(row.with(name, Arc::new(self.value(value, row)?)))).collect()
    }

    fn sort(&self, keys: &[SortKey], rows: Vec<Env>) -> Result<Vec<Env>> {
        let values =
            |row: &Env| keys.iter().map(|key| self.value(&key.value, row)).collect::<Result<Vec<_>>>();
        let mut keyed = rows.into_iter().map(|row| Ok((values(&row)?, row))).collect::<Result<Vec<_>>>()?;
        keyed.sort_by(|(left, _), (right, _)| by_keys(keys, left, right));
        Ok(keyed.into_iter().map(|(_, row)| row).collect())
    }

    fn limit(&self, offset: &Expr, count: &Expr, rows: Vec<Env>, base: &Env, main: bool) -> Result<Vec<Env>> {
        let size = |expr: &Expr| match &*self.eval(expr, base)? {
            Value::Number(number) if number.as_f64().is_some_and(|size| size >= 0.0) => {
                Ok(usize::try_from(to_integer(&Value::Number(number.clone()))).unwrap_or(0))
            }
            _ => Err(ArangoError::with(1504, "LIMIT value is not a number or out of range")),
        };
        if main {
            let all = u64::try_from(rows.len()).unwrap_or(u64::MAX);
            self.count(|stats| stats.full_count = Some(all));
        }
        Ok(rows.into_iter().skip(size(offset)?).take(size(count)?).collect())
    }
}

fn by_keys(keys: &[SortKey], left: &[Value], right: &[Value]) -> Ordering {
    for ((key, left), right) in keys.iter().zip(left).zip(right) {
        let order = if key.descending { compare(right, left) } else { compare(left, right) };
        if order.is_ne() {
            return order;
        }
    }
    Ordering::Equal
}
