//! The values of options: what is not allowed is refused where the option can be named.

use std::time::Duration;

use shylock::LockName;

/// The limits of the library, so that the message names the option.
const SHORTEST_TTL: Duration = Duration::from_millis(100);
const THIRTY_DAYS: Duration = Duration::from_secs(30 * 24 * 3600);
const LONGEST_LABEL: usize = 256;

/// A number of seconds, as for flock(1), or a time with units.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    if text.trim().is_empty() {
        return Err(
            "it is empty; write a number of seconds, or a time such as 500ms, 30s or 1h30m".to_owned()
        );
    }
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    if is_number && let Ok(seconds) = text.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).map_err(|_| "it is too long".to_owned());
    }
    humantime::parse_duration(text)
        .map_err(|error| format!("{error}; write a number of seconds, or a time such as 500ms, 30s or 1h30m"))
}

pub(crate) fn ttl(text: &str) -> Result<Duration, String> {
    let time = duration(text)?;
    let is_valid = (SHORTEST_TTL..=THIRTY_DAYS).contains(&time);
    is_valid.then_some(time).ok_or_else(|| "it must be between 100ms and 30d".to_owned())
}

pub(crate) fn up_to_30_days(text: &str) -> Result<Duration, String> {
    let time = duration(text)?;
    (time <= THIRTY_DAYS).then_some(time).ok_or_else(|| "it must be at most 30d".to_owned())
}

pub(crate) fn at_least_1_ms(text: &str) -> Result<Duration, String> {
    let time = duration(text)?;
    let is_valid = time >= Duration::from_millis(1);
    is_valid.then_some(time).ok_or_else(|| "it must be at least 1ms; leave it out for no limit".to_owned())
}

pub(crate) fn label(text: &str) -> Result<String, String> {
    match text.len() {
        0..=LONGEST_LABEL => Ok(text.to_owned()),
        bytes => Err(format!("it has {bytes} bytes, and the maximum is {LONGEST_LABEL}")),
    }
}

pub(crate) fn lock_name(text: &str) -> Result<LockName, String> {
    LockName::new(text).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_a_number_of_seconds() {
        for (text, time) in [
            ("0", Duration::ZERO),
            ("0s", Duration::ZERO),
            ("5", Duration::from_secs(5)),
            ("0.25", Duration::from_millis(250)),
            ("500ms", Duration::from_millis(500)),
            ("1h30m", Duration::from_secs(5400)),
        ] {
            assert_eq!(duration(text), Ok(time), "{text}");
        }
        for text in
            ["", " ", ".", "-1", "1e3", "inf", "NaN", "5 parsecs", "99999999999999999999", &"9".repeat(400)]
        {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_limits_are_those_of_the_library() {
        assert!(
            ttl("99ms").is_err() && ttl("100ms").is_ok() && ttl("30d").is_ok() && ttl("2592001").is_err()
        );
        assert!(up_to_30_days("0").is_ok() && up_to_30_days("30d").is_ok() && up_to_30_days("31d").is_err());
        assert!(at_least_1_ms("0").is_err() && at_least_1_ms("1ms").is_ok());
        assert!(label(&"x".repeat(256)).is_ok() && label(&"x".repeat(257)).is_err());
        assert!(lock_name("").is_err() && lock_name(&"x".repeat(1025)).is_err() && lock_name("a").is_ok());
    }
}
