//! A process that is killed leaves nothing behind, and delays the others by its ttl at most.

use std::time::{Duration, Instant};

use crate::support::{LONG, Scene, is_alive, is_gone, send, until, wait_for};

const TTL: Duration = Duration::from_secs(3);
/// For processes to start, on a busy machine.
const SLACK: Duration = Duration::from_secs(2);

/// Processes that want to stay: one in the group, one that has left it. Both ignore what they can.
const STUBBORN: &str = "trap '' TERM HUP INT; echo $$ > child; \
    setsid sh -c 'echo $$ > runaway; while :; do sleep 0.1; done' & \
    while :; do sleep 0.1; done";

fn a_killed_holder(scene: &Scene) {
    let mut holder = scene.job(&["--ttl", "3s"], STUBBORN);
    let (child, runaway) = (scene.line_of("child"), scene.line_of("runaway"));
    let script = format!("{} && {} && echo in > next", is_gone("child"), is_gone("runaway"));
    let mut next = scene.job(&[], &script);
    scene.until_queued(2);

    let killed_at = Instant::now();
    holder.signal("KILL");
    holder.wait();
    assert_eq!(next.code(), Some(0), "{}", next.log());
    assert!(killed_at.elapsed() < TTL + SLACK, "the next one waited {:?}", killed_at.elapsed());
    assert_eq!(scene.read("next"), "in\n", "a child was left when the next one began");
    assert!(!is_alive(&child) && !is_alive(&runaway));
}

#[test]
fn a_killed_holder_leaves_no_child_and_delays_by_its_ttl_on_sqlite() {
    a_killed_holder(&Scene::sqlite());
}

#[cfg(feature = "mongo")]
#[tokio::test]
async fn a_killed_holder_leaves_no_child_and_delays_by_its_ttl_on_mongodb() {
    a_killed_holder(&Scene::mongo().await);
}

#[test]
fn a_killed_waiter_delays_by_its_ttl() {
    let scene = Scene::sqlite();
    let mut holder = scene.job(&[], &wait_for("gate"));
    scene.until_queued(1);
    let mut waiter = scene.job(&["--ttl", "3s"], "echo never > never");
    scene.until_queued(2);
    let mut next = scene.job(&[], "echo in > next");
    scene.until_queued(3);

    let killed_at = Instant::now();
    waiter.signal("KILL");
    waiter.wait();
    scene.touch("gate");
    assert_eq!(holder.code(), Some(0), "{}", holder.log());
    assert_eq!(next.code(), Some(0), "{}", next.log());
    assert!(killed_at.elapsed() < TTL + SLACK, "the next one waited {:?}", killed_at.elapsed());
    assert!(!scene.has("never"));
}

#[test]
fn a_killed_supervisor_takes_its_command_with_it() {
    let scene = Scene::sqlite();
    let mut job = scene.job(&[], STUBBORN);
    let (child, runaway) = (scene.line_of("child"), scene.line_of("runaway"));
    send("KILL", &job.supervisor());
    assert_eq!(job.code(), Some(128 + 9));
    assert!(!is_alive(&child) && !is_alive(&runaway));
    assert_eq!(scene.queue().len(), 0);
}

#[test]
fn a_job_whose_holder_is_killed_at_any_time_leaves_nothing() {
    for pause in [0, 2, 5, 10, 20, 40] {
        let scene = Scene::sqlite();
        let mut job = scene.job(&["--ttl", "1s"], "echo $$ > child; while :; do sleep 0.1; done");
        until("a claim", LONG, || scene.queue().len() == 1);
        // Not for anything to happen: to hit another moment of the start.
        std::thread::sleep(Duration::from_millis(pause));
        job.signal("KILL");
        job.wait();
        until("the lock to be free", LONG, || scene.queue().is_empty());
        let child = scene.read("child");
        assert!(child.is_empty() || !is_alive(child.trim()), "killed after {pause} ms");
    }
}
