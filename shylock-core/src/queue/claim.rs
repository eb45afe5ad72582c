//! What a claim consists of: id, mode, fencing token, owner.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Identifies one claim. The client draws it before its first attempt, so that every step can be repeated.
///
/// It displays as 32 hexadecimal digits and parses from them. The first 16 digits are those of the
/// [`ManagerId`] whose claim it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClaimId(u128);

impl ClaimId {
    /// Draws an id at random, for a claim without a manager.
    pub fn random() -> Self {
        Self(Uuid::new_v4().as_u128())
    }

    /// The manager that drew this id.
    pub fn manager(self) -> ManagerId {
        ManagerId(u64::try_from(self.0 >> 64).unwrap_or_default())
    }
}

/// Identifies one manager: the part that the ids of all its claims begin with, so that a store can select the wakeups
/// that concern this manager.
///
/// It displays as 16 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ManagerId(u64);

impl ManagerId {
    /// Draws a new id at random.
    pub fn random() -> Self {
        ClaimId::random().manager()
    }

    /// The id of this manager's claim with that number.
    pub const fn claim(self, number: u64) -> ClaimId {
        ClaimId(((self.0 as u128) << 64) | number as u128)
    }
}

impl fmt::Display for ManagerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for ManagerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for ClaimId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for ClaimId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The error for a string that is not a [`ClaimId`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid claim id {0:?}: a claim id has 32 hexadecimal digits")]
pub struct InvalidClaimId(String);

impl FromStr for ClaimId {
    type Err = InvalidClaimId;

    fn from_str(id: &str) -> Result<Self, Self::Err> {
        Uuid::try_parse(id).map(|id| Self(id.as_u128())).map_err(|_| InvalidClaimId(id.to_owned()))
    }
}

impl TryFrom<String> for ClaimId {
    type Error = InvalidClaimId;

    fn try_from(id: String) -> Result<Self, Self::Error> {
        id.parse()
    }
}

impl From<ClaimId> for String {
    fn from(id: ClaimId) -> Self {
        id.to_string()
    }
}

/// The number of a grant. It grows with every grant of a lock name.
///
/// Send it with every write to the resource that the lock protects, and let the resource refuse a token that is
/// smaller than the greatest it has seen. Then a holder that was paused for longer than its lease cannot do damage
/// when it continues. Tokens stay below 2^53, so they are exact in JSON and JavaScript too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FencingToken(u64);

impl FencingToken {
    /// The distance between the tokens of two claims. The numbers in between are for hand-overs inside one process.
    pub const STEP: u64 = 1024;

    /// A token with this number, as a store keeps it.
    pub const fn new(token: u64) -> Self {
        Self(token)
    }

    /// The number.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The token of the `n`th hand-over of the claim with this token; `n` is less than [`FencingToken::STEP`].
    pub(crate) const fn handed_over(self, n: u64) -> Self {
        Self(self.0.saturating_add(n))
    }
}

impl fmt::Display for FencingToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl From<FencingToken> for u64 {
    fn from(token: FencingToken) -> Self {
        token.0
    }
}

impl From<FencingToken> for i64 {
    fn from(token: FencingToken) -> Self {
        // Below 2^53 by construction. A number that somebody edited in the store saturates instead of wrapping.
        Self::try_from(token.0).unwrap_or(Self::MAX)
    }
}

/// How a claim holds a lock: alone, or together with other shared claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Mode {
    /// Alone.
    Exclusive,
    /// Together with other shared claims, of which at most `max` hold at once.
    Shared {
        /// The maximum number of claims that hold together, including this one; at least 1.
        max: u32,
    },
}

impl Mode {
    /// A shared mode without a limit: a reader's claim.
    pub const READER: Self = Self::Shared { max: u32::MAX };

    /// The maximum number of claims that may hold at once when a claim of this mode is among them.
    pub const fn max_holders(self) -> u32 {
        match self {
            Self::Exclusive => 1,
            Self::Shared { max } => max,
        }
    }
}

/// Who made a claim. It is for people: no decision depends on it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Owner {
    /// The name of the machine.
    pub host: String,
    /// The process id on that machine.
    pub pid: u32,
    /// The label that the user gave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
}

impl Owner {
    /// An owner with this host, process id and label.
    pub fn new(host: impl Into<String>, pid: u32, label: Option<String>) -> Self {
        Self { host: host.into(), pid, label }
    }

    /// This process on this machine.
    pub fn this_process(label: Option<String>) -> Self {
        Self::new(gethostname::gethostname().to_string_lossy(), std::process::id(), label)
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (pid {}", self.host, self.pid)?;
        if let Some(label) = &self.label {
            write!(f, ", {label}")?;
        }
        f.write_str(")")
    }
}

/// One entry of a queue, as a store keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Claim {
    /// The id that the client drew.
    pub id: ClaimId,
    /// How it holds.
    pub mode: Mode,
    /// The fencing token, drawn when the claim joined. Claims stand in the order of their tokens.
    pub token: FencingToken,
    /// When it joined, by the store's clock, in milliseconds since 1970. 0 if the record does not tell.
    #[serde(default)]
    pub joined_at: u64,
    /// When its lease ends, by the store's clock, in milliseconds since 1970.
    pub expires_at: u64,
    /// Whether its owner has left with a linger: it stays until `expires_at` and cannot be extended.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub leaving: bool,
    /// Who made it.
    pub owner: Owner,
}

impl Claim {
    /// A claim that is not leaving. Times are in milliseconds since 1970.
    pub fn new(
        id: ClaimId,
        mode: Mode,
        token: FencingToken,
        joined_at: u64,
        expires_at: u64,
        owner: Owner,
    ) -> Self {
        Self { id, mode, token, joined_at, expires_at, leaving: false, owner }
    }
}
