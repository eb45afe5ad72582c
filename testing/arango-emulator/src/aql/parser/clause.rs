//! The clauses of a query.

use super::Parser;
use crate::aql::ast::{Block, Clause, Expr, SortKey};
use crate::aql::token::Kind;
use crate::error::Result;

/// The words with which a query may begin.
const CLAUSES: [&str; 9] = ["FOR", "FILTER", "LET", "SORT", "LIMIT", "INSERT", "UPDATE", "REPLACE", "REMOVE"];

impl Parser<'_> {
    /// Whether a query starts here.
    pub(super) fn at_query(&self) -> bool {
        matches!(self.peek(), Kind::Keyword(word) if CLAUSES.contains(word) || *word == "RETURN")
    }

    /// The clauses up to the end of the query or subquery.
    pub(super) fn block(&mut self) -> Result<Block> {
        let mut clauses = Vec::new();
        while let Kind::Keyword(word) = *self.peek() {
            match word {
                "FOR" => clauses.push(self.for_clause()?),
                "FILTER" => clauses.push(self.filter()?),
                "LET" => self.lets(&mut clauses)?,
                "SORT" => clauses.push(self.sort()?),
                "LIMIT" => clauses.push(self.limit()?),
                "INSERT" | "UPDATE" | "REPLACE" | "REMOVE" => {
                    clauses.push(Clause::Modify(Box::new(self.modify()?)));
                }
                "RETURN" => {
                    clauses.push(self.return_clause()?);
                    return Ok(Block { clauses });
                }
                _ => break,
            }
            self.nodes += 1;
        }
        match clauses.last() {
            Some(Clause::Modify(_)) => Ok(Block { clauses }),
            _ => Err(self.unexpected()),
        }
    }

    fn for_clause(&mut self) -> Result<Clause> {
        self.advance();
        let name = self.name()?;
        self.expect_keyword("IN")?;
        let source = self.expression()?;
        let variable = self.declare(&name)?;
        Ok(Clause::For { variable, source })
    }

    fn filter(&mut self) -> Result<Clause> {
        self.advance();
        Ok(Clause::Filter(self.expression()?))
    }

    fn lets(&mut self, clauses: &mut Vec<Clause>) -> Result<()> {
        self.advance();
        loop {
            let name = self.name()?;
            self.expect_sign("=")?;
            let value = self.expression()?;
            clauses.push(Clause::Let(self.declare(&name)?, value));
            if !self.eat_sign(",") {
                return Ok(());
            }
        }
    }

    fn sort(&mut self) -> Result<Clause> {
        self.advance();
        let mut keys = Vec::new();
        loop {
            let value = self.expression()?;
            let descending = self.eat_keyword("DESC");
            if !descending {
                self.eat_keyword("ASC");
            }
            keys.push(SortKey { value, descending });
            if !self.eat_sign(",") {
                return Ok(Clause::Sort(keys));
            }
        }
    }

    fn limit(&mut self) -> Result<Clause> {
        self.advance();
        let (offset, count) = self.limit_values()?;
        Ok(Clause::Limit { offset, count })
    }

    /// `count` or `offset, count`
    pub(super) fn limit_values(&mut self) -> Result<(Expr, Expr)> {
        let first = self.expression()?;
        if self.eat_sign(",") {
            return Ok((first, self.expression()?));
        }
        Ok((Expr::Literal(0.into()), first))
    }

    fn return_clause(&mut self) -> Result<Clause> {
        self.advance();
        Ok(Clause::Return(self.expression()?))
    }
}
