//! What follows a value: attributes, positions, expansions.

use serde_json::Value;

use super::Parser;
use crate::aql::ast::{Expansion, Expr, Name, Quantifier};
use crate::aql::token::Kind;
use crate::error::{ArangoError, Result};

/// The variable over which the tail of an expansion is written.
pub(crate) const MEMBER: &str = "[*]";

impl Parser<'_> {
    pub(super) fn reference(&mut self) -> Result<Expr> {
        let primary = self.primary()?;
        let mut value = self.tail(primary)?;
        while self.at_flattening() {
            value = self.expansion(value)?;
        }
        Ok(value)
    }

    /// What follows a value, up to a flattening, which is for the whole.
    fn tail(&mut self, mut value: Expr) -> Result<Expr> {
        loop {
            if self.eat_sign(".") {
                value = self.attribute(value)?;
            } else if self.at_flattening() {
                return Ok(value);
            } else if self.is_sign("[") && matches!(self.peek_at(1), Kind::Sign("*" | "?")) {
                value = self.expansion(value)?;
            } else if self.eat_sign("[") {
                let at = self.bracketed(Self::expression)?;
                self.expect_sign("]")?;
                value = Expr::Index(Box::new(value), Box::new(at));
            } else {
                return Ok(value);
            }
        }
    }

    /// `[**`, which works on all that stands before it, other expansions too.
    fn at_flattening(&self) -> bool {
        self.is_sign("[") && *self.peek_at(1) == Kind::Sign("*") && *self.peek_at(2) == Kind::Sign("*")
    }

    fn attribute(&mut self, value: Expr) -> Result<Expr> {
        let name = match self.peek().clone() {
            Kind::Name(name) => name,
            Kind::Bind(name) => match self.bind(&name) {
                Value::String(name) => name,
                _ if self.missing.is_some() => String::new(),
                _ => return Err(ArangoError::new(1553).in_query("while parsing")),
            },
            _ => return Err(self.unexpected()),
        };
        self.advance();
        Ok(Expr::Attribute(Box::new(value), name))
    }

    fn expansion(&mut self, base: Expr) -> Result<Expr> {
        self.advance();
        let mut expansion = Expansion {
            base,
            flatten: 0,
            filter: None,
            limit: None,
            project: None,
            tail: None,
            question: None,
        };
        if self.eat_sign("?") {
            self.bracketed(|parser| parser.question(&mut expansion))?;
            self.expect_sign("]")?;
            return Ok(Expr::Expansion(Box::new(expansion)));
        }
        let mut stars = 0;
        while self.eat_sign("*") {
            stars += 1;
        }
        expansion.flatten = stars - 1;
        self.bracketed(|parser| parser.within(&["CURRENT"], |parser| parser.inline(&mut expansion)))?;
        self.expect_sign("]")?;
        // What follows is applied to each member.
        if matches!(self.peek(), Kind::Sign("." | "[")) && !self.at_flattening() {
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

    fn question(&mut self, expansion: &mut Expansion) -> Result<()> {
        let quantifier = if self.eat_keyword("ALL") {
            Quantifier::All
        } else if self.eat_keyword("NONE") {
            Quantifier::None
        } else if self.eat_keyword("ANY") || self.is_keyword("FILTER") || self.is_sign("]") {
            Quantifier::Any
        } else if let Some(quantifier) = self.at_least()? {
            quantifier
        } else {
            Quantifier::Exactly(Box::new(self.expression()?))
        };
        expansion.question = Some(quantifier);
        if self.eat_keyword("FILTER") {
            expansion.filter = Some(self.within(&["CURRENT"], Self::expression)?);
        }
        Ok(())
    }
}
