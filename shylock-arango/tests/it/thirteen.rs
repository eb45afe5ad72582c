//! The example that asks a real server about thirteen behaviours works: the emulator answers as expected.

#[path = "../../examples/thirteen/ask.rs"]
pub(crate) mod ask;
#[path = "../../examples/thirteen/behaviours.rs"]
mod behaviours;

use shylock_arango_emulator::{Config, Emulator};

use ask::Server;

#[tokio::test]
async fn the_emulator_answers_all_thirteen_as_expected() {
    for (config, role) in [(Config::new(), "SINGLE"), (Config::new().cluster(), "COORDINATOR")] {
        let emulator = Emulator::start(&config).expect("an emulator");
        let url = format!("arangodb://{}:{}@{}", emulator.user(), emulator.password(), emulator.address());
        let server = Server::open(&url).await;
        assert!(server.title().await.contains(role));
        for answer in behaviours::all(&server).await {
            assert!(answer.holds, "{role}: {}: {}", answer.behaviour, answer.answered);
        }
        server.close().await;
    }
}

#[tokio::test]
async fn an_answer_that_is_not_expected_is_told() {
    let emulator = Emulator::start(&Config::new()).expect("an emulator");
    emulator.set_read_only(false);
    let url = format!("arangodb://{}:{}@{}", emulator.user(), emulator.password(), emulator.address());
    let server = Server::open(&url).await;
    emulator.set_read_only(true);
    let failed: Vec<&str> = behaviours::all(&server)
        .await
        .iter()
        .filter(|answer| !answer.holds)
        .map(|answer| answer.number)
        .collect();
    assert!(failed.contains(&"0") && failed.contains(&"12"), "{failed:?}");
}
