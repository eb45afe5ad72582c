//! The commands that the steps send, and what their replies say.

use mongodb::bson::{Bson, Document, doc};
use shylock_core::{
    BackendError, BackendErrorKind, ClaimId, JoinRequest, ListPage, LockName, Mode, Renewal, Renewed, Value,
};
use std::time::Duration;

use crate::error::{self, Fault};
use crate::options::MongoOptions;
use crate::pipeline;

/// The live queue is in the document `value` of the reply, the time of it in its `at`.
///
/// The filter is `_id` alone: then the server itself repeats an upsert that collides with another one.
pub(crate) fn join(options: &MongoOptions, request: &JoinRequest) -> Document {
    let update = pipeline::join(request, options.retention);
    let mut command = find_and_modify(options, request.lock.as_str(), update);
    if request.only_if_granted {
        // The record of a request that was refused has an earlier time. (To compute a field is expensive, so
        // otherwise the server is not asked to.)
        command.insert("fields", record());
    }
    write(options, command)
}

/// Fails with [`pipeline::REFUSED`] and changes nothing, if the server can do all that is needed of it and the
/// user may do it. No lock has an empty name.
pub(crate) fn probe(options: &MongoOptions) -> Document {
    let update = pipeline::renew(ClaimId::random(), Duration::ZERO, Duration::ZERO);
    write(options, find_and_modify(options, "", update))
}

/// What [`record`](crate::record) reads.
fn record() -> Document {
    doc! { "claims": 1, "value": 1, "abandoned": 1, "at": "$$NOW" }
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

/// The answer is read by [`was_done`], as those of [`set_value`] and [`downgrade`].
pub(crate) fn leave(options: &MongoOptions, lock: &LockName, claim: ClaimId, linger: Duration) -> Document {
    update(options, lock, pipeline::leave(claim, linger, options.retention))
}

pub(crate) fn set_value(
    options: &MongoOptions,
    lock: &LockName,
    claim: ClaimId,
    value: Option<&Value>,
) -> Document {
    update(options, lock, pipeline::write(claim, value, options.retention))
}

pub(crate) fn downgrade(options: &MongoOptions, lock: &LockName, claim: ClaimId, mode: Mode) -> Document {
    update(options, lock, pipeline::downgrade(claim, mode))
}

fn update(options: &MongoOptions, lock: &LockName, pipeline: Vec<Document>) -> Document {
    let statement = doc! { "q": { "_id": lock.as_str() }, "u": pipeline };
    write(options, doc! { "update": &options.collection, "updates": [statement] })
}

/// The live queue is in the only document of the reply, together with the time of it.
pub(crate) fn queue(options: &MongoOptions, name: &str) -> Document {
    doc! {
        "find": &options.collection,
        "filter": { "_id": name },
        "projection": record(),
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

/// Whether the only statement of an [`update`] did its step: it did not if the pipeline refused to, or if there is no
/// record.
pub(crate) fn was_done(step: &str, reply: &Document) -> Result<bool, BackendError> {
    const REFUSALS: [i32; 2] = [pipeline::REFUSED, pipeline::NOTHING_TO_SLICE];
    match write_errors(reply).next() {
        Some((_, fault)) if REFUSALS.contains(&fault.code) => Ok(false),
        Some((_, fault)) => Err(error::from_fault(step, fault)),
        None => match matched(reply) {
            Some(matched) => Ok(matched > 0),
            None => Err(broken(step, "MongoDB does not say whether it found the record")),
        },
    }
}

/// The answers of a [`renew`] of so many statements.
pub(crate) fn renewed(step: &str, count: usize, reply: &Document) -> Result<Vec<Renewed>, BackendError> {
    let mut answers = vec![Renewed::Extended; count];
    for (index, fault) in write_errors(reply) {
        match answers.get_mut(index) {
            Some(answer) if fault.code == pipeline::REFUSED => *answer = Renewed::Gone,
            _ => return Err(error::from_fault(step, fault)),
        }
    }
    // A statement that neither failed nor matched was not done.
    let extended = answers.iter().filter(|answer| **answer == Renewed::Extended).count();
    match matched(reply) {
        Some(matched) if matched == extended => Ok(answers),
        matched => Err(broken(step, &format!("MongoDB answers for {matched:?} of {extended} renewals"))),
    }
}

/// How many statements of an update found their record.
fn matched(reply: &Document) -> Option<usize> {
    match reply.get("n")? {
        Bson::Int32(n) => usize::try_from(*n).ok(),
        Bson::Int64(n) => usize::try_from(*n).ok(),
        _ => None,
    }
}

fn broken(step: &str, why: &str) -> BackendError {
    BackendError::new(BackendErrorKind::Broken, format!("could not {step}: {why}"))
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
        let gone = doc! { "index": 1, "code": pipeline::REFUSED, "errmsg": "gone" };
        let reply = doc! { "ok": 1, "n": 2, "writeErrors": [gone] };
        let answers = renewed("renew", 3, &reply).expect("answers");
        assert_eq!(answers, [Renewed::Extended, Renewed::Gone, Renewed::Extended]);
    }

    #[test]
    fn a_statement_that_failed_is_an_error() {
        let conflict = doc! { "index": 0, "code": 112, "errmsg": "WriteConflict" };
        let error = was_done("leave", &doc! { "ok": 1, "writeErrors": [conflict] }).expect_err("an error");
        assert_eq!(error.kind(), BackendErrorKind::Transient);
        let error = was_done("leave", &doc! { "ok": 1 }).expect_err("an error");
        assert_eq!(error.kind(), BackendErrorKind::Broken);
    }

    #[test]
    fn a_step_is_done_unless_the_pipeline_refused_or_there_is_no_record() {
        assert!(was_done("leave", &doc! { "ok": 1, "n": 1 }).expect("an answer"));
        assert!(!was_done("leave", &doc! { "ok": 1, "n": 0 }).expect("an answer"));
        for code in [pipeline::REFUSED, pipeline::NOTHING_TO_SLICE] {
            let refused = doc! { "index": 0, "code": code, "errmsg": "" };
            let reply = doc! { "ok": 1, "n": 0, "writeErrors": [refused] };
            assert!(!was_done("leave", &reply).expect("an answer"));
        }
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
