//! Every problem at once, each with its code, place and remedy.

use settings::ProblemCode;

use crate::{environment, keys, problems};

/// The problems of `text`, each as `CODE LINE:COLUMN PATH`.
#[track_caller]
fn check(text: &str, expected: &[&str]) {
    let found = problems(text, &keys());
    let seen = found.0.iter().map(|problem| {
        let place =
            problem.position.map_or_else(|| "-".to_owned(), |at| format!("{}:{}", at.line, at.column));
        format!("{} {place} {}", problem.code, problem.path)
    });
    assert_eq!(seen.collect::<Vec<_>>(), expected, "\n{}", found.render("tollgate.yaml", text));
}

/// The only problem of `text` says this and advises that.
#[track_caller]
fn check_words(text: &str, message: &str, help: &str) {
    let found = problems(text, &keys());
    let [problem] = found.0.as_slice() else { panic!("{}", found.render("tollgate.yaml", text)) };
    assert_eq!((problem.message.as_str(), problem.help.as_deref().unwrap_or_default()), (message, help));
}

#[test]
fn everything_wrong_is_told_at_once_in_the_order_of_the_file() {
    let text = "\
server: {listen: nowhere, drain: 10}
security:
  encryption: {certificate: a.crt}
  authentication: basic
providers:
  openai: {key: \"${OPENAI_KEY}\"}
  openai: {}
models:
  smart: {targets: [{to: opnai/gpt, weight: 0}], fallback: nothing}
routing: {circuit_breaker: {threshold: [5]}, health_checks: maybe}
bugdet: {total: 20}
";
    check(
        text,
        &[
            "TG-0204 1:18 server.listen",
            "TG-0204 1:34 server.drain",
            "TG-0209 3:29 security.encryption.certificate",
            "TG-0204 4:19 security.authentication",
            "TG-0205 6:17 providers.openai.key",
            "TG-0208 7:3 providers.openai",
            "TG-0207 9:26 models.smart.targets[0].to",
            "TG-0204 9:45 models.smart.targets[0].weight",
            "TG-0204 9:60 models.smart.fallback",
            "TG-0202 10:29 routing.circuit_breaker.threshold",
            "TG-0202 10:61 routing.health_checks",
            "TG-0203 11:1 bugdet",
        ],
    );
}

#[test]
fn wrong_types_are_told_from_bad_values() {
    check("server: 8080", &["TG-0202 1:9 server"]);
    check("- server", &["TG-0202 1:1 "]);
    check("server: {drain: true}", &["TG-0202 1:17 server.drain"]);
    check("server: {workers: many}", &["TG-0202 1:19 server.workers"]);
    check("server: {workers: 0}", &["TG-0204 1:19 server.workers"]);
    check("server: {workers: -1}", &["TG-0204 1:19 server.workers"]);
    check("server: {timers: {total: 0s}}", &["TG-0204 1:26 server.timers.total"]);
    check_words(
        "routing: {health_checks: {interval: 0ms}}",
        "`0ms` is not a duration such as 30s, 10m, 1h or 500ms",
        "nothing can be done in no time, or again and again without a pause; leave it out for the default",
    );
    check("server: {caps: {body: 1TB}}", &["TG-0204 1:23 server.caps.body"]);
    check(
        "routing: {retries: {attempts: 1.5, budget: 10}}",
        &["TG-0204 1:31 routing.retries.attempts", "TG-0204 1:44 routing.retries.budget"],
    );
    check("monitoring: {metrics: {enabled: yes}}", &["TG-0202 1:33 monitoring.metrics.enabled"]);
    check("monitoring: {metrics: {path: metrics}}", &["TG-0204 1:30 monitoring.metrics.path"]);
    check("monitoring: {metrics: [latency, latancy]}", &["TG-0204 1:33 monitoring.metrics[1]"]);
    check("providers: [openai]", &["TG-0202 1:1 providers"]);
    check("providers: {a/b: {}}", &["TG-0204 1:13 providers.a/b"]);
    check(
        "providers: {a: {url: ftp://x, models: gpt}}",
        &["TG-0204 1:22 providers.a.url", "TG-0202 1:39 providers.a.models"],
    );
    check("providers: {a: {headers: {\"a b\": c}}}", &["TG-0204 1:34 providers.a.headers.a b"]);
    check("providers: {a: {key: k, credential: {profile: p}}}", &["TG-0209 1:25 providers.a.credential"]);
    check("models: {m: {targets: []}}", &["TG-0204 1:10 models.m"]);
    check("providers: {a: {}}\nmodels: {m: {targets: [{weight: 2}]}}", &["TG-0204 2:24 models.m.targets[0]"]);
}

#[test]
fn settings_that_contradict_each_other_are_refused() {
    check("security: {authentication: {api_keys: false}}", &["TG-0209 1:12 security.authentication"]);
    check(
        "server: {listen: 0.0.0.0:80}\nsecurity: {authentication: none}",
        &["TG-0209 2:28 security.authentication"],
    );
    check(
        "server: {admin: \"[::]:80\"}\nsecurity: {authentication: none}",
        &["TG-0209 2:28 security.authentication"],
    );
    check("server: {listen: 127.0.0.1:1, admin: 127.0.0.1:1}", &["TG-0209 1:38 server.admin"]);
    check("security: {encryption: {key: a.key}}", &["TG-0209 1:30 security.encryption.key"]);
    crate::settings("server: {listen: \"[::1]:80\", admin: 127.0.0.2:0}\nsecurity: {authentication: none}");
}

#[test]
fn text_that_is_not_yaml_is_refused_with_its_place() {
    check("server: {listen: [}\n", &["TG-0201 1:19 "]);
    check("server: !custom {}", &["TG-0201 1:9 "]);
    check("a: 1\n---\nb: 2\n", &["TG-0201 2:1 "]);
    check("? [a]\n: b\n", &["TG-0201 1:3 "]);
    check(&format!("{}{}", "[".repeat(70), "]".repeat(70)), &["TG-0201 1:65 "]);
    let bomb = "a: &a [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
    let levels = ["b", "c", "d", "e", "f", "g", "h"].iter().zip(["a", "b", "c", "d", "e", "f", "g"]);
    let bomb = levels.fold(bomb, |text, (name, of)| {
        format!("{text}{name}: &{name} [{}]\n", vec![format!("*{of}"); 10].join(","))
    });
    assert_eq!(problems(&bomb, &keys()).0.first().map(|problem| problem.code), Some(ProblemCode::Syntax));
}

#[test]
fn an_unquoted_reference_in_braces_is_explained() {
    let found = problems("providers: {openai: {key: ${OPENAI_API_KEY}}}", &keys());
    let help = found.0.first().and_then(|problem| problem.help.clone()).unwrap_or_default();
    assert_eq!(help, r#"inside { } write a reference in quotes: "${NAME}""#);
}

#[test]
fn messages_name_what_was_probably_meant() {
    check_words("sever: {}", "unknown key `sever`", "did you mean `server`?");
    check_words("listen: 127.0.0.1:80", "unknown key `listen`", "did you mean `server.listen`?");
    check_words(
        "server: {max-headers: 1}",
        "unknown key `max-headers`",
        "known here: listen, admin, data, drain, drain_notice, workers, catalogue, caps, timers",
    );
    check_words(
        "server: {drain: 10}",
        "`10` is not a duration such as 30s, 10m, 1h or 500ms",
        "add a unit: s, m, h, d or ms",
    );
    check_words(
        "server: {listen: ':80'}",
        "`:80` is not an address and port such as 127.0.0.1:8080",
        "write 127.0.0.1:80, or 0.0.0.0:80 for every interface",
    );
    check_words("monitoring: {logging: prety}", "`prety` is not a log format", "did you mean `pretty`?");
    check_words(
        "routing: {algorithm: random}",
        "`random` is not a routing algorithm",
        "write `weighted_round_robin`",
    );
    check_words("server: {workers: many}", "expected a count such as 1000, 2k or 2M, found text", "");
    check_words(
        "providers: {openai: {}}\nmodels: {m: opnai/x}",
        "provider `opnai` is not configured",
        "did you mean `openai`?",
    );
    check_words(
        "providers: {x: {kind: opnai}}",
        "there is no kind of provider `opnai`",
        "did you mean `openai`?",
    );
    check_words(
        "providers: {openai: {}}\nmodels: {m: mistral/x}",
        "provider `mistral` is not configured",
        "add `mistral: {}` to `providers`; configured: openai, tollgate",
    );
    check_words("server: {data: '${HOM}'}", "environment variable `HOM` is not set", "did you mean `HOME`?");
    check_words(
        "server: {data: '${HOME:-x}'}",
        "a reference names no variable and no file",
        "write ${NAME} or ${file:PATH}; $${ stands for ${ itself",
    );
    check_words(
        "server:\n  drain: 1s\n  drain: 2s",
        "key `drain` is written twice",
        "first written on line 2",
    );
}

#[test]
fn a_model_may_go_to_the_built_in_provider() {
    crate::settings("models: {demo: tollgate/mock}");
}

#[test]
fn problems_render_with_line_carets_and_number() {
    let text = "server:\n  listen: 127.0.0.1:80\nbugdet: {total: 20}\nrouting: {algoritm: x}\n";
    let found = problems(text, &environment(&[("TOLLGATE__STORE__STATE", "redis:")]));
    let expected = "\
error TG-0203: unknown key `bugdet`               tollgate.yaml:3:1
    3 | bugdet: {total: **}
      | ^^^^^^ known here: server, security, providers, models, routing, monitoring, store
error TG-0203: unknown key `algoritm`             tollgate.yaml:4:11
    4 | routing: {algoritm: *}
      |           ^^^^^^^^ did you mean `algorithm`?
error TG-0204: `redis:` is not a state store      $TOLLGATE__STORE__STATE
      = write `embedded:`
3 problems";
    assert_eq!(found.render("tollgate.yaml", text), expected);
}

#[test]
fn long_lines_are_shown_around_the_place() {
    let text = format!("{{\"server\": {{{}\"listn\": \"x\"}}}}", " ".repeat(500));
    let rendered = problems(&text, &keys()).render("tollgate.yaml", &text);
    let lines: Vec<&str> = rendered.lines().collect();
    assert!(lines[1].chars().count() < 140, "{rendered}");
    let caret = lines[2].chars().position(|c| c == '^').expect("a caret");
    assert_eq!(lines[1].chars().skip(caret).take(7).collect::<String>(), "\"listn\"");
    assert!(rendered.ends_with("\n1 problem"), "{rendered}");
}

#[test]
fn every_code_has_its_page() {
    let pages = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/errors");
    for code in ProblemCode::ALL {
        let page = std::fs::read_to_string(pages.join(format!("{code}.md"))).expect("a page");
        assert!(page.starts_with(&format!("# {code}: ")), "{code}");
        for part in ["## Meaning", "## Cause", "## Remedy"] {
            assert!(page.contains(part), "{code} lacks {part}");
        }
    }
}

#[test]
fn what_an_address_leaves_open_is_needed_unless_the_whole_address_is_said() {
    check("providers:\n  azure: {}\n", &["TG-0205 2:3 providers.azure.variables.resource"]);
    check(
        "providers:\n  azure: {variables: {resource: a/b, regoin: eu}}\n",
        &["TG-0204 2:33 providers.azure.variables.resource", "TG-0203 2:46 providers.azure.variables.regoin"],
    );
    check_words(
        "providers:\n  azure: {}\n",
        "`resource` is needed: the resource of the account",
        "write it, or set CLOUD_RESOURCE",
    );
    for text in ["{url: \"https://proxy.test\"}", "{variables: {resource: acme}}"] {
        crate::settings(&format!("providers:\n  azure: {text}\n"));
    }
    let found = environment(&[("CLOUD_RESOURCE", "acme")]);
    assert!(crate::read("providers: {azure: {}}", &found).is_ok());
}
