//! A value that is never printed.

use zeroize::{Zeroize, ZeroizeOnDrop};

/// A secret from the moment it is read: `Debug` shows nothing of it, no `Display`, no `Serialize`, wiped when dropped.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Secret<T: Zeroize>(T);

impl<T: Zeroize> Secret<T> {
    /// Takes the value in.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// Shows the value to the one caller that has to use it.
    pub const fn reveal(&self) -> &T {
        &self.0
    }
}

impl<T: Zeroize> std::fmt::Debug for Secret<T> {
    /// Says that there is a secret, not which.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}
