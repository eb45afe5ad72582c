//! Reading a collection: by key where a filter names one, else all of it.

use serde_json::Value;

use super::ast::{Binary, Clause, Expr, Name};
use super::env::Env;
use super::runtime::Runtime;
use crate::error::Result;
use crate::store::Document;

impl Runtime<'_> {
    /// The documents that a FOR goes through. The filters after it still run.
    pub(super) fn documents(
        &self,
        collection: &str,
        variable: &Name,
        following: &[Clause],
        row: &Env,
    ) -> Result<Vec<Document>> {
        if let Some(key) = wanted_key(variable, following)
            && let Value::String(key) = &*self.eval(key, row)?
        {
            return self.by_key(collection, key);
        }
        let documents = self.transaction.borrow().scan(collection)?;
        let read = u64::try_from(documents.len()).unwrap_or(u64::MAX);
        self.count(|stats| stats.scanned_full += read);
        Ok(documents)
    }

    fn by_key(&self, collection: &str, key: &str) -> Result<Vec<Document>> {
        let found = self.transaction.borrow().get(collection, key)?;
        self.count(|stats| {
            let found = u64::from(found.is_some());
            stats.cursors_created += 1;
            stats.scanned_index += found;
            stats.document_lookups += found;
        });
        Ok(found.into_iter().collect())
    }
}

/// The key that a document must have to pass the filters right after its FOR.
fn wanted_key<'c>(variable: &Name, following: &'c [Clause]) -> Option<&'c Expr> {
    let filters = following.iter().map_while(|clause| match clause {
        Clause::Filter(condition) => Some(condition),
        _ => None,
    });
    filters.into_iter().find_map(|condition| key_in(variable, condition))
}

fn key_in<'c>(variable: &Name, condition: &'c Expr) -> Option<&'c Expr> {
    match condition {
        Expr::And(left, right) => key_in(variable, left).or_else(|| key_in(variable, right)),
        Expr::Binary(Binary::Equal, left, right) => {
            let usable = |expr: &Expr| {
                matches!(expr, Expr::Literal(_)) || matches!(expr, Expr::Variable(name) if name != variable)
            };
            if is_key_of(variable, left) && usable(right) {
                Some(right)
            } else if is_key_of(variable, right) && usable(left) {
                Some(left)
            } else {
                None
            }
        }
        _ => None,
    }
}

fn is_key_of(variable: &Name, expr: &Expr) -> bool {
    matches!(expr, Expr::Attribute(base, name)
        if name == "_key" && matches!(&**base, Expr::Variable(held) if held == variable))
}
