//! Masks credentials in text that is logged for debugging: query strings, authorization schemes, known headers.

use std::borrow::Cow;

/// What stands where a credential stood.
pub const MASK: &str = "[redacted]";

/// Query and form parameters whose values are credentials.
const PARAMETERS: &[&str] = &[
    "access_token",
    "api-key",
    "api_key",
    "apikey",
    "assertion",
    "auth",
    "client_assertion",
    "client_secret",
    "code",
    "id_token",
    "key",
    "password",
    "refresh_token",
    "secret",
    "sig",
    "signature",
    "subscription-key",
    "token",
    "x-amz-credential",
    "x-amz-security-token",
    "x-amz-signature",
    "x-api-key",
    "x-goog-api-key",
];

/// Headers whose values are credentials.
const HEADERS: &[&str] = &[
    "api-key",
    "authorization",
    "cf-aig-authorization",
    "cookie",
    "helicone-auth",
    "ocp-apim-subscription-key",
    "proxy-authorization",
    "set-cookie",
    "x-amz-security-token",
    "x-api-key",
    "x-auth-token",
    "x-bf-vk",
    "x-goog-api-key",
    "x-litellm-api-key",
    "x-portkey-api-key",
    "x-portkey-virtual-key",
];

/// Schemes in front of a credential.
const SCHEMES: &[&str] = &["bearer", "basic"];

/// A header's value as it may be logged.
pub fn header<'a>(name: &str, value: &'a str) -> &'a str {
    if HEADERS.iter().any(|secret| secret.eq_ignore_ascii_case(name)) { MASK } else { value }
}

/// `text` with the values of credential parameters (`?key=…`) and of `Bearer …` and `Basic …` masked.
pub fn text(text: &str) -> Cow<'_, str> {
    if !text.contains(['=', ' ']) {
        return Cow::Borrowed(text);
    }
    let mut masked = String::new();
    let mut found = false;
    let mut rest = text;
    while let Some(at) = rest.find(['=', ' ']) {
        let (head, tail) = rest.split_at(at + 1);
        masked.push_str(head);
        rest = tail;
        if precedes_credential(head) {
            let value = tail.trim_start_matches(['"', '\'']);
            let end =
                value.find(|c: char| c.is_whitespace() || "&;,\"'<>()#".contains(c)).unwrap_or(value.len());
            if end > 0 {
                found = true;
                masked.push_str(MASK);
                rest = value.split_at(end).1;
            }
        }
    }
    if !found {
        return Cow::Borrowed(text);
    }
    masked.push_str(rest);
    Cow::Owned(masked)
}

/// Whether `head`, which ends in `=` or a space, ends in a word that announces a credential.
fn precedes_credential(head: &str) -> bool {
    let names = if head.ends_with('=') { PARAMETERS } else { SCHEMES };
    let before = head.trim_end_matches(['=', ' ']);
    let word = before.rsplit(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_')).next();
    word.is_some_and(|word| names.iter().any(|name| name.eq_ignore_ascii_case(word)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(input: &str, expect: &str) {
        assert_eq!(text(input), expect);
    }

    #[test]
    fn credentials_in_text_are_masked_and_the_rest_is_kept() {
        check("", "");
        check("no secret here, a=b", "no secret here, a=b");
        check(
            "/v1beta/models/m:generateContent?key=AIza1&alt=sse",
            "/v1beta/models/m:generateContent?key=[redacted]&alt=sse",
        );
        check("?alt=sse&Key=AIza1", "?alt=sse&Key=[redacted]");
        check("monkey=banana", "monkey=banana");
        check(
            "client_secret=s%3Dx=y&grant_type=client_credentials",
            "client_secret=[redacted]&grant_type=client_credentials",
        );
        check("sent authorization: Bearer tg_abc.def to x", "sent authorization: Bearer [redacted] to x");
        check("key=\"quoted\" end", "key=[redacted]\" end");
        check("bearer", "bearer");
        check("key=", "key=");
    }

    #[test]
    fn credential_headers_are_masked_in_any_case() {
        assert_eq!(header("Authorization", "Bearer x"), MASK);
        assert_eq!(header("X-Goog-Api-Key", "x"), MASK);
        assert_eq!(header("content-type", "text/plain"), "text/plain");
    }
}
