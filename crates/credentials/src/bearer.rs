//! Bearer tokens (RFC 6750), and how OAuth 2.0 gives them out (RFC 6749, section 5).

use std::time::Duration;

use http::HeaderValue;
use serde::{Deserialize, Deserializer};

use crate::cache::Issued;
use crate::error::ObtainError;
use crate::fetch::{Ask, Surroundings, origin_of};

/// A token as the `authorization` header carries it, marked sensitive.
#[derive(Clone, Debug)]
pub(crate) struct Bearer(HeaderValue);

impl Bearer {
    /// The header's value for this token; `None` for one that no header can carry.
    pub(crate) fn new(token: &str) -> Option<Self> {
        let mut value = HeaderValue::from_str(&format!("Bearer {token}")).ok()?;
        value.set_sensitive(true);
        (!token.is_empty()).then_some(Self(value))
    }

    /// The header's value.
    pub(crate) const fn header(&self) -> &HeaderValue {
        &self.0
    }

    /// The token alone.
    pub(crate) fn token(&self) -> &str {
        self.0.to_str().unwrap_or_default().trim_start_matches("Bearer ")
    }
}

/// Asks a token endpoint.
///
/// # Cancel safety
/// Dropping it gives the question up.
pub(crate) async fn token(around: &Surroundings, ask: Ask) -> Result<Issued<Bearer>, ObtainError> {
    let endpoint = origin_of(&ask.url);
    let answer: Answer = around.ask_for(ask).await?;
    let value = Bearer::new(&answer.access_token).ok_or(ObtainError::Unreadable { endpoint })?;
    let now = around.clock.wall().as_secs();
    let lasts = answer.expires_in.or_else(|| answer.expires_on.map(|end| end.saturating_sub(now)));
    Ok(Issued { value, lasts: lasts.map(Duration::from_secs) })
}

#[derive(Deserialize)]
struct Answer {
    access_token: String,
    #[serde(default, deserialize_with = "seconds")]
    expires_in: Option<u64>,
    /// Some managed identities tell the end alone, in seconds since 1970.
    #[serde(default, deserialize_with = "seconds")]
    expires_on: Option<u64>,
}

/// A number, or its digits in quotes: managed identities write them so.
fn seconds<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Seconds {
        Digits(String),
        Number(u64),
    }
    Ok(match Option::<Seconds>::deserialize(from)? {
        Some(Seconds::Digits(digits)) => digits.parse().ok(),
        Some(Seconds::Number(number)) => Some(number),
        None => None,
    })
}
