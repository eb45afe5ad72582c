//! Clients that obey the protocol, over a network and a store that do their worst.
//!
//! Messages are delayed, lost and repeated, replies are delayed and lost. The store's now is the time at
//! which a command started, however long ago that is when it takes effect, on one of several clocks that
//! differ by less than the margin. A client trusts a claim as long as the design lets it.

mod world;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestError, TestRunner};

use world::{Extend, World};

const TTL: u64 = 100;
/// The clocks of the store differ by less than this.
const SKEW: u64 = 10;
const CLIENTS: usize = 4;

#[derive(Debug, Clone)]
enum Action {
    /// True time passes.
    Pass(u64),
    /// A client says what it would say now: join, ask again, or renew.
    Speak(usize),
    /// The same, and all goes well.
    Converse(usize, u64),
    /// A client releases, or gives up waiting.
    Leave(usize),
    /// A client forgets everything.
    Crash(usize),
    /// The store begins with a message, and freezes the now of one of its clocks.
    Begin(usize, u64),
    /// A message takes effect; perhaps it will do so again.
    Apply(usize, u64, bool),
    LoseMessage(usize),
    Deliver(usize),
    LoseReply(usize),
}

fn actions() -> impl Strategy<Value = Vec<Action>> {
    let one = 0..usize::MAX;
    let action = prop_oneof![
        6 => (0..TTL / 3).prop_map(Action::Pass),
        1 => Just(Action::Pass(TTL / 2)),
        5 => one.clone().prop_map(Action::Speak),
        6 => (one.clone(), 0..SKEW).prop_map(|(client, skew)| Action::Converse(client, skew)),
        1 => one.clone().prop_map(Action::Leave),
        1 => one.clone().prop_map(Action::Crash),
        2 => (one.clone(), 0..SKEW).prop_map(|(message, skew)| Action::Begin(message, skew)),
        4 => (one.clone(), 0..SKEW, any::<bool>()).prop_map(|(m, skew, again)| Action::Apply(m, skew, again)),
        1 => one.clone().prop_map(Action::LoseMessage),
        5 => one.clone().prop_map(Action::Deliver),
        1 => one.prop_map(Action::LoseReply),
    ];
    prop::collection::vec(action, 1..150)
}

fn run(actions: &[Action], margin: u64, extend: Extend) -> Result<World, TestCaseError> {
    let mut world = World::new(margin, extend);
    for action in actions {
        world.act(action);
        world.check().map_err(TestCaseError::fail)?;
    }
    Ok(world)
}

fn config(cases: u32) -> Config {
    Config { cases, failure_persistence: None, ..Config::default() }
}

proptest! {
    #![proptest_config(config(768))]

    #[test]
    fn conflicting_claims_are_never_trusted_at_once_and_grants_follow_tokens_and_joins(actions in actions()) {
        run(&actions, SKEW, Extend::ToTheLater)?;
    }
}

/// Whether the simulation finds fault with a protocol that is known to be wrong.
fn is_found_out(margin: u64, extend: Extend) -> bool {
    let mut runner = TestRunner::new_with_rng(config(50_000), fixed_rng());
    let result = runner.run(&actions(), |actions| run(&actions, margin, extend).map(drop));
    matches!(result, Err(TestError::Fail(reason, _)) if reason.message().starts_with("S1"))
}

fn fixed_rng() -> proptest::test_runner::TestRng {
    proptest::test_runner::TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha)
}

#[test]
fn the_simulation_finds_leases_that_a_late_renewal_shortens() {
    assert!(is_found_out(SKEW, Extend::Always));
}

#[test]
fn the_simulation_finds_a_margin_that_is_too_small() {
    assert!(is_found_out(0, Extend::ToTheLater));
}

#[test]
fn the_simulation_is_about_something() {
    let grants = std::cell::Cell::new(0);
    let mut runner = TestRunner::new_with_rng(config(256), fixed_rng());
    runner
        .run(&actions(), |actions| {
            grants.set(grants.get() + run(&actions, SKEW, Extend::ToTheLater)?.grants());
            Ok(())
        })
        .expect("no violation");
    assert!(grants.get() > 256, "only {} grants", grants.get());
}
