//! Words and texts: truth values, names, addresses, paths.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::read::{At, Refused, Scalar, Shape};
use crate::reading::Reading;
use crate::shown::{Show, Shown};

impl Scalar for bool {
    const EXPECTED: &'static str = "`true` or `false`";

    fn parse(text: &str) -> Result<Self, Refused> {
        match text {
            "true" | "True" | "TRUE" => Ok(true),
            "false" | "False" | "FALSE" => Ok(false),
            _ => Err(Refused::Type),
        }
    }

    fn schema() -> Value {
        json!({"type": "boolean"})
    }

    fn shown(&self) -> Shown {
        Shown::Bare(self.to_string())
    }
}

impl Scalar for String {
    const EXPECTED: &'static str = "text";

    fn parse(text: &str) -> Result<Self, Refused> {
        match text {
            "true" | "false" => Err(Refused::Type),
            blank if blank.trim().is_empty() => Err(refused("must not be empty")),
            unfit if unfit.contains(char::is_control) => {
                Err(refused("must be one line without control characters"))
            }
            fit => Ok(fit.to_owned()),
        }
    }

    fn schema() -> Value {
        json!({"type": "string", "minLength": 1})
    }

    fn shown(&self) -> Shown {
        Shown::Text(self.clone())
    }
}

impl Scalar for SocketAddr {
    const EXPECTED: &'static str = "an address and port such as 127.0.0.1:8080";

    fn parse(text: &str) -> Result<Self, Refused> {
        let port = |prefix: &str| text.strip_prefix(prefix)?.parse::<u16>().ok();
        if let Some(port) = port("localhost:") {
            return Ok(Self::from(([127, 0, 0, 1], port)));
        }
        text.parse().map_err(|_| match port(":").or_else(|| text.parse().ok()) {
            Some(port) => refused(&format!("write 127.0.0.1:{port}, or 0.0.0.0:{port} for every interface")),
            None if matches!(text, "true" | "false") => Refused::Type,
            None => Refused::Value(None),
        })
    }

    fn schema() -> Value {
        json!({"type": "string"})
    }

    fn shown(&self) -> Shown {
        if self.is_ipv4() { Shown::Bare(self.to_string()) } else { Shown::Text(self.to_string()) }
    }
}

impl Shape for PathBuf {
    /// A relative path in the file starts at the file's folder.
    fn read(at: &At<'_>, reading: &mut Reading<'_>) -> Option<Self> {
        let text = String::read(at, reading)?;
        Some(reading.base(&at.node.origin).join(text))
    }

    fn schema() -> Value {
        json!({"type": "string", "minLength": 1})
    }
}

impl Show for PathBuf {
    fn shown(&self) -> Shown {
        Shown::Text(self.display().to_string())
    }
}

fn refused(help: &str) -> Refused {
    Refused::Value(Some(help.to_owned()))
}
