//! One file, several handles, any runtime.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use shylock_core::{Backend, BackendErrorKind, ClaimId, Interest, LockManager, ManagerId, Renewal};
use shylock_sqlite::{SqliteBackend, SqliteOptions};

use crate::child::Process;
use crate::support::{LONG, assert_refused, fresh, name, pass, request};

async fn open(path: &Path) -> SqliteBackend {
    SqliteBackend::open(path).await.expect("the file opens")
}

#[tokio::test]
async fn claims_and_tokens_outlive_the_handles() {
    let (_folder, path) = fresh();
    let request = request("a", LONG);
    let joined = open(&path).await.join(&request).await.expect("it joins");
    let found = open(&path).await.queue(&request.lock).await.expect("it answers");
    assert_eq!(found.granted_token(request.claim), joined.granted_token(request.claim));
}

#[tokio::test]
async fn managers_on_one_file_take_turns() {
    let (_folder, path) = fresh();
    let (ours, theirs) = (LockManager::new(open(&path).await), LockManager::new(open(&path).await));
    let guard = ours.lock("a").acquire().await.expect("it is free");
    let token = guard.fencing_token();
    assert!(theirs.lock("a").try_acquire().await.expect("the store answers").is_none());
    let waiting = tokio::spawn(async move { theirs.lock("a").acquire().await });
    while ours.inspect("a").await.expect("the store answers").waiters().is_empty() {
        tokio::task::yield_now().await;
    }
    guard.release().await.expect("it is given back");
    assert!(waiting.await.expect("no panic").expect("it is free").fencing_token() > token);
}

/// A thread of the runtime that waited for the file would be lost to everybody else.
#[tokio::test(flavor = "current_thread")]
async fn a_busy_file_does_not_stop_a_runtime_of_one_thread() {
    let (_folder, path) = fresh();
    let options = SqliteOptions::new().busy_timeout(Duration::from_secs(20));
    let backend = SqliteBackend::open_with(&path, options).await.expect("the file opens");
    let other = Connection::open(&path).expect("the file opens");
    other.execute_batch("BEGIN IMMEDIATE").expect("it is locked");

    let joining = request("a", LONG);
    let join = backend.join(&joining);
    // This thread lets go of the file while the step waits for it.
    let release = async {
        for _ in 0..1000 {
            tokio::task::yield_now().await;
        }
        other.execute_batch("COMMIT").expect("it is unlocked");
    };
    let (joined, ()) = tokio::join!(join, release);
    assert!(joined.expect("it joins").granted_token(joining.claim).is_some());
}

/// A process that died in between has made the file, and not changed it to WAL; others want to at the same time.
#[tokio::test(flavor = "current_thread")]
async fn opening_waits_for_others_before_it_changes_to_wal() {
    let (_folder, path) = fresh();
    drop(open(&path).await);
    let other = Connection::open(&path).expect("the file opens");
    other.execute_batch("PRAGMA journal_mode = DELETE; BEGIN IMMEDIATE").expect("it may write");
    let options = SqliteOptions::new().busy_timeout(Duration::from_secs(20));
    let release = async {
        for _ in 0..1000 {
            tokio::task::yield_now().await;
        }
        other.execute_batch("COMMIT").expect("it has written");
    };
    let (opened, ()) = tokio::join!(SqliteBackend::open_with(&path, options), release);
    pass(&opened.expect("the file opens"), "a").await;
}

#[tokio::test]
async fn a_file_that_stays_busy_is_an_error_that_may_pass() {
    let (_folder, path) = fresh();
    let limit = Duration::from_millis(50);
    let backend = SqliteBackend::open_with(&path, SqliteOptions::new().busy_timeout(limit)).await;
    let backend = backend.expect("the file opens");
    let other = Connection::open(&path).expect("the file opens");
    other.execute_batch("BEGIN IMMEDIATE").expect("it is locked");

    let begun = Instant::now();
    let joined = backend.join(&request("a", LONG)).await;
    assert_refused(joined, BackendErrorKind::Transient, &["another process keeps it locked"]);
    assert!(begun.elapsed() >= limit, "it did not wait");
    assert!(backend.queue(&name("a")).await.expect("readers need not wait").claims.is_empty());

    other.execute_batch("COMMIT").expect("it is unlocked");
    pass(&backend, "a").await;
}

#[tokio::test]
async fn nothing_runs_while_nothing_is_asked() {
    let (_folder, path) = fresh();
    let backend = open(&path).await;
    pass(&backend, "a").await;
    let interest = Interest::new(ManagerId::random());
    assert!(backend.wakeups(&interest).await.expect("it answers").is_none());
    assert_eq!(tokio::runtime::Handle::current().metrics().num_alive_tasks(), 0);
}

/// Whoever opens the path next would get another file, and the same lock a second time.
#[cfg(unix)]
#[tokio::test]
async fn a_file_that_was_deleted_moved_or_replaced_grants_nothing_more() {
    type Mischief = fn(&Path) -> std::io::Result<()>;
    let mischiefs: [Mischief; 6] = [
        |path| std::fs::remove_file(path),
        |path| std::fs::rename(path, path.with_extension("old")),
        replace,
        |path| std::fs::remove_file(path.with_extension("db-wal")),
        |path| std::fs::remove_file(path.with_extension("db-shm")),
        |path| replace(&path.with_extension("db-shm")),
    ];
    for mischief in mischiefs {
        let (_folder, path) = fresh();
        let backend = open(&path).await;
        pass(&backend, "a").await;
        mischief(&path).expect("it can be done");
        let joined = backend.join(&request("a", LONG)).await;
        assert_refused(joined, BackendErrorKind::Misconfigured, &["moved, deleted or replaced", "restart"]);
        let seen = backend.queue(&name("a")).await;
        assert_refused(seen, BackendErrorKind::Misconfigured, &["moved, deleted or replaced"]);
        let listed = backend.list(&shylock_core::ListPage::new("", 1)).await;
        assert_refused(listed, BackendErrorKind::Misconfigured, &["moved, deleted or replaced"]);
    }
}

#[cfg(unix)]
fn replace(path: &Path) -> std::io::Result<()> {
    let copy = path.with_extension("new");
    std::fs::copy(path, &copy).and_then(|_| std::fs::rename(copy, path))
}

/// Without its `-wal` and `-shm` file a file shows what was in it at the last checkpoint, so the next process takes the
/// lock a second time. The first one must be told, and must not write its own claims over those of the others.
#[cfg(unix)]
#[tokio::test]
async fn of_two_holders_over_deleted_wal_files_the_first_is_told_and_undoes_nothing() {
    let (_folder, path) = fresh();
    let first = open(&path).await;
    let held = request("a", LONG);
    first.join(&held).await.expect("it joins");
    for companion in ["db-wal", "db-shm"] {
        std::fs::remove_file(path.with_extension(companion)).expect("it is there");
    }
    let mut second = Process::start("join", &path);
    let taken: ClaimId = second.answer().parse().expect("it holds too, which is the premise of this test");
    let renewal = Renewal::new(held.lock.clone(), held.claim, LONG);
    let renewed = first.renew(&[renewal]).await;
    assert_refused(renewed, BackendErrorKind::Misconfigured, &["locks.db-wal", "restart"]);

    second.kill();
    drop(first);
    let found = open(&path).await.queue(&held.lock).await.expect("it answers");
    assert_eq!(found.claims.iter().map(|claim| claim.id).collect::<Vec<_>>(), [taken]);
}

/// SQLite keeps the two files beside the file that a link points to.
#[cfg(unix)]
#[tokio::test]
async fn a_link_to_the_file_is_the_file() {
    let (folder, path) = fresh();
    let (target, elsewhere) = (folder.path().join("target"), folder.path().join("elsewhere"));
    for folder in [&target, &elsewhere] {
        std::fs::create_dir(folder).expect("a folder");
        std::fs::write(folder.join("real.db"), "").expect("a file");
    }
    std::os::unix::fs::symlink(target.join("real.db"), &path).expect("a link");
    let (by_link, by_name) = (open(&path).await, open(&target.join("real.db")).await);
    let request = request("a", LONG);
    by_link.join(&request).await.expect("it joins");
    assert_eq!(by_name.queue(&request.lock).await.expect("it answers").claims.len(), 1);

    std::fs::remove_file(&path).expect("it is there");
    std::os::unix::fs::symlink(elsewhere.join("real.db"), &path).expect("a link");
    let refused = by_link.queue(&request.lock).await;
    assert_refused(refused, BackendErrorKind::Misconfigured, &["moved, deleted or replaced"]);
    assert_eq!(by_name.queue(&request.lock).await.expect("it answers").claims.len(), 1);
}

#[cfg(unix)]
#[tokio::test]
async fn the_files_are_for_their_owner_only() {
    use std::os::unix::fs::PermissionsExt;

    let (folder, path) = fresh();
    let backend = open(&path).await;
    pass(&backend, "a").await;
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder.path()).expect("the folder") {
        let entry = entry.expect("an entry");
        let mode = entry.metadata().expect("metadata").permissions().mode() & 0o777;
        files.push((entry.file_name().into_string().expect("a name"), format!("{mode:o}")));
    }
    files.sort();
    let expected = ["locks.db", "locks.db-shm", "locks.db-wal"].map(|name| (name.into(), "600".into()));
    assert_eq!(files, expected);

    drop(backend);
    assert_eq!(std::fs::read_dir(folder.path()).expect("the folder").count(), 1, "it leaves one file");
}

/// Who wants to share the locks with other users makes an empty file with the rights for that.
#[cfg(unix)]
#[tokio::test]
async fn an_empty_file_is_taken_with_its_mode() {
    use std::os::unix::fs::PermissionsExt;

    let (_folder, path) = fresh();
    std::fs::write(&path, "").expect("a file");
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o660)).expect("its mode");
    let backend = open(&path).await;
    pass(&backend, "a").await;
    for file in [path.clone(), path.with_extension("db-wal"), path.with_extension("db-shm")] {
        assert_eq!(std::fs::metadata(&file).expect("a file").permissions().mode() & 0o777, 0o660, "{file:?}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_path_need_be_neither_utf8_nor_tame() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    let folder = tempfile::tempdir().expect("a folder");
    for name in [&b"\xFF\xFE"[..], b":memory:", b"file:x?mode=memory", b"a?b#c%41.db", b"' \"", b"\n"] {
        let path = folder.path().join(OsStr::from_bytes(name));
        let (ours, theirs) = (open(&path).await, open(&path).await);
        let request = request("a", LONG);
        ours.join(&request).await.expect("it joins");
        assert!(path.is_file(), "{path:?}");
        assert_eq!(theirs.queue(&request.lock).await.expect("it answers").claims.len(), 1, "{path:?}");
    }
}

/// The thread of the backend depends on no runtime.
#[test]
fn it_opens_and_works_without_a_runtime_and_outlives_the_one_that_it_was_opened_in() {
    struct Unpark(std::thread::Thread);

    impl std::task::Wake for Unpark {
        fn wake(self: std::sync::Arc<Self>) {
            self.0.unpark();
        }
    }

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        let mut future = std::pin::pin!(future);
        let waker = std::sync::Arc::new(Unpark(std::thread::current())).into();
        loop {
            if let std::task::Poll::Ready(done) =
                future.as_mut().poll(&mut std::task::Context::from_waker(&waker))
            {
                return done;
            }
            std::thread::park();
        }
    }

    let (_folder, path) = fresh();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let backend = runtime.block_on(open(&path));
    let begun = runtime.block_on(pass(&backend, "a"));
    drop(runtime);
    let without = block_on(pass(&backend, "a"));
    let again = tokio::runtime::Runtime::new().expect("a runtime").block_on(pass(&backend, "a"));
    assert!(begun < without && without < again);
    block_on(pass(&block_on(open(&path)), "a"));
}

#[tokio::test]
async fn the_last_handle_that_is_dropped_closes_the_file_and_leaves_one() {
    let (folder, path) = fresh();
    let files = || std::fs::read_dir(folder.path()).expect("the folder").count();
    let (backend, other) = (open(&path).await, open(&path).await);
    let clone = backend.clone();
    pass(&clone, "a").await;
    drop((backend, other));
    assert_eq!(files(), 3, "a clone has it open");
    pass(&clone, "a").await;
    drop(clone);
    assert_eq!(files(), 1);
}
