//! What a person sees at the start: where it listens, the key, the models, and a line to try.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use settings::Notice;

use crate::first_key::FirstKey;
use crate::ports;

/// What there is to say.
pub(crate) struct Banner<'a> {
    pub(crate) address: SocketAddr,
    /// The local authority's certificate, where TLS is spoken with one.
    pub(crate) authority: Option<PathBuf>,
    pub(crate) is_encrypted: bool,
    pub(crate) credential: Credential<'a>,
    pub(crate) models: &'a [String],
    pub(crate) notices: &'a [Notice],
    pub(crate) ready_after: Duration,
}

/// What a caller has to show.
#[derive(Clone, Copy)]
pub(crate) enum Credential<'a> {
    /// The key of the first start, which is known.
    First(&'a FirstKey),
    /// A key that was made on the command line and shown there once.
    Made,
    /// Nothing.
    None,
}

/// More models than this are counted, not listed.
const MAX_LISTED: usize = 8;

impl Banner<'_> {
    /// The text, ending in a new line.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        let url = self.url();
        let version = env!("CARGO_PKG_VERSION");
        // Writing to a String cannot fail.
        let _ =
            writeln!(text, "  tollgate {version}   ready in {} ms   {url}/v1", self.ready_after.as_millis());
        let _ = writeln!(text, "  models    {}", self.model_line());
        for notice in self.notices {
            let _ = writeln!(text, "  note      {notice}");
        }
        if let Some(authority) = &self.authority {
            let _ = writeln!(text, "  tls       local certificate authority: {}", authority.display());
        }
        match self.credential {
            Credential::First(key) => {
                let _ = writeln!(text, "  key       {}", key.secret.reveal());
                let _ = writeln!(text, "            (saved in {}, mode 0600)", key.path.display());
            }
            Credential::Made => {
                let _ = writeln!(text, "  key       one that you have, or: tollgate keys create NAME");
            }
            Credential::None => {}
        }
        let _ = writeln!(text, "  try       {}", self.try_line(&url));
        text
    }

    fn url(&self) -> String {
        let scheme = if self.is_encrypted { "https" } else { "http" };
        format!("{scheme}://{}", ports::from_here(self.address))
    }

    fn model_line(&self) -> String {
        let listed: Vec<_> = self.models.iter().take(MAX_LISTED).map(String::as_str).collect();
        let more = self.models.len().saturating_sub(MAX_LISTED);
        match (listed.is_empty(), more) {
            (true, _) => "none: name providers in tollgate.yaml".to_owned(),
            (false, 0) => listed.join("  "),
            (false, more) => format!("{}  … and {more} more", listed.join("  ")),
        }
    }

    fn try_line(&self, url: &str) -> String {
        let authority = self.authority.as_ref().map(|path| format!("--cacert {} ", path.display()));
        let key = match self.credential {
            Credential::First(key) => Some(key.secret.reveal().as_str()),
            Credential::Made => Some("KEY"),
            Credential::None => None,
        };
        let key = key.map(|key| format!(" -H 'Authorization: Bearer {key}'"));
        let builtin = self.models.iter().find(|model| model.as_str() == "tollgate/mock");
        let model = builtin.or(self.models.first()).map_or("tollgate/mock", String::as_str);
        format!(
            "curl {}{url}/v1/chat/completions{} -d '{{\"model\":\"{model}\",\"messages\":[{{\"role\":\"user\",\"content\":\"hi\"}}]}}'",
            authority.unwrap_or_default(),
            key.unwrap_or_default(),
        )
    }
}
