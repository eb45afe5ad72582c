//! `OPTIONS { .. }`, which must be known before the query runs.

use serde_json::{Map, Value};

use super::Parser;
use crate::aql::ast::Expr;
use crate::error::{ArangoError, Result};
use crate::store::transaction::{Overwrite, WriteOptions};

/// What a write may be told, and the emulator knows. A real server ignores what it does not know.
const KNOWN: [&str; 4] = ["waitForSync", "keepNull", "mergeObjects", "ignoreRevs"];

impl Parser<'_> {
    pub(super) fn write_options(&mut self) -> Result<WriteOptions> {
        let options = if self.is_word("OPTIONS") { self.options()? } else { Map::new() };
        if let Some(name) = options.keys().find(|name| !KNOWN.contains(&name.as_str())) {
            let text = format!("the emulator does not know the option {name:?} of a write");
            return Err(ArangoError::with(501, text));
        }
        let flag = |name: &str, default: bool| options.get(name).map_or(default, crate::aql::convert::truth);
        Ok(WriteOptions {
            overwrite: Overwrite::Conflict,
            keep_null: flag("keepNull", true),
            merge_objects: flag("mergeObjects", true),
            ignore_revs: flag("ignoreRevs", true),
        })
    }

    fn options(&mut self) -> Result<Map<String, Value>> {
        self.advance();
        match constant(&self.expression()?) {
            Some(Value::Object(options)) => Ok(options),
            _ => Err(ArangoError::new(1575).in_query("while parsing")),
        }
    }
}

/// The mode that a request names.
pub(crate) fn overwrite_mode(mode: Option<&Value>, overwrite: bool) -> Overwrite {
    match mode.and_then(Value::as_str) {
        Some("ignore") => Overwrite::Ignore,
        Some("replace") => Overwrite::Replace,
        Some("update") => Overwrite::Update,
        None if overwrite => Overwrite::Replace,
        _ => Overwrite::Conflict,
    }
}

/// The value of an expression that needs no data.
fn constant(expr: &Expr) -> Option<Value> {
    match expr {
        Expr::Literal(value) => Some(value.clone()),
        Expr::Object(members) => {
            let member =
                |(name, value): &(Expr, Expr)| Some((constant(name)?.as_str()?.to_owned(), constant(value)?));
            members.iter().map(member).collect::<Option<Map<_, _>>>().map(Value::Object)
        }
        _ => None,
    }
}
