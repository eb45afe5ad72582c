//! What a person can do about an error.

use mongodb::error::{Error as DriverError, ErrorKind};
use shylock_core::BackendErrorKind;

use super::Fault;

/// About an error that a server has worded.
pub(super) fn of_fault(fault: &Fault, kind: BackendErrorKind) -> &'static str {
    const MAX_TIME_MS_EXPIRED: i32 = 50;
    match kind {
        BackendErrorKind::Transient if fault.unconfirmed => {
            "it was written, but not yet by as many servers as the write concern asks for; repeat it, and look after \
             the other servers if that lasts"
        }
        BackendErrorKind::Transient if fault.code == MAX_TIME_MS_EXPIRED => {
            "MongoDB did not do it within the time limit (MongoOptions::max_time); repeat it, and look after the \
             server if that lasts"
        }
        _ => of_kind(kind),
    }
}

/// About an error of the driver's own: the servers could not be reached, or the driver refuses.
pub(super) fn of_driver(error: &DriverError, kind: BackendErrorKind) -> &'static str {
    let text = error.kind.to_string().to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    match &*error.kind {
        ErrorKind::Shutdown => "the MongoDB client was shut down; make another one",
        ErrorKind::ServerSelection { .. } if is_deserted(&text) => {
            "this MongoDB client knows a server and cannot connect to it, as when the runtime on which the client was made \
             has ended; make the client on a runtime that lasts, and look after the server"
        }
        ErrorKind::ServerSelection { .. } | ErrorKind::Io(_) | ErrorKind::ConnectionPoolCleared { .. }
            if says(&["corrupt message", "certificate", "tls", "handshake"]) =>
        {
            "the server and the URL do not agree about TLS; set `tls` in the URL as the server has it, and `tlsCAFile` \
             if its certificate is of a private authority"
        }
        ErrorKind::ServerSelection { .. } if says(&["replicasetnoprimary"]) && !says(&["address: "]) => {
            "no server belongs to this replica set; check `replicaSet` in the URL against the name that the servers have"
        }
        ErrorKind::ServerSelection { .. } | ErrorKind::Io(_) if says(&["refused"]) => {
            "nobody listens there; check host and port, and whether MongoDB runs"
        }
        _ => of_kind(kind),
    }
}

/// Whether the driver has a server that takes writes, and still none to send them to. Its connections are made by tasks
/// on the runtime on which the client was made.
fn is_deserted(text: &str) -> bool {
    let has_writable =
        ["rsprimary", "standalone", "mongos"].iter().any(|kind| text.contains(&format!("type: {kind},")));
    text.contains("none of the available servers suitable for criteria readpreference(primary)")
        && has_writable
}

fn of_kind(kind: BackendErrorKind) -> &'static str {
    match kind {
        BackendErrorKind::Transient => {
            "MongoDB cannot be reached, is busy, or changes its primary; repeat it, and look after the server if that lasts"
        }
        BackendErrorKind::Throttled { .. } => {
            "MongoDB asks to slow down; repeat it later, or give it more capacity"
        }
        BackendErrorKind::Denied => {
            "MongoDB refuses the credentials, or they lack rights; check the user, the password and `authSource`, and \
             grant `readWrite` on the database"
        }
        BackendErrorKind::Misconfigured => "MongoDB does not accept this; change what it names",
        _ => "this answer makes no sense to shylock",
    }
}
