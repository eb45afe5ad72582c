//! What follows a value: attributes, positions, expansions.

use serde_json::Value;

use super::Parser;
use crate::aql::ast::{Expansion, Expr, Name};
use crate::aql::token::Kind;
use crate::error::{ArangoError, Result};

/// The variable over which the tail of an expansion is written.
pub(crate) const MEMBER: &str = "[*]";

impl Parser<'_> {
    pub(super) fn reference(&mut self) -> Result<Expr> {
        let primary = self.primary()?;
        self.tail(primary)
    }

    fn tail(&mut self, mut value: Expr) -> Result<Expr> {
        loop {
            if self.eat_sign(".") {
                value = self.attribute(value)?;
            } else if self.is_sign("[") && *self.peek_at(1) == Kind::Sign("*") {
                value = self.expansion(value)?;
            } else if self.eat_sign("[") {
                let at = self.expression()?;
                self.expect_sign("]")?;
                value = Expr::Index(Box::new(value), Box::new(at));
            } else {
                return Ok(value);
            }
        }
    }

    fn attribute(&mut self, value: Expr) -> Result<Expr> {
        let name = match self.peek().clone() {
            Kind::Name(name) => name,
            Kind::Bind(name) => match self.bind(&name) {
                Value::String(name) => name,
                _ if self.missing.is_some() || self.without_values => String::new(),
                _ => return Err(ArangoError::new(1553).in_query("while parsing")),
            },
            _ => return Err(self.unexpected()),
        };
        self.advance();
        Ok(Expr::Attribute(Box::new(value), name))
    }

    fn expansion(&mut self, base: Expr) -> Result<Expr> {
        self.advance();
        self.advance();
        let mut expansion = Expansion { base, filter: None, limit: None, project: None, tail: None };
        self.within(&["CURRENT"], |parser| parser.inline(&mut expansion))?;
        self.expect_sign("]")?;
        // What follows is applied to each member.
        if matches!(self.peek(), Kind::Sign("." | "[")) {
            expansion.tail = Some(self.tail(Expr::Variable(Name::from(MEMBER)))?);
        }
        Ok(Expr::Expansion(Box::new(expansion)))
    }

    fn inline(&mut self, expansion: &mut Expansion) -> Result<()> {
        if self.eat_keyword("FILTER") {
            expansion.filter = Some(self.expression()?);
        }
        if self.eat_keyword("LIMIT") {
            expansion.limit = Some(self.limit_values()?);
        }
        if self.eat_keyword("RETURN") {
            expansion.project = Some(self.expression()?);
        }
        Ok(())
    }
}
