//! The store goes away under a job, and comes back.

use std::time::{Duration, Instant};

use shylock_testing::mongo::{PrivateServer, Topology};

use crate::limits::{LOST, WRAPPER};
use crate::support::{LONG, Scene, is_alive, is_gone, until, wait_for};

async fn private() -> (PrivateServer, Scene) {
    let server = PrivateServer::start(Topology::Standalone).await;
    let scene = Scene::at(format!("mongodb://{}/locks?directConnection=true", server.address(0)));
    (server, scene)
}

#[tokio::test]
async fn a_job_whose_store_is_killed_ends_before_its_lease() {
    let (mut server, scene) = private().await;
    let mut job = scene.job(&["--ttl", "8s"], WRAPPER);
    let (child, grandchild) = (scene.line_of("child"), scene.line_of("grandchild"));

    let killed_at = Instant::now();
    server.kill(0);
    until("the end of the children", LONG, || !is_alive(&child) && !is_alive(&grandchild));
    // The last renewal was before the server died.
    assert!(killed_at.elapsed() < Duration::from_secs(8), "gone after {:?}", killed_at.elapsed());
    assert_eq!(job.code(), LOST, "{}", job.log());
    assert!(scene.has("asked"), "it was killed without TERM");
    assert!(job.log().contains("about to be lost"), "{}", job.log());
}

#[tokio::test]
async fn a_job_whose_store_comes_back_in_time_goes_on() {
    let (mut server, scene) = private().await;
    let script = format!("trap 'echo x > asked' TERM; echo $$ > child; {}", wait_for("gate"));
    // Without a server an attempt shall fail soon, so that the test sees it.
    let url = format!("{}&serverSelectionTimeoutMS=1000", scene.url());
    let options = ["--url", &url, "run", "--ttl", "30s", "lock", "--", "sh", "-c", &script];
    let mut job = scene.job_of(scene.shylock(&options));
    scene.line_of("child");

    server.kill(0);
    until("a renewal that fails", LONG, || job.log().contains("a renewal failed"));
    server.restart(0).await;
    until("a renewal", LONG, || {
        scene.queue().first().is_some_and(|claim| claim["expires_in_ms"].as_u64() > Some(21_000))
    });
    scene.touch("gate");
    assert_eq!(job.code(), Some(0), "{}", job.log());
    assert!(!scene.has("asked"));
    assert_eq!(scene.queue().len(), 0);
}

#[tokio::test]
async fn a_grandchild_that_ignores_term_is_gone_when_the_next_one_begins() {
    let (mut server, scene) = private().await;
    let mut holder = scene.job(&["--ttl", "8s"], WRAPPER);
    let grandchild = scene.line_of("grandchild");
    let mut next = scene.job(&["--ttl", "60s"], &format!("{} && echo in > next", is_gone("grandchild")));
    scene.until_queued(2);

    let paused_at = Instant::now();
    server.pause(0);
    until("the end of the grandchild", LONG, || !is_alive(&grandchild));
    assert!(paused_at.elapsed() < Duration::from_secs(8), "gone after {:?}", paused_at.elapsed());
    assert_eq!(holder.code(), LOST, "{}", holder.log());
    server.resume(0);
    assert_eq!(next.code(), Some(0), "{}", next.log());
    assert_eq!(scene.read("next"), "in\n");
}
