//! Who asks: the credential on a request, the keys and tokens it may be, and the caller it stands for.
//!
//! [`Presented::read`] finds the credential, [`Authenticator::identify`] says whose it is. Both are plain functions on
//! data in memory; the keys come from the store by [`KeyRing::refresh`], off the requests' path.

mod authenticator;
mod credential;
mod error;
mod form;
mod grant;
mod issuer;
mod keyring;
mod keys;
mod marks;
mod principal;
mod secret_text;
mod signing;
mod tokens;
mod verified;

pub use authenticator::Authenticator;
pub use credential::{CredentialError, NEVER_FORWARDED, Presented, is_key_protocol, without_credential};
pub use error::{IdentifyError, OpenError, Reason};
pub use grant::{Grant, GrantError};
pub use issuer::Issuer;
pub use keyring::{KeyRing, Refresh};
pub use keys::{CreateKeyError, CreatedKey, Keys, NewKey};
pub use marks::Marks;
pub use principal::Principal;
pub use store::{Allowed, KeyRecord};
pub use tokens::{AccessToken, Tokens};
