//! From a lock name to the `_key` of its document.

use std::fmt::Write as _;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest, Sha256};
use shylock_core::LockName;

/// What stays as it is. Keys may have more signs, but these are the ones that names have, and that mean nothing
/// to the server, to its web interface or in a URL.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b':').remove(b'@');

/// The longest key that the server takes, in bytes.
const LONGEST: usize = 254;

/// What begins the key of a name that is too long. No escaped name has a `=`, so the two kinds never meet.
const HASHED: &str = "sha256=";

/// The key of a lock: its name, percent-encoded, or a hash of the name if that is too long.
pub(crate) fn key(lock: &LockName) -> String {
    let escaped = utf8_percent_encode(lock.as_str(), ESCAPED).to_string();
    if escaped.len() <= LONGEST {
        return escaped;
    }
    HASHED.to_owned() + &hex(&Sha256::digest(lock.as_str()))
}

/// Two small hexadecimal digits for each byte: what the function `TO_HEX` of AQL gives.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut digits, byte| {
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn of(name: &str) -> String {
        key(&LockName::new(name).expect("a lock name"))
    }

    #[test]
    fn plain_names_stay_readable() {
        assert_eq!(of("my-lock"), "my-lock");
        assert_eq!(of("job:2026.v1_a@host"), "job:2026.v1_a@host");
        assert_eq!(of("a/b c"), "a%2Fb%20c");
        assert_eq!(of("50%"), "50%25");
        assert_eq!(of("é\0"), "%C3%A9%00");
    }

    #[test]
    fn every_key_is_one_that_the_server_takes() {
        let mut names: Vec<String> = (0..=255_u8).map(|byte| char::from(byte).to_string()).collect();
        names.extend(["🔒".repeat(256), "x".repeat(254), "x".repeat(255), "%".repeat(85), "_".repeat(1024)]);
        for name in names {
            let key = of(&name);
            assert!((1..=LONGEST).contains(&key.len()), "{name:?}: {key}");
            assert!(
                key.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.@()+,=;$!*'%:".contains(&b)),
                "{key}"
            );
        }
    }

    #[test]
    fn different_names_have_different_keys() {
        let long = "x".repeat(300);
        let hash = of(&long);
        assert_eq!(hash.len(), HASHED.len() + 64);
        let names = [
            "a",
            "A",
            "%",
            "%25",
            "%2525",
            "a b",
            "a%20b",
            "a+b",
            "e\u{301}",
            "é",
            "\0",
            "%00",
            "sha256=",
            &hash,
            &long,
            &long[1..],
            &hash[7..],
        ];
        let keys: BTreeSet<String> = names.iter().map(|name| of(name)).collect();
        assert_eq!(keys.len(), names.len());
        assert_ne!(of(&hash), hash, "a name that is the key of another");
    }
}
