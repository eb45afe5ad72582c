//! What a real server answered, the emulator answers.
//!
//! Ids, keys, revisions and generated names differ from run to run, so they are compared up to a renaming: whatever the
//! recording calls by one word, the emulator must call by one word too, and different things by different words.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::curl::{self, Command, Recorded};
use crate::recorded_cases::{Case, LEFT_OUT, case};
use crate::support::{Answer, Client, open};

const RECORDED: &str = include_str!("../recorded/arangodb-3.12.10.json");

/// Members whose text is drawn by the server.
const DRAWN: [&str; 8] = ["_id", "_key", "_oldRev", "_rev", "globallyUniqueId", "id", "objectId", "revision"];
/// Members that are measured, and those that depend on the plan that the optimiser chose.
const MEASURED: [&str; 6] =
    ["executionTime", "peakMemoryUsage", "scannedFull", "scannedIndex", "cursorsCreated", "lastValue"];

#[tokio::test]
async fn exchanges_are_answered_as_recorded() {
    let exchanges = exchanges();
    let mut failures = Vec::new();
    for (name, exchange) in &exchanges {
        let Some(case) = case(name) else { continue };
        let text = |part: &str| exchange[part].as_str().expect("text").to_owned();
        let found = replay(&case, &curl::commands(&text("request")), &curl::answers(&text("response"))).await;
        failures.extend(found.into_iter().map(|failure| format!("{name}: {failure}")));
    }
    assert!(failures.is_empty(), "{} differences:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn every_exchange_is_replayed_or_left_out_for_a_reason() {
    let exchanges = exchanges();
    for name in exchanges.keys() {
        let left_out = LEFT_OUT.iter().any(|(left, _)| left == name);
        assert!(case(name).is_some() != left_out, "{name} must be either replayed or left out");
    }
    for (name, reason) in LEFT_OUT {
        assert!(exchanges.contains_key(name) && !reason.is_empty(), "{name} is no recorded exchange");
    }
}

fn exchanges() -> Map<String, Value> {
    let all: Value = serde_json::from_str(RECORDED).expect("the recording");
    all["exchanges"].as_object().expect("exchanges").clone()
}

async fn replay(case: &Case, commands: &[Command], recorded: &[Recorded]) -> Vec<String> {
    let (_emulator, client) = open();
    let mut names = Renaming::default();
    for step in &case.setup {
        let answer = client.send(step.method, step.path, &step.body).await;
        assert!(answer.status < 300, "{step:?}: {}", answer.text);
        if let Some((pointer, word)) = step.learn {
            names.learn(word, answer.json.pointer(pointer).and_then(Value::as_str).expect("a word"));
        }
    }
    let mut failures = Vec::new();
    let mut recorded = recorded.iter();
    for (at, command) in commands.iter().enumerate() {
        let answer = send(&client, command, &names).await;
        if !case.answered.is_empty() && !case.answered.contains(&at) {
            if let Some((pointer, word)) = case.learn {
                names.learn(word, answer.json.pointer(pointer).and_then(Value::as_str).expect("a word"));
            }
            continue;
        }
        let Some(recorded) = recorded.next() else { return vec!["fewer answers than requests".to_owned()] };
        let found = compare(recorded, &answer, &mut names);
        failures.extend(found.into_iter().map(|failure| format!("request {at}: {failure}")));
    }
    if recorded.next().is_some() {
        failures.push("more answers than requests".to_owned());
    }
    failures
}

async fn send(client: &Client, command: &Command, names: &Renaming) -> Answer {
    let headers: Vec<_> =
        command.headers.iter().map(|(name, value)| (name.clone(), names.actual_text(value))).collect();
    let (path, body) = (names.actual_text(&command.path), names.actual_text(&command.body));
    client.try_send(&command.method, &path, &headers, &body).await.expect("an answer")
}

fn compare(recorded: &Recorded, answer: &Answer, names: &mut Renaming) -> Vec<String> {
    let mut failures = Vec::new();
    if recorded.status != answer.status {
        failures.push(format!("status {} instead of {}: {}", answer.status, recorded.status, answer.text));
    }
    names.compare("", &recorded.body, &answer.json, &mut failures);
    let mut seen = BTreeSet::new();
    for (name, value) in &recorded.headers {
        seen.insert(name.as_str());
        let drawn = matches!(name.as_str(), "etag" | "location");
        let wanted = if drawn { names.actual_text(value) } else { value.clone() };
        let found = answer.headers.get(name).and_then(|value| value.to_str().ok());
        if name != "content-length" && found != Some(wanted.as_str()) {
            failures.push(format!("header {name}: {found:?} instead of {wanted:?}"));
        }
    }
    let more = answer.headers.keys().filter(|name| !seen.contains(name.as_str()));
    failures.extend(more.map(|name| format!("header {name} is not in the recording")));
    failures
}

/// The recording's words for things, and the emulator's.
#[derive(Default)]
struct Renaming {
    actual: BTreeMap<String, String>,
}

impl Renaming {
    /// Notes that both words mean the same; false if that contradicts what is known.
    fn learn(&mut self, recorded: &str, actual: &str) -> bool {
        if let Some(known) = self.actual.get(recorded) {
            return known == actual;
        }
        let fresh = !self.actual.values().any(|known| known == actual);
        self.actual.insert(recorded.to_owned(), actual.to_owned());
        fresh
    }

    /// A text of the recording in the emulator's words.
    fn actual_text(&self, text: &str) -> String {
        // Short words, such as the ids of the system's collections, also stand where they mean something else.
        let mut known: Vec<_> = self.actual.iter().filter(|(word, _)| word.len() > 3).collect();
        known.sort_by_key(|(word, _)| std::cmp::Reverse(word.len()));
        known.into_iter().fold(text.to_owned(), |text, (word, actual)| text.replace(word, actual))
    }

    fn compare(&mut self, path: &str, recorded: &Value, actual: &Value, failures: &mut Vec<String>) {
        let last = path.rsplit('/').next().unwrap_or_default();
        match (recorded, actual) {
            (Value::Number(_), Value::Number(_)) if MEASURED.contains(&last) => {}
            (Value::String(recorded), Value::String(actual))
                if DRAWN.contains(&last) || recorded.starts_with("idx_") =>
            {
                if !self.learn(recorded, actual) {
                    failures.push(format!("{path}: {actual} does not fit {recorded}"));
                }
            }
            (Value::Object(recorded), Value::Object(actual)) => {
                self.objects(path, recorded, actual, failures);
            }
            (Value::Array(recorded), Value::Array(actual)) if recorded.len() == actual.len() => {
                let (recorded, actual) = (by_name(recorded), by_name(actual));
                for (at, (recorded, actual)) in recorded.iter().zip(&actual).enumerate() {
                    self.compare(&format!("{path}/{at}"), recorded, actual, failures);
                }
            }
            _ if recorded == actual => {}
            _ => failures.push(format!("{path}: {actual} instead of {recorded}")),
        }
    }

    fn objects(
        &mut self,
        path: &str,
        recorded: &Map<String, Value>,
        actual: &Map<String, Value>,
        failures: &mut Vec<String>,
    ) {
        // The names of these members are ids, which the other members introduce.
        let (by_id, others): (Vec<_>, Vec<_>) = recorded.iter().partition(|(name, _)| *name == "identifiers");
        for (name, value) in others.into_iter().chain(by_id) {
            let name = self.actual_text(name);
            match actual.get(&name) {
                Some(actual) => self.compare(&format!("{path}/{name}"), value, actual, failures),
                None => failures.push(format!("{path}: {name} is missing")),
            }
        }
        let known: BTreeSet<String> = recorded.keys().map(|name| self.actual_text(name)).collect();
        failures.extend(
            actual.keys().filter(|name| !known.contains(*name)).map(|name| format!("{path}: {name} is new")),
        );
    }
}

/// The server lists collections in no order.
fn by_name(values: &[Value]) -> Vec<&Value> {
    let mut values: Vec<&Value> = values.iter().collect();
    values.sort_by_key(|value| {
        let unordered = value["globallyUniqueId"].is_string();
        if unordered { value["name"].as_str().unwrap_or_default() } else { "" }
    });
    values
}
