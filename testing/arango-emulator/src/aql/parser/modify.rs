//! INSERT, UPDATE, REPLACE and REMOVE.

use super::Parser;
use crate::aql::ast::{Modify, Operation};
use crate::error::Result;

impl Parser<'_> {
    pub(super) fn modify(&mut self) -> Result<Modify> {
        let operation = if self.eat_keyword("INSERT") {
            Operation::Insert(self.operand()?)
        } else if self.eat_keyword("REMOVE") {
            Operation::Remove(self.operand()?)
        } else {
            self.update_or_replace()?
        };
        if !self.eat_keyword("IN") {
            self.expect_keyword("INTO")?;
        }
        let collection = self.collection_name()?;
        let options = self.write_options()?;
        self.write_collection(&collection)?;
        self.declare_results(&operation);
        Ok(Modify { operation, collection, options, node: self.nodes + 1 })
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

    /// `NEW` and `OLD` can be seen after a write that has them.
    fn declare_results(&mut self, operation: &Operation) {
        let (old, new) = match operation {
            Operation::Insert(_) => (false, true),
            Operation::Remove(_) => (true, false),
            _ => (true, true),
        };
        for (name, seen) in [("OLD", old), ("NEW", new)] {
            if seen {
                self.declare_again(name);
            }
        }
    }
}
