//! Servers are shared while they are used, and end when they are not.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use shylock_testing::mongo::{MongoServer, PrivateServer, Settings, Topology};

use crate::support::{eventually, listens, local_in, this_program};

/// For the end of servers: the keeper looks once a second, on machines that may be busy.
const PATIENCE: Duration = Duration::from_secs(30);

/// Tells a test that it is the second process, and where to leave the URL of its server.
const SECOND_PROCESS: &str = "SHYLOCK_TESTING_SECOND_PROCESS";

#[tokio::test]
async fn whoever_comes_later_joins_the_same_server() {
    let folder = tempfile::tempdir().unwrap();
    let settings = local_in(folder.path());
    let open = || MongoServer::open(Topology::Standalone, &settings);
    let (one, other) = tokio::join!(open(), open());
    let (one, other) = (one.unwrap(), other.unwrap());
    assert_eq!(one.url(), other.url());

    let url = one.url().to_owned();
    drop(one);
    // As long as the keeper would have needed, had it forgotten the other one.
    a_whole_life().await;
    assert!(listens(&url));
    drop(other);
    eventually("the end of the server", PATIENCE, || !listens(&url)).await;
    eventually("the end of its data", PATIENCE, || servers_in(&settings).is_empty()).await;
}

/// A server's life from the start until its keeper ends it.
async fn a_whole_life() {
    let folder = tempfile::tempdir().unwrap();
    let server = MongoServer::open(Topology::Standalone, &local_in(folder.path())).await.unwrap();
    let url = server.url().to_owned();
    drop(server);
    eventually("the end of another server", PATIENCE, || !listens(&url)).await;
}

fn servers_in(settings: &Settings) -> Vec<PathBuf> {
    let homes = fs::read_dir(&settings.state).unwrap().map(|home| home.unwrap().path());
    homes.map(|home| home.join("servers")).filter(|servers| servers.exists()).collect()
}

#[tokio::test]
async fn short_uses_keep_a_server_too() {
    let (folder, other_folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let settings_in = |folder: &Path| Settings { linger: Duration::from_secs(2), ..local_in(folder) };
    let open = async |settings: &Settings| {
        let server = MongoServer::open(Topology::Standalone, settings).await.unwrap();
        server.url().to_owned()
    };
    let settings = settings_in(folder.path());
    let url = open(&settings).await;
    let unused = open(&settings_in(other_folder.path())).await;
    let deadline = Instant::now() + PATIENCE;
    while listens(&unused) {
        assert!(Instant::now() < deadline, "the server that nobody uses stays");
        assert_eq!(open(&settings).await, url);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert!(listens(&url));
    eventually("the end of the server", PATIENCE, || !listens(&url)).await;
}

#[tokio::test]
async fn a_shared_server_that_died_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let settings = local_in(folder.path());
    let dead = MongoServer::open(Topology::Standalone, &settings).await.unwrap();
    let shutdown = mongodb::bson::doc! { "shutdown": 1, "force": true };
    let _ = dead.client().database("admin").run_command(shutdown).await;
    eventually("the end of the server", PATIENCE, || !listens(dead.url())).await;
    let next = MongoServer::open(Topology::Standalone, &settings).await.unwrap();
    assert!(listens(next.url()));
    drop((dead, next));
    eventually("the end of its data", PATIENCE, || servers_in(&settings).is_empty()).await;
}

#[tokio::test]
async fn the_servers_of_a_killed_process_end() {
    if let Some(folder) = env::var_os(SECOND_PROCESS).map(PathBuf::from) {
        let server = PrivateServer::open(Topology::Standalone, &local_in(&folder)).await.unwrap();
        fs::write(folder.join("url.part"), server.url()).unwrap();
        fs::rename(folder.join("url.part"), folder.join("url")).unwrap();
        return std::future::pending().await;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut second = this_program("lifetime::the_servers_of_a_killed_process_end")
        .env(SECOND_PROCESS, folder.path())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let url = folder.path().join("url");
    eventually("a server of the second process", PATIENCE, || url.exists()).await;
    let url = fs::read_to_string(url).unwrap();
    assert!(listens(&url));
    second.kill().unwrap();
    second.wait().unwrap();
    eventually("the end of the server", PATIENCE, || !listens(&url)).await;
    let private = folder.path().join("private");
    let empty = || !fs::read_dir(&private).unwrap().any(|entry| entry.unwrap().path().is_dir());
    eventually("the end of its data", PATIENCE, empty).await;
}
