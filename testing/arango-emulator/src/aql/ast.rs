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
    pub(crate) written: Vec<Target>,
}

/// A collection that a query writes to.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) name: String,
    pub(crate) exclusive: bool,
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
    Collect(Box<Collect>),
    Modify(Box<Modify>),
    Return { value: Expr, distinct: bool },
}

/// One criterion of SORT.
#[derive(Debug)]
pub(crate) struct SortKey {
    pub(crate) value: Expr,
    pub(crate) descending: bool,
}

/// COLLECT.
#[derive(Debug, Default)]
pub(crate) struct Collect {
    pub(crate) groups: Vec<(Name, Expr)>,
    pub(crate) aggregates: Vec<Aggregate>,
    pub(crate) into: Option<Into>,
    pub(crate) count: Option<Name>,
}

/// `name = FUNCTION(value)` of COLLECT .. AGGREGATE.
#[derive(Debug)]
pub(crate) struct Aggregate {
    pub(crate) name: Name,
    pub(crate) function: String,
    pub(crate) value: Expr,
}

/// COLLECT .. INTO.
#[derive(Debug)]
pub(crate) struct Into {
    pub(crate) name: Name,
    /// What is kept of each member; without it, `keep`.
    pub(crate) value: Option<Expr>,
    pub(crate) keep: Vec<Name>,
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
    Upsert {
        search: Search,
        insert: Expr,
        change: Expr,
        replace: bool,
    },
}

/// How UPSERT finds its document.
#[derive(Debug)]
pub(crate) enum Search {
    Example(Expr),
    Filter(Expr),
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
    /// `array ALL == value`
    Quantified(Quantifier, Binary, Box<Self>, Box<Self>),
    And(Box<Self>, Box<Self>),
    Or(Box<Self>, Box<Self>),
    /// Without the middle, `a ?: b`.
    Ternary(Box<Self>, Option<Box<Self>>, Box<Self>),
    Range(Box<Self>, Box<Self>),
    Call(&'static super::functions::Function, Vec<Self>),
    Subquery(Arc<Block>),
    Expansion(Box<Expansion>),
}

/// `base[* FILTER .. LIMIT .. RETURN ..]tail`, and `base[? .. FILTER ..]`.
#[derive(Debug, Clone)]
pub(crate) struct Expansion {
    pub(crate) base: Expr,
    /// How many levels of arrays are flattened first.
    pub(crate) flatten: usize,
    pub(crate) filter: Option<Expr>,
    pub(crate) limit: Option<(Expr, Expr)>,
    pub(crate) project: Option<Expr>,
    /// What follows the brackets, over the variable `CURRENT` of each member.
    pub(crate) tail: Option<Expr>,
    /// Set for the question mark operator.
    pub(crate) question: Option<Quantifier>,
}

/// How many members must satisfy a condition.
#[derive(Debug, Clone)]
pub(crate) enum Quantifier {
    All,
    Any,
    None,
    AtLeast(Box<Expr>),
    /// A number, or a range of numbers.
    Exactly(Box<Expr>),
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
    Like,
    NotLike,
    Plus,
    Minus,
    Times,
    Divide,
    Modulo,
}
