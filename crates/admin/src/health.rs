//! Whether this process is alive and takes requests. No model is ever asked for that.

use std::sync::atomic::{AtomicBool, Ordering};

use gateway::Answer;
use http::StatusCode;

use crate::{answer, text};

/// Whether this process takes requests.
#[derive(Debug, Default)]
pub struct Readiness {
    is_draining: AtomicBool,
}

impl Readiness {
    /// The process is going to stop: load balancers should send their requests elsewhere.
    pub fn drain(&self) {
        self.is_draining.store(true, Ordering::Relaxed);
    }

    /// 200 while requests are taken, 503 while draining; `?verbose` says why.
    pub(crate) fn answer(&self, query: Option<&str>) -> Answer {
        let is_draining = self.is_draining.load(Ordering::Relaxed);
        let status = if is_draining { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
        if query.is_some_and(|query| query.split('&').any(|part| part.starts_with("verbose"))) {
            let state = if is_draining { "[-]draining failed" } else { "[+]draining ok" };
            let verdict = if is_draining { "not ready" } else { "ready" };
            let plain = http::HeaderValue::from_static("text/plain; charset=utf-8");
            return answer(status, plain, format!("{state}\n{verdict}\n"));
        }
        text(status, if is_draining { "draining\n" } else { "ok\n" })
    }
}
