//! Several processes on one file.

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::child::{LOCK, Process, TARGET, TTL, manager, this_program};
use crate::support::{SOON, fresh};

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn eight_processes_of_four_tasks_lose_no_update() {
    let (_folder, path) = fresh();
    let (number, journal) = (path.with_extension("number"), path.with_extension("journal"));
    fs::write(&number, "0").expect("the number is written");
    fs::write(&journal, "").expect("the journal is written");

    let locks = manager(&path).await;
    let guard = locks.lock(LOCK).acquire().await.expect("it is free");
    let processes: Vec<Process> = (0..8).map(|_| Process::start("count", &path)).collect();
    let begun = Instant::now();
    while locks.inspect(LOCK).await.expect("the store answers").waiters().len() < 8 {
        assert!(begun.elapsed() < SOON, "the processes do not come");
        tokio::task::yield_now().await;
    }
    guard.release().await.expect("it is given back");
    processes.into_iter().for_each(Process::end);

    assert_eq!(fs::read_to_string(&number).expect("the number"), TARGET.to_string());
    let journal = fs::read_to_string(&journal).expect("the journal");
    let lines: Vec<(u64, &str)> = journal
        .lines()
        .map(|line| line.split_once(' ').expect("a token and a process"))
        .map(|(token, process)| (token.parse().expect("a token"), process))
        .collect();
    assert_eq!(lines.len() as u64, TARGET, "an update was lost");
    assert!(
        lines.is_sorted_by(|one, next| one.0 < next.0),
        "the tokens are not in the order of the increments"
    );
    let processes: HashSet<&str> = lines.iter().map(|(_, process)| *process).collect();
    assert_eq!(processes.len(), 8, "not every process had its turn");
}

#[tokio::test]
async fn a_killed_holder_delays_the_others_by_at_most_its_ttl() {
    let (_folder, path) = fresh();
    let mut holder = Process::start("hold", &path);
    let token: u64 = holder.answer().parse().expect("a token");

    let locks = manager(&path).await;
    let lock = locks.lock(LOCK);
    assert!(lock.try_acquire().await.expect("the store answers").is_none());
    holder.kill();
    let killed_at = Instant::now();
    let guard = lock.acquire().await.expect("it is granted");
    // With some time for the look that finds it, on a busy machine.
    assert!(killed_at.elapsed() < TTL + Duration::from_secs(5), "it took {:?}", killed_at.elapsed());
    assert!(guard.fencing_token().get() > token);
}

/// They meet when the file is made, too.
#[test]
fn many_processes_may_make_the_file_at_once() {
    for _ in 0..3 {
        let (_folder, path) = fresh();
        let mut processes: Vec<Process> = (0..8).map(|_| Process::start("open", &path)).collect();
        for process in &mut processes {
            assert_eq!(process.answer(), "opened");
        }
    }
}

/// Some paths mean something else to SQLite: a database that nobody shares.
#[test]
fn a_relative_path_is_a_file_in_the_working_folder() {
    let (folder, _) = fresh();
    for name in [":memory:", "file:x?mode=memory", "locks.db"] {
        let mut program = this_program();
        let program = program.current_dir(folder.path());
        assert_eq!(Process::spawn("open", Path::new(name), program).answer(), "opened");
        let length = fs::metadata(folder.path().join(name)).expect("the file").len();
        assert!(length > 0, "{name} was made, but not used");
    }
}
