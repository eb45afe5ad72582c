//! The commands that the steps send, and what their replies say.

use mongodb::bson::{Bson, Document, doc};
use shylock_core::{
    BackendError, BackendErrorKind, ClaimId, JoinRequest, ListPage, LockName, Renewal, Renewed,
};
use std::time::Duration;

use crate::error::{self, Fault};
use crate::options::MongoOptions;
use crate::pipeline;

/// The live queue is in `value.claims` of the reply, the time of it in `value.at`.
///
/// The filter is `_id` alone: then the server itself repeats an upsert that collides with another one.
pub(crate) fn join(options: &MongoOptions, request: &JoinRequest) -> Document {
    let update = pipeline::join(request, options.retention);
    let mut command = find_and_modify(options, request.lock.as_str(), update);
    if request.only_if_granted {
        // The record of a request that was refused tells of an earlier time. (To compute a field is expensive, so
        // otherwise the server is not asked to.)
        command.insert("fields", doc! { "claims": 1, "at": "$$NOW" });
    }
    write(options, command)
}

/// Fails with [`pipeline::GONE`] and changes nothing, if the server can do all that is needed of it and the
/// user may do it. No lock has an empty name.
pub(crate) fn probe(options: &MongoOptions) -> Document {
    let update = pipeline::renew(ClaimId::random(), Duration::ZERO, Duration::ZERO);
    write(options, find_and_modify(options, "", update))
}

fn find_and_modify(options: &MongoOptions, name: &str, update: Vec<Document>) -> Document {
    doc! {
        "findAndModify": &options.collection,
        "query": { "_id": name },
        "update": update,
        "upsert": true,
        "new": true,
    }
}

/// The answers are read by [`renewed`].
pub(crate) fn renew(options: &MongoOptions, renewals: &[Renewal]) -> Document {
    let statement = |renewal: &Renewal| {
        let update = pipeline::renew(renewal.claim, renewal.ttl, options.retention);
        doc! { "q": { "_id": renewal.lock.as_str() }, "u": update, "upsert": true }
    };
    let updates: Vec<Document> = renewals.iter().map(statement).collect();
    // Unordered: the statements after one that fails are done too.
    write(options, doc! { "update": &options.collection, "updates": updates, "ordered": false })
}

pub(crate) fn leave(options: &MongoOptions, lock: &LockName, claim: ClaimId, linger: Duration) -> Document {
    let update = pipeline::leave(claim, linger, options.retention);
    let statement = doc! { "q": { "_id": lock.as_str() }, "u": update };
    write(options, doc! { "update": &options.collection, "updates": [statement] })
}

/// The live queue is in the only document of the reply, together with the time of it.
pub(crate) fn queue(options: &MongoOptions, lock: &LockName) -> Document {
    doc! {
        "find": &options.collection,
        "filter": { "_id": lock.as_str() },
        "projection": { "claims": 1, "at": "$$NOW" },
        "limit": 1,
        "singleBatch": true,
        "maxTimeMS": options.max_time_millis(),
    }
}

pub(crate) fn list(options: &MongoOptions, page: &ListPage) -> Document {
    let mut names = doc! { "$gte": &page.prefix };
    if let Some(end) = end_of_prefix(&page.prefix) {
        names.insert("$lt", end);
    }
    if let Some(after) = &page.after {
        names.insert("$gt", after.as_str());
    }
    doc! {
        "find": &options.collection,
        "filter": { "_id": names, "$expr": { "$gt": [{ "$max": "$claims.expiresAt" }, "$$NOW"] } },
        "projection": { "_id": 1 },
        "sort": { "_id": 1 },
        "limit": i64::try_from(page.limit).unwrap_or(i64::MAX),
        "maxTimeMS": options.max_time_millis(),
    }
}

/// The least string that comes after all that begin with `prefix`, if there is one: the order of code points
/// is the order of bytes in UTF-8. (A regular expression would give the characters of the prefix a meaning.)
fn end_of_prefix(prefix: &str) -> Option<String> {
    let mut chars: Vec<char> = prefix.chars().collect();
    while let Some(last) = chars.pop() {
        if let Some(next) = (last..=char::MAX).nth(1) {
            chars.push(next);
            return Some(chars.into_iter().collect());
        }
    }
    None
}

fn write(options: &MongoOptions, mut command: Document) -> Document {
    command.insert("maxTimeMS", options.max_time_millis());
    command.insert("writeConcern", options.write_concern_document());
    command
}

/// Makes an error of what `run_command` calls a success: a write that was not confirmed.
pub(crate) fn confirmed(step: &str, reply: Document) -> Result<Document, BackendError> {
    match Fault::in_confirmation(&reply) {
        Some(fault) => Err(error::from_fault(step, fault)),
        None => Ok(reply),
    }
}

/// Makes an error of what `run_command` calls a success: a statement that failed.
pub(crate) fn done(step: &str, reply: &Document) -> Result<(), BackendError> {
    match write_errors(reply).next() {
        Some((_, fault)) => Err(error::from_fault(step, fault)),
        None => Ok(()),
    }
}

/// The answers of a [`renew`] of so many statements.
pub(crate) fn renewed(step: &str, count: usize, reply: &Document) -> Result<Vec<Renewed>, BackendError> {
    let mut answers = vec![Renewed::Extended; count];
    for (index, fault) in write_errors(reply) {
        match answers.get_mut(index) {
            Some(answer) if fault.code == pipeline::GONE => *answer = Renewed::Gone,
            _ => return Err(error::from_fault(step, fault)),
        }
    }
    // A statement that neither failed nor matched would be one that was not done.
    let extended = answers.iter().filter(|answer| **answer == Renewed::Extended).count();
    let matched = match reply.get("n") {
        Some(Bson::Int32(n)) => usize::try_from(*n).ok(),
        Some(Bson::Int64(n)) => usize::try_from(*n).ok(),
        _ => None,
    };
    if matched == Some(extended) {
        return Ok(answers);
    }
    let message = format!("could not {step}: MongoDB answers for {matched:?} of {extended} renewals");
    Err(BackendError::new(BackendErrorKind::Broken, message))
}

/// The statements of an update that failed: which one, and why.
fn write_errors(reply: &Document) -> impl Iterator<Item = (usize, Fault)> {
    let errors = reply.get_array("writeErrors").map(Vec::as_slice).unwrap_or_default();
    errors.iter().filter_map(Bson::as_document).map(|error| {
        let index = error.get_i32("index").ok().and_then(|index| usize::try_from(index).ok());
        (index.unwrap_or(usize::MAX), Fault::in_statement(error))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_prefix_comes_after_all_that_begin_with_it() {
        let end = |prefix| end_of_prefix(prefix);
        assert_eq!(end(""), None);
        assert_eq!(end("a").as_deref(), Some("b"));
        assert_eq!(end("job/").as_deref(), Some("job0"));
        assert_eq!(end("\u{d7ff}").as_deref(), Some("\u{e000}"), "there is no char in between");
        assert_eq!(end("a\u{10ffff}").as_deref(), Some("b"));
        assert_eq!(end("\u{10ffff}"), None);
    }

    #[test]
    fn renewals_are_answered_in_order() {
        let gone = doc! { "index": 1, "code": pipeline::GONE, "errmsg": "gone" };
        let reply = doc! { "ok": 1, "n": 2, "writeErrors": [gone] };
        let answers = renewed("renew", 3, &reply).expect("answers");
        assert_eq!(answers, [Renewed::Extended, Renewed::Gone, Renewed::Extended]);
    }

    #[test]
    fn a_statement_that_failed_is_an_error() {
        assert!(done("leave", &doc! { "ok": 1, "n": 0 }).is_ok());
        let conflict = doc! { "index": 0, "code": 112, "errmsg": "WriteConflict" };
        let error = done("leave", &doc! { "ok": 1, "writeErrors": [conflict] }).expect_err("an error");
        assert_eq!(error.kind(), BackendErrorKind::Transient);
    }

    #[test]
    fn a_renewal_that_failed_otherwise_is_an_error_and_not_gone() {
        let conflict = doc! { "index": 0, "code": 112, "errmsg": "WriteConflict" };
        let error = renewed("renew", 1, &doc! { "n": 0, "writeErrors": [conflict] }).expect_err("an error");
        assert_eq!(error.kind(), BackendErrorKind::Transient);
        for reply in [doc! { "ok": 1 }, doc! { "n": 0 }, doc! { "n": 2 }] {
            assert!(renewed("renew", 1, &reply).is_err(), "{reply}");
        }
    }
}
