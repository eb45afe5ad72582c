//! Wakeups: a change stream that the server filters for the leaves that let somebody in.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::stream::{BoxStream, Stream};
use mongodb::Database;
use mongodb::bson::{Document, doc};
use mongodb::change_stream::ChangeStream;
use shylock_core::{BackendError, BackendErrorKind, LockName, Wakeup};
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

/// `granted` is only ever set by a leave. An update of a small document may be told as its replacement.
fn pipeline() -> Vec<Document> {
    const UPDATED: &str = "updateDescription.updatedFields.granted";
    const REPLACED: &str = "fullDocument.granted";
    let granted = doc! { "$or": [{ UPDATED: { "$type": "string" } }, { REPLACED: { "$type": "string" } }] };
    let fields =
        doc! { "documentKey": 1, "granted": { "$ifNull": [format!("${UPDATED}"), format!("${REPLACED}")] } };
    vec![doc! { "$match": granted }, doc! { "$project": fields }]
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
    let granted = event.get_str("granted").ok()?;
    let granted = granted.split(' ').filter_map(|id| id.parse().ok()).collect();
    Some(Wakeup { lock: LockName::new(name).ok()?, granted })
}

#[cfg(test)]
mod tests {
    use shylock_core::ClaimId;

    use super::*;

    #[test]
    fn an_event_names_the_lock_and_those_who_hold_it() {
        let (one, two) = (ClaimId::random(), ClaimId::random());
        let event = doc! { "_id": {}, "documentKey": { "_id": "a b" }, "granted": format!("{one} {two}") };
        let lock = LockName::new("a b").expect("a name");
        assert_eq!(wakeup(&event), Some(Wakeup { lock, granted: vec![one, two] }));
    }

    #[test]
    fn what_is_no_event_of_ours_is_passed_over() {
        assert_eq!(wakeup(&doc! {}), None);
        assert_eq!(wakeup(&doc! { "documentKey": { "_id": 7 }, "granted": "" }), None);
    }
}
