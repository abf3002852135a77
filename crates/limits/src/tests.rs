//! The limiter as its callers see it, with a clock that is moved by hand.

use std::sync::atomic::{AtomicU64, Ordering};

use proptest::prelude::*;
use types::{Classify as _, Clock, Code, Retry, UnixTime};

use super::*;

/// A clock that stands until it is moved.
#[derive(Debug, Default)]
struct HandClock(AtomicU64);

impl HandClock {
    fn advance(&self, by: Duration) {
        self.0.fetch_add(u64::try_from(by.as_nanos()).unwrap(), Ordering::Relaxed);
    }
}

impl Clock for HandClock {
    fn now(&self) -> Monotonic {
        Monotonic::from_nanos(self.0.load(Ordering::Relaxed))
    }

    fn wall(&self) -> UnixTime {
        UnixTime::default()
    }
}

fn requests(per_minute: u64) -> RateLimit {
    RateLimit { requests_per_minute: per_minute.try_into().ok(), ..RateLimit::default() }
}

fn tokens(per_minute: u64) -> RateLimit {
    RateLimit { tokens_per_minute: per_minute.try_into().ok(), ..RateLimit::default() }
}

fn blue() -> Tenant {
    Tenant::from("blue")
}

#[track_caller]
fn wait_of(refused: Result<Hold, ReserveError>) -> Duration {
    let refused = refused.expect_err("refused");
    let Retry::After(wait) = refused.verdict().retry else { panic!("no wait: {refused:?}") };
    wait
}

#[track_caller]
fn check_burst(per_minute: u64) {
    let clock = HandClock::default();
    clock.advance(Duration::from_nanos(17));
    let limiter = Limiter::new(requests(per_minute));
    for number in 0..per_minute {
        assert!(limiter.reserve(&blue(), Tokens(0), clock.now()).is_ok(), "{number} of {per_minute}");
    }
    let wait = wait_of(limiter.reserve(&blue(), Tokens(0), clock.now()));
    clock.advance(wait.saturating_sub(Duration::from_nanos(1)));
    wait_of(limiter.reserve(&blue(), Tokens(0), clock.now()));
    clock.advance(Duration::from_nanos(1));
    assert!(limiter.reserve(&blue(), Tokens(0), clock.now()).is_ok(), "the wait of {per_minute} is not true");
}

#[test]
fn a_minutes_worth_may_come_at_once_and_the_wait_for_one_more_is_true() {
    for per_minute in [1, 2, 7, 59, 60, 1_000, 3_001] {
        check_burst(per_minute);
    }
}

#[test]
fn callers_do_not_share_a_bucket() {
    let limiter = Limiter::new(requests(1));
    let now = Monotonic::default();
    assert!(limiter.reserve(&blue(), Tokens(0), now).is_ok());
    assert!(limiter.reserve(&blue(), Tokens(0), now).is_err());
    assert!(limiter.reserve(&Tenant::from("red"), Tokens(0), now).is_ok());
}

#[test]
fn standings_say_what_is_left_and_when_all_of_it_is_back() {
    let clock = HandClock::default();
    let limiter = Limiter::new(RateLimit { tokens_per_minute: 6_000.try_into().ok(), ..requests(60) });
    let hold = limiter.reserve(&blue(), Tokens(1_000), clock.now()).unwrap();
    let seconds = Duration::from_secs;
    let standings = hold.standings(clock.now());
    assert_eq!(
        standings.requests,
        Some(Standing { counted: Counted::Requests, limit: 60, remaining: 59, reset: seconds(1) })
    );
    assert_eq!(
        standings.tokens,
        Some(Standing { counted: Counted::Tokens, limit: 6_000, remaining: 5_000, reset: seconds(10) })
    );
    clock.advance(seconds(10));
    let standings = hold.standings(clock.now());
    assert_eq!(
        standings.requests,
        Some(Standing { counted: Counted::Requests, limit: 60, remaining: 60, reset: Duration::ZERO })
    );
    assert_eq!(
        standings.tokens,
        Some(Standing { counted: Counted::Tokens, limit: 6_000, remaining: 6_000, reset: Duration::ZERO })
    );
}

#[track_caller]
fn check_settlement(used: u64, remaining: u64) {
    let limiter = Limiter::new(tokens(1_000));
    let now = Monotonic::default();
    limiter.reserve(&blue(), Tokens(400), now).unwrap().settle(Tokens(used), now);
    let probe = limiter.reserve(&blue(), Tokens(0), now);
    let standings = probe.map_or_else(|refused| *refused.standings(), |hold| hold.standings(now));
    assert_eq!(standings.tokens.unwrap().remaining, remaining, "used {used} of 400 reserved");
}

#[test]
fn settling_takes_what_was_used_whatever_was_reserved() {
    check_settlement(0, 1_000);
    check_settlement(100, 900);
    check_settlement(400, 600);
    check_settlement(700, 300);
    check_settlement(5_000, 0);
}

#[test]
fn a_debt_above_the_limit_is_paid_off_before_the_next_request() {
    let clock = HandClock::default();
    let limiter = Limiter::new(tokens(60));
    limiter.reserve(&blue(), Tokens(0), clock.now()).unwrap().settle(Tokens(90), clock.now());
    assert_eq!(wait_of(limiter.reserve(&blue(), Tokens(10), clock.now())), Duration::from_secs(40));
    clock.advance(Duration::from_secs(40));
    assert!(limiter.reserve(&blue(), Tokens(10), clock.now()).is_ok());
}

#[test]
fn a_request_above_a_whole_minutes_tokens_is_refused_for_good() {
    let limiter = Limiter::new(tokens(100));
    let refused = limiter.reserve(&blue(), Tokens(101), Monotonic::default()).unwrap_err();
    assert_eq!(refused.verdict().retry, Retry::Never);
    assert_eq!(refused.verdict().code, Code::RateLimited);
}

#[test]
fn a_refused_request_takes_nothing_from_any_bucket() {
    let limiter = Limiter::new(RateLimit { tokens_per_minute: 100.try_into().ok(), ..requests(2) });
    let now = Monotonic::default();
    let first = limiter.reserve(&blue(), Tokens(60), now).unwrap();
    let refused = limiter.reserve(&blue(), Tokens(60), now).unwrap_err();
    assert!(matches!(refused, ReserveError::Tokens { limit: 100, .. }), "{refused:?}");
    assert_eq!(refused.standings().requests.unwrap().remaining, 1);
    assert_eq!(first.standings(now).tokens.unwrap().remaining, 40);
}

#[test]
fn an_open_place_is_free_again_when_its_hold_is_settled_or_dropped() {
    let limiter = Limiter::new(RateLimit { concurrent: 2.try_into().ok(), ..RateLimit::default() });
    let now = Monotonic::default();
    let first = limiter.reserve(&blue(), Tokens(0), now).unwrap();
    let second = limiter.reserve(&blue(), Tokens(0), now).unwrap();
    let refused = limiter.reserve(&blue(), Tokens(0), now).unwrap_err();
    assert_eq!(refused.verdict().code, Code::TooManyConcurrent);
    drop(first);
    let third = limiter.reserve(&blue(), Tokens(0), now).unwrap();
    second.settle(Tokens(9), now);
    assert!(limiter.reserve(&blue(), Tokens(0), now).is_ok());
    drop(third);
}

#[test]
fn a_dropped_hold_keeps_what_it_took() {
    let limiter = Limiter::new(tokens(100));
    let now = Monotonic::default();
    drop(limiter.reserve(&blue(), Tokens(80), now).unwrap());
    assert!(limiter.reserve(&blue(), Tokens(30), now).is_err());
}

#[test]
fn a_replaced_limit_keeps_what_has_been_taken() {
    let limiter = Limiter::new(requests(10));
    let now = Monotonic::default();
    for _ in 0..10 {
        drop(limiter.reserve(&blue(), Tokens(0), now).unwrap());
    }
    limiter.replace(requests(15));
    let hold = limiter.reserve(&blue(), Tokens(0), now).unwrap();
    assert_eq!(hold.standings(now).requests.unwrap().remaining, 4);
    limiter.replace(requests(5));
    assert!(limiter.reserve(&blue(), Tokens(0), now).is_err());
    limiter.replace(RateLimit::default());
    assert!(limiter.reserve(&blue(), Tokens(0), now).is_ok());
}

#[test]
fn without_a_limit_nothing_is_kept_about_anyone() {
    let limiter = Limiter::new(RateLimit::default());
    let hold = limiter.reserve(&blue(), Tokens(u64::MAX), Monotonic::default()).unwrap();
    assert_eq!(hold.standings(Monotonic::default()), Standings::default());
    assert_eq!(limiter.callers.count(), 0);
}

#[test]
fn the_sentence_says_what_whose_and_how_long() {
    let limiter = Limiter::new(requests(7));
    let now = Monotonic::default();
    (0..7).for_each(|_| drop(limiter.reserve(&blue(), Tokens(0), now).unwrap()));
    let refused = limiter.reserve(&blue(), Tokens(0), now).unwrap_err();
    let sentence = "the limit of 7 requests per minute is used up: try again in 8.572 s";
    assert_eq!(refused.to_string(), sentence);
}

proptest! {
    #[test]
    fn no_sequence_gets_more_than_a_burst_and_the_rate_in_any_minute(
        limit in 1_u64..5_000,
        steps in prop::collection::vec((0_u64..20_000_000_000, 0_u64..2_000, 0_u64..100), 1..200),
    ) {
        let limiter = Limiter::new(tokens(limit));
        let clock = HandClock::default();
        let mut let_in: Vec<(Monotonic, u64)> = Vec::new();
        for (pause, estimate, used_percent) in steps {
            clock.advance(Duration::from_nanos(pause));
            if let Ok(hold) = limiter.reserve(&blue(), Tokens(estimate), clock.now()) {
                let used = estimate * used_percent / 100;
                hold.settle(Tokens(used), clock.now());
                let_in.push((clock.now(), used));
            }
            let minute = Duration::from_mins(1);
            let recent = let_in.iter().filter(|(at, _)| clock.now().since(*at) <= minute);
            prop_assert!(recent.map(|(_, used)| used).sum::<u64>() <= 2 * limit);
        }
    }

    #[test]
    fn the_wait_is_true_for_any_history(
        limit in 1_u64..1_000_000,
        history in prop::collection::vec((0_u64..10_000_000_000, 0_u64..1_000_000), 0..20),
        estimate in 1_u64..1_000_000,
    ) {
        prop_assume!(estimate <= limit);
        let limiter = Limiter::new(tokens(limit));
        let clock = HandClock::default();
        for (pause, used) in history {
            clock.advance(Duration::from_nanos(pause));
            if let Ok(hold) = limiter.reserve(&blue(), Tokens(used.min(limit)), clock.now()) {
                hold.settle(Tokens(used), clock.now());
            }
        }
        if let Err(refused) = limiter.reserve(&blue(), Tokens(estimate), clock.now()) {
            let Retry::After(wait) = refused.verdict().retry else { panic!("{refused:?}") };
            clock.advance(wait.saturating_sub(Duration::from_nanos(1)));
            prop_assert!(limiter.reserve(&blue(), Tokens(estimate), clock.now()).is_err());
            clock.advance(Duration::from_nanos(1));
            prop_assert!(limiter.reserve(&blue(), Tokens(estimate), clock.now()).is_ok());
        }
    }
}
