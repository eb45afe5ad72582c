//! Strings that a careless encoding breaks.

use crate::queue::LockName;

/// Strings that a store or a program may take for something else than text, each of them a valid
/// [`LockName`]. Use them as names, hosts and labels, together with those that mean something to your store:
///
/// ```
/// use shylock_core::conformance::hostile_strings;
///
/// let own = ["$$NOW", "a.b"].map(str::to_owned);
/// let strings: Vec<String> = own.into_iter().chain(hostile_strings()).collect();
/// ```
pub fn hostile_strings() -> Vec<String> {
    let strings = [
        "nul\0inside",
        "\0",
        "ünïcode 🔒",
        "e\u{301}",
        "é",
        "\\",
        " ",
        "line\nbreak",
        "\u{10ffff}",
        "\u{e000}",
        "0",
        "null",
        "LOCK",
        "lock",
    ];
    strings.into_iter().map(str::to_owned).chain(["x".repeat(LockName::MAX_BYTES)]).collect()
}
