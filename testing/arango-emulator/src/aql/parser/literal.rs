//! Array and object literals.

use serde_json::Value;

use super::Parser;
use crate::aql::ast::Expr;
use crate::aql::token::Kind;
use crate::error::Result;

impl Parser<'_> {
    pub(super) fn array(&mut self) -> Result<Expr> {
        self.advance();
        let mut members = Vec::new();
        while !self.eat_sign("]") {
            members.push(self.expression()?);
            if !self.eat_sign(",") {
                self.expect_sign("]")?;
                break;
            }
        }
        Ok(Expr::Array(members))
    }

    pub(super) fn object(&mut self) -> Result<Expr> {
        self.advance();
        let mut members = Vec::new();
        while !self.eat_sign("}") {
            members.push(self.member()?);
            if !self.eat_sign(",") {
                self.expect_sign("}")?;
                break;
            }
        }
        Ok(Expr::Object(members))
    }

    fn member(&mut self) -> Result<(Expr, Expr)> {
        let name = match self.peek().clone() {
            Kind::Name(name) => {
                if !matches!(self.peek_at(1), Kind::Sign(":")) {
                    let value = self.shorthand(&name)?;
                    return Ok((Expr::Literal(Value::String(name)), value));
                }
                self.advance();
                Expr::Literal(Value::String(name))
            }
            Kind::Text(name) => {
                self.advance();
                Expr::Literal(Value::String(name))
            }
            Kind::Bind(name) => {
                self.advance();
                Expr::Literal(self.bind(&name))
            }
            Kind::Sign("[") => {
                self.advance();
                let name = self.expression()?;
                self.expect_sign("]")?;
                name
            }
            _ => return Err(self.unexpected()),
        };
        self.expect_sign(":")?;
        Ok((name, self.expression()?))
    }

    /// `{name}` stands for `{name: name}`.
    fn shorthand(&mut self, name: &str) -> Result<Expr> {
        let variable = self.lookup(name).ok_or_else(|| self.unexpected())?;
        self.advance();
        Ok(Expr::Variable(variable))
    }
}
