//! Hazards that are handled once. Each row names what only its files may do, so that the care taken there is taken
//! everywhere.

use super::Finding;
use super::source::{Source, Tree};

/// One hazard.
struct ChokePoint {
    /// What doing it looks like in code, any of these.
    marks: &'static [&'static str],
    /// Where it is allowed: files, or folders with a final `/`. Everything in this list exists.
    files: &'static [&'static str],
    /// Where it matters; everywhere if empty.
    within: &'static [&'static str],
    /// Why, and what to do instead.
    reason: &'static str,
}

const TABLE: &[ChokePoint] = &[
    ChokePoint {
        marks: &["Instant::now(", "SystemTime::now("],
        // The runtime's own timers are set against its own clock, which tests pause.
        files: &[
            "crates/types/src/clock.rs",
            "crates/gateway/src/relay.rs",
            "crates/net/src/body/collect.rs",
            "crates/net/src/client/connect.rs",
            "crates/net/src/listener/watchdog.rs",
        ],
        within: &["crates/"],
        reason: "time is an argument: types::Clock",
    },
    ChokePoint {
        marks: &["env::var(", "env::var_os(", "env::vars(", "env::vars_os("],
        files: &["crates/settings/src/environment.rs"],
        within: &["crates/"],
        reason: "the environment is read once: settings::Environment",
    },
    ChokePoint {
        marks: &["BodyExt", "to_bytes("],
        files: &["crates/net/src/body/"],
        within: &["crates/"],
        reason: "a body is read with a cap and a pace: net::body::collect_capped",
    },
    ChokePoint {
        marks: &["tokio::spawn(", "task::spawn(", "task::spawn_local(", "JoinSet"],
        // Health checks run side by side and are all over when the function that began them is.
        files: &["crates/net/src/drain.rs", "crates/tollgate/src/health.rs"],
        within: &["crates/"],
        reason: "a task has a name and an owner: net::drain::Tasks",
    },
    ChokePoint {
        marks: &["spawn_blocking("],
        files: &["crates/gateway/src/heavy.rs"],
        within: &["crates/"],
        reason: "work beside the worker's thread has a bound: gateway::heavy",
    },
    ChokePoint {
        marks: &["unbounded_channel(", "mpsc::channel()"],
        files: &[],
        within: &["crates/"],
        reason: "every queue has a bound",
    },
    ChokePoint {
        marks: &["sync_all(", "sync_data(", "fs::rename(", "fs::write(", "File::create("],
        files: &[
            "crates/ledger/src/medium.rs",
            "crates/ledger/src/recovery.rs",
            "crates/ledger/src/retention.rs",
            "crates/net/src/tls/authority.rs",
            "crates/store/src/private.rs",
        ],
        within: &["crates/"],
        reason: "a write that must last is written aside, synced and renamed: store::private, or the ledger's medium",
    },
    ChokePoint {
        marks: &[
            "StatusCode::BAD_GATEWAY",
            "StatusCode::BAD_REQUEST",
            "StatusCode::FORBIDDEN",
            "StatusCode::GATEWAY_TIMEOUT",
            "StatusCode::INTERNAL_SERVER_ERROR",
            "StatusCode::METHOD_NOT_ALLOWED",
            "StatusCode::NOT_FOUND",
            "StatusCode::PAYLOAD_TOO_LARGE",
            "StatusCode::SERVICE_UNAVAILABLE",
            "StatusCode::TOO_MANY_REQUESTS",
            "StatusCode::UNAUTHORIZED",
        ],
        // The management paths answer probes and OAuth2 clients, whose statuses the specifications give; the
        // listener translates what hyper says of a head that it could not read, and says the same of a `Host` that is
        // missing or there twice.
        files: &[
            "crates/gateway/src/rejection.rs",
            "crates/admin/src/",
            "crates/net/src/listener/connection.rs",
            "crates/net/src/listener/io.rs",
        ],
        within: &["crates/"],
        reason: "a phase says what is wrong (`Cause`); rejection.rs and dialects/*/error.rs say it in HTTP",
    },
    ChokePoint {
        marks: &["client.send("],
        // Whoever gives out the gateway's own tokens is asked on behalf of no caller.
        files: &["crates/credentials/src/egress.rs", "crates/gateway/src/upstream.rs"],
        within: &["crates/"],
        reason: "no request goes to a provider but one that was admitted",
    },
    ChokePoint {
        marks: &["hold.settle(", "record.settle("],
        files: &["crates/gateway/src/account.rs", "crates/gateway/src/account/under_way.rs"],
        within: &["crates/gateway/"],
        reason: "a hold and a record are settled once, by the request's account",
    },
    ChokePoint {
        marks: &["encode_error(", "encode_stream_error("],
        files: &["crates/gateway/src/rejection.rs", "crates/gateway/src/relay.rs"],
        within: &["crates/gateway/", "crates/admin/", "crates/tollgate/"],
        reason: "errors become bytes in one place",
    },
];

/// What this file does that only others may.
pub(crate) fn check(source: &Source) -> Vec<Finding> {
    let rows = TABLE.iter().filter(|row| row.applies(&source.path));
    let lines = rows.flat_map(|row| {
        row.marks
            .iter()
            .flat_map(move |mark| source.lines_with(mark).into_iter().map(move |line| (line, mark, row)))
    });
    let outside_tests = lines.filter(|(line, ..)| !source.is_test(*line));
    let finding = |(line, mark, row): (usize, &&str, &ChokePoint)| {
        let mark = mark.trim_end_matches('(');
        Finding::new(&source.path, line, "choke-point", format!("`{mark}`: {}", row.reason))
    };
    outside_tests.map(finding).collect()
}

/// Rows of the table that allow files which are gone, or which do nothing of the kind any more.
pub(crate) fn check_table(tree: &Tree) -> Vec<Finding> {
    let is_used = |row: &ChokePoint, file: &str| {
        let mut inside = tree.sources.iter().filter(|source| is_in(&source.path, file));
        inside.any(|source| row.marks.iter().any(|mark| !source.lines_with(mark).is_empty()))
    };
    let stale = TABLE.iter().flat_map(|row| row.files.iter().filter(move |file| !is_used(row, file)));
    let finding = |file: &&str| {
        let what = format!("{file} is allowed something that it does not do");
        Finding::new("xtask/src/tidy/choke_points.rs", 1, "choke-point", what)
    };
    stale.map(finding).collect()
}

impl ChokePoint {
    fn applies(&self, path: &str) -> bool {
        let matters = self.within.iter().any(|folder| is_in(path, folder));
        matters && !self.files.iter().any(|file| is_in(path, file))
    }
}

fn is_in(path: &str, place: &str) -> bool {
    path == place || (place.ends_with('/') && path.starts_with(place))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_count(path: &str, code: &str, expect: usize) {
        assert_eq!(check(&Source::new(path, code)).len(), expect, "{path}: {code}");
    }

    #[test]
    fn hazards_are_handled_in_one_place() {
        check_count("crates/x/src/a.rs", "fn a() { Instant::now() }", 1);
        check_count("crates/types/src/clock.rs", "fn a() { Instant::now() }", 0);
        check_count("crates/x/tests/a.rs", "fn a() { Instant::now() }", 0);
        check_count("crates/x/src/a.rs", "// Instant::now()\nfn a() { std::env::var(\"X\") }", 1);
        check_count("crates/admin/src/deep/a.rs", "fn a() { StatusCode::NOT_FOUND }", 0);
        check_count("crates/gateway/src/admit.rs", "fn a() { hold.settle(b) }", 1);
        check_count("crates/limits/src/a.rs", "fn a() { hold.settle(b) }", 0);
    }
}
