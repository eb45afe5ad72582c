//! A job reaches its limit, or loses its lock.

use crate::support::{Scene, is_alive, is_gone, text, wait_for};

pub(crate) const LOST: Option<i32> = Some(75);
const MAX_HOLD: Option<i32> = Some(124);

/// The grandchild ignores TERM; the script does not, and goes first.
pub(crate) const WRAPPER: &str = "trap 'echo x > asked; exit 0' TERM; \
    sh -c 'trap \"\" TERM; echo $$ > grandchild; while :; do sleep 0.1; done' & \
    echo $$ > child; while :; do sleep 0.1; done";

#[test]
fn a_job_that_reaches_its_limit_is_gone_when_the_next_one_begins() {
    let scene = Scene::sqlite();
    let mut holder = scene.job(&["--max-hold", "2s"], WRAPPER);
    scene.line_of("grandchild");
    let mut next = scene.job(&[], &format!("{} && echo in > next", is_gone("grandchild")));
    assert_eq!(holder.code(), MAX_HOLD, "{}", holder.log());
    assert!(scene.has("asked"), "it was killed without TERM");
    assert_eq!(next.code(), Some(0), "{}", next.log());
    assert_eq!(scene.read("next"), "in\n");
}

#[test]
fn an_evicted_job_is_killed() {
    let scene = Scene::sqlite();
    let mut job = scene.job(&["--ttl", "4s"], WRAPPER);
    let grandchild = scene.line_of("grandchild");
    let claim = scene.queue()[0]["claim"].as_str().expect("a claim").to_owned();
    let evicted = scene.output(&["evict", "lock", &claim]);
    assert_eq!(evicted.status.code(), Some(0), "{evicted:?}");
    assert_eq!(job.code(), LOST, "{}", job.log());
    assert!(!is_alive(&grandchild));
}

/// Its lease has a long time to the next renewal, so it is the release that learns of it.
#[test]
fn a_job_that_was_evicted_unnoticed_has_lost_its_lock_when_it_ends() {
    let scene = Scene::sqlite();
    let mut job = scene.job(&["--ttl", "300s"], &format!("echo x > ready; {}", wait_for("gate")));
    scene.line_of("ready");
    let claim = scene.queue()[0]["claim"].as_str().expect("a claim").to_owned();
    let evicted = scene.output(&["evict", "lock", &claim[..8]]);
    assert_eq!(evicted.status.code(), Some(0), "{evicted:?}");
    assert!(text(&evicted.stdout).contains(&claim), "{evicted:?}");
    scene.touch("gate");
    assert_eq!(job.code(), LOST, "{}", job.log());
    assert!(job.log().contains("somebody else may have had it"), "{}", job.log());
}
