use std::error::Error as _;
use std::io;

use mongodb::bson::doc;
use mongodb::error::{CommandError, WriteConcernError, WriteError};
use serde_json::json;

use super::*;
use BackendErrorKind::{Broken, Denied, Misconfigured, Throttled, Transient};

fn command(code: i32, message: &str) -> DriverError {
    let error: CommandError =
        serde_json::from_value(json!({ "code": code, "codeName": "Name", "errmsg": message }))
            .expect("an error");
    ErrorKind::Command(error).into()
}

fn write(code: i32) -> DriverError {
    let error: WriteError = serde_json::from_value(json!({ "code": code, "errmsg": "" })).expect("an error");
    ErrorKind::Write(WriteFailure::WriteError(error)).into()
}

fn write_concern(code: i32) -> DriverError {
    let error: WriteConcernError =
        serde_json::from_value(json!({ "code": code, "errmsg": "" })).expect("an error");
    ErrorKind::Write(WriteFailure::WriteConcernError(error)).into()
}

/// What `run_command` answers for the three, judged by the same function.
fn kinds_of_code(code: i32) -> [BackendErrorKind; 4] {
    let statement = doc! { "index": 0, "code": code, "errmsg": "" };
    [
        classify(&command(code, "")),
        classify(&write(code)),
        kind_of(&Fault::in_statement(&statement)),
        from_fault("try", Fault::in_statement(&statement)).kind(),
    ]
}

#[test]
fn what_may_pass_is_transient() {
    for code in [
        6, 7, 50, 64, 89, 91, 112, 134, 189, 202, 251, 262, 9001, 10058, 10107, 11600, 11601, 11602, 13435,
        13436,
    ] {
        assert_eq!(kinds_of_code(code), [Transient; 4], "{code}");
    }
}

#[test]
fn two_upserts_of_one_name_are_transient() {
    assert_eq!(kinds_of_code(11000), [Transient; 4]);
}

#[test]
fn missing_rights_are_denied() {
    for code in [11, 13, 18, 8000] {
        assert_eq!(kinds_of_code(code), [Denied; 4], "{code}");
    }
}

#[test]
fn what_a_person_must_change_is_misconfigured() {
    for code in
        [2, 20, 26, 59, 67, 72, 79, 85, 86, 100, 115, 121, 166, 224, 10334, 17419, 40324, 40573, 51144]
    {
        assert_eq!(kinds_of_code(code), [Misconfigured; 4], "{code}");
    }
}

#[test]
fn a_record_that_makes_no_sense_is_broken() {
    for code in [14, 22, 52, 241, 28651, 28664, 40081] {
        assert_eq!(kinds_of_code(code), [Broken; 4], "{code}");
    }
}

#[test]
fn an_unknown_code_is_no_bug_of_ours_and_is_not_repeated() {
    assert_eq!(kinds_of_code(987_654), [Misconfigured; 4]);
}

#[test]
fn a_server_that_is_overloaded_throttles() {
    for code in [433, 449, 450, 462, 16500] {
        assert_eq!(kinds_of_code(code), [Throttled { retry_after: None }; 4], "{code}");
    }
}

#[test]
fn a_throttled_command_tells_how_long() {
    let kind = |message: &str| classify(&command(16500, message));
    let after = |millis| Throttled { retry_after: Some(Duration::from_millis(millis)) };
    assert_eq!(kind("Error=16500, RetryAfterMs=34, Details='..'"), after(34));
    assert_eq!(kind(r#"{"RetryAfterMs": "250"}"#), after(250));
    assert_eq!(kind("RetryAfterMs=12"), after(12));
    assert_eq!(kind("'retryAfterMs' : 33.2, .."), after(34));
    assert_eq!(kind(r#"{\"RetryAfterMs\":\"7\"}"#), after(7));
    assert_eq!(kind("RetryAfterMs=soon"), Throttled { retry_after: None });
    assert_eq!(kind("Request rate is large"), Throttled { retry_after: None });
    let backoff: CommandError =
        serde_json::from_value(json!({ "code": 462, "errmsg": "", "baseBackoffMS": 100 })).expect("an error");
    assert_eq!(classify(&ErrorKind::Command(backoff).into()), after(100));
}

#[test]
fn a_write_that_was_not_confirmed_is_transient_and_says_so() {
    for code in [64, 50, 91, 11602, 189, 987_654] {
        assert_eq!(classify(&write_concern(code)), Transient, "{code}");
        let reply =
            doc! { "ok": 1, "writeConcernError": { "code": code, "errmsg": "waiting for replication" } };
        let fault = Fault::in_confirmation(&reply).expect("an error");
        let error = from_fault("join", fault);
        assert_eq!(error.kind(), Transient, "{code}");
        assert!(error.to_string().contains("written, but not yet"), "{error}");
        assert!(error.source().is_some_and(|source| source.to_string().contains("waiting for replication")));
    }
    for code in [79, 100] {
        assert_eq!(classify(&write_concern(code)), Misconfigured, "no such write concern here: {code}");
    }
}

#[test]
fn a_request_to_wait_is_one_whatever_its_code_and_place() {
    let after = Throttled { retry_after: Some(Duration::from_millis(5)) };
    let text = "Request rate is large. RetryAfterMs=5";
    let error = doc! { "index": 0, "code": 1, "errmsg": text };
    assert_eq!(classify(&command(1, text)), after);
    assert_eq!(kind_of(&Fault::in_statement(&error)), after);
    let reply = doc! { "ok": 1, "writeConcernError": error };
    assert_eq!(kind_of(&Fault::in_confirmation(&reply).expect("an error")), after);
}

#[test]
fn a_confirmation_that_cannot_be_read_is_none() {
    assert!(Fault::in_confirmation(&doc! { "ok": 1 }).is_none());
    let fault = Fault::in_confirmation(&doc! { "writeConcernError": "what?" }).expect("an error");
    assert_eq!(kind_of(&fault), Transient);
}

#[test]
fn an_unreachable_server_is_transient() {
    let io: DriverError = io::Error::from(io::ErrorKind::ConnectionReset).into();
    assert_eq!(classify(&io), Transient);
}

#[test]
fn the_drivers_own_kinds() {
    assert_eq!(classify(&ErrorKind::SessionsNotSupported.into()), Misconfigured);
    assert_eq!(classify(&ErrorKind::Shutdown.into()), Misconfigured);
    assert_eq!(classify(&ErrorKind::MissingResumeToken.into()), Broken);
    assert_eq!(classify(&DriverError::custom("a bug")), Broken);
}

/// The advice about an error of the driver that says this.
fn advice(kind: ErrorKind) -> String {
    from_driver("join", kind.into()).to_string()
}

#[test]
fn what_keeps_a_server_from_being_reached_is_told() {
    // As the driver words it.
    let selection = |servers: &str| {
        let json =
            json!(format!("Server selection timeout: No available servers. Topology: {{ {servers} }}"));
        let error = DriverError::from(io::Error::other(json.as_str().expect("text").to_owned()));
        from_driver("join", error).to_string()
    };
    let down = "Type: Single, Servers: [ { Address: h:1, Type: Unknown, Error: Kind: I/O error: Connection refused } ]";
    assert!(selection(down).contains("nobody listens"), "{}", selection(down));
    let tls = "Servers: [ { Address: h:1, Error: Kind: I/O error: received corrupt message of type InvalidContentType } ]";
    assert!(selection(tls).contains("TLS"), "{}", selection(tls));
    assert!(advice(ErrorKind::Shutdown).contains("shut down"));
}

#[test]
fn an_error_says_what_was_tried_and_what_to_do_and_keeps_its_source() {
    let error = from_driver("join the queue of lock \"x\"", command(13, "not authorized on db"));
    let text = error.to_string();
    assert!(text.starts_with("could not join the queue of lock \"x\": "), "{text}");
    assert!(
        text.contains("readWrite") && text.ends_with("MongoDB error 13 (Name): not authorized on db"),
        "{text}"
    );
    let source = error.source().and_then(|source| source.downcast_ref::<DriverError>());
    assert!(source.is_some_and(|source| matches!(&*source.kind, ErrorKind::Command(c) if c.code == 13)));
}
