//! Requests and answers between all languages that have embeddings.

use bytes::Bytes;
use http::HeaderMap;
use serde_json::{Value, json};
use types::conversation::{Delivery, Target};
use types::embedding::{Answer, Input, Overlong, Purpose, Request};
use types::{Frame, RequestId, StreamForm, Tokens, Units, UnixTime, Usage};

use super::{COHERE, GEMINI, GEMINI_SINGLE, INVOKED, NOVA, OLLAMA, OPENAI, PREDICT, TITAN};
use crate::{
    Asked, Calls, Delivered, Dialect, EncodeError, Fields, Head, PathSaid, Surface, ToolNames, Vectors,
    conduit,
};

static LANGUAGES: [&Surface; 9] =
    [&OPENAI, &COHERE, &GEMINI, &GEMINI_SINGLE, &OLLAMA, &PREDICT, &INVOKED, &TITAN, &NOVA];

/// Whether a request of this language is for one text.
fn is_single(language: &Surface) -> bool {
    [&GEMINI_SINGLE, &TITAN, &NOVA].iter().any(|single| single.id() == language.id())
}

fn target(quirks: &[&str]) -> Target {
    let quirks = quirks.iter().map(|quirk| (*quirk).to_owned()).collect();
    Target { model: "up".into(), max_output_tokens: None, quirks, strict: false }
}

fn asked(vectors: Vectors) -> Asked {
    Asked {
        model: "public".into(),
        delivery: Delivery::Whole,
        calls: Calls::default(),
        form: StreamForm::Events,
        vectors,
        tool_names: ToolNames::default(),
        request: RequestId::generate(),
        at: UnixTime::from_secs(1),
        echo: Bytes::new(),
    }
}

fn decode(language: &Surface, body: &Value) -> Result<Request, String> {
    let headers = HeaderMap::new();
    let path = PathSaid { model: Some("m".into()), ..PathSaid::default() };
    let head = Head { path: &path, ..Head::of(&headers) };
    let read = language.embedding().unwrap().decode_request(head, body.to_string().as_bytes());
    read.map_err(|error| error.to_string())
}

fn encode(language: &Surface, request: &Request, quirks: &[&str]) -> (Value, Vec<String>) {
    let encoded = language.embedding().unwrap().encode_request(request, &target(quirks)).unwrap();
    let changes = encoded.changes.iter().map(ToString::to_string).collect();
    (serde_json::from_slice(&encoded.body.concat()).unwrap(), changes)
}

fn adapt(language: &Surface, body: &str, quirks: &[&str]) -> String {
    let body = Bytes::from(body.to_owned());
    let fields = Fields::scan(&body, 16).unwrap();
    let adapted = language.adapt_request(&body, &fields, &target(quirks)).unwrap().body.concat();
    String::from_utf8(adapted).unwrap()
}

fn request(texts: &[&str]) -> Request {
    let mut request = decode(&OPENAI, &json!({"model": "m", "input": texts, "dimensions": 2})).unwrap();
    (request.purpose, request.overlong) = (Some(Purpose::Query), Some(Overlong::Truncated));
    request
}

#[test]
fn what_all_languages_can_say_survives_between_any_two() {
    for language in LANGUAGES {
        let texts: &[&str] = if is_single(language) { &["a"] } else { &["a", "b\n\"c\""] };
        let (written, _) = encode(language, &request(texts), &[]);
        let read = decode(language, &written).unwrap();
        let expect: Vec<_> = texts.iter().map(|text| Input::Text((*text).to_owned())).collect();
        assert_eq!((read.inputs, read.dimensions), (expect, Some(2)), "{}: {written}", language.id());
    }
}

#[test]
fn each_language_has_its_own_words() {
    let (purposeful, two) = (request(&["a"]), request(&["a", "b"]));
    assert_eq!(
        encode(&COHERE, &two, &[]),
        (
            json!({"model": "up", "texts": ["a", "b"], "input_type": "search_query", "embedding_types": ["float"], "output_dimension": 2, "truncate": "END"}),
            vec![]
        )
    );
    let content = |text: &str| json!({"model": "models/up", "content": {"parts": [{"text": text}]}, "taskType": "RETRIEVAL_QUERY", "outputDimensionality": 2});
    let dropped = |field: &str| vec![format!("dropped;{field}")];
    let several = json!({"requests": [content("a"), content("b")]});
    assert_eq!(encode(&GEMINI, &two, &[]), (several, dropped("truncate")));
    assert_eq!(encode(&GEMINI_SINGLE, &purposeful, &[]), (content("a"), dropped("truncate")));
    let instance = |text: &str| json!({"content": text, "task_type": "RETRIEVAL_QUERY"});
    let parameters = json!({"outputDimensionality": 2, "autoTruncate": true});
    let predict = json!({"instances": [instance("a"), instance("b")], "parameters": parameters});
    assert_eq!(encode(&PREDICT, &two, &[]), (predict, vec![]));
    let ollama = json!({"model": "up", "input": ["a"], "dimensions": 2, "truncate": true});
    assert_eq!(encode(&OLLAMA, &purposeful, &[]), (ollama, dropped("input_type")));
    let quirks = ["output_dimension", "no_encoding_format"];
    let openai = json!({"model": "up", "input": ["a"], "output_dimension": 2});
    let lost = vec!["dropped;input_type".to_owned(), "dropped;truncate".to_owned()];
    assert_eq!(encode(&OPENAI, &purposeful, &quirks), (openai, lost));
}

#[test]
fn tokens_go_where_they_are_understood() {
    let asks = |input: Value| decode(&OPENAI, &json!({"model": "m", "input": input})).unwrap();
    let lists = asks(json!([[1, 2], [3]]));
    assert_eq!(lists.inputs, [Input::Tokens(vec![1, 2]), Input::Tokens(vec![3])]);
    assert_eq!(encode(&OPENAI, &lists, &[]).0["input"], json!([[1, 2], [3]]));
    assert_eq!(asks(json!([1, 2])).inputs, [Input::Tokens(vec![1, 2])]);
    for language in [&COHERE, &GEMINI, &OLLAMA, &PREDICT, &TITAN, &NOVA] {
        let refused = language.embedding().unwrap().encode_request(&lists, &target(&[]));
        assert!(matches!(refused, Err(EncodeError::Unsayable { field, .. }) if field == "input"));
    }
}

#[test]
fn more_than_a_language_takes_at_once_goes_in_parts_or_is_refused_in_words() {
    let parts = |count: usize| {
        let encoded =
            COHERE.embedding().unwrap().encode_request(&request(&vec!["a"; count]), &target(&[])).unwrap();
        let bodies = encoded.earlier.iter().chain([&encoded.body]);
        let texts = |body: &Vec<Bytes>| {
            serde_json::from_slice::<Value>(&body.concat()).unwrap()["texts"].as_array().unwrap().len()
        };
        bodies.map(texts).collect::<Vec<_>>()
    };
    assert_eq!((parts(1), parts(96), parts(97), parts(192)), (vec![1], vec![96], vec![96, 1], vec![96, 96]));
    let many = request(&vec!["a"; 96 * 22 + 1]);
    let refused = COHERE.embedding().unwrap().encode_request(&many, &target(&[])).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "`input` has more than 2112 texts, of which this model's provider takes 96 at once"
    );
    assert!(GEMINI_SINGLE.embedding().unwrap().encode_request(&many, &target(&[])).is_err());
    let sizes = |language: &Surface, texts: &[&str], quirks: &[&str], list: &str| {
        let encoded = language.embedding().unwrap().encode_request(&request(texts), &target(quirks)).unwrap();
        let bodies = encoded.earlier.iter().chain([&encoded.body]);
        let read = |body: &Vec<Bytes>| serde_json::from_slice::<Value>(&body.concat()).unwrap();
        bodies.map(|body| read(body)[list].as_array().map_or(1, Vec::len)).collect::<Vec<_>>()
    };
    assert_eq!(sizes(&PREDICT, &["a"; 251], &[], "instances"), [250, 1]);
    assert_eq!(sizes(&PREDICT, &["a"; 3], &["single_text"], "instances"), [1, 1, 1]);
    // A character of some scripts is several tokens: no text has more of them than bytes.
    let (long, longer) = ("a".repeat(10_000), "a".repeat(50_000));
    let texts = [&*long, &long, &long, &longer, "a"];
    assert_eq!(sizes(&PREDICT, &texts, &[], "instances"), [2, 1, 1, 1]);
    assert_eq!(sizes(&GEMINI, &["a"; 201], &[], "requests"), [100, 100, 1]);
    assert_eq!(sizes(&GEMINI_SINGLE, &["a"; 2], &[], "content"), [1, 1]);
}

#[test]
fn vectors_and_usage_survive_between_any_two_languages() {
    let answer = Answer {
        id: None,
        model: None,
        vectors: vec![vec![0.5, -1e-7], vec![1.0, 3.25]],
        usage: Some(Usage { input: Tokens(7), ..Usage::default() }),
    };
    // One tells what was used in heads alone.
    let tells = |language: &&Surface| language.id() != NOVA.id();
    for upstream in LANGUAGES.into_iter().filter(tells) {
        let body =
            Bytes::from(upstream.embedding().unwrap().encode_answer(&answer, &asked(Vectors::Numbers)));
        for caller in LANGUAGES.into_iter().filter(tells) {
            let asked = asked(Vectors::Numbers);
            let (mut passing, mut out) =
                (conduit(upstream, caller, &asked, Delivered::Whole).unwrap(), Vec::new());
            passing.push(Frame::Whole(body.clone()), &mut out).unwrap();
            passing.end(&mut out).unwrap();
            let read = caller.embedding().unwrap().decode_answer(&out.concat()).unwrap();
            let one = is_single(upstream) || is_single(caller);
            let expect = answer.vectors.get(..if one { 1 } else { 2 }).unwrap();
            let names = format!("{} to {}", upstream.id(), caller.id());
            assert_eq!((read.vectors.as_slice(), read.usage), (expect, answer.usage), "{names}");
            assert_eq!(passing.tally().usage, answer.usage, "{names}");
        }
    }
}

#[test]
fn vectors_come_in_order_and_in_the_form_that_was_asked_for() {
    let body = br#"{"data":[{"index":1,"embedding":[3]},{"index":0,"embedding":"AACAPw"}],"usage":{"total_tokens":2}}"#;
    let answer = OPENAI.embedding().unwrap().decode_answer(body).unwrap();
    assert_eq!(answer.vectors, [[1.0], [3.0]]);
    let written = OPENAI.embedding().unwrap().encode_answer(&answer, &asked(Vectors::Base64));
    let written: Value = serde_json::from_slice(&written).unwrap();
    assert_eq!(written["data"][0], json!({"object": "embedding", "index": 0, "embedding": "AACAPw=="}));
    assert_eq!(written["usage"], json!({"prompt_tokens": 2, "total_tokens": 2}));
    let written = COHERE.embedding().unwrap().encode_answer(&answer, &asked(Vectors::Base64));
    let written: Value = serde_json::from_slice(&written).unwrap();
    assert_eq!(written["embeddings"], json!({"base64": ["AACAPw==", "AABAQA=="]}));
}

#[test]
fn an_answer_without_vectors_is_a_fault() {
    for language in LANGUAGES {
        for body in [r#"{"data":[],"embeddings":[]}"#, "{}", "[]", r#"{"error":{"message":"x"}}"#] {
            assert!(language.embedding().unwrap().decode_answer(body.as_bytes()).is_err(), "{body}");
        }
    }
    let odd = OPENAI.embedding().unwrap().decode_answer(br#"{"data":[{"embedding":"AAA="}]}"#).unwrap_err();
    assert_eq!(odd.message, "the provider's vector is not made of 32-bit numbers");
}

#[test]
fn a_target_s_words_take_the_place_of_the_callers() {
    let body = r#"{"dimensions":3,"encoding_format":"base64","model":"m","input":"a"}"#;
    assert_eq!(
        adapt(&OPENAI, body, &["output_dimension", "no_encoding_format"]),
        r#"{"output_dimension":3,"model":"up","input":"a"}"#
    );
    assert_eq!(adapt(&OPENAI, body, &[]), body.replace("\"m\"", "\"up\""));
    assert_eq!(
        adapt(&GEMINI, r#"{"requests":[{"model":"models/m","x":1},{"content":{}}, {"model" : "m"}]}"#, &[]),
        r#"{"requests":[{"model":"models/up","x":1},{"content":{}}, {"model" : "models/up"}]}"#
    );
    assert_eq!(
        adapt(&GEMINI, r#"{"requests":[{"model":"models/m","x":1}]}"#, &["vertex_body"]),
        r#"{"requests":[{"model":"","x":1}]}"#
    );
    let predict = r#"{"instances":[{"content":"a"}],"model":"m"}"#;
    assert_eq!(adapt(&PREDICT, predict, &[]), predict);
    assert_eq!(
        adapt(&GEMINI_SINGLE, r#"{"content":{"parts":[]},"model":"models/m"}"#, &[]),
        r#"{"content":{"parts":[]},"model":"models/up"}"#
    );
}

#[test]
fn what_only_one_language_knows_is_named_when_it_is_lost() {
    let asks = json!({"model": "m", "input": "a", "user": "u", "task": "x", "encoding_format": "base64"});
    let (_, lost) = encode(&COHERE, &decode(&OPENAI, &asks).unwrap(), &[]);
    assert_eq!(lost, ["dropped;task", "dropped;user"]);
    let asks = json!({"content": {"parts": [{"text": "a"}]}, "taskType": "FACT_VERIFICATION", "title": "t"});
    let (_, lost) = encode(&OPENAI, &decode(&GEMINI_SINGLE, &asks).unwrap(), &[]);
    assert_eq!(lost, ["dropped;title", "dropped;taskType"]);
    let asks = json!({"instances": [
        {"content": "a", "x": 1, "y": false}, {"content": "b", "title": "T", "x": 2, "y": 1}, {"content": "c", "title": "U"},
    ]});
    let several = decode(&PREDICT, &asks).unwrap();
    let lost = ["dropped;x", "dropped;title", "dropped;y"];
    assert_eq!(encode(&OPENAI, &several, &[]).1, lost, "what is said of a later text");
    assert_eq!(encode(&GEMINI, &several, &[]).1, lost);
    let part = |text: &str| json!({"parts": [{"text": text}]});
    let asks = json!({"requests": [{"content": part("a")}, {"content": part("b"), "title": "T"}]});
    assert_eq!(encode(&PREDICT, &decode(&GEMINI, &asks).unwrap(), &[]).1, ["dropped;title"]);
}

#[test]
fn invoked_models_are_asked_in_their_makers_words() {
    let two = request(&["a", "b"]);
    let cohere = |end: &str| json!({"texts": ["a", "b"], "input_type": "search_query", "embedding_types": ["float"], "truncate": end});
    let (sent, lost) = encode(&INVOKED, &two, &["no_dimensions"]);
    assert_eq!((sent, lost), (cohere("END"), vec!["dropped;dimensions".to_owned()]));
    let mut longer = cohere("RIGHT");
    longer["output_dimension"] = json!(2);
    assert_eq!(encode(&INVOKED, &two, &["truncates_right"]), (longer, vec![]));
    let one = request(&["a"]);
    let lost = |fields: &[&str]| fields.iter().map(|field| format!("dropped;{field}")).collect::<Vec<_>>();
    let titan = json!({"inputText": "a", "dimensions": 2});
    assert_eq!(encode(&TITAN, &one, &[]), (titan, lost(&["input_type", "truncate"])));
    let refused = Request { overlong: Some(Overlong::Refused), purpose: None, ..one.clone() };
    assert_eq!(
        encode(&TITAN, &refused, &["no_dimensions"]),
        (json!({"inputText": "a"}), lost(&["dimensions"]))
    );
    let nova = |purpose: &str, truncation: &str| {
        json!({
            "taskType": "SINGLE_EMBEDDING",
            "singleEmbeddingParams": {
                "embeddingPurpose": purpose, "embeddingDimension": 2,
                "text": {"truncationMode": truncation, "value": "a"},
            },
        })
    };
    assert_eq!(encode(&NOVA, &one, &[]), (nova("TEXT_RETRIEVAL", "END"), vec![]));
    assert_eq!(encode(&NOVA, &refused, &[]), (nova("GENERIC_INDEX", "NONE"), vec![]));
}

#[test]
fn what_the_head_of_an_answer_tells_counts_where_its_body_tells_nothing() {
    let mut headers = HeaderMap::new();
    assert_eq!((NOVA.read_head(&headers), OPENAI.read_head(&headers)), (None, None));
    headers.insert("x-amzn-bedrock-input-token-count", "3".parse().unwrap());
    let three = Usage { input: Tokens(3), ..Usage::default() };
    let told = Some(three);
    assert_eq!([&NOVA, &TITAN, &INVOKED].map(|language| language.read_head(&headers)), [told; 3]);
    assert_eq!(OPENAI.read_head(&headers), None);
    let mut passing = conduit(&NOVA, &OPENAI, &asked(Vectors::Numbers), Delivered::Whole).unwrap();
    let answer = Bytes::from_static(br#"{"embeddings":[{"embeddingType":"TEXT","embedding":[1]}]}"#);
    for _ in 0..2 {
        passing.hear(three);
        passing.push(Frame::Whole(answer.clone()), &mut Vec::new()).unwrap();
    }
    assert_eq!(passing.tally().usage.unwrap().input, Tokens(6));
    let mut passing = conduit(&TITAN, &OPENAI, &asked(Vectors::Numbers), Delivered::Whole).unwrap();
    passing.hear(three);
    let answer = Bytes::from_static(br#"{"embedding":[1],"inputTextTokenCount":4}"#);
    passing.push(Frame::Whole(answer), &mut Vec::new()).unwrap();
    assert_eq!(passing.tally().usage.unwrap().input, Tokens(4));
}

#[test]
fn what_google_s_languages_share_survives_between_them() {
    let asks =
        json!({"content": {"parts": [{"text": "a"}]}, "taskType": "FACT_VERIFICATION", "title": "t", "x": 1});
    let single = decode(&GEMINI_SINGLE, &asks).unwrap();
    let instance = json!({"content": "a", "task_type": "FACT_VERIFICATION", "title": "t"});
    let lost = vec!["dropped;x".to_owned()];
    assert_eq!(encode(&PREDICT, &single, &[]), (json!({"instances": [instance]}), lost));
    let parameters = json!({"outputDimensionality": 3, "autoTruncate": false, "y": 1});
    let asks = json!({"instances": [instance, {"content": "b", "task_type": "FACT_VERIFICATION"}], "parameters": parameters});
    let several = decode(&PREDICT, &asks).unwrap();
    let (written, lost) = encode(&GEMINI, &several, &["vertex_body"]);
    let config = json!({"taskType": "FACT_VERIFICATION", "outputDimensionality": 3, "autoTruncate": false});
    let content = |text: &str| json!({"content": {"parts": [{"text": text}]}, "embedContentConfig": config});
    assert_eq!(written, json!({"requests": [content("a"), content("b")]}));
    assert_eq!(lost, ["dropped;title", "dropped;parameters.y"]);
    let read = decode(&GEMINI, &written).unwrap();
    assert_eq!(
        (read.inputs, read.dimensions, read.overlong),
        (several.inputs, Some(3), Some(Overlong::Refused))
    );
    let mut single = content("a");
    single["embedContentConfig"]["title"] = json!("t");
    single["embedContentConfig"]["documentOcr"] = json!(true);
    let (sent, lost) = encode(&PREDICT, &decode(&GEMINI_SINGLE, &single).unwrap(), &[]);
    let parameters = json!({"outputDimensionality": 3, "autoTruncate": false});
    assert_eq!(sent, json!({"instances": [instance], "parameters": parameters}));
    assert_eq!(lost, ["dropped;embedContentConfig.documentOcr"]);
    let mut others = written;
    others["requests"][1]["embedContentConfig"]["taskType"] = json!("QUESTION_ANSWERING");
    assert!(decode(&GEMINI, &others).unwrap_err().starts_with("`requests[1]` must be of the same length"));
    let mixed = json!({"instances": [{"content": "a", "task_type": "CLUSTERING"}, {"content": "b"}]});
    assert!(decode(&PREDICT, &mixed).unwrap_err().starts_with("`instances[1]` must be of the same length"));
    assert_eq!(
        decode(&PREDICT, &json!({"instances": [{}]})).unwrap_err(),
        "`instances[0].content` is missing"
    );
}

#[test]
fn predictions_tell_tokens_by_the_text_and_characters_in_all() {
    let body = br#"{"predictions":[{"embeddings":{"values":[1],"statistics":{"truncated":false,"token_count":3}}},{"embeddings":{"statistics":{"token_count":4},"values":[2]}}],"metadata":{"billableCharacterCount":20}}"#;
    let answer = PREDICT.embedding().unwrap().decode_answer(body).unwrap();
    let units = Units { input_character: 20, ..Units::default() };
    let usage = Some(Usage { input: Tokens(7), units, ..Usage::default() });
    assert_eq!((answer.vectors.as_slice(), answer.usage), (&[vec![1.0], vec![2.0]][..], usage));
    let mut passing = conduit(&PREDICT, &PREDICT, &asked(Vectors::Numbers), Delivered::Whole).unwrap();
    passing.push(Frame::Whole(Bytes::from_static(body)), &mut Vec::new()).unwrap();
    assert_eq!(passing.tally().usage, usage);
}

#[test]
fn what_cannot_be_embedded_elsewhere_is_said_of_its_field() {
    let problem = |language: &Surface, body: Value| decode(language, &body).unwrap_err();
    assert_eq!(problem(&OPENAI, json!({"model": "m"})), "`input` is missing");
    assert!(
        problem(&OPENAI, json!({"model": "m", "input": {"a": 1}})).starts_with("`input` must be a string")
    );
    assert_eq!(problem(&COHERE, json!({"model": "m", "images": ["data:"]})), "`texts` is missing");
    assert!(
        problem(&COHERE, json!({"model": "m", "texts": ["a"], "embedding_types": ["int8"]}))
            .contains("`float`")
    );
    assert_eq!(problem(&GEMINI, json!({"requests": []})), "`requests` is missing");
    let whole = json!({"embeddingPurpose": "GENERIC_INDEX", "text": {"truncationMode": "END", "value": "a"}});
    let parts = json!({"taskType": "SEGMENTED_EMBEDDING", "singleEmbeddingParams": whole});
    assert!(problem(&NOVA, parts).starts_with("`taskType` must ask for the embedding of a text"));
    let picture = json!({"requests": [{"content": {"parts": [{"inlineData": {}}]}}]});
    assert!(problem(&GEMINI, picture).starts_with("`requests[0].content` must be texts"));
}
