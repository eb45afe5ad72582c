//! COLLECT.

use super::Parser;
use crate::aql::ast::{Aggregate, Collect, Expr, Into, Name};
use crate::aql::functions::is_aggregate;
use crate::aql::token::Kind;
use crate::error::{ArangoError, Result};

impl Parser<'_> {
    pub(super) fn collect(&mut self) -> Result<Collect> {
        self.advance();
        let mut collect = Collect::default();
        let mut names = Vec::new();
        while matches!(self.peek(), Kind::Name(_)) && !self.is_word("OPTIONS") {
            let name = self.name()?;
            self.expect_sign("=")?;
            collect.groups.push((Name::from(name.as_str()), self.expression()?));
            names.push(name);
            if !self.eat_sign(",") {
                break;
            }
        }
        if self.eat_keyword("AGGREGATE") {
            self.aggregates(&mut collect, &mut names)?;
        }
        if self.eat_keyword("WITH") {
            self.count(&mut collect, &mut names)?;
        } else if self.eat_keyword("INTO") {
            self.into(&mut collect, &mut names)?;
        }
        if self.is_word("OPTIONS") {
            self.options()?;
        }
        if names.is_empty() {
            return Err(self.unexpected());
        }
        // Only what COLLECT names can be seen after it.
        if let Some(scope) = self.scopes.last_mut() {
            scope.clear();
        }
        for name in &names {
            self.declare(name)?;
        }
        Ok(collect)
    }

    fn aggregates(&mut self, collect: &mut Collect, names: &mut Vec<String>) -> Result<()> {
        loop {
            let name = self.name()?;
            self.expect_sign("=")?;
            let Expr::Call(function, mut arguments) = self.expression()? else {
                return Err(ArangoError::new(1574).in_query("while parsing"));
            };
            if !is_aggregate(function.name) {
                return Err(ArangoError::new(1574).in_query("while parsing"));
            }
            let value = arguments.pop().unwrap_or(Expr::Literal(true.into()));
            let function = function.name.to_owned();
            collect.aggregates.push(Aggregate { name: Name::from(name.as_str()), function, value });
            names.push(name);
            if !self.eat_sign(",") {
                return Ok(());
            }
        }
    }

    fn count(&mut self, collect: &mut Collect, names: &mut Vec<String>) -> Result<()> {
        if !self.eat_word("COUNT") {
            return Err(self.unexpected());
        }
        self.expect_keyword("INTO")?;
        let name = self.name()?;
        collect.count = Some(Name::from(name.as_str()));
        names.push(name);
        Ok(())
    }

    fn into(&mut self, collect: &mut Collect, names: &mut Vec<String>) -> Result<()> {
        let name = self.name()?;
        let value = if self.eat_sign("=") { Some(self.expression()?) } else { None };
        let mut keep = self.scopes.last().cloned().unwrap_or_default();
        if self.eat_word("KEEP") {
            keep.clear();
            loop {
                let kept = self.name()?;
                keep.push(self.lookup(&kept).ok_or_else(|| self.unexpected())?);
                if !self.eat_sign(",") {
                    break;
                }
            }
        }
        collect.into = Some(Into { name: Name::from(name.as_str()), value, keep });
        names.push(name);
        Ok(())
    }
}
