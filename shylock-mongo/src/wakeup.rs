//! Wakeups: a change stream that the server filters for the steps after which a claim of one manager may hold.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::stream::{BoxStream, Stream};
use mongodb::Database;
use mongodb::bson::{Document, doc};
use mongodb::change_stream::ChangeStream;
use shylock_core::queue::holder_count;
use shylock_core::{
    BackendError, BackendErrorKind, FencingToken, Interest, LockName, ManagerId, Mode, Wakeup,
};
use tracing::{debug, warn};

use crate::error;
use crate::options::MongoOptions;
use crate::pipeline::LINGERS;

/// How long the server keeps a request for events open when there are none. It adds no latency: events are
/// answered at once.
const AWAIT: Duration = Duration::from_secs(30);

/// Opens a stream, if the user may.
pub(crate) async fn open(
    database: &Database,
    options: &MongoOptions,
    interest: &Interest,
) -> Result<Option<BoxStream<'static, Wakeup>>, BackendError> {
    let collection = database.collection::<Document>(&options.collection);
    let watch = collection.watch().pipeline(pipeline(interest.manager)).max_await_time(AWAIT);
    let failure = match watch.await {
        Ok(stream) => {
            return Ok(Some(Box::pin(Wakeups { events: stream.with_type(), interest: interest.clone() })));
        }
        Err(failure) => error::from_driver("watch the collection for wakeups", failure),
    };
    match failure.kind() {
        // The setup has seen a replica set, but this product has no change streams.
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

/// A leave and a downgrade set `next`, and nothing else does. An update of a small document may be told as its
/// replacement.
fn pipeline(manager: ManagerId) -> Vec<Document> {
    const UPDATED: &str = "updateDescription.updatedFields.next";
    const REPLACED: &str = "fullDocument.next";
    let named = doc! { "$regex": format!(" {manager}[0-9a-f]{{16}} ") };
    let ours = doc! { "$or": [{ UPDATED: &named }, { REPLACED: &named }] };
    let fields =
        doc! { "documentKey": 1, "next": { "$ifNull": [format!("${UPDATED}"), format!("${REPLACED}")] } };
    vec![doc! { "$match": ours }, doc! { "$project": fields }]
}

/// The events as wakeups, until the first error: the core then opens another stream.
struct Wakeups {
    events: ChangeStream<Document>,
    interest: Interest,
}

impl Stream for Wakeups {
    type Item = Wakeup;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Wakeup>> {
        loop {
            match ready!(Pin::new(&mut self.events).poll_next(cx)) {
                Some(Ok(event)) => {
                    // The server has looked at more claims than those that hold.
                    if let Some(wakeup) = wakeup(&event).filter(|w| self.interest.selects(w)) {
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

/// An event that cannot be read is passed over: it is not one of ours.
fn wakeup(event: &Document) -> Option<Wakeup> {
    let name = event.get_document("documentKey").ok()?.get_str("_id").ok()?;
    let (abandoned, claims) = event.get_str("next").ok()?.split_once(' ')?;
    let abandoned = match abandoned.trim_end_matches(LINGERS) {
        "" => None,
        token => Some(FencingToken::new(token.parse().ok()?)),
    };
    Some(named(LockName::new(name).ok()?, claims)?.abandoned(abandoned))
}

/// Names those of the first claims that hold, and the first that waits. The text is an id, how many it allows, and a
/// token, and so on.
fn named(lock: LockName, claims: &str) -> Option<Wakeup> {
    let words: Vec<&str> = claims.split(' ').collect();
    let claim = |words: &[&str]| match words {
        [id, max, token] => {
            let holder = (id.parse().ok()?, FencingToken::new(token.parse().ok()?));
            Some((holder, Mode::Shared { max: max.parse().ok()? }))
        }
        _ => None,
    };
    let claims: Vec<_> = words.chunks(3).map(claim).collect::<Option<_>>()?;
    let count = holder_count(claims.iter().map(|(_, mode)| *mode));
    let next = claims.get(count).map(|((claim, _), _)| *claim);
    let holders = claims[..count].iter().map(|(holder, _)| *holder).collect();
    Some(Wakeup::new(lock, holders).next(next))
}

#[cfg(test)]
mod tests {
    use shylock_core::ClaimId;

    use super::*;

    fn read(next: &str) -> Option<Wakeup> {
        wakeup(&doc! { "_id": {}, "documentKey": { "_id": "a b" }, "next": next })
    }

    fn expected(holders: &[(ClaimId, u64)], next: Option<ClaimId>, abandoned: Option<u64>) -> Wakeup {
        let holders = holders.iter().map(|(id, token)| (*id, FencingToken::new(*token))).collect();
        let name = LockName::new("a b").expect("a name");
        Wakeup::new(name, holders).next(next).abandoned(abandoned.map(FencingToken::new))
    }

    #[test]
    fn an_event_names_the_holders_and_the_next() {
        let [a, b, c] = [(); 3].map(|()| ClaimId::random());
        assert_eq!(read(&format!(" {a} 1 7")), Some(expected(&[(a, 7)], None, None)));
        assert_eq!(
            read(&format!(" {a} 2 7 {b} 2 8 {c} 2 9")),
            Some(expected(&[(a, 7), (b, 8)], Some(c), None))
        );
        let max = u32::MAX;
        assert_eq!(
            read(&format!(" {a} {max} 7 {b} 1 8 {c} {max} 9")),
            Some(expected(&[(a, 7)], Some(b), None))
        );
    }

    #[test]
    fn an_event_tells_the_holder_that_lapsed() {
        let a = ClaimId::random();
        assert_eq!(read(&format!("5 {a} 1 7")), Some(expected(&[(a, 7)], None, Some(5))));
    }

    #[test]
    fn what_cannot_be_read_is_passed_over() {
        assert_eq!(wakeup(&doc! {}), None);
        assert_eq!(wakeup(&doc! { "documentKey": { "_id": 7 }, "next": " " }), None);
        for next in
            ["", "5", " x 1 2", &format!(" {} 1", ClaimId::random()), &format!("x {} 1 7", ClaimId::random())]
        {
            assert_eq!(read(next), None, "{next:?}");
        }
    }
}
