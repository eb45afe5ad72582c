//! The id of a claim, or the beginning of one, as `evict` takes it.

use std::str::FromStr;

use shylock::{LiveClaim, Snapshot};

/// The first digits of an id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClaimPrefix(String);

/// How many digits an id has.
const DIGITS: usize = 32;
/// The fewest digits that are shown of an id.
const SHOWN: usize = 8;

impl FromStr for ClaimPrefix {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.to_ascii_lowercase();
        let is_valid =
            (1..=DIGITS).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_valid.then_some(Self(digits)).ok_or_else(|| {
            "a claim id has 32 hexadecimal digits, of which the first ones are enough; `shylock status` and \
             `shylock list` show them"
                .to_owned()
        })
    }
}

impl std::fmt::Display for ClaimPrefix {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl ClaimPrefix {
    /// The claims of a queue whose ids begin so.
    pub(crate) fn find<'a>(&self, queue: &'a Snapshot) -> Vec<&'a LiveClaim> {
        queue.claims.iter().filter(|claim| claim.id.to_string().starts_with(&self.0)).collect()
    }
}

/// As many digits of a claim's id as distinguish it in its queue.
pub(crate) fn short(claim: &LiveClaim, queue: &Snapshot) -> String {
    let id = claim.id.to_string();
    let common =
        |other: &LiveClaim| id.bytes().zip(other.id.to_string().bytes()).take_while(|(a, b)| a == b).count();
    let others = queue.claims.iter().filter(|other| other.id != claim.id);
    let needed = others.map(common).max().map_or(0, |common| common + 1);
    id[..needed.clamp(SHOWN, DIGITS)].to_owned()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use shylock::{FencingToken, Mode, Owner};

    use super::*;

    fn claim(id: &str) -> LiveClaim {
        let owner = Owner::new("host", 1, None);
        let id = id.parse().expect("an id");
        LiveClaim::new(id, Mode::Exclusive, FencingToken::new(1024), Duration::from_secs(1), owner)
    }

    #[test]
    fn the_first_digits_find_a_claim() {
        let queue = Snapshot::new(vec![
            claim("0123456789abcdef0000000000000001"),
            claim("0123456789abcdef0000000000000002"),
            claim("ff23456789abcdef0000000000000001"),
        ]);
        let found = |text: &str| ClaimPrefix::from_str(text).expect(text).find(&queue).len();
        assert_eq!(
            (found("0"), found("F"), found("a"), found("0123456789abcdef0000000000000002")),
            (2, 1, 0, 1)
        );
        assert_eq!(short(&queue.claims[0], &queue), "0123456789abcdef0000000000000001");
        assert_eq!(short(&queue.claims[2], &queue), "ff234567");
    }

    #[test]
    fn what_is_no_beginning_of_an_id_is_refused() {
        for text in ["", "x", "0x1", &"0".repeat(33), "ä"] {
            assert!(ClaimPrefix::from_str(text).is_err(), "{text}");
        }
    }
}
