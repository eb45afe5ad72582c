//! The value of a lock.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A short text that the holder of a lock writes and that everybody may read: any UTF-8 string of up to 4 KiB.
///
/// It outlives its holder: it stays until another holder replaces or clears it.
///
/// ```
/// use shylock_core::Value;
///
/// let value = Value::new("10.0.0.7:8080")?;
/// assert_eq!(value.as_str(), "10.0.0.7:8080");
/// # Ok::<(), shylock_core::InvalidValue>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Value(Arc<str>);

impl Value {
    /// The maximum length of a value, in bytes of UTF-8.
    pub const MAX_BYTES: usize = 4096;

    /// Checks a string and takes it as a value.
    ///
    /// # Errors
    /// [`InvalidValue`] if the string is longer than [`Value::MAX_BYTES`].
    pub fn new(value: impl Into<Arc<str>>) -> Result<Self, InvalidValue> {
        let value = value.into();
        if value.len() > Self::MAX_BYTES { Err(InvalidValue(value.len())) } else { Ok(Self(value)) }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Value {
    type Error = InvalidValue;

    fn try_from(value: String) -> Result<Self, Self::Error> {
        Self::new(value)
    }
}

impl From<Value> for String {
    fn from(value: Value) -> Self {
        value.as_str().to_owned()
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

/// The error for a string that is too long for a [`Value`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid value: it has {0} bytes, and the maximum is {max}; store it elsewhere and keep a reference to it here", max = Value::MAX_BYTES)]
pub struct InvalidValue(usize);
