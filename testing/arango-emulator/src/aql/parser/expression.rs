//! Operators and their precedence, as the grammar of the server has them.
//!
//! From the loosest to the tightest: `? :`, `||`, `&&`, equality, `IN`, comparison, `..`, `+ -`, `* / %`, signs and
//! `NOT`.

use super::Parser;
use crate::aql::ast::{Binary, Expr};
use crate::aql::token::Kind;
use crate::error::Result;

const CONDITION: u8 = 0;
const DISJUNCTION: u8 = 1;
const CONJUNCTION: u8 = 2;
const EQUALITY: u8 = 3;
const MEMBERSHIP: u8 = 4;
const COMPARISON: u8 = 5;
const RANGE: u8 = 6;
const SUM: u8 = 7;
const PRODUCT: u8 = 8;

/// What can follow an operand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Condition,
    Or,
    And,
    Range,
    Binary(Binary),
}

impl Parser<'_> {
    /// An expression in which `IN` always is an operator.
    pub(super) fn expression(&mut self) -> Result<Expr> {
        self.climb(CONDITION, false)
    }

    /// The operand of a write, after which `IN` names the collection.
    ///
    /// The server decides so only where no operator is open that binds weaker than `IN`. Elsewhere `IN` belongs to the
    /// last operand: after `a ? b : c IN d` the server has seen no collection yet.
    pub(super) fn operand(&mut self) -> Result<Expr> {
        let expr = self.climb(CONDITION, true)?;
        if !matches!(expr, Expr::Variable(_)) {
            self.nodes += 1;
        }
        Ok(expr)
    }

    /// Reads operators that bind at least as tightly as `least`.
    fn climb(&mut self, least: u8, in_ends: bool) -> Result<Expr> {
        let mut left = self.unary()?;
        loop {
            let Some((operator, length)) = self.operator_here() else { return Ok(left) };
            let level = level_of(operator);
            if level < least || (in_ends && operator == Operator::Binary(Binary::In)) {
                return Ok(left);
            }
            for _ in 0..length {
                self.advance();
            }
            left = self.applied(operator, left, level)?;
        }
    }

    fn applied(&mut self, operator: Operator, left: Expr, level: u8) -> Result<Expr> {
        let left = Box::new(left);
        if operator == Operator::Condition {
            let then = if self.is_sign(":") { None } else { Some(Box::new(self.expression()?)) };
            self.expect_sign(":")?;
            return Ok(Expr::Ternary(left, then, Box::new(self.climb(level, false)?)));
        }
        let right = Box::new(self.climb(level + 1, false)?);
        Ok(match operator {
            Operator::Or => Expr::Or(left, right),
            Operator::And => Expr::And(left, right),
            Operator::Binary(binary) => Expr::Binary(binary, left, right),
            Operator::Range | Operator::Condition => Expr::Range(left, right),
        })
    }

    fn unary(&mut self) -> Result<Expr> {
        if self.eat_sign("!") || self.eat_keyword("NOT") {
            return Ok(Expr::Not(Box::new(self.unary()?)));
        }
        if self.eat_sign("-") {
            return Ok(Expr::Negative(Box::new(self.unary()?)));
        }
        if self.eat_sign("+") {
            return Ok(Expr::Positive(Box::new(self.unary()?)));
        }
        self.reference()
    }

    /// The operator here, and how many tokens it has.
    fn operator_here(&self) -> Option<(Operator, usize)> {
        let operator = match self.peek() {
            Kind::Sign(sign) => sign_operator(sign)?,
            Kind::Keyword("OR") => Operator::Or,
            Kind::Keyword("AND") => Operator::And,
            Kind::Keyword("IN") => Operator::Binary(Binary::In),
            Kind::Keyword("NOT") if *self.peek_at(1) == Kind::Keyword("IN") => {
                return Some((Operator::Binary(Binary::NotIn), 2));
            }
            _ => return None,
        };
        Some((operator, 1))
    }
}

fn sign_operator(sign: &str) -> Option<Operator> {
    let binary = match sign {
        "?" => return Some(Operator::Condition),
        "||" => return Some(Operator::Or),
        "&&" => return Some(Operator::And),
        ".." => return Some(Operator::Range),
        "==" => Binary::Equal,
        "!=" => Binary::NotEqual,
        "<" => Binary::Less,
        "<=" => Binary::LessEqual,
        ">" => Binary::Greater,
        ">=" => Binary::GreaterEqual,
        "+" => Binary::Plus,
        "-" => Binary::Minus,
        "*" => Binary::Times,
        "/" => Binary::Divide,
        "%" => Binary::Modulo,
        _ => return None,
    };
    Some(Operator::Binary(binary))
}

fn level_of(operator: Operator) -> u8 {
    match operator {
        Operator::Condition => CONDITION,
        Operator::Or => DISJUNCTION,
        Operator::And => CONJUNCTION,
        Operator::Range => RANGE,
        Operator::Binary(binary) => match binary {
            Binary::Equal | Binary::NotEqual => EQUALITY,
            Binary::In | Binary::NotIn => MEMBERSHIP,
            Binary::Less | Binary::LessEqual | Binary::Greater | Binary::GreaterEqual => COMPARISON,
            Binary::Plus | Binary::Minus => SUM,
            Binary::Times | Binary::Divide | Binary::Modulo => PRODUCT,
        },
    }
}
