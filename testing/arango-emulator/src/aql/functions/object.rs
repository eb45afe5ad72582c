//! Functions over objects.

use serde_json::{Map, Value};

use super::{Function, MANY, function, optional};
use crate::aql::convert::{to_text, truth};
use crate::aql::runtime::Runtime;
use crate::error::Result;

pub(super) const FUNCTIONS: &[Function] = &[
    function("ATTRIBUTES", 1, 3, attributes),
    function("HAS", 2, 2, has),
    function("KEEP", 2, MANY, keep),
    function("KEYS", 1, 3, attributes),
    function("MATCHES", 2, 3, matches),
    function("MERGE", 1, MANY, |runtime, arguments| merge(runtime, arguments, false)),
    function("MERGE_RECURSIVE", 1, MANY, |runtime, arguments| merge(runtime, arguments, true)),
    function("TRANSLATE", 2, 3, translate),
    function("UNSET", 2, MANY, unset),
    function("VALUE", 2, 2, value),
    function("VALUES", 1, 2, values),
];

fn attributes(runtime: &Runtime<'_>, arguments: &[Value]) -> Result<Value> {
    let Some(members) = arguments[0].as_object() else { return runtime.warn(1542) };
    let skip = truth(optional(arguments, 1));
    let names = members.keys().filter(|name| !skip || !name.starts_with('_'));
    let mut names: Vec<String> = names.cloned().collect();
    names.sort();
    Ok(Value::Array(names.into_iter().map(Value::String).collect()))
}

fn values(runtime: &Runtime<'_>, arguments: &[Value]) -> Result<Value> {
    let Some(members) = arguments[0].as_object() else { return runtime.warn(1542) };
    let skip = truth(optional(arguments, 1));
    let values =
        members.iter().filter(|(name, _)| !skip || !name.starts_with('_')).map(|(_, value)| value.clone());
    Ok(Value::Array(values.collect()))
}

fn has(_: &Runtime<'_>, arguments: &[Value]) -> Result<Value> {
    Ok(Value::Bool(arguments[0].get(to_text(&arguments[1])).is_some()))
}

/// Names given one by one or in arrays.
fn names(arguments: &[Value]) -> Vec<String> {
    let each = |argument: &Value| match argument {
        Value::Array(names) => names.iter().map(to_text).collect(),
        name => vec![to_text(name)],
    };
    arguments.iter().flat_map(each).collect()
}

fn keep(runtime: &Runtime<'_>, arguments: &[Value]) -> Result<Value> {
    let Some(members) = arguments[0].as_object() else { return runtime.warn(1542) };
    let names = names(&arguments[1..]);
    Ok(chosen(members, |name| names.iter().any(|held| held == name)))
}

fn unset(runtime: &Runtime<'_>, arguments: &[Value]) -> Result<Value> {
    let Some(members) = arguments[0].as_object() else { return runtime.warn(1542) };
    let names = names(&arguments[1..]);
    Ok(chosen(members, |name| !names.iter().any(|held| held == name)))
}

fn chosen(members: &Map<String, Value>, wanted: impl Fn(&str) -> bool) -> Value {
    let kept = members.iter().filter(|(name, _)| wanted(name));
    Value::Object(kept.map(|(name, value)| (name.clone(), value.clone())).collect())
}

fn merge(runtime: &Runtime<'_>, arguments: &[Value], deep: bool) -> Result<Value> {
    let parts = match arguments {
        [Value::Array(parts)] => parts,
        parts => parts,
    };
    let mut result = Map::new();
    for part in parts {
        let Value::Object(members) = part else { return runtime.warn(1542) };
        add(&mut result, members, deep);
    }
    Ok(Value::Object(result))
}

fn add(target: &mut Map<String, Value>, members: &Map<String, Value>, deep: bool) {
    for (name, value) in members {
        match (target.get_mut(name), value) {
            (Some(Value::Object(held)), Value::Object(members)) if deep => add(held, members, true),
            _ => {
                target.insert(name.clone(), value.clone());
            }
        }
    }
}

fn matches(runtime: &Runtime<'_>, arguments: &[Value]) -> Result<Value> {
    use crate::aql::order::equal;
    if !arguments[0].is_object() {
        return Ok(Value::Bool(false));
    }
    let examples = match &arguments[1] {
        Value::Array(examples) => examples.as_slice(),
        example => std::slice::from_ref(example),
    };
    let like = |example: &Value| {
        example
            .as_object()
            .is_some_and(|wanted| wanted.iter().all(|(name, value)| equal(&arguments[0][name], value)))
    };
    let found = examples.iter().position(like);
    if examples.iter().any(|example| !example.is_object()) {
        return runtime.warn(1542);
    }
    if truth(optional(arguments, 2)) {
        return Ok(found.map_or(Value::from(-1), Value::from));
    }
    Ok(Value::Bool(found.is_some()))
}

fn translate(runtime: &Runtime<'_>, arguments: &[Value]) -> Result<Value> {
    let Some(members) = arguments[1].as_object() else { return runtime.warn(1542) };
    let default = arguments.get(2).unwrap_or(&arguments[0]);
    Ok(members.get(&to_text(&arguments[0])).unwrap_or(default).clone())
}

fn value(runtime: &Runtime<'_>, arguments: &[Value]) -> Result<Value> {
    let Some(path) = arguments[1].as_array() else { return runtime.warn(1542) };
    let step = |value: &Value, part: &Value| match part {
        Value::Number(at) => at.as_u64().and_then(|at| value.get(usize::try_from(at).ok()?)).cloned(),
        name => value.get(to_text(name)).cloned(),
    };
    Ok(path.iter().try_fold(arguments[0].clone(), |value, part| step(&value, part)).unwrap_or_default())
}
