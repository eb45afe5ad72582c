//! Each error that the server is known to have, without a server.

use super::*;

const PATIENCE: BackendErrorKind = Throttled { retry_after: None };

fn refusal(status: u16, number: impl Into<Option<u32>>) -> Failure {
    Failure::Refused(Refusal { status, number: number.into(), message: String::new(), retry_after: None })
}

#[test]
fn every_known_error_has_its_kind() {
    let table = [
        (Transient, &[(409, 1200), (409, 1210), (409, 1207), (404, 1202), (404, 1600), (404, 1591)][..]),
        (Transient, &[(500, 18), (500, 28), (500, 29), (503, 30), (410, 21), (410, 1500), (410, 1654)]),
        (Transient, &[(503, 1478), (503, 1465), (503, 1495), (503, 1496), (503, 1491), (421, 1491)]),
        (Transient, &[(500, 1457), (500, 1464), (500, 1467), (500, 4)]),
        // Their status alone would say that the request was wrong.
        (Transient, &[(409, 1447), (406, 1489), (406, 1490), (400, 1521)]),
        (PATIENCE, &[(403, 1004), (503, 1429), (503, 21_003), (412, 21_004), (503, 503), (503, 38)]),
        (Denied, &[(401, 11), (403, 11), (401, 401)]),
        (
            Misconfigured,
            &[(404, 1203), (404, 1228), (400, 1229), (403, 1230), (400, 1208), (500, 32), (400, 1487)],
        ),
        (
            Broken,
            &[(400, 1501), (400, 1502), (400, 1551), (400, 1552), (400, 1221), (400, 1227), (400, 1579)],
        ),
        (Broken, &[(400, 10), (400, 600), (400, 1652), (400, 1653), (404, 1655), (412, 1200)]),
    ];
    for (kind, errors) in table {
        for &(status, number) in errors {
            assert_eq!(refusal(status, number).kind(), kind, "{status}/{number}");
        }
    }
}

#[test]
fn an_unknown_number_may_pass_if_the_server_was_at_fault() {
    assert_eq!(refusal(500, 99_999).kind(), Transient);
    assert_eq!(refusal(503, 99_999).kind(), Transient);
    assert_eq!(refusal(400, 99_999).kind(), Broken);
}

#[test]
fn an_answer_without_a_number_is_judged_by_its_status() {
    let table = [
        (Denied, &[401, 403, 407][..]),
        (PATIENCE, &[429, 503]),
        (Transient, &[408, 500, 502, 504]),
        (Misconfigured, &[301, 302, 400, 404, 405, 418]),
    ];
    for (kind, statuses) in table {
        for &status in statuses {
            assert_eq!(refusal(status, None).kind(), kind, "{status}");
        }
    }
}

#[test]
fn only_what_wrote_nothing_is_looked_at_again_at_once() {
    for number in [1200, 1210, 1202] {
        assert!(refusal(409, number).is_conflict(), "{number}");
    }
    for number in [18, 28, 29, 21, 30, 1207, 1457, 1478, 1496, 1500, 21_003, 1004] {
        assert!(!refusal(500, number).is_conflict(), "{number}");
    }
    assert!(!Failure::TooLate(Duration::from_secs(1)).is_conflict());
}

#[test]
fn no_answer_is_transient() {
    let cut = Failure::NoAnswer(ClientError::HttpClient("connection reset".into()));
    assert_eq!(cut.kind(), Transient);
    assert_eq!(Failure::TooLate(Duration::from_secs(1)).kind(), Transient);
    let error = cut.into_error("join the queue of lock \"a\"");
    assert!(error.is_retryable());
    assert!(
        error.to_string().contains("lock \"a\"") && error.to_string().contains("connection reset"),
        "{error}"
    );
}

#[test]
fn patience_lasts_as_long_as_was_asked_for() {
    let retry_after = Some(Duration::from_secs(2));
    let busy = Refusal { status: 503, number: None, message: String::new(), retry_after };
    assert_eq!(Failure::Refused(busy).kind(), Throttled { retry_after });
}

#[test]
fn every_error_says_what_to_do_and_what_the_server_said() {
    let refusal =
        Refusal { status: 404, number: Some(1228), message: "database not found".into(), retry_after: None };
    let text = Failure::Refused(refusal).into_error("list the locks").to_string();
    for part in ["could not list the locks", "change", "1228", "404", "database not found"] {
        assert!(text.contains(part), "{text}");
    }
    let text = Failure::Senseless("an HTML page".into()).into_error("list the locks").to_string();
    assert!(text.contains("not ArangoDB") && text.contains("HTML"), "{text}");
}
