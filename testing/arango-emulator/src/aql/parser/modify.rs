//! INSERT, UPDATE, REPLACE, REMOVE and UPSERT.

use super::Parser;
use crate::aql::ast::{Expr, Modify, Operation, Search};
use crate::error::{ArangoError, Result};
use crate::store::transaction::{Overwrite, WriteOptions};

impl Parser<'_> {
    pub(super) fn modify(&mut self) -> Result<Modify> {
        let operation = if self.eat_keyword("INSERT") {
            Operation::Insert(self.operand()?)
        } else if self.eat_keyword("REMOVE") {
            Operation::Remove(self.operand()?)
        } else if self.eat_keyword("UPSERT") {
            self.upsert()?
        } else {
            self.update_or_replace()?
        };
        if !self.eat_keyword("IN") {
            self.expect_keyword("INTO")?;
        }
        let collection = self.collection_name()?;
        let options = self.write_options()?;
        self.write_collection(&collection, options.exclusive)?;
        self.declare_results(&operation, &options)?;
        Ok(Modify { operation, collection, options, node: self.nodes + 1 })
    }

    /// An expression after which `IN` names the collection.
    fn operand(&mut self) -> Result<Expr> {
        let before = std::mem::replace(&mut self.in_ends, true);
        let expr = self.expression();
        self.in_ends = before;
        let expr = expr?;
        if !matches!(expr, Expr::Variable(_)) {
            self.nodes += 1;
        }
        Ok(expr)
    }

    fn update_or_replace(&mut self) -> Result<Operation> {
        let replace = self.eat_keyword("REPLACE");
        if !replace {
            self.expect_keyword("UPDATE")?;
        }
        let key = self.operand()?;
        let change = if self.eat_keyword("WITH") { Some(self.operand()?) } else { None };
        Ok(if replace {
            Operation::Replace { key, body: change }
        } else {
            Operation::Update { key, patch: change }
        })
    }

    fn upsert(&mut self) -> Result<Operation> {
        let search = if self.eat_keyword("FILTER") {
            let filter = self.within(&["CURRENT"], Self::operand)?;
            Search::Filter(filter)
        } else {
            Search::Example(self.example()?)
        };
        self.expect_keyword("INSERT")?;
        let insert = self.operand()?;
        let replace = self.eat_keyword("REPLACE");
        if !replace {
            self.expect_keyword("UPDATE")?;
        }
        let change = self.within(&["OLD"], Self::operand)?;
        Ok(Operation::Upsert { search, insert, change, replace })
    }

    /// The document to look for: an object whose attribute names are written out.
    fn example(&mut self) -> Result<Expr> {
        let error =
            self.error("expecting an object literal with constant attribute names as UPSERT search document");
        let example = self.operand()?;
        match &example {
            Expr::Object(members) if members.iter().all(|(name, _)| matches!(name, Expr::Literal(_))) => {
                Ok(example)
            }
            _ => Err(error),
        }
    }

    /// `NEW` and `OLD` can be seen after a write that has them.
    fn declare_results(&mut self, operation: &Operation, options: &WriteOptions) -> Result<()> {
        let overwrites = matches!(options.overwrite, Overwrite::Replace | Overwrite::Update);
        let (old, new) = match operation {
            Operation::Insert(_) => (overwrites, true),
            Operation::Remove(_) => (true, false),
            _ => (true, true),
        };
        if options.overwrite == Overwrite::Ignore && self.is_keyword("RETURN") && self.old_follows() {
            let text = "AQL: syntax error, OLD cannot be used with overwriteMode 'ignore' (while parsing)";
            return Err(ArangoError::with(1501, text));
        }
        for name in [("OLD", old), ("NEW", new)].iter().filter(|(_, seen)| *seen).map(|(name, _)| name) {
            self.declare_again(name);
        }
        Ok(())
    }

    fn old_follows(&self) -> bool {
        matches!(self.peek_at(1), crate::aql::token::Kind::Name(name) if name == "OLD")
    }
}
