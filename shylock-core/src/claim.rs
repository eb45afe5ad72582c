//! What a queue is made of: names, claims, modes, tokens, owners.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The name of a lock: any UTF-8 string of 1 to 1,024 bytes.
///
/// Names are compared byte by byte: `Lock` and `lock` are two locks.
///
/// ```
/// use shylock_core::LockName;
///
/// let name = LockName::new("invoices/2026")?;
/// assert_eq!(name.as_str(), "invoices/2026");
/// assert!(LockName::new("").is_err());
/// # Ok::<(), shylock_core::InvalidName>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LockName(Arc<str>);

impl LockName {
    /// The longest name, in bytes of UTF-8.
    pub const MAX_BYTES: usize = 1024;

    /// Takes a string as a lock name.
    ///
    /// # Errors
    /// [`InvalidName`] if the string is empty or longer than [`LockName::MAX_BYTES`].
    pub fn new(name: impl Into<Arc<str>>) -> Result<Self, InvalidName> {
        let name = name.into();
        match name.len() {
            0 => Err(InvalidName("a lock name is empty; give it at least one character".into())),
            1..=Self::MAX_BYTES => Ok(Self(name)),
            bytes => Err(InvalidName(format!(
                "a lock name has {bytes} bytes, and {} are allowed; use a shorter name, or a hash of it",
                Self::MAX_BYTES
            ))),
        }
    }

    /// The name as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for LockName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for LockName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

/// A string that cannot be a lock name; its text says why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidName(String);

/// Names one claim. Drawn by the client before its first attempt, so that every step can be repeated.
///
/// It displays as 32 hexadecimal digits, and parses from them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClaimId(Uuid);

impl ClaimId {
    /// Draws a new id: 122 random bits, so that no two clients ever draw the same one.
    pub fn random() -> Self {
        Self(Uuid::new_v4())
    }
}

impl fmt::Display for ClaimId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.0.as_simple(), f)
    }
}

impl fmt::Debug for ClaimId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A string that is no claim id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a claim id; one has 32 hexadecimal digits, as `inspect` and `list` show them")]
pub struct InvalidClaimId(String);

impl FromStr for ClaimId {
    type Err = InvalidClaimId;

    fn from_str(id: &str) -> Result<Self, Self::Err> {
        Uuid::try_parse(id).map(Self).map_err(|_| InvalidClaimId(id.to_owned()))
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

/// A number that grows with every grant of a lock name.
///
/// Send it along with every write to the thing that the lock protects, and let that thing refuse a
/// token smaller than the greatest that it has seen: then a holder that was paused past its lease can
/// do no harm when it wakes. Tokens stay below 2^53, so they are exact in JSON and JavaScript too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FencingToken(u64);

impl FencingToken {
    /// How far apart the tokens of two claims are: room for hand-overs inside one process.
    pub const STEP: u64 = 1024;

    /// Takes a number, as a store kept it, for a token.
    pub const fn new(token: u64) -> Self {
        Self(token)
    }

    /// The number.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The token of the `n`th hand-over of the claim that has this one; `n` is below [`FencingToken::STEP`].
    pub(crate) const fn handed_over(self, n: u64) -> Self {
        Self(self.0 + n)
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
        // Below 2^53 by construction; a store that was tampered with saturates rather than wraps.
        Self::try_from(token.0).unwrap_or(Self::MAX)
    }
}

/// How a claim wants to hold: alone, or together with other shared claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Alone.
    Exclusive,
    /// Together with other shared claims, as long as at most `max` hold. `u32::MAX` is a reader's lock.
    Shared {
        /// How many claims may hold together, this one among them; at least 1.
        max: u32,
    },
}

impl Mode {
    /// How many claims may hold together with a claim of this mode, itself among them.
    pub const fn max_holders(self) -> u32 {
        match self {
            Self::Exclusive => 1,
            Self::Shared { max } => max,
        }
    }
}

/// Who made a claim, for people: it decides nothing.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Owner {
    /// The name of the machine.
    pub host: String,
    /// The process on that machine.
    pub pid: u32,
    /// What the user called it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
}

impl Owner {
    /// An owner with these particulars, as a store kept them.
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
