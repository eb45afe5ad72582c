//! How a patch changes a document.

use serde_json::{Map, Value};

use super::transaction::Target;

/// Whether a patch changes nothing, so that the document keeps its revision.
///
/// The server merges `_key`, and `_rev` where revisions count, into the patch first, and looks at nothing but the
/// number of attributes then: a patch of at most one is none.
pub(crate) fn is_empty(patch: &Map<String, Value>, target: &Target, ignore_revs: bool) -> bool {
    let given = patch.keys().filter(|name| *name != "_key" && (*name != "_rev" || !ignore_revs)).count();
    let rev = usize::from(target.rev.is_some() && !ignore_revs && !patch.contains_key("_rev"));
    1 + given + rev <= 1
}

/// The document with the patch applied.
pub(crate) fn patched(
    old: &Value,
    patch: &Map<String, Value>,
    keep_null: bool,
    merge_objects: bool,
) -> Value {
    let mut result = old.clone();
    if let Value::Object(target) = &mut result {
        apply(target, patch, keep_null, merge_objects);
    }
    result
}

fn apply(target: &mut Map<String, Value>, patch: &Map<String, Value>, keep_null: bool, merge_objects: bool) {
    for (name, value) in patch {
        match (target.get_mut(name), value) {
            (_, Value::Null) if !keep_null => {
                target.remove(name);
            }
            (Some(Value::Object(old)), Value::Object(new)) if merge_objects => {
                apply(old, new, keep_null, true);
            }
            _ => {
                let value = if keep_null { value.clone() } else { without_nulls(value) };
                target.insert(name.clone(), value);
            }
        }
    }
}

fn without_nulls(value: &Value) -> Value {
    let Value::Object(members) = value else { return value.clone() };
    let kept = members.iter().filter(|(_, value)| !value.is_null());
    Value::Object(kept.map(|(name, value)| (name.clone(), without_nulls(value))).collect())
}
