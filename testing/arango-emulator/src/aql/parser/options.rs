//! `OPTIONS { .. }`, which must be known before the query runs.

use serde_json::{Map, Value};

use super::Parser;
use crate::aql::ast::Expr;
use crate::error::{ArangoError, Result};
use crate::store::transaction::{Overwrite, WriteOptions};

impl Parser<'_> {
    /// Reads the options here.
    pub(super) fn options(&mut self) -> Result<Map<String, Value>> {
        self.advance();
        match constant(&self.expression()?) {
            Some(Value::Object(options)) => Ok(options),
            _ => Err(ArangoError::new(1575).in_query("while parsing")),
        }
    }

    pub(super) fn write_options(&mut self) -> Result<WriteOptions> {
        let options = if self.is_word("OPTIONS") { self.options()? } else { Map::new() };
        let flag = |name: &str, default: bool| options.get(name).map_or(default, crate::aql::convert::truth);
        Ok(WriteOptions {
            overwrite: overwrite_mode(options.get("overwriteMode"), flag("overwrite", false)),
            keep_null: flag("keepNull", true),
            merge_objects: flag("mergeObjects", true),
            ignore_revs: flag("ignoreRevs", true),
            ignore_errors: flag("ignoreErrors", false),
            exclusive: flag("exclusive", false),
            version_attribute: options.get("versionAttribute").and_then(Value::as_str).map(str::to_owned),
        })
    }
}

/// The mode that a request or a query names.
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
        Expr::Array(members) => members.iter().map(constant).collect::<Option<Vec<_>>>().map(Value::Array),
        Expr::Object(members) => {
            let member =
                |(name, value): &(Expr, Expr)| Some((constant(name)?.as_str()?.to_owned(), constant(value)?));
            members.iter().map(member).collect::<Option<Map<_, _>>>().map(Value::Object)
        }
        _ => None,
    }
}
