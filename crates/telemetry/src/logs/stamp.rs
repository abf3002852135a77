//! The time at the head of a line.

use std::cell::RefCell;

use types::UnixTime;

use super::LogFormat;
use crate::json::push_integer;

thread_local! {
    /// The last second that was formatted on this thread, and its text without fraction.
    static SECOND: RefCell<(u64, String)> = const { RefCell::new((u64::MAX, String::new())) };
}

/// RFC 3339 in UTC with milliseconds for a machine, the time of day in UTC for a person.
pub(super) fn push_time(out: &mut String, time: UnixTime, format: LogFormat) {
    let pushed = SECOND.try_with(|cell| {
        let mut cached = cell.borrow_mut();
        if cached.0 != time.as_secs() {
            *cached = (time.as_secs(), second_of(time));
        }
        push_second(out, &cached.1, time, format);
    });
    if pushed.is_err() {
        // A thread that is ending has no cache any more.
        push_second(out, &second_of(time), time, format);
    }
}

fn push_second(out: &mut String, second: &str, time: UnixTime, format: LogFormat) {
    match format {
        LogFormat::Json => push_rfc_3339(out, second, time),
        LogFormat::Pretty => out.push_str(second.split_once('T').map_or(second, |(_, clock)| clock)),
    }
}

fn second_of(time: UnixTime) -> String {
    let mut text = time.to_string();
    text.truncate(text.find('.').unwrap_or(text.len()));
    text
}

fn push_rfc_3339(out: &mut String, second: &str, time: UnixTime) {
    out.push_str(second);
    let millis = time.as_micros() / 1_000 % 1_000;
    out.push('.');
    for digit in [millis / 100, millis / 10 % 10, millis % 10] {
        push_integer(out, digit);
    }
    out.push('Z');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cached_second_gives_the_same_text_as_formatting_anew() {
        for micros in [0, 999, 1_000, 999_999, 1_000_000, 1_709_208_000_007_456, 1_709_208_000_123_456] {
            let time = UnixTime::from_micros(micros);
            let mut line = String::new();
            push_time(&mut line, time, LogFormat::Json);
            assert_eq!(line, time.to_string());
        }
    }
}
