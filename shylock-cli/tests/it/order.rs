//! Jobs at once run one after the other, in the order in which they came.

use crate::support::{Scene, wait_for};

const JOBS: usize = 10;

fn ten_at_once(scene: &Scene) {
    let mut jobs = Vec::new();
    for i in 0..JOBS {
        let gate = wait_for("gate");
        let script = format!("echo start {i} >> out; {gate}; sleep 0.05; echo end {i} >> out");
        jobs.push(scene.job(&["--label", &format!("job {i}")], &script));
        scene.until_queued(i + 1);
    }
    let order: Vec<_> = scene.queue().iter().map(|claim| claim["owner"]["label"].to_string()).collect();
    assert_eq!(order, (0..JOBS).map(|i| format!("\"job {i}\"")).collect::<Vec<_>>());

    scene.touch("gate");
    for job in &mut jobs {
        assert_eq!(job.code(), Some(0), "{}", job.log());
    }
    let expected: Vec<_> = (0..JOBS).flat_map(|i| [format!("start {i}"), format!("end {i}")]).collect();
    assert_eq!(scene.read("out").lines().collect::<Vec<_>>(), expected);
    assert_eq!(scene.queue().len(), 0);
}

#[test]
fn ten_jobs_at_once_run_in_the_order_of_arrival_on_sqlite() {
    ten_at_once(&Scene::sqlite());
}

#[cfg(feature = "mongo")]
#[tokio::test]
async fn ten_jobs_at_once_run_in_the_order_of_arrival_on_mongodb() {
    ten_at_once(&Scene::mongo().await);
}

#[test]
fn as_many_jobs_run_together_as_there_are_permits() {
    let scene = Scene::sqlite();
    let script = |i| format!("echo x > in{i}; {}", wait_for("gate"));
    let mut jobs: Vec<_> = (0..3).map(|i| scene.job(&["--permits", "2"], &script(i))).collect();
    scene.until_queued(3);
    let granted = scene.queue().iter().filter(|claim| claim["granted"] == true).count();
    assert_eq!(granted, 2);
    scene.touch("gate");
    for job in &mut jobs {
        assert_eq!(job.code(), Some(0), "{}", job.log());
    }
}
