//! Operators and their precedence.

use super::Parser;
use crate::aql::ast::{Binary, Expr, Quantifier};
use crate::aql::token::Kind;
use crate::error::Result;

/// The levels of the binary operators, from the loosest to the tightest.
const EQUALITY: u8 = 0;
const MEMBERSHIP: u8 = 1;
const COMPARISON: u8 = 2;
const RANGE: u8 = 3;
const SUM: u8 = 4;
const PRODUCT: u8 = 5;
const UNARY: u8 = 6;

impl Parser<'_> {
    pub(super) fn expression(&mut self) -> Result<Expr> {
        let condition = self.disjunction()?;
        if !self.eat_sign("?") {
            return Ok(condition);
        }
        let then = if self.is_sign(":") { None } else { Some(Box::new(self.expression()?)) };
        self.expect_sign(":")?;
        Ok(Expr::Ternary(Box::new(condition), then, Box::new(self.expression()?)))
    }

    fn disjunction(&mut self) -> Result<Expr> {
        let mut left = self.conjunction()?;
        while self.eat_sign("||") || self.eat_keyword("OR") {
            left = Expr::Or(Box::new(left), Box::new(self.conjunction()?));
        }
        Ok(left)
    }

    fn conjunction(&mut self) -> Result<Expr> {
        let mut left = self.binary(EQUALITY)?;
        while self.eat_sign("&&") || self.eat_keyword("AND") {
            left = Expr::And(Box::new(left), Box::new(self.binary(EQUALITY)?));
        }
        Ok(left)
    }

    fn binary(&mut self, level: u8) -> Result<Expr> {
        if level == UNARY {
            return self.unary();
        }
        let mut left = self.binary(level + 1)?;
        loop {
            if level == RANGE && self.eat_sign("..") {
                left = Expr::Range(Box::new(left), Box::new(self.binary(level + 1)?));
            } else if let Some((quantifier, operator)) = self.quantified(level)? {
                let right = self.binary(level + 1)?;
                left = Expr::Quantified(quantifier, operator, Box::new(left), Box::new(right));
            } else if let Some(operator) = self.operator(level) {
                left = Expr::Binary(operator, Box::new(left), Box::new(self.binary(level + 1)?));
            } else {
                return Ok(left);
            }
        }
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

    /// Takes the operator here if it is of that level.
    fn operator(&mut self, level: u8) -> Option<Binary> {
        let (operator, length) = self.operator_at(0)?;
        if level_of(operator) != level {
            return None;
        }
        for _ in 0..length {
            self.advance();
        }
        Some(operator)
    }

    /// The operator some tokens ahead, and how many tokens it has.
    fn operator_at(&self, ahead: usize) -> Option<(Binary, usize)> {
        match self.peek_at(ahead) {
            Kind::Sign(sign) => sign_operator(sign).map(|operator| (operator, 1)),
            Kind::Keyword("IN") if !self.in_ends => Some((Binary::In, 1)),
            Kind::Keyword("LIKE") => Some((Binary::Like, 1)),
            Kind::Keyword("NOT") => match self.peek_at(ahead + 1) {
                Kind::Keyword("IN") => Some((Binary::NotIn, 2)),
                Kind::Keyword("LIKE") => Some((Binary::NotLike, 2)),
                _ => None,
            },
            _ => None,
        }
    }

    /// Takes `ALL ==` and the like if the operator is of that level.
    fn quantified(&mut self, level: u8) -> Result<Option<(Quantifier, Binary)>> {
        let quantifier = match self.peek() {
            Kind::Keyword("ALL") => Quantifier::All,
            Kind::Keyword("ANY") => Quantifier::Any,
            Kind::Keyword("NONE") => Quantifier::None,
            Kind::Name(name) if name.eq_ignore_ascii_case("AT") => return self.at_least_operator(level),
            _ => return Ok(None),
        };
        let comparable = |operator: Binary| level_of(operator) == level && level <= COMPARISON;
        match self.operator_at(1) {
            Some((operator, _)) if comparable(operator) => {
                self.advance();
                Ok(self.operator(level).map(|operator| (quantifier, operator)))
            }
            _ => Ok(None),
        }
    }

    fn at_least_operator(&mut self, level: u8) -> Result<Option<(Quantifier, Binary)>> {
        // How far the count reaches is known only by reading it, so it is read at the tightest level of comparisons.
        if level != COMPARISON {
            return Ok(None);
        }
        let Some(quantifier) = self.at_least()? else { return Ok(None) };
        let operator = [COMPARISON, MEMBERSHIP, EQUALITY].into_iter().find_map(|level| self.operator(level));
        operator.map(|operator| Some((quantifier, operator))).ok_or_else(|| self.unexpected())
    }

    /// `AT LEAST (count)`
    pub(super) fn at_least(&mut self) -> Result<Option<Quantifier>> {
        let follows = matches!(self.peek_at(1), Kind::Name(name) if name.eq_ignore_ascii_case("LEAST"));
        if !self.is_word("AT") || !follows {
            return Ok(None);
        }
        self.advance();
        self.advance();
        self.expect_sign("(")?;
        let count = self.bracketed(Self::expression)?;
        self.expect_sign(")")?;
        Ok(Some(Quantifier::AtLeast(Box::new(count))))
    }

    /// Runs a part of the parser inside brackets, where `IN` compares again.
    pub(super) fn bracketed<T>(&mut self, part: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        let before = std::mem::replace(&mut self.in_ends, false);
        let result = part(self);
        self.in_ends = before;
        result
    }
}

fn sign_operator(sign: &str) -> Option<Binary> {
    Some(match sign {
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
    })
}

fn level_of(operator: Binary) -> u8 {
    match operator {
        Binary::Equal | Binary::NotEqual | Binary::Like | Binary::NotLike => EQUALITY,
        Binary::In | Binary::NotIn => MEMBERSHIP,
        Binary::Less | Binary::LessEqual | Binary::Greater | Binary::GreaterEqual => COMPARISON,
        Binary::Plus | Binary::Minus => SUM,
        Binary::Times | Binary::Divide | Binary::Modulo => PRODUCT,
    }
}
