//! The `Server-Timing` header (<https://www.w3.org/TR/server-timing/>), which browsers' developer tools draw.

use std::time::Duration;

use crate::json::push_millis;

/// The header's value, in milliseconds: `tollgate;dur=0.31, upstream;dur=812.4`.
pub fn server_timing(overhead: Duration, upstream: Option<Duration>) -> String {
    let mut value = String::with_capacity(48);
    value.push_str("tollgate;dur=");
    push_millis(&mut value, overhead);
    if let Some(upstream) = upstream {
        value.push_str(", upstream;dur=");
        push_millis(&mut value, upstream);
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_says_milliseconds() {
        let overhead = Duration::from_micros(310);
        assert_eq!(
            server_timing(overhead, Some(Duration::from_micros(812_400))),
            "tollgate;dur=0.31, upstream;dur=812.4"
        );
        assert_eq!(server_timing(overhead, None), "tollgate;dur=0.31");
    }
}
