//! Providers by the environment alone, and the address that would be a loop.

use settings::{KnownProvider, providers_from_environment};

use crate::{cloud, environment};

fn known() -> Vec<KnownProvider> {
    let provider = |name: &str, key: &[&str], url: &[&str], address: &str| KnownProvider {
        name: name.to_owned(),
        key_env: key.iter().map(|name| (*name).to_owned()).collect(),
        signs: Vec::new(),
        url_env: url.iter().map(|name| (*name).to_owned()).collect(),
        url: address.to_owned(),
        variables: if name == "azure" { cloud() } else { Vec::new() },
    };
    let cloud = provider("cloud", &["CLOUD_KEY"], &["CLOUD_URL"], "https://cloud.example");
    vec![
        KnownProvider { signs: vec!["CLOUD_PROFILE".to_owned()], ..cloud },
        provider("openai", &["OPENAI_API_KEY"], &["OPENAI_BASE_URL"], "https://api.openai.com/v1"),
        provider(
            "gemini",
            &["GEMINI_API_KEY", "GOOGLE_API_KEY"],
            &[],
            "https://generativelanguage.googleapis.com",
        ),
        provider("azure", &["AZURE_API_KEY"], &[], "https://{resource}.azure.test/{region}"),
        provider("ollama", &[], &["OLLAMA_HOST"], "http://127.0.0.1:11434/v1"),
    ]
}

/// With these variables and this listener, these are the providers (`name key url`) and the notices.
#[track_caller]
fn check(pairs: &[(&str, &str)], listener: &str, providers: &[&str], notices: &[&str]) {
    let listener = listener.parse().expect("an address");
    let (found, said) = providers_from_environment(&environment(pairs), &known(), listener);
    let found = found.iter().map(|provider| {
        let key = provider.key.as_ref().map_or("-", |key| key.source.as_str());
        format!("{} {key} {}", provider.name, provider.url.as_deref().unwrap_or("-"))
    });
    assert_eq!(found.collect::<Vec<_>>(), providers, "{pairs:?}");
    assert_eq!(said.iter().map(ToString::to_string).collect::<Vec<_>>(), notices, "{pairs:?}");
}

#[test]
fn signs_of_a_credential_make_a_provider_where_there_is_no_key() {
    let own = "127.0.0.1:8080";
    let found = ["found cloud by CLOUD_PROFILE"];
    check(&[("CLOUD_PROFILE", "p")], own, &["cloud - -"], &found);
    check(&[("CLOUD_PROFILE", "")], own, &[], &[]);
    check(&[("CLOUD_URL", "https://c.example")], own, &[], &[]);
    let both = [("CLOUD_PROFILE", "p"), ("CLOUD_KEY", "k")];
    check(&both, own, &["cloud ${CLOUD_KEY} -"], &["found cloud by CLOUD_KEY"]);
    for (pairs, has_credential) in [(&both[..], false), (&both[..1], true)] {
        let listener = own.parse().expect("an address");
        let (found, _) = providers_from_environment(&environment(pairs), &known(), listener);
        assert_eq!(found[0].credential.is_some(), has_credential, "{pairs:?}");
    }
}

#[test]
fn keys_in_the_environment_make_providers() {
    let own = "127.0.0.1:8080";
    check(&[], own, &[], &[]);
    check(
        &[("OPENAI_API_KEY", "sk")],
        own,
        &["openai ${OPENAI_API_KEY} -"],
        &["found openai by OPENAI_API_KEY"],
    );
    check(
        &[("OPENAI_API_KEY", "sk"), ("OPENAI_BASE_URL", "https://proxy.example/v1/")],
        own,
        &["openai ${OPENAI_API_KEY} https://proxy.example/v1"],
        &["found openai by OPENAI_API_KEY"],
    );
    check(
        &[("GEMINI_API_KEY", ""), ("GOOGLE_API_KEY", "g")],
        own,
        &["gemini ${GOOGLE_API_KEY} -"],
        &["GEMINI_API_KEY is empty and is ignored", "found gemini by GOOGLE_API_KEY"],
    );
    check(&[("OPENAI_BASE_URL", "https://proxy.example/v1")], own, &[], &[]);
}

#[test]
fn an_address_without_scheme_or_port_is_completed() {
    let own = "127.0.0.1:8080";
    for (written, url) in [
        ("10.0.0.7", "http://10.0.0.7:11434/v1"),
        ("10.0.0.7:99", "http://10.0.0.7:99/v1"),
        (":99", "http://127.0.0.1:99/v1"),
        ("https://gpu.example/v1", "https://gpu.example/v1"),
        ("[::1]:99", "http://[::1]:99/v1"),
    ] {
        check(
            &[("OLLAMA_HOST", written)],
            own,
            &[&format!("ollama - {url}")],
            &["found ollama by OLLAMA_HOST"],
        );
    }
    check(&[("OLLAMA_HOST", "not an address")], own, &[], &["OLLAMA_HOST is not an address and is ignored"]);
}

#[test]
fn a_key_for_the_gateway_itself_is_nobody_elses() {
    let pairs = [("OPENAI_API_KEY", "tg-x"), ("OPENAI_BASE_URL", "http://127.0.0.1:8080/v1")];
    let said = [
        "OPENAI_API_KEY holds a key for Tollgate and is ignored as a provider's",
        "OPENAI_BASE_URL points at this gateway and is ignored as an upstream",
    ];
    check(&pairs, "127.0.0.1:8080", &[], &said);
}

#[test]
fn an_address_that_is_the_gateway_itself_is_ignored() {
    let said = [
        "OPENAI_BASE_URL points at this gateway and is ignored as an upstream",
        "found openai by OPENAI_API_KEY",
    ];
    let own_addresses = [
        ("http://127.0.0.1:8080/v1", "127.0.0.1:8080"),
        ("http://localhost:8080/v1", "127.0.0.1:8080"),
        ("http://LOCALHOST.:8080/v1", "127.0.0.1:8080"),
        ("http://tollgate.localhost:8080", "127.0.0.1:8080"),
        ("http://127.8.9.1:8080", "0.0.0.0:8080"),
        ("http://[::1]:8080/v1", "127.0.0.1:8080"),
        ("http://[::ffff:127.0.0.1]:8080/v1", "127.0.0.1:8080"),
        ("http://0.0.0.0:8080", "0.0.0.0:8080"),
        ("http://127.1:8080", "127.0.0.1:8080"),
        ("http://2130706433:8080", "127.0.0.1:8080"),
        ("http://0x7f.0.0.1:8080", "127.0.0.1:8080"),
        ("http://0177.0.0.1:8080", "127.0.0.1:8080"),
        ("http://me@localhost:8080/v1", "127.0.0.1:8080"),
        ("localhost:8080", "127.0.0.1:8080"),
        ("http://localhost", "127.0.0.1:80"),
        ("https://localhost", "127.0.0.1:443"),
        ("http://10.0.0.5:8080", "10.0.0.5:8080"),
    ];
    for (written, listener) in own_addresses {
        let pairs = [("OPENAI_API_KEY", "sk"), ("OPENAI_BASE_URL", written)];
        check(&pairs, listener, &["openai ${OPENAI_API_KEY} -"], &said);
    }
    for written in ["http://127.0.0.1:8081/v1", "http://10.0.0.5:8080", "http://localhost.example:8080"] {
        let pairs = [("OPENAI_API_KEY", "sk"), ("OPENAI_BASE_URL", written)];
        let provider = format!("openai ${{OPENAI_API_KEY}} {written}");
        check(&pairs, "127.0.0.1:8080", &[&provider], &["found openai by OPENAI_API_KEY"]);
    }
}

#[test]
fn what_an_address_leaves_open_is_in_the_environment_too_or_the_provider_is_left_out() {
    let own = "127.0.0.1:8080";
    check(
        &[("AZURE_API_KEY", "k")],
        own,
        &[],
        &["AZURE_API_KEY is set, but azure needs CLOUD_RESOURCE as well"],
    );
    check(
        &[("AZURE_API_KEY", "k"), ("CLOUD_RESOURCE", "acme/evil")],
        own,
        &[],
        &["CLOUD_RESOURCE is not an address and is ignored"],
    );
    let pairs = [("AZURE_API_KEY", "k"), ("CLOUD_RESOURCE", "https://acme/")];
    check(&pairs, own, &["azure ${AZURE_API_KEY} -"], &["found azure by AZURE_API_KEY"]);
    let listener = own.parse().expect("an address");
    let (found, _) = providers_from_environment(&environment(&pairs), &known(), listener);
    assert_eq!(found[0].variables, [("resource".to_owned(), "acme".to_owned())]);
}
