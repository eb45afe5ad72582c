//! Unique indexes: does another document hold the same values?

use serde_json::Value;

use super::collection::{Collection, Document};
use crate::aql::order;
use crate::error::Result;

/// Checks one document against the others of its collection.
pub(crate) fn check<'d>(
    collection: &Collection,
    key: &str,
    body: &Value,
    others: &(impl Iterator<Item = (&'d String, &'d Document)> + Clone),
) -> Result<()> {
    for index in collection.unique_indexes() {
        let Some(values) = index.values(body) else { continue };
        let same = |other: &Value| index.values(other).is_some_and(|held| equal(&held, &values));
        if let Some((other, _)) = others.clone().find(|(other, held)| *other != key && same(&held.body)) {
            return Err(index.violated_by(other));
        }
    }
    Ok(())
}

fn equal(left: &[Value], right: &[Value]) -> bool {
    left.iter().zip(right).all(|(left, right)| order::equal(left, right))
}
