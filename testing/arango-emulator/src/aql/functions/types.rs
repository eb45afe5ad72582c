//! Functions that ask for or change the type of a value.

use serde_json::Value;

use super::{Function, MANY, function};
use crate::aql::convert::{number, to_array, to_number, to_text, truth};
use crate::aql::runtime::Runtime;
use crate::error::Result;

pub(super) const FUNCTIONS: &[Function] = &[
    function("FIRST_DOCUMENT", 1, MANY, |_, arguments| Ok(first(arguments, Value::is_object))),
    function("FIRST_LIST", 1, MANY, |_, arguments| Ok(first(arguments, Value::is_array))),
    function("IS_ARRAY", 1, 1, |_, arguments| Ok(Value::Bool(arguments[0].is_array()))),
    function("IS_BOOL", 1, 1, |_, arguments| Ok(Value::Bool(arguments[0].is_boolean()))),
    function("IS_DOCUMENT", 1, 1, |_, arguments| Ok(Value::Bool(arguments[0].is_object()))),
    function("IS_LIST", 1, 1, |_, arguments| Ok(Value::Bool(arguments[0].is_array()))),
    function("IS_NULL", 1, 1, |_, arguments| Ok(Value::Bool(arguments[0].is_null()))),
    function("IS_NUMBER", 1, 1, |_, arguments| Ok(Value::Bool(arguments[0].is_number()))),
    function("IS_OBJECT", 1, 1, |_, arguments| Ok(Value::Bool(arguments[0].is_object()))),
    function("IS_STRING", 1, 1, |_, arguments| Ok(Value::Bool(arguments[0].is_string()))),
    function("NOT_NULL", 1, MANY, |_, arguments| Ok(first(arguments, |value| !value.is_null()))),
    function("TO_ARRAY", 1, 1, |_, arguments| Ok(Value::Array(to_array(&arguments[0])))),
    function("TO_BOOL", 1, 1, |_, arguments| Ok(Value::Bool(truth(&arguments[0])))),
    function("TO_LIST", 1, 1, |_, arguments| Ok(Value::Array(to_array(&arguments[0])))),
    function("TO_NUMBER", 1, 1, |_, arguments| Ok(number(to_number(&arguments[0])))),
    function("TO_STRING", 1, 1, |_, arguments| Ok(Value::String(to_text(&arguments[0])))),
    function("TYPENAME", 1, 1, typename),
];

fn first(arguments: &[Value], wanted: impl Fn(&Value) -> bool) -> Value {
    arguments.iter().find(|value| wanted(value)).cloned().unwrap_or_default()
}

fn typename(_: &Runtime<'_>, arguments: &[Value]) -> Result<Value> {
    Ok(Value::from(match arguments[0] {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }))
}
