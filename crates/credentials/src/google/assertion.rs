//! JSON Web Tokens (RFC 7519) that a service account signs with its key, by RS256.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use types::Secret;

use crate::error::ObtainError;

/// `claims` as a token that the key in `pem` has signed.
pub(super) fn signed(claims: &Value, key_id: Option<&str>, pem: &str) -> Result<Secret<String>, ObtainError> {
    let key = Secret::new(der(pem).ok_or(ObtainError::SigningKey)?);
    let pair = RsaKeyPair::from_pkcs8(key.reveal()).map_err(|_| ObtainError::SigningKey)?;
    let header = match key_id {
        Some(id) => json!({"alg": "RS256", "typ": "JWT", "kid": id}),
        None => json!({"alg": "RS256", "typ": "JWT"}),
    };
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", part(&header), part(claims));
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature)
        .map_err(|_| ObtainError::SigningKey)?;
    Ok(Secret::new(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))))
}

/// What stands between the lines of a PEM file (RFC 7468).
fn der(pem: &str) -> Option<Vec<u8>> {
    let text: Secret<String> =
        Secret::new(pem.lines().filter(|line| !line.starts_with("-----")).map(str::trim).collect());
    STANDARD.decode(text.reveal()).ok()
}
