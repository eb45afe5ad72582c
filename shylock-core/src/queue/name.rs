//! The name of a lock.

use std::fmt;
use std::sync::Arc;

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
    /// The maximum length of a name, in bytes of UTF-8.
    pub const MAX_BYTES: usize = 1024;

    /// Checks a string and takes it as a lock name.
    ///
    /// # Errors
    /// [`InvalidName`] if the string is empty or longer than [`LockName::MAX_BYTES`].
    pub fn new(name: impl Into<Arc<str>>) -> Result<Self, InvalidName> {
        let name = name.into();
        match name.len() {
            0 => Err(InvalidName("invalid lock name: it is empty; use at least one character".into())),
            1..=Self::MAX_BYTES => Ok(Self(name)),
            bytes => Err(InvalidName(format!(
                "invalid lock name: it has {bytes} bytes, and the maximum is {}; use a shorter name, or a hash of it",
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

/// The error for a string that is not a valid [`LockName`]. Its text says why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidName(String);
