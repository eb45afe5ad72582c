//! What operators work on: literals, names, calls, subqueries.

use std::sync::Arc;

use serde_json::Value;

use super::Parser;
use crate::aql::ast::{Block, Expr};
use crate::aql::functions;
use crate::aql::token::Kind;
use crate::error::{ArangoError, Result};

impl Parser<'_> {
    pub(super) fn primary(&mut self) -> Result<Expr> {
        match self.peek().clone() {
            Kind::Sign("(") => self.parenthesis(),
            Kind::Sign("[") => self.array(),
            Kind::Sign("{") => self.object(),
            Kind::Name(name) => self.named(name),
            Kind::BindCollection(name) => {
                self.advance();
                let name = self.bound_collection(&name)?;
                self.read_collection(&name)?;
                Ok(Expr::Collection(name))
            }
            other => self.constant(other),
        }
    }

    fn constant(&mut self, kind: Kind) -> Result<Expr> {
        let value = match kind {
            Kind::Text(text) => Value::String(text),
            Kind::Number(number) => number,
            Kind::Keyword("TRUE") => Value::Bool(true),
            Kind::Keyword("FALSE") => Value::Bool(false),
            Kind::Keyword("NULL") => Value::Null,
            Kind::Bind(name) => self.bind(&name),
            _ => return Err(self.unexpected()),
        };
        self.advance();
        Ok(Expr::Literal(value))
    }

    fn parenthesis(&mut self) -> Result<Expr> {
        self.advance();
        let inner = if self.at_query() { self.subquery()? } else { self.expression()? };
        self.expect_sign(")")?;
        Ok(inner)
    }

    fn subquery(&mut self) -> Result<Expr> {
        let block: Block = self.within(&[], Self::block)?;
        Ok(Expr::Subquery(Arc::new(block)))
    }

    fn named(&mut self, name: String) -> Result<Expr> {
        if matches!(self.peek_at(1), Kind::Sign("(" | "::")) {
            return self.call(name);
        }
        self.advance();
        if let Some(variable) = self.lookup(&name) {
            return Ok(Expr::Variable(variable));
        }
        self.read_collection(&name)?;
        Ok(Expr::Collection(name))
    }

    fn call(&mut self, mut name: String) -> Result<Expr> {
        self.advance();
        while self.eat_sign("::") {
            name = format!("{name}::{}", self.name()?);
        }
        self.expect_sign("(")?;
        let function = functions::find(&name).ok_or_else(|| {
            ArangoError::with(1540, format!("AQL: usage of unknown function '{name}()' (while parsing)"))
        })?;
        let arguments = self.arguments()?;
        if !(function.least..=function.most).contains(&arguments.len()) {
            let expected = format!("minimum: {}, maximum: {}", function.least, function.most);
            let text = format!(
                "AQL: invalid number of arguments for function '{}()', expected number of arguments: {expected} (while parsing)",
                function.name
            );
            return Err(ArangoError::with(1541, text));
        }
        Ok(Expr::Call(function, arguments))
    }

    fn arguments(&mut self) -> Result<Vec<Expr>> {
        let mut arguments = Vec::new();
        while !self.eat_sign(")") {
            arguments.push(if self.at_query() { self.subquery()? } else { self.expression()? });
            if !self.eat_sign(",") {
                self.expect_sign(")")?;
                break;
            }
        }
        Ok(arguments)
    }
}
