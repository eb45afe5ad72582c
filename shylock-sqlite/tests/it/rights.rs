//! Files and folders that may not be written. The superuser may, so another user's process tries.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use shylock_sqlite::SqliteBackend;
use tempfile::TempDir;

use crate::child::Process;
use crate::support::fresh;

const NOBODY: u32 = 65_534;

/// What an ordinary user is told.
fn opened_by_a_user(folder: &TempDir, path: &Path) -> String {
    let program = std::env::current_exe().expect("this program has a path");
    if fs::metadata(folder.path()).expect("the folder").uid() != 0 {
        return Process::start("open", path).answer();
    }
    // It must be able to run this program, which may be in a private folder.
    let tools = tempfile::tempdir().expect("a folder");
    fs::set_permissions(tools.path(), Permissions::from_mode(0o755)).expect("its mode");
    let copy = tools.path().join("it");
    fs::copy(program, &copy).expect("a copy");
    give_away(folder);
    let command = &mut Command::new(copy);
    Process::spawn("open", path, command.uid(NOBODY).gid(NOBODY).current_dir("/")).answer()
}

fn give_away(folder: &TempDir) {
    for entry in fs::read_dir(folder.path()).expect("the folder") {
        chown(entry.expect("an entry").path(), Some(NOBODY), None).expect("another owner");
    }
    chown(folder.path(), Some(NOBODY), None).expect("another owner");
}

/// A file of ours, closed, in a folder.
async fn filled() -> (TempDir, PathBuf) {
    let (folder, path) = fresh();
    SqliteBackend::open(&path).await.expect("the file opens");
    (folder, path)
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("its mode");
}

#[track_caller]
fn assert_says(answer: &str, words: &[&str]) {
    for word in words {
        assert!(answer.contains(word), "{word:?} is missing in: {answer}");
    }
}

#[tokio::test]
async fn an_ordinary_file_opens() {
    let (folder, path) = filled().await;
    assert_eq!(opened_by_a_user(&folder, &path), "opened");
}

#[tokio::test]
async fn a_read_only_file() {
    let (folder, path) = filled().await;
    set_mode(&path, 0o400);
    let before = fs::read(&path).expect("the file");
    assert_says(
        &opened_by_a_user(&folder, &path),
        &["denied", "locks.db: this user may not write it", "give the user"],
    );
    assert!(fs::read(&path).expect("the file") == before, "the file was changed");
}

#[tokio::test]
async fn a_file_that_may_not_even_be_read() {
    let (folder, path) = filled().await;
    set_mode(&path, 0o000);
    assert_says(&opened_by_a_user(&folder, &path), &["denied", "locks.db", "give the user"]);
}

#[tokio::test]
async fn a_read_only_folder_with_the_file() {
    let (folder, path) = filled().await;
    let before = fs::read(&path).expect("the file");
    set_mode(folder.path(), 0o500);
    assert_says(&opened_by_a_user(&folder, &path), &["denied", "locks.db", "folder", "give the user"]);
    assert!(fs::read(&path).expect("the file") == before, "the file was changed");
    set_mode(folder.path(), 0o700);
}

#[tokio::test]
async fn a_read_only_folder_without_the_file() {
    let (folder, path) = fresh();
    set_mode(folder.path(), 0o500);
    assert_says(&opened_by_a_user(&folder, &path), &["denied", "locks.db", "may not create it", "folder"]);
    set_mode(folder.path(), 0o700);
}
