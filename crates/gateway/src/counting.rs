//! Token estimates from bytes: cheap enough for every request, good enough to reserve by. What an upstream
//! reports replaces them.

use types::{Tokens, Usage};

/// Output to reserve for a request that names no limit of its own.
pub(crate) const USUAL_OUTPUT: u64 = 1024;

/// Bytes of English JSON per token of the common vocabularies, rounded down: an estimate errs upwards.
const BYTES_PER_TOKEN: u64 = 4;

/// About how many tokens `body` is.
pub(crate) fn estimate(body: &[u8]) -> Tokens {
    of_bytes(body.len() as u64)
}

/// About how many tokens so many bytes of text are.
pub(crate) fn of_bytes(bytes: u64) -> Tokens {
    Tokens(bytes.div_ceil(BYTES_PER_TOKEN))
}

/// What an answer that broke off has used: what the upstream reported, or an estimate of what was seen.
pub(crate) fn so_far(reported: Option<Usage>, input: Tokens, output_bytes: u64) -> Usage {
    let seen = of_bytes(output_bytes);
    match reported {
        Some(usage) if usage.output_total() >= seen => usage,
        Some(usage) => Usage { output: Tokens(seen.0.saturating_sub(usage.reasoning.0)), ..usage },
        None => Usage { input, output: seen, ..Usage::default() },
    }
}
