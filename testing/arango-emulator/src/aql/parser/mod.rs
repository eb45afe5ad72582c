//! From tokens to a tree: names are resolved and bind parameters filled in on the way.

mod clause;
mod expression;
mod literal;
mod modify;
pub(super) mod options;
pub(super) mod postfix;
mod primary;

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::ast::{Block, Collections, Name, Query};
use super::lexer;
use super::token::{Kind, Token};
use crate::error::{ArangoError, Result};

/// Parses a query.
pub(crate) fn parse(text: &str, binds: &Map<String, Value>) -> Result<Query> {
    let mut parser = Parser::new(text, binds)?;
    let block = parser.query()?;
    parser.check_binds()?;
    Ok(Query { block, collections: parser.collections })
}

/// What a text says when nobody gives values for its bind parameters.
#[derive(Debug)]
pub(crate) struct Parsed {
    pub(crate) collections: Vec<String>,
    pub(crate) binds: Vec<String>,
}

/// Parses a query as `POST /_api/query` does: bind parameters need no values.
pub(crate) fn parse_only(text: &str) -> Result<Parsed> {
    let nothing = Map::new();
    let mut parser = Parser { without_values: true, ..Parser::new(text, &nothing)? };
    parser.query()?;
    let Collections { read, written } = parser.collections;
    let mut collections: Vec<String> = read.into_iter().chain(written).collect();
    collections.retain(|name| !name.starts_with('@'));
    Ok(Parsed { collections, binds: parser.used.into_iter().collect() })
}

struct Parser<'t> {
    text: &'t str,
    tokens: Vec<Token>,
    at: usize,
    binds: &'t Map<String, Value>,
    used: BTreeSet<String>,
    /// Bind parameters stay open.
    without_values: bool,
    missing: Option<String>,
    /// The variables that can be seen, one list for each query around the current place.
    scopes: Vec<Vec<Name>>,
    collections: Collections,
    /// How many nodes the plan has so far.
    nodes: usize,
}

impl<'t> Parser<'t> {
    fn new(text: &'t str, binds: &'t Map<String, Value>) -> Result<Self> {
        Ok(Self {
            text,
            tokens: lexer::tokens(text)?,
            at: 0,
            binds,
            used: BTreeSet::new(),
            without_values: false,
            missing: None,
            scopes: vec![Vec::new()],
            collections: Collections::default(),
            nodes: 1,
        })
    }

    fn query(&mut self) -> Result<Block> {
        let block = self.block()?;
        match self.peek() {
            Kind::End => Ok(block),
            _ => Err(self.unexpected()),
        }
    }

    fn check_binds(&self) -> Result<()> {
        if let Some(name) = &self.missing {
            let text =
                format!("AQL: no value specified for declared bind parameter '{name}' (while parsing)");
            return Err(ArangoError::with(1551, text));
        }
        match self.binds.keys().find(|name| !self.used.contains(*name)) {
            None => Ok(()),
            Some(name) => {
                let text =
                    format!("AQL: bind parameter '{name}' was not declared in the query (while parsing)");
                Err(ArangoError::with(1552, text))
            }
        }
    }

    fn peek(&self) -> &Kind {
        self.peek_at(0)
    }

    fn peek_at(&self, ahead: usize) -> &Kind {
        let last = self.tokens.len() - 1;
        &self.tokens[(self.at + ahead).min(last)].kind
    }

    fn advance(&mut self) -> Kind {
        let kind = self.peek().clone();
        self.at = (self.at + 1).min(self.tokens.len() - 1);
        kind
    }

    fn is_sign(&self, sign: &str) -> bool {
        matches!(self.peek(), Kind::Sign(held) if *held == sign)
    }

    fn is_keyword(&self, keyword: &str) -> bool {
        matches!(self.peek(), Kind::Keyword(held) if *held == keyword)
    }

    /// Whether a word comes that means something only in places, such as `OPTIONS`.
    fn is_word(&self, word: &str) -> bool {
        matches!(self.peek(), Kind::Name(held) if held.eq_ignore_ascii_case(word))
    }

    fn eat_sign(&mut self, sign: &str) -> bool {
        let found = self.is_sign(sign);
        if found {
            self.advance();
        }
        found
    }

    fn eat_keyword(&mut self, keyword: &str) -> bool {
        let found = self.is_keyword(keyword);
        if found {
            self.advance();
        }
        found
    }

    fn expect_sign(&mut self, sign: &str) -> Result<()> {
        if self.eat_sign(sign) { Ok(()) } else { Err(self.unexpected()) }
    }

    fn expect_keyword(&mut self, keyword: &str) -> Result<()> {
        if self.eat_keyword(keyword) { Ok(()) } else { Err(self.unexpected()) }
    }

    fn name(&mut self) -> Result<String> {
        if !matches!(self.peek(), Kind::Name(_)) {
            return Err(self.unexpected());
        }
        match self.advance() {
            Kind::Name(name) => Ok(name),
            _ => Err(self.unexpected()),
        }
    }

    /// The error for a token that cannot stand where it stands.
    fn unexpected(&self) -> ArangoError {
        let what = match self.peek() {
            Kind::End => "unexpected end of query string".to_owned(),
            Kind::Name(_) => "unexpected identifier".to_owned(),
            Kind::Keyword(word) => format!("unexpected {word} declaration"),
            Kind::Text(_) => "unexpected quoted string".to_owned(),
            Kind::Number(_) => "unexpected number".to_owned(),
            Kind::Bind(_) => "unexpected bind parameter".to_owned(),
            Kind::BindCollection(_) => "unexpected bind data source parameter".to_owned(),
            Kind::Sign(sign) => format!("unexpected {sign}"),
        };
        self.error(&what)
    }

    fn error(&self, what: &str) -> ArangoError {
        lexer::syntax_error(self.text, self.tokens[self.at].start, what)
    }

    fn lookup(&self, name: &str) -> Option<Name> {
        self.scopes.iter().rev().flatten().find(|held| &***held == name).cloned()
    }

    fn declare(&mut self, name: &str) -> Result<Name> {
        if self.lookup(name).is_some() {
            let text = format!("AQL: variable '{name}' is assigned multiple times (while parsing)");
            return Err(ArangoError::with(1511, text));
        }
        Ok(self.declare_again(name))
    }

    /// Declares a name that the language itself gives, such as `NEW`.
    fn declare_again(&mut self, name: &str) -> Name {
        let name = Name::from(name);
        if let Some(scope) = self.scopes.last_mut() {
            scope.push(Name::clone(&name));
        }
        name
    }

    /// Runs a part of the parser in which further names can be seen.
    fn within<T>(&mut self, names: &[&str], part: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.scopes.push(names.iter().map(|&name| Name::from(name)).collect());
        let result = part(self);
        self.scopes.pop();
        result
    }

    fn bind(&mut self, name: &str) -> Value {
        self.used.insert(name.to_owned());
        let value = self.binds.get(name);
        if value.is_none() && self.missing.is_none() && !self.without_values {
            self.missing = Some(name.to_owned());
        }
        value.cloned().unwrap_or_default()
    }

    fn bound_collection(&mut self, name: &str) -> Result<String> {
        match self.bind(name) {
            _ if self.without_values => Ok(name.to_owned()),
            Value::String(collection) if !collection.is_empty() => Ok(collection),
            // The error for a missing parameter comes after the whole query has been read.
            Value::Null if self.missing.is_some() => Ok(String::new()),
            _ => {
                let text =
                    format!("AQL: bind parameter '{name}' has an invalid value or type (while parsing)");
                Err(ArangoError::with(1553, text))
            }
        }
    }

    fn collection_name(&mut self) -> Result<String> {
        match self.peek() {
            Kind::Name(_) => self.name(),
            Kind::BindCollection(name) => {
                let name = name.clone();
                self.advance();
                self.bound_collection(&name)
            }
            _ => Err(self.unexpected()),
        }
    }

    fn read_collection(&mut self, name: &str) -> Result<()> {
        self.check_not_written(name)?;
        if !self.collections.read.iter().any(|held| held == name) {
            self.collections.read.push(name.to_owned());
        }
        Ok(())
    }

    fn write_collection(&mut self, name: &str) -> Result<()> {
        self.check_not_written(name)?;
        self.collections.written.push(name.to_owned());
        Ok(())
    }

    fn check_not_written(&self, name: &str) -> Result<()> {
        if self.collections.written.iter().any(|held| held == name) {
            let text = format!("AQL: access after data-modification by '{name}' (while parsing)");
            return Err(ArangoError::with(1579, text));
        }
        Ok(())
    }
}
