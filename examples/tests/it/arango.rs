//! The examples on the emulator of ArangoDB.

use shylock_arango_emulator::{Config, Emulator};

use crate::counter;
use crate::run::{command, output_of};

fn emulator() -> (Emulator, String) {
    let emulator = Emulator::start(&Config::new()).expect("the emulator starts");
    let (user, password, address) = (emulator.user(), emulator.password(), emulator.address());
    let url = format!("arangodb://{user}:{password}@{address}/_system");
    (emulator, url)
}

#[test]
fn async_and_blocking_programs_run() {
    let (emulator, url) = emulator();
    for program in [
        env!("CARGO_BIN_EXE_quick_start"),
        env!("CARGO_BIN_EXE_blocking"),
        env!("CARGO_BIN_EXE_time_sensitive"),
    ] {
        assert!(!output_of(command(program, &url)).is_empty());
    }
    assert!(emulator.requests_to("/_api/cursor") > 0, "they used another store");
}

#[test]
fn no_increment_is_lost_under_a_lock() {
    let (_emulator, url) = emulator();
    counter::check(command(env!("CARGO_BIN_EXE_counter"), &url));
}
