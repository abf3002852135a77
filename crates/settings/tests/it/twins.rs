//! The environment's twin of every setting.

use settings::load;

use crate::{environment, kinds, problems, read};

/// With this file and this variable, the printed form has this line.
#[track_caller]
fn check(text: &str, variable: (&str, &str), line: &str) {
    let settings = match read(text, &environment(&[("HOME", "/home/me"), variable])) {
        Ok(settings) => settings,
        Err(problems) => panic!("{problems}"),
    };
    let printed = settings.show();
    assert!(printed.lines().any(|printed| printed.trim() == line), "{line} is not in:\n{printed}");
}

#[test]
fn a_twin_wins_over_the_file() {
    check(
        "server: {listen: 127.0.0.1:1}",
        ("TOLLGATE__SERVER__LISTEN", "127.0.0.1:2"),
        "listen: 127.0.0.1:2",
    );
    check("", ("TOLLGATE__SERVER__TIMERS__TOTAL", "2h"), "total: 2h");
    check("", ("TOLLGATE__SECURITY__ENCRYPTION", "TLS 1.3"), "min_version: \"1.3\"");
    check("", ("TOLLGATE__MONITORING__METRICS", "[]"), "enabled: false");
    check("", ("TOLLGATE__SECURITY__AUTHENTICATION", "{oauth2: {token_ttl: 5m}}"), "token_ttl: 5m");
    check(
        "routing: {health_checks: true}",
        ("TOLLGATE__ROUTING__HEALTH_CHECKS__INTERVAL", "3s"),
        "interval: 3s",
    );
    check("providers: {My-GPU: {}}", ("TOLLGATE__PROVIDERS__MY_GPU__KIND", "vllm"), "kind: vllm");
    check("providers: {a: {}}", ("TOLLGATE__MODELS__SMART", "a/b"), "- to: a/b");
}

#[test]
fn what_is_wrong_with_a_twin_names_the_variable() {
    #[track_caller]
    fn check(text: &str, variable: &str, value: &str, code: &str) {
        let found = problems(text, &environment(&[(variable, value)]));
        let [problem] = found.0.as_slice() else { panic!("{found}") };
        assert_eq!((problem.code.as_str(), problem.variable.as_deref()), (code, Some(variable)));
    }
    check("", "TOLLGATE__SERVER__LISTEN", "nowhere", "TG-0204");
    check("", "TOLLGATE__SERVER__LISTEN", "", "TG-0204");
    check("", "TOLLGATE__SERVR__LISTEN", "127.0.0.1:1", "TG-0203");
    check("", "TOLLGATE__MONITORING__METRICS", "[latency", "TG-0201");
    check("", "TOLLGATE__PROVIDERS__OPENAI__KEY", "", "TG-0206");
    check("", "TOLLGATE__MODELS__M", "nobody/x", "TG-0207");
    check("security: {encryption: TLS 1.2}", "TOLLGATE__SECURITY__ENCRYPTION__KEY", "a.key", "TG-0209");
}

#[test]
fn other_variables_are_nobodys_business() {
    assert!(
        load(None, &environment(&[("TOLLGATE_CONFIG", "x"), ("TOLLGATE", "y"), ("PATH", "/bin")]), &kinds)
            .is_ok()
    );
}
