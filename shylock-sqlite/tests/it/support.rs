//! What several topics use.

use std::path::PathBuf;
use std::time::Duration;

use shylock_core::{Backend, BackendError, BackendErrorKind, ClaimId, JoinRequest, LockName, Mode, Owner};
use tempfile::TempDir;

/// For what should be there at once, on however busy a machine.
pub(crate) const SOON: Duration = Duration::from_secs(20);

pub(crate) const LONG: Duration = Duration::from_secs(3600);

/// A folder with the path of a file that is not there yet.
pub(crate) fn fresh() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("locks.db");
    (folder, path)
}

pub(crate) fn name(name: &str) -> LockName {
    LockName::new(name).expect("a valid name")
}

pub(crate) fn request(lock: &str, ttl: Duration) -> JoinRequest {
    JoinRequest::new(name(lock), ClaimId::random(), Mode::Exclusive, ttl, Owner::new("test", 1, None))
}

/// Joins and leaves again; answers the token.
pub(crate) async fn pass(backend: &impl Backend, lock: &str) -> u64 {
    let request = request(lock, LONG);
    let snapshot = backend.join(&request).await.expect("it joins");
    let token = snapshot.granted_token(request.claim).expect("nobody else is there");
    backend.leave(&request.lock, request.claim, Duration::ZERO).await.expect("it leaves");
    token.get()
}

/// The error is of this kind, names the file, and says what to do.
#[track_caller]
pub(crate) fn assert_refused<T>(
    result: Result<T, BackendError>,
    kind: BackendErrorKind,
    words: &[&str],
) -> String {
    let Err(error) = result else { panic!("it works, and should be {kind}") };
    let message = error.to_string();
    assert_eq!(error.kind(), kind, "{error:?}");
    for word in ["lock file ", "; "].iter().chain(words) {
        assert!(message.contains(word), "{word:?} is missing in: {message}");
    }
    message
}
