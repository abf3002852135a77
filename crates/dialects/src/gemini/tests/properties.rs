//! Properties: what is written reads back the same, however the bytes were cut.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use types::conversation::{Choice, Effort, Media, MediaSource, Reasoning, StopReason, Tool, ToolChoice};
use types::{Json, Tokens, Usage};

use super::*;
use crate::unfold;

fn text() -> impl Strategy<Value = String> {
    "[a-zä\\\\\"\\n ]{0,8}[a-z]"
}

fn json() -> impl Strategy<Value = String> {
    prop_oneof![Just("{}".to_owned()), "[a-z]{1,3}".prop_map(|name| format!("{{\"{name}\": [1.0, null]}}"))]
}

fn media() -> impl Strategy<Value = Content> {
    let media = |mime: &str, source| Media {
        mime: Some(mime.to_owned()),
        source,
        title: None,
        detail: None,
        cache: None,
    };
    prop_oneof![
        text().prop_map(move |data| Content::Image(media("image/webp", MediaSource::Base64(data)))),
        text().prop_map(move |data| Content::Audio(media("audio/wav", MediaSource::Base64(data)))),
        text().prop_map(move |data| Content::Document(media("application/pdf", MediaSource::Base64(data)))),
        "[a-z]{1,5}".prop_map(move |name| {
            Content::Image(media("image/png", MediaSource::Url(format!("https://example.com/{name}"))))
        }),
        "[a-z]{1,5}".prop_map(move |name| {
            Content::Document(media("application/pdf", MediaSource::File(format!("gs://bucket/{name}"))))
        }),
    ]
}

/// A proof of this language's, or of another's.
fn proof() -> impl Strategy<Value = String> {
    prop_oneof!["[A-Za-z]{4,8}".prop_map(|proof| format!("tollgate:gemini:{proof}")), "[a-z+/=]{1,8}"]
}

fn said() -> impl Strategy<Value = Content> {
    let call = ("[a-z]{1,6}", text(), json(), option::of("[A-Za-z]{4,8}")).prop_map(
        |(id, name, arguments, proof)| {
            let signature = proof.map(|proof| format!("tollgate:gemini:{proof}"));
            Content::ToolCall { id, name, arguments, signature, cache: None }
        },
    );
    let opaque = json().prop_map(|json| Content::Opaque {
        kind: "gemini:executableCode".into(),
        json: Json::parse(format!(r#"{{"executableCode":{json}}}"#)).unwrap(),
    });
    prop_oneof![
        text().prop_map(Content::text),
        (text(), "[A-Za-z]{4,8}").prop_map(|(text, proof)| {
            Content::Thinking { text, signature: Some(format!("tollgate:gemini:{proof}")) }
        }),
        call,
        opaque,
    ]
}

fn asks() -> impl Strategy<Value = Vec<Content>> {
    let result = ("[a-z]{1,6}", text(), vec(media(), 0..2), any::<bool>()).prop_map(
        |(call_id, text, media, is_error)| {
            let content = std::iter::once(Content::text(text)).chain(media).collect();
            Content::ToolResult { call_id, content, is_error, cache: None }
        },
    );
    (vec(result, 0..3), vec(prop_oneof![text().prop_map(Content::text), media()], 1..3))
        .prop_map(|(results, rest)| results.into_iter().chain(rest).collect())
}

prop_compose! {
    fn conversation()(
        turns in vec((asks(), vec(said(), 1..4)), 1..3),
        system in option::of(vec(text().prop_map(Content::text), 1..3)),
        tools in vec((text(), option::of(text())), 0..3),
        choice in option::of(prop_oneof![Just(ToolChoice::Auto), Just(ToolChoice::Any), Just(ToolChoice::Never)]),
        (max_tokens, quarter, stop) in (option::of(1_u64..9999), 0_u8..=8, vec(text(), 0..3)),
        reasoning in option::of((option::of(1_u64..9999), any::<bool>())),
        extra in option::of(json()),
    ) -> Conversation {
        let prompt_is_apart = system.is_some();
        let system = system.into_iter().map(|content| message(Role::System, content));
        let turns = turns.into_iter().flat_map(|(asks, says)| [message(Role::User, asks), message(Role::Assistant, says)]);
        let parameters = Json::parse(r#"{"type": "object"}"#);
        let tools: Vec<_> = tools.into_iter().map(|(name, description)| Tool::Function {
            name, description, parameters: parameters.clone(), strict: None, cache: None,
        }).collect();
        Conversation {
            model: "gemini-public".into(),
            prompt_is_apart,
            tool_choice: choice.filter(|_| !tools.is_empty()),
            tools,
            sampling: Sampling { max_tokens, temperature: Some(f64::from(quarter) / 4.0), stop, ..Sampling::default() },
            reasoning: reasoning.map(|(budget_tokens, has_effort)| Reasoning {
                effort: has_effort.then_some(Effort::High), budget_tokens, enabled: Some(true),
            }),
            extras: Extras {
                dialect: Some(Gemini.id()),
                fields: extra.map(|extra| ("labels".to_owned(), Json::parse(extra).unwrap())).into_iter().collect(),
            },
            ..foreign(system.chain(turns).collect())
        }
    }
}

prop_compose! {
    fn answer()(
        content in vec(said(), 0..5),
        foreign in option::of((text(), proof())),
        counts in proptest::array::uniform4(0_u64..1000),
    ) -> Answer {
        let [input, cache_read, output, reasoning] = counts.map(|count| Tokens(count + 1));
        let thought = foreign.map(|(text, proof)| Content::Thinking { text, signature: Some(proof) });
        let usage = Usage { input, cache_read, output, reasoning, ..Usage::default() };
        let content = thought.into_iter().chain(content).collect();
        let choice = Choice { content, stop: Some(StopReason::MaxTokens), stop_sequence: None, logprobs: None };
        Answer {
            id: Some("r1".into()),
            model: Some("gemini-public".into()),
            created: None,
            choices: vec![choice],
            usage: Some(usage),
        }
    }
}

/// The blocks of an answer with words of a kind joined, as a stream of this language has no place for where they meet.
fn joined(answer: &Answer) -> Vec<Content> {
    let mut joined: Vec<Content> = Vec::new();
    for content in &answer.choices[0].content {
        match (joined.last_mut(), content) {
            (Some(Content::Text { text, .. }), Content::Text { text: more, .. }) => text.push_str(more),
            (_, content) => joined.push(content.clone()),
        }
    }
    joined
}

proptest! {
    #[test]
    fn a_request_that_is_written_reads_back_the_same(conversation in conversation()) {
        let encoded = Gemini.encode_request(&conversation, &target(&[])).unwrap();
        let again = decode(&String::from_utf8(encoded.body.concat()).unwrap()).unwrap();
        // A result whose call is not there has its name made up.
        prop_assert!(encoded.changes.iter().all(|change| change.kind == types::conversation::ChangeKind::Emulated));
        prop_assert_eq!(again, conversation);
    }

    #[test]
    fn an_answer_that_is_written_reads_back_the_same(answer in answer()) {
        let written = Gemini.encode_answer(&answer, &asked(Delivery::Whole, StreamForm::Array));
        let again = Gemini.decode_answer(&written).unwrap();
        prop_assert_eq!(joined(&again), joined(&answer));
        prop_assert_eq!(&again.usage, &answer.usage);
    }

    #[test]
    fn a_stream_that_is_written_reads_back_the_same(answer in answer(), is_array in any::<bool>()) {
        let again = if is_array {
            Gemini.decode_answer(write(&unfold(&answer), StreamForm::Array).as_bytes()).unwrap()
        } else {
            fold(read(&write(&unfold(&answer), StreamForm::Events)).unwrap())
        };
        prop_assert_eq!(joined(&again), joined(&answer));
        prop_assert_eq!(&again.usage, &answer.usage);
    }

    #[test]
    fn bytes_of_any_kind_never_panic(body in r#"[\{\}\[\]",:a-z0-9]{0,60}"#) {
        drop(decode(&body));
        drop(Gemini.decode_answer(body.as_bytes()));
        drop(read(&format!("data: {body}\r\n\r\n")));
    }
}
