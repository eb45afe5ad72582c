//! One run of a query: its transaction, its clock, its counts and warnings.

use std::cell::{Cell, RefCell};
use std::time::Instant;

use serde_json::{Value, json};

use super::ast::Query;
use super::env::Env;
use crate::error::{ArangoError, Result};
use crate::store::Transaction;

/// What a client may forbid a query to do.
#[derive(Debug, Clone, Default)]
pub(crate) struct Limits {
    pub(crate) deadline: Option<Instant>,
    pub(crate) memory: Option<usize>,
    pub(crate) fail_on_warning: bool,
    pub(crate) max_warnings: Option<usize>,
}

/// What a query did, in numbers.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Stats {
    pub(crate) writes_executed: u64,
    pub(crate) writes_ignored: u64,
    pub(crate) document_lookups: u64,
    pub(crate) scanned_full: u64,
    pub(crate) scanned_index: u64,
    pub(crate) cursors_created: u64,
    pub(crate) filtered: u64,
    pub(crate) full_count: Option<u64>,
}

/// What a query gave.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) rows: Vec<Value>,
    pub(crate) stats: Stats,
    pub(crate) warnings: Vec<Value>,
}

/// One run of a query.
#[derive(Debug)]
pub(crate) struct Runtime<'t> {
    pub(super) transaction: RefCell<&'t mut Transaction>,
    /// The server's time when the query started, in milliseconds.
    pub(super) now_ms: i64,
    limits: Limits,
    pub(super) stats: Cell<Stats>,
    warnings: RefCell<Vec<Value>>,
}

impl<'t> Runtime<'t> {
    pub(crate) fn new(transaction: &'t mut Transaction, now_ms: i64, limits: Limits) -> Self {
        Self {
            transaction: RefCell::new(transaction),
            now_ms,
            limits,
            stats: Cell::default(),
            warnings: RefCell::default(),
        }
    }

    /// Evaluates a query; what it writes is only collected in the transaction.
    pub(crate) fn run(self, query: &Query) -> Result<Outcome> {
        for name in query.collections.read.iter().chain(&query.collections.written) {
            self.transaction.borrow().collection(name)?;
        }
        let rows = self
            .block(&query.block, &Env::default(), true)
            .map_err(|error| error.in_query("while executing"))?;
        self.check_memory(&rows)?;
        Ok(Outcome { rows, stats: self.stats.get(), warnings: self.warnings.into_inner() })
    }

    fn check_memory(&self, rows: &[Value]) -> Result<()> {
        let Some(limit) = self.limits.memory else { return Ok(()) };
        let used: usize = rows.iter().map(|row| row.to_string().len()).sum();
        if used > limit {
            return Err(ArangoError::with(
                32,
                "AQL: query would use more memory than allowed (while executing)",
            ));
        }
        Ok(())
    }

    /// Fails when the query has run for too long.
    pub(super) fn check_time(&self) -> Result<()> {
        match self.limits.deadline {
            Some(deadline) if Instant::now() > deadline => Err(ArangoError::new(1500)),
            _ => Ok(()),
        }
    }

    pub(super) fn count(&self, change: impl FnOnce(&mut Stats)) {
        let mut stats = self.stats.get();
        change(&mut stats);
        self.stats.set(stats);
    }

    /// Notes a warning; the value that goes with it is null.
    pub(crate) fn warn(&self, num: u32) -> Result<Value> {
        self.warn_with(ArangoError::new(num))
    }

    pub(crate) fn warn_with(&self, error: ArangoError) -> Result<Value> {
        if self.limits.fail_on_warning {
            return Err(error);
        }
        let mut warnings = self.warnings.borrow_mut();
        if warnings.len() < self.limits.max_warnings.unwrap_or(10) {
            warnings.push(json!({"code": error.num, "message": error.message}));
        }
        Ok(Value::Null)
    }
}
