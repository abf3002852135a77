//! Stable error codes (`TG-…`), each with a page in `docs/errors/`, and the classes dialects map to statuses.

use std::fmt;

/// What kind of error a caller sees. A dialect maps each class to its own status and word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorClass {
    /// The request cannot be understood or is not allowed as it stands (400).
    InvalidRequest,
    /// Who asks is unknown (401).
    Authentication,
    /// Money or credit has run out (402).
    Billing,
    /// Who asks is known and may not (403).
    Permission,
    /// What is asked for does not exist (404).
    NotFound,
    /// The path exists, the method does not (405).
    MethodNotAllowed,
    /// The same thing is already under way or already differs (409).
    Conflict,
    /// The request is larger than a limit (413).
    TooLarge,
    /// The headers are larger than a limit (431).
    HeadersTooLarge,
    /// Too much in too short a time (429).
    RateLimited,
    /// A fault of the gateway's own (500).
    Internal,
    /// The upstream answered with something unusable (502).
    BadGateway,
    /// Nobody can serve this now (503).
    Unavailable,
    /// The upstream took too long (504).
    Timeout,
    /// The request came back to where it started (508).
    Loop,
}

/// Declares the codes once: variant, printed code, class, title.
macro_rules! codes {
    ($($variant:ident $text:literal $class:ident $title:literal;)+) => {
        /// A stable error code. Scripts and people may rely on its text; its page says what to do.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code { $(#[doc = $title] $variant,)+ }

        impl Code {
            /// Every code there is, in order.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The code as printed, e.g. `TG-1001`.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// The class a dialect maps to a status.
            pub const fn class(self) -> ErrorClass {
                match self { $(Self::$variant => ErrorClass::$class,)+ }
            }

            /// What it means, in a few words.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)+ }
            }
        }
    };
}

codes! {
    MalformedJson "TG-0101" InvalidRequest "the body is not JSON";
    BodyTooLarge "TG-0102" TooLarge "the body is larger than the limit";
    InvalidUtf8 "TG-0103" InvalidRequest "the body is not UTF-8";
    JsonTooDeep "TG-0104" InvalidRequest "the JSON is nested too deeply";
    HeadersTooLarge "TG-0105" HeadersTooLarge "the headers are too large or too many";
    UnknownPath "TG-0106" NotFound "no such endpoint";
    MethodNotAllowed "TG-0107" MethodNotAllowed "the endpoint does not take this method";
    InvalidField "TG-0108" InvalidRequest "a field is missing, of the wrong type or out of range";
    BodyUnreadable "TG-0109" InvalidRequest "the body ended early or came too slowly";
    RequestLoop "TG-0110" Loop "the request came back to the gateway that sent it";
    UnsupportedEncoding "TG-0111" InvalidRequest "the body's content encoding is not supported";
    MalformedHttp "TG-0112" InvalidRequest "the request is not valid HTTP";
    UpgradeRefused "TG-0113" MethodNotAllowed "the endpoint speaks plain HTTP only";
    WebSocketOnly "TG-0120" MethodNotAllowed "the endpoint is a WebSocket";
    BadCredential "TG-1001" Authentication "no valid key";
    CredentialConflict "TG-1002" InvalidRequest "two different keys on one request";
    ModelNotAllowed "TG-1003" Permission "the key may not use this model";
    ModelNotFound "TG-1004" NotFound "no such model";
    ModelAmbiguous "TG-1005" InvalidRequest "the model's name fits more than one provider";
    AuthenticationDown "TG-1006" Unavailable "keys cannot be checked now";
    BadGrant "TG-1007" InvalidRequest "the token request is not valid";
    RateLimited "TG-1101" RateLimited "the rate limit is used up";
    TooManyConcurrent "TG-1102" RateLimited "too many requests at once";
    Untranslatable "TG-1201" InvalidRequest "the request cannot be said in the provider's language";
    NotOffered "TG-1202" InvalidRequest "the model's provider does not offer this operation";
    UnknownPrice "TG-1203" Permission "nobody knows the price of the model";
    UpstreamUnreachable "TG-1301" BadGateway "the provider cannot be reached";
    UpstreamTimeout "TG-1302" Timeout "the provider took too long";
    UpstreamRejected "TG-1303" InvalidRequest "the provider refused the request";
    UpstreamCredential "TG-1304" BadGateway "the provider refused the gateway's credential";
    UpstreamFailed "TG-1305" BadGateway "the provider failed";
    UpstreamOverloaded "TG-1306" RateLimited "the provider is overloaded or limits its rate";
    UpstreamCut "TG-1307" BadGateway "the provider's answer broke off";
    UpstreamUnreadable "TG-1308" BadGateway "the provider's answer cannot be read";
    UpstreamTooLarge "TG-1309" BadGateway "the provider's answer is larger than the limit";
    UpstreamQuota "TG-1310" Unavailable "the gateway's account at the provider is out of credit";
    NoTarget "TG-1311" Unavailable "no provider of this model is available";
    NotPassedThrough "TG-1312" Permission "nothing is passed through to this provider";
    NotKept "TG-1313" NotFound "there is no such file or batch";
    ContextTooLong "TG-1314" InvalidRequest "the request is longer than the model's context window";
    Internal "TG-1401" Internal "a fault inside the gateway";
    LedgerUnavailable "TG-1402" Unavailable "the ledger cannot be written";
    Draining "TG-1403" Unavailable "the gateway is shutting down";
    ClientGone "TG-1404" Internal "the client went away";
    NoRoom "TG-1405" Unavailable "the gateway holds as many large bodies as it may";
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
