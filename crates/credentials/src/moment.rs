//! Times as token endpoints write them: RFC 3339, read to the second.

use std::time::Duration;

use types::{Clock, UnixTime};

/// How long it is from now until the time in `text`; `None` for what is no time. Past times are zero away.
pub(crate) fn until(text: &str, clock: &dyn Clock) -> Option<Duration> {
    let end = read(text)?;
    Some(Duration::from_micros(end.as_micros().saturating_sub(clock.wall().as_micros())))
}

/// Reads `2026-11-22T17:30:00Z`, with fractions of a second or without. Other offsets than UTC are in nobody's answers.
fn read(text: &str) -> Option<UnixTime> {
    let (date, time) = text.strip_suffix(['Z', 'z'])?.split_once(['T', 't'])?;
    let [year, month, day] = numbers(date, '-')?;
    let (time, _) = time.split_once('.').unwrap_or((time, ""));
    let [hour, minute, second] = numbers(time, ':')?;
    let is_possible = year >= 1970 && (1..=12).contains(&month) && (1..=31).contains(&day);
    if !is_possible || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let seconds = days_from_civil(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
    Some(UnixTime::from_secs(seconds))
}

fn numbers(text: &str, between: char) -> Option<[u64; 3]> {
    let mut parts = text.split(between).map(|part| part.parse::<u16>().ok().map(u64::from));
    let numbers = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(numbers)
}

/// Days since 1970, by Howard Hinnant's `days_from_civil`.
fn days_from_civil(year: u64, month: u64, day: u64) -> u64 {
    let year = year - u64::from(month <= 2);
    let (era, year_of_era) = (year / 400, year % 400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_is_read_back_the_same() {
        for day in 0..60_000 {
            let time = UnixTime::from_secs(day * 86_400 + day % 86_400);
            assert_eq!(read(&time.to_string()), Some(time), "{time}");
        }
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in [
            "",
            "Z",
            "T",
            "2026-11-22",
            "2026-13-01T00:00:00Z",
            "2026-11-22T17:30Z",
            "1-2-3-4T1:2:3Z",
            "2026-11-22T24:00:00Z",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
        assert_eq!(read("1970-01-01T00:00:01.9Z"), Some(UnixTime::from_secs(1)));
    }
}
