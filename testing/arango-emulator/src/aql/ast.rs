//! What a query says, as a tree.

use std::sync::Arc;

use serde_json::Value;

use crate::store::transaction::WriteOptions;

/// The name of a variable.
pub(crate) type Name = Arc<str>;

/// A parsed query, its bind parameters filled in.
#[derive(Debug)]
pub(crate) struct Query {
    pub(crate) block: Block,
    pub(crate) collections: Collections,
}

/// The collections that a query touches.
#[derive(Debug, Default)]
pub(crate) struct Collections {
    pub(crate) read: Vec<String>,
    pub(crate) written: Vec<String>,
}

/// The clauses of a query or of a subquery, in order.
#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) clauses: Vec<Clause>,
}

/// One clause.
#[derive(Debug)]
pub(crate) enum Clause {
    For { variable: Name, source: Expr },
    Filter(Expr),
    Let(Name, Expr),
    Sort(Vec<SortKey>),
    Limit { offset: Expr, count: Expr },
    Modify(Box<Modify>),
    Return(Expr),
}

/// One criterion of SORT.
#[derive(Debug)]
pub(crate) struct SortKey {
    pub(crate) value: Expr,
    pub(crate) descending: bool,
}

/// A clause that writes.
#[derive(Debug)]
pub(crate) struct Modify {
    pub(crate) operation: Operation,
    pub(crate) collection: String,
    pub(crate) options: WriteOptions,
    /// The number of the clause in the plan, for messages.
    pub(crate) node: usize,
}

/// What is written.
#[derive(Debug)]
pub(crate) enum Operation {
    Insert(Expr),
    /// `key` is a document or a key; without `patch` the document itself says what changes.
    Update {
        key: Expr,
        patch: Option<Expr>,
    },
    Replace {
        key: Expr,
        body: Option<Expr>,
    },
    Remove(Expr),
}

/// An expression.
#[derive(Debug, Clone)]
pub(crate) enum Expr {
    Literal(Value),
    Variable(Name),
    Collection(String),
    Array(Vec<Self>),
    Object(Vec<(Self, Self)>),
    Attribute(Box<Self>, String),
    Index(Box<Self>, Box<Self>),
    Not(Box<Self>),
    Negative(Box<Self>),
    Positive(Box<Self>),
    Binary(Binary, Box<Self>, Box<Self>),
    And(Box<Self>, Box<Self>),
    Or(Box<Self>, Box<Self>),
    /// Without the middle, `a ?: b`.
    Ternary(Box<Self>, Option<Box<Self>>, Box<Self>),
    Range(Box<Self>, Box<Self>),
    Call(&'static super::functions::Function, Vec<Self>),
    Subquery(Arc<Block>),
    Expansion(Box<Expansion>),
}

/// `base[* FILTER .. LIMIT .. RETURN ..]tail`
#[derive(Debug, Clone)]
pub(crate) struct Expansion {
    pub(crate) base: Expr,
    pub(crate) filter: Option<Expr>,
    pub(crate) limit: Option<(Expr, Expr)>,
    pub(crate) project: Option<Expr>,
    /// What follows the brackets, over the variable of each member.
    pub(crate) tail: Option<Expr>,
}

/// The operators between two values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Binary {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    In,
    NotIn,
    Plus,
    Minus,
    Times,
    Divide,
    Modulo,
}
