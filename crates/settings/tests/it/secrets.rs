//! Secrets are read from where they are kept and never shown.

use std::path::Path;

use settings::{Source, load};

use crate::{environment, keys, kinds, problems, settings};

const SECRET: &str = "sk-very-secret-value";

/// What is wrong with this key, as `CODE message`.
#[track_caller]
fn check(key: &str, expected: &str) {
    let text = format!("providers:\n  a:\n    key: {key}\n");
    let found =
        problems(&text, &environment(&[("EMPTY", " "), ("LINES", "a\nb"), ("OPENAI_API_KEY", SECRET)]));
    let seen: Vec<String> =
        found.0.iter().map(|problem| format!("{} {}", problem.code, problem.message)).collect();
    assert_eq!(seen, [expected]);
}

#[test]
fn a_secret_that_is_none_is_refused() {
    check("${OPENAI_KEY}", "TG-0205 environment variable `OPENAI_KEY` is not set");
    check("${EMPTY}", "TG-0206 the secret is empty");
    check("\"\"", "TG-0206 the secret is empty");
    check("<redacted>", "TG-0206 the secret was redacted");
    check("${LINES}", "TG-0204 the secret contains a line break or control character");
    check("[a]", "TG-0202 expected a secret such as ${NAME}, found a list");
    check("$CREDENTIALS_DIRECTORY/a", "TG-0205 environment variable `CREDENTIALS_DIRECTORY` is not set");
    check("${1x}", "TG-0204 a reference names no variable and no file");
    check("${OPENAI_API_KEY", "TG-0204 a reference is not closed");
}

#[test]
fn a_secret_prints_as_its_source() {
    #[track_caller]
    fn check(written: &str, value: &str, printed: &str) {
        let settings = settings(&format!("providers: {{a: {{key: '{written}'}}}}"));
        let key = settings.providers.first().and_then(|provider| provider.key.clone()).expect("a key");
        assert_eq!((key.value.reveal().as_str(), key.source.as_str()), (value, printed));
        assert!(settings.show().contains(printed));
        assert!(!settings.show().contains("sk-"), "{}", settings.show());
        assert!(!format!("{settings:?}").contains("sk-"), "{settings:?}");
    }
    check("${OPENAI_API_KEY}", "sk-open", "${OPENAI_API_KEY}");
    check("Bearer ${OPENAI_API_KEY}", "Bearer sk-open", "Bearer ${OPENAI_API_KEY}");
    check("sk-literal", "sk-literal", "<redacted>");
    check("sk-${OPENAI_API_KEY}", "sk-sk-open", "<redacted>");
    check("sk-$${x}", "sk-${x}", "<redacted>");
}

#[test]
fn interpolated_values_print_as_they_were_written() {
    let text = "server: {listen: '127.0.0.1:${PORT}'}\nproviders: {a: {url: 'https://h/${PATH_SECRET}', models: ['${M}']}}";
    let environment = environment(&[("PORT", "81"), ("PATH_SECRET", "sk-path"), ("M", "gpt")]);
    let settings = load(Some(&Source::new(None, text)), &environment, &kinds).expect("settings");
    assert_eq!(settings.server.listen.port(), 81);
    assert_eq!(settings.providers[0].url.as_deref(), Some("https://h/sk-path"));
    let printed = settings.show();
    assert!(
        printed.contains("url: \"https://h/${PATH_SECRET}\"") && printed.contains("${PORT}"),
        "{printed}"
    );
    assert!(!printed.contains("sk-path"), "{printed}");
}

#[test]
fn no_message_and_no_excerpt_shows_a_secret() {
    for text in [
        "providers: {a: {key: sk-very-secret-value, bugdet: 1}}",
        "providers: {a: {key: '${sk-very-secret-value}'}}",
        "providers: {a: {kye: sk-very-secret-value}}",
        "providers: {a: {credential: {client_secret: sk-very-secret-value, bugdet: 1}}}",
        "providers: {a: {key: [sk-very-secret-value]}}",
        "providers: {a: {headers: {authorization: 'Bearer sk-very-secret-value'}, x: 1}}",
        "providers: {a: {url: 'https://me:sk-very-secret-value@host/'}}",
        "providers: {a: {key: sk-very-secret-value, key: sk-very-secret-value}}",
        "providers: {a: {key: sk-very-secret-value, b: ]}}",
        "providers: {a: {headers: {\"x-api-key\": \"sk-very-secret-value\"}, b: ]}}",
        "providers:\n  a:\n    key: sk-very-secret-value\n   b: 1",
        "providers: {a: {key: \"${file:/nonexistent}\", x: sk-very-secret-value}}",
    ] {
        let found = problems(text, &keys());
        let rendered = found.render("tollgate.yaml", text);
        assert!(!rendered.contains(SECRET) && !found.to_string().contains(SECRET), "{rendered}");
        assert!(!format!("{found:?}").contains(SECRET), "{found:?}");
    }
}

#[test]
fn twins_hold_secrets_that_are_never_shown() {
    let twins =
        environment(&[("TOLLGATE__PROVIDERS__OPENAI__KEY", SECRET), ("TOLLGATE__PROVIDERS__A__KYE", SECRET)]);
    let found = problems("", &twins);
    assert!(!found.render("", "").contains(SECRET));
    assert!(!format!("{twins:?}").contains(SECRET));
    let settings =
        load(None, &environment(&[("TOLLGATE__PROVIDERS__OPENAI__KEY", SECRET)]), &kinds).expect("settings");
    assert!(settings.show().contains("key: \"${TOLLGATE__PROVIDERS__OPENAI__KEY}\""), "{}", settings.show());
}

#[cfg(unix)]
#[test]
fn secret_files_are_read_unless_everybody_can_read_them() {
    use std::os::unix::fs::PermissionsExt as _;

    #[track_caller]
    fn write(path: &Path, text: &str, mode: u32) {
        std::fs::write(path, text).expect("written");
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("mode set");
    }
    let folder = tempfile::tempdir().expect("a folder");
    write(&folder.path().join("safe"), "sk-file\n", 0o600);
    write(&folder.path().join("open"), "sk-file\n", 0o644);
    write(&folder.path().join("empty"), "\n", 0o600);
    let credentials = environment(&[("CREDENTIALS_DIRECTORY", &folder.path().display().to_string())]);
    let read = |key: &str| {
        let text = format!("providers: {{a: {{key: '{key}'}}}}");
        load(Some(&Source::new(Some(folder.path().join("tollgate.yaml")), text)), &credentials, &kinds)
    };
    for key in ["${file:safe}", "${file:$CREDENTIALS_DIRECTORY/safe}", "$CREDENTIALS_DIRECTORY/safe"] {
        let key = read(key).expect("settings").providers[0].key.clone().expect("a key");
        assert_eq!(key.value.reveal(), "sk-file");
    }
    for (key, code) in
        [("${file:open}", "TG-0206"), ("${file:empty}", "TG-0206"), ("${file:gone}", "TG-0204")]
    {
        let found = read(key).expect_err("a problem");
        assert_eq!(found.0[0].code.as_str(), code, "{found}");
    }
}
