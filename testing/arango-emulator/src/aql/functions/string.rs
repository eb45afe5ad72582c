//! Functions over text.

use std::fmt::Write as _;

use serde_json::Value;
use sha2::{Digest, Sha256, Sha512};

use super::{Function, MANY, function, optional};
use crate::aql::convert::{to_integer, to_text, truth};
use crate::aql::like;
use crate::aql::runtime::Runtime;
use crate::error::Result;

pub(super) const FUNCTIONS: &[Function] = &[
    function("CHAR_LENGTH", 1, 1, |_, arguments| Ok(Value::from(to_text(&arguments[0]).chars().count()))),
    function("CONCAT", 1, MANY, concat),
    function("CONCAT_SEPARATOR", 2, MANY, concat_separator),
    function("CONTAINS", 2, 3, contains),
    function("ENCODE_URI_COMPONENT", 1, 1, encode_uri_component),
    function("FIND_FIRST", 2, 4, find_first),
    function("JSON_PARSE", 1, 1, json_parse),
    function("JSON_STRINGIFY", 1, 1, |_, arguments| Ok(Value::String(arguments[0].to_string()))),
    function("LEFT", 2, 2, left),
    function("LIKE", 2, 3, is_like),
    function("LOWER", 1, 1, |_, arguments| Ok(Value::String(to_text(&arguments[0]).to_lowercase()))),
    function("LTRIM", 1, 2, |_, arguments| trimmed(arguments, true, false)),
    function("RANDOM_TOKEN", 1, 1, random_token),
    function("RIGHT", 2, 2, right),
    function("RTRIM", 1, 2, |_, arguments| trimmed(arguments, false, true)),
    function("SHA256", 1, 1, |_, arguments| Ok(hex(&Sha256::digest(to_text(&arguments[0]))))),
    function("SHA512", 1, 1, |_, arguments| Ok(hex(&Sha512::digest(to_text(&arguments[0]))))),
    function("SPLIT", 1, 3, split),
    function("STARTS_WITH", 2, 3, starts_with),
    function("SUBSTITUTE", 2, 4, substitute),
    function("SUBSTRING", 2, 3, substring),
    function("TO_HEX", 1, 1, |_, arguments| Ok(hex(to_text(&arguments[0]).as_bytes()))),
    function("TRIM", 1, 2, |_, arguments| trimmed(arguments, true, true)),
    function("UPPER", 1, 1, |_, arguments| Ok(Value::String(to_text(&arguments[0]).to_uppercase()))),
    function("UUID", 0, 0, uuid),
];

/// Each argument as text; arrays give their members, null gives nothing.
fn texts(arguments: &[Value]) -> Vec<String> {
    let each = |argument: &Value| match argument {
        Value::Null => Vec::new(),
        Value::Array(members) => members.iter().filter(|member| !member.is_null()).map(to_text).collect(),
        other => vec![to_text(other)],
    };
    arguments.iter().flat_map(each).collect()
}

fn concat(_: &Runtime<'_>, arguments: &[Value]) -> Result<Value> {
    // Several arrays are written out; only a single one is opened.
    let texts = if arguments.len() == 1 { texts(arguments) } else { arguments.iter().map(to_text).collect() };
    Ok(Value::String(texts.concat()))
}

fn concat_separator(_: &Runtime<'_>, arguments: &[Value]) -> Result<Value> {
    Ok(Value::String(texts(&arguments[1..]).join(&to_text(&arguments[0]))))
}

fn contains(_: &Runtime<'_>, arguments: &[Value]) -> Result<Value> {
    let (text, wanted) = (to_text(&arguments[0]), to_text(&arguments[1]));
    let at = text.find(&wanted).map(|at| text[..at].chars().count());
    if truth(optional(arguments, 2)) {
        return Ok(at.map_or(Value::from(-1), Value::from));
    }
    Ok(Value::Bool(at.is_some()))
}

fn find_first(_: &Runtime<'_>, arguments: &[Value]) -> Result<Value> {
    let (text, wanted): (Vec<char>, Vec<char>) =
        (to_text(&arguments[0]).chars().collect(), to_text(&arguments[1]).chars().collect());
    let start = usize::try_from(to_integer(optional(arguments, 2))).unwrap_or(0);
    let end = arguments
        .get(3)
        .and_then(|end| usize::try_from(to_integer(end)).ok())
        .map_or(text.len(), |end| end + 1);
    let part = text.get(start..end.min(text.len())).unwrap_or_default();
    let at = if wanted.is_empty() {
        Some(0)
    } else {
        part.windows(wanted.len()).position(|window| window == wanted)
    };
    Ok(at.map_or(Value::from(-1), |at| Value::from(at + start)))
}

fn starts_with(_: &Runtime<'_>, arguments: &[Value]) -> Result<Value> {
    let text = to_text(&arguments[0]);
    let Value::Array(prefixes) = &arguments[1] else {
        return Ok(Value::Bool(text.starts_with(&to_text(&arguments[1]))));
    };
    let least = arguments.get(2).map_or(1, to_integer);
    let found = prefixes.iter().filter(|prefix| text.starts_with(&to_text(prefix))).count();
    Ok(Value::Bool(i64::try_from(found).unwrap_or(i64::MAX) >= least))
}

fn is_like(_: &Runtime<'_>, arguments: &[Value]) -> Result<Value> {
    let ignore_case = truth(optional(arguments, 2));
    Ok(Value::Bool(like::matches(&to_text(&arguments[0]), &to_text(&arguments[1]), ignore_case)))
}

fn substring(_: &Runtime<'_>, arguments: &[Value]) -> Result<Value> {
    let signs: Vec<char> = to_text(&arguments[0]).chars().collect();
    let length = i64::try_from(signs.len()).unwrap_or(i64::MAX);
    let offset = to_integer(&arguments[1]);
    let start = if offset < 0 { (offset + length).max(0) } else { offset.min(length) };
    let count = arguments.get(2).map_or(length, to_integer).max(0);
    let size = |at: i64| usize::try_from(at).unwrap_or(0);
    Ok(Value::String(signs.into_iter().skip(size(start)).take(size(count)).collect()))
}

fn left(_: &Runtime<'_>, arguments: &[Value]) -> Result<Value> {
    let count = usize::try_from(to_integer(&arguments[1])).unwrap_or(0);
    Ok(Value::String(to_text(&arguments[0]).chars().take(count).collect()))
}

fn right(_: &Runtime<'_>, arguments: &[Value]) -> Result<Value> {
    let (text, count) = (to_text(&arguments[0]), usize::try_from(to_integer(&arguments[1])).unwrap_or(0));
    Ok(Value::String(text.chars().skip(text.chars().count().saturating_sub(count)).collect()))
}

fn trimmed(arguments: &[Value], start: bool, end: bool) -> Result<Value> {
    let text = to_text(&arguments[0]);
    // As second argument, TRIM takes a number for the side or the characters to cut.
    let side = arguments.get(1).and_then(Value::as_i64);
    let (start, end) = (start && side != Some(2), end && side != Some(1));
    let signs = arguments.get(1).and_then(Value::as_str);
    let cut = |sign: char| signs.map_or(sign.is_whitespace(), |signs| signs.contains(sign));
    let text = if start { text.trim_start_matches(cut) } else { &text };
    Ok(Value::String(if end { text.trim_end_matches(cut) } else { text }.to_owned()))
}

fn split(_: &Runtime<'_>, arguments: &[Value]) -> Result<Value> {
    let text = to_text(&arguments[0]);
    let limit =
        arguments.get(2).and_then(|limit| usize::try_from(to_integer(limit)).ok()).unwrap_or(usize::MAX);
    let parts: Vec<Value> = match arguments.get(1) {
        None | Some(Value::Null) => vec![Value::String(text)],
        Some(separator) if to_text(separator).is_empty() => {
            text.chars().map(|sign| Value::String(sign.to_string())).collect()
        }
        Some(separator) => text.split(&to_text(separator)).map(Value::from).collect(),
    };
    Ok(Value::Array(parts.into_iter().take(limit).collect()))
}

fn substitute(runtime: &Runtime<'_>, arguments: &[Value]) -> Result<Value> {
    let text = to_text(&arguments[0]);
    let (Value::String(search), false) = (&arguments[1], arguments.len() == 2) else {
        return runtime.warn(1542);
    };
    let limit =
        arguments.get(3).and_then(|limit| usize::try_from(to_integer(limit)).ok()).unwrap_or(usize::MAX);
    if search.is_empty() {
        return Ok(Value::String(text));
    }
    Ok(Value::String(text.replacen(search.as_str(), &to_text(&arguments[2]), limit)))
}

fn encode_uri_component(_: &Runtime<'_>, arguments: &[Value]) -> Result<Value> {
    let mut result = String::new();
    for byte in to_text(&arguments[0]).bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&byte) {
            result.push(char::from(byte));
        } else {
            let _ = write!(result, "%{byte:02X}");
        }
    }
    Ok(Value::String(result))
}

fn json_parse(runtime: &Runtime<'_>, arguments: &[Value]) -> Result<Value> {
    let Some(text) = arguments[0].as_str() else { return runtime.warn(1542) };
    serde_json::from_str(text).or_else(|_| runtime.warn(1542))
}

fn random_token(runtime: &Runtime<'_>, arguments: &[Value]) -> Result<Value> {
    match usize::try_from(to_integer(&arguments[0])) {
        Ok(length) if length <= 65_536 => {
            Ok(Value::String((0..length).map(|_| fastrand::alphanumeric()).collect()))
        }
        _ => runtime.warn(1542),
    }
}

fn uuid(_: &Runtime<'_>, _: &[Value]) -> Result<Value> {
    let bits = (fastrand::u128(..) & !(0xF << 76) & !(0b11 << 62)) | (4 << 76) | (0b10 << 62);
    let text = format!("{bits:032x}");
    let parts = [&text[..8], &text[8..12], &text[12..16], &text[16..20], &text[20..]];
    Ok(Value::String(parts.join("-")))
}

fn hex(bytes: &[u8]) -> Value {
    let mut text = String::new();
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    Value::String(text)
}
