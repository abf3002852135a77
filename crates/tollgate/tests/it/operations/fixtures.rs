//! Every exchange of `operations.toml`, as its provider and in every language in which it can be asked for.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use dialects::{Dialect, Head, PathSaid};
use http::HeaderMap;
use providers::{Catalogue, Provider};
use serde::Deserialize;
use serde_json::Value;
use testkit::{FakeUpstream, Received, Reply, Response};
use types::conversation::{Extras, Target};
use types::{Usage, embedding, rerank};

use crate::exchange::{CATALOGUE, renamed};
use crate::{gateway, specs};

const KEY: &str = "sk-fixture";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    exchange: Vec<Exchange>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Exchange {
    operation: String,
    dialect: String,
    /// Where the model's name stands in the path.
    model: Option<String>,
    request: String,
    response: String,
    /// Headers of the answer.
    #[serde(default)]
    headers: BTreeMap<String, String>,
    vectors: Option<Vec<Vec<f32>>>,
    ranked: Option<Vec<(u64, f64)>>,
    usage: Option<Usage>,
}

/// One exchange as a provider of its own.
struct Case {
    number: usize,
    provider: Arc<Provider>,
    exchange: Exchange,
}

#[tokio::test]
async fn every_provider_s_operations_mean_what_they_are_expected_to_in_every_language() {
    let cases = Arc::new(cases());
    let script = Arc::clone(&cases);
    let upstream = FakeUpstream::start(move |request| {
        let number: usize = request.path.split('/').nth(1).unwrap().parse().unwrap();
        let Exchange { response, headers, .. } = &script[number].exchange;
        let reply = Reply::json(200, response.clone());
        headers.iter().fold(reply, |reply, (name, value)| reply.header(name, value))
    })
    .await;
    let entries: Vec<_> = cases.iter().map(|case| case.configured(&upstream.url())).collect();
    let gateway = gateway().config(&format!("providers:\n  {}\n", entries.join("\n  "))).start().await;
    let mut asked = 0;
    for case in cases.iter() {
        for caller in dialects::all().iter().filter(|dialect| case.is_for(**dialect)) {
            let Some((path, body)) = case.request(*caller) else { continue };
            let answer = gateway.post(&path, body).send().await;
            let name = format!("{} by {}", case.name(), caller.id());
            assert_eq!(answer.status, 200, "{name}: {}", answer.text());
            case.sent(&name, *caller, &upstream.last(), &answer);
            case.judge(&name, *caller, &answer);
            asked += 1;
        }
    }
    assert!(asked > cases.len(), "no exchange was asked for in another language");
}

impl Case {
    fn name(&self) -> String {
        format!("{} {}", self.provider.name, self.exchange.operation)
    }

    fn dialect(&self) -> &'static dyn Dialect {
        dialects::by_name(&self.exchange.dialect).unwrap()
    }

    /// Whether a caller of this language can ask for the operation.
    fn is_for(&self, caller: &'static dyn Dialect) -> bool {
        let of_kind = if self.exchange.vectors.is_some() {
            caller.embedding().is_some()
        } else {
            caller.reranking().is_some()
        };
        let own =
            self.provider.endpoint(caller.id().as_str()).filter(|own| own.speakers.include(&self.model()));
        let is_native = caller.id() == self.dialect().id();
        of_kind
            && !caller.routes().is_empty()
            && (is_native || own.is_none())
            && (is_native || self.is_first())
    }

    /// Whether callers of other languages are answered in this one.
    fn is_first(&self) -> bool {
        let offers = |endpoint: &&providers::Endpoint| {
            endpoint.speakers.include(&self.model())
                && endpoint.paths.iter().any(|(operation, _)| operation.as_str() == self.exchange.operation)
        };
        let first = self.provider.dialects.iter().find(offers).unwrap();
        first.dialect == self.exchange.dialect
    }

    fn base(&self, origin: &str) -> String {
        let base = self.provider.base_url.split_once("://").unwrap().1;
        format!("{origin}/{}/{}", self.number, base.split_once('/').map_or("", |(_, path)| path))
    }

    fn configured(&self, origin: &str) -> String {
        let url = self.base(origin);
        let url = url.trim_end_matches('/');
        format!("c{}: {{kind: {}, url: \"{url}\", key: {KEY}}}", self.number, self.provider.name)
    }

    fn asked(&self) -> Value {
        serde_json::from_str(&self.exchange.request).unwrap()
    }

    fn model(&self) -> String {
        let said = self.exchange.model.clone();
        said.unwrap_or_else(|| self.asked()["model"].as_str().unwrap().to_owned())
    }

    /// The request as a caller of this language writes it; none if it cannot.
    fn request(&self, caller: &'static dyn Dialect) -> Option<(String, String)> {
        let model = format!("c{}/{}", self.number, self.model());
        let path = caller.routes()[0].path.replace("{model}", &model);
        if caller.id() == self.dialect().id() {
            let request = &self.exchange.request;
            // What stands in the path counts; the name in the body follows it.
            let named = renamed(request, "/model", &model).filter(|_| self.exchange.model.is_none());
            return Some((path, named.unwrap_or_else(|| request.clone())));
        }
        let target =
            Target { model: model.into(), max_output_tokens: None, quirks: [].into(), strict: false };
        let encoded = match self.meaning(self.dialect(), self.exchange.request.as_bytes()) {
            Meaning::Embedding(request) => caller.embedding()?.encode_request(&request, &target),
            Meaning::Rerank(request) => caller.reranking()?.encode_request(&request, &target),
        };
        // What takes several requests is none of one caller's.
        let encoded = encoded.ok().filter(|encoded| encoded.earlier.is_empty())?;
        Some((path, String::from_utf8(encoded.body.concat()).unwrap()))
    }

    /// What a request means, but for what only its own language can say.
    fn meaning(&self, dialect: &'static dyn Dialect, body: &[u8]) -> Meaning {
        let (headers, path) = (HeaderMap::new(), PathSaid { model: Some("m".into()), ..PathSaid::default() });
        let head = Head { path: &path, ..Head::of(&headers) };
        if self.exchange.vectors.is_some() {
            let read = dialect.embedding().unwrap().decode_request(head, body).unwrap();
            let said = embedding::Request {
                dimensions: None,
                purpose: None,
                overlong: None,
                extras: Extras::default(),
                ..read
            };
            Meaning::Embedding(said)
        } else {
            let read = dialect.reranking().unwrap().decode_request(head, body).unwrap();
            Meaning::Rerank(rerank::Request { repeats: None, extras: Extras::default(), ..read })
        }
    }

    /// The request came with the provider's credential to the provider's path, and asks for the same.
    #[track_caller]
    fn sent(&self, name: &str, caller: &'static dyn Dialect, sent: &Received, answer: &Response) {
        let endpoint = self.provider.endpoint(&self.exchange.dialect).unwrap();
        let offered = endpoint.paths.iter().find(|(known, _)| known.as_str() == self.exchange.operation);
        let path = providers::url(self.base("").trim_end_matches('/'), &offered.unwrap().1)
            .replace("{model}", &self.model().replace(':', "%3A"));
        let credential = &self.provider.credential;
        let key = format!("{}{KEY}", credential.prefix);
        assert_eq!(
            (sent.path.as_str(), sent.header(&credential.header)),
            (path.as_str(), key.as_str()),
            "{name}"
        );
        if caller.id() == self.dialect().id() && answer.header("x-tollgate-changed").is_empty() {
            assert_eq!(sent.json(), self.asked(), "{name}");
        }
        let asked = self.meaning(self.dialect(), self.exchange.request.as_bytes());
        assert_eq!(asked, self.meaning(self.dialect(), &sent.body), "{name}");
    }

    /// The answer means what was expected.
    #[track_caller]
    fn judge(&self, name: &str, caller: &'static dyn Dialect, answer: &Response) {
        let Exchange { vectors, ranked, usage, .. } = &self.exchange;
        if caller.id() != self.dialect().id() {
            assert_eq!(specs::judge(caller.routes()[0].path, answer), Ok(()), "{name}");
        }
        if let Some(language) = caller.embedding() {
            let read = language.decode_answer(&answer.body).unwrap();
            assert_eq!(
                (Some(&read.vectors), read.usage),
                (vectors.as_ref(), *usage),
                "{name}: {}",
                answer.text()
            );
        } else {
            let read = caller.reranking().unwrap().decode_answer(&answer.body).unwrap();
            let found: Vec<_> = read.ranked.iter().map(|ranked| (ranked.index, ranked.score)).collect();
            assert_eq!((Some(&found), read.usage), (ranked.as_ref(), *usage), "{name}: {}", answer.text());
        }
    }
}

#[derive(Debug, PartialEq)]
enum Meaning {
    Embedding(embedding::Request),
    Rerank(rerank::Request),
}

/// The exchanges of all folders.
fn cases() -> Vec<Case> {
    let catalogue = Catalogue::embedded().unwrap();
    let mut cases = Vec::new();
    for provider in catalogue.providers() {
        let file = PathBuf::from(CATALOGUE).join(provider.name.as_str()).join("fixtures/operations.toml");
        let Ok(text) = std::fs::read_to_string(&file) else { continue };
        let read: Result<File, _> = toml::from_str(&text);
        let exchange = read.map_err(|error| (file, error)).unwrap().exchange;
        for exchange in exchange {
            cases.push(Case { number: cases.len(), provider: Arc::clone(provider), exchange });
        }
    }
    cases
}
