//! Wakeups: a change stream that the server filters for the leaves that let somebody in.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::stream::{BoxStream, Stream};
use mongodb::Database;
use mongodb::bson::{Document, doc};
use mongodb::change_stream::ChangeStream;
use shylock_core::queue::granted_count;
use shylock_core::{BackendError, BackendErrorKind, ClaimId, FencingToken, LockName, Mode, Wakeup};
use tracing::{debug, warn};

use crate::error;
use crate::options::MongoOptions;

/// How long the server keeps a request for events open when there are none. It is no latency: events are
/// answered at once.
const AWAIT: Duration = Duration::from_secs(30);

/// Opens a stream, if the server has any and lets us.
pub(crate) async fn open(
    database: &Database,
    options: &MongoOptions,
) -> Result<Option<BoxStream<'static, Wakeup>>, BackendError> {
    let collection = database.collection::<Document>(&options.collection);
    let watch = collection.watch().pipeline(pipeline()).max_await_time(AWAIT);
    let failure = match watch.await {
        Ok(stream) => return Ok(Some(Box::pin(Wakeups(stream.with_type())))),
        Err(failure) => error::from_driver("watch the collection for wakeups", failure),
    };
    match failure.kind() {
        // A server on its own has no change streams: nothing to complain about.
        BackendErrorKind::Misconfigured => {
            debug!(%failure, "no wakeups");
            Ok(None)
        }
        BackendErrorKind::Denied => {
            warn!(%failure, "no right to watch the collection: waiting claims poll. The role `read` has it");
            Ok(None)
        }
        _ => Err(failure),
    }
}

/// A leave sets `next` to a string, which is empty if nobody comes next; nothing else sets it. An update of a small
/// document may be told as its replacement.
fn pipeline() -> Vec<Document> {
    const UPDATED: &str = "updateDescription.updatedFields.next";
    const REPLACED: &str = "fullDocument.next";
    let somebody = doc! { "$or": [{ UPDATED: { "$gt": "" } }, { REPLACED: { "$gt": "" } }] };
    let fields =
        doc! { "documentKey": 1, "next": { "$ifNull": [format!("${UPDATED}"), format!("${REPLACED}")] } };
    vec![doc! { "$match": somebody }, doc! { "$project": fields }]
}

/// The events as wakeups, until the first error: the core then opens another stream.
struct Wakeups(ChangeStream<Document>);

impl Stream for Wakeups {
    type Item = Wakeup;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Wakeup>> {
        loop {
            match ready!(Pin::new(&mut self.0).poll_next(cx)) {
                Some(Ok(event)) => {
                    if let Some(wakeup) = wakeup(&event) {
                        return Poll::Ready(Some(wakeup));
                    }
                }
                Some(Err(failure)) => {
                    debug!(%failure, "the change stream failed");
                    return Poll::Ready(None);
                }
                None => return Poll::Ready(None),
            }
        }
    }
}

fn wakeup(event: &Document) -> Option<Wakeup> {
    let name = event.get_document("documentKey").ok()?.get_str("_id").ok()?;
    // Whoever cannot be told who holds looks.
    let granted = event.get_str("next").ok().and_then(granted).unwrap_or_default();
    Some(Wakeup { lock: LockName::new(name).ok()?, granted })
}

/// Who holds, of those who come next: an id, how many it allows, and a token, and so on.
fn granted(next: &str) -> Option<Vec<(ClaimId, FencingToken)>> {
    let words: Vec<&str> = next.split_whitespace().collect();
    let claim = |words: &[&str]| match words {
        [id, max, token] => {
            let grant = (id.parse().ok()?, FencingToken::new(token.parse().ok()?));
            Some((grant, Mode::Shared { max: max.parse().ok()? }))
        }
        _ => None,
    };
    let claims: Vec<_> = words.chunks(3).map(claim).collect::<Option<_>>()?;
    let count = granted_count(claims.iter().map(|(_, mode)| *mode));
    Some(claims[..count].iter().map(|(grant, _)| *grant).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(next: &str) -> Option<Vec<(ClaimId, FencingToken)>> {
        let event = doc! { "_id": {}, "documentKey": { "_id": "a b" }, "next": next };
        let wakeup = wakeup(&event)?;
        assert_eq!(wakeup.lock.as_str(), "a b");
        Some(wakeup.granted)
    }

    #[test]
    fn an_event_names_those_who_hold() {
        let [a, b, c] = [(); 3].map(|()| ClaimId::random());
        let grants = |claims: &[(ClaimId, u64)]| {
            Some(claims.iter().map(|(id, token)| (*id, FencingToken::new(*token))).collect::<Vec<_>>())
        };
        assert_eq!(heard(&format!("{a} 1 7 ")), grants(&[(a, 7)]));
        assert_eq!(heard(&format!("{a} 2 7 {b} 2 8 {c} 2 9 ")), grants(&[(a, 7), (b, 8)]));
        assert_eq!(heard(&format!("{a} 4294967295 7 {b} 1 8 {c} 4294967295 9 ")), grants(&[(a, 7)]));
        assert_eq!(heard(""), Some(vec![]));
    }

    #[test]
    fn what_is_no_event_of_ours_is_passed_over() {
        assert_eq!(wakeup(&doc! {}), None);
        assert_eq!(wakeup(&doc! { "documentKey": { "_id": 7 }, "next": "" }), None);
    }

    #[test]
    fn what_cannot_be_read_names_nobody() {
        assert_eq!(heard("x 1 2"), Some(vec![]));
        assert_eq!(heard(&format!("{} 1 ", ClaimId::random())), Some(vec![]));
    }
}
