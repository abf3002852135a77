//! Properties: what is written reads back the same, however the bytes were cut.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use types::conversation::{CacheMark, Choice, Media, MediaSource, Reasoning, StopReason, Tool, ToolChoice};
use types::{Json, Tokens, Usage};

use super::*;
use crate::{Dialect as _, unfold};

fn text() -> impl Strategy<Value = String> {
    "[a-zä\\\\\"\\n ]{0,8}[a-z]"
}

fn json() -> impl Strategy<Value = String> {
    prop_oneof![Just("{}".to_owned()), "[a-z]{1,3}".prop_map(|name| format!("{{\"{name}\": [1.0, null]}}"))]
}

fn cache() -> impl Strategy<Value = Option<CacheMark>> {
    option::of(prop_oneof![Just(CacheMark::FiveMinutes), Just(CacheMark::OneHour)])
}

fn text_block() -> impl Strategy<Value = Content> {
    text().prop_map(Content::text)
}

fn picture() -> impl Strategy<Value = Content> {
    "[A-Za-z0-9+/]{4}".prop_map(|data| Content::Image(file("image/webp", None, data, None)))
}

fn file(mime: &str, title: Option<&str>, data: String, cache: Option<CacheMark>) -> Media {
    let source = MediaSource::Base64(data);
    Media { mime: Some(mime.to_owned()), source, title: title.map(str::to_owned), detail: None, cache }
}

/// Something besides pictures. A second document of one name would get another: there is one in a conversation.
fn other_file() -> impl Strategy<Value = Content> {
    ("[A-Za-z0-9+/]{4}", cache(), any::<bool>()).prop_map(|(data, cache, is_sound)| {
        if is_sound {
            Content::Audio(file("audio/mpeg", None, data, cache))
        } else {
            Content::Document(file("text/csv", Some("table"), data, cache))
        }
    })
}

fn said() -> impl Strategy<Value = Content> {
    let opaque = json().prop_map(|json| {
        let json = Json::parse(format!(r#"{{"fancy":{json}}}"#)).unwrap();
        Content::Opaque { kind: "bedrock:fancy".into(), json }
    });
    let call = ("[a-z.:_-]{1,9}", text(), json()).prop_map(|(id, name, arguments)| Content::ToolCall {
        id,
        name,
        arguments,
        signature: None,
        cache: None,
    });
    prop_oneof![
        text_block(),
        (text(), text()).prop_map(|(text, signature)| Content::Thinking { text, signature: Some(signature) }),
        "[A-Za-z0-9+/]{4}".prop_map(|data| Content::RedactedThinking { data }),
        call,
        opaque,
    ]
}

fn asks() -> impl Strategy<Value = Vec<Content>> {
    let plain = || prop_oneof![text_block(), picture()];
    let result = ("[a-z.:_-]{1,9}", vec(plain(), 1..3), any::<bool>(), cache()).prop_map(
        |(call_id, content, is_error, cache)| Content::ToolResult { call_id, content, is_error, cache },
    );
    (option::of(result), vec(plain(), 1..3))
        .prop_map(|(result, rest)| result.into_iter().chain(rest).collect())
}

fn messages() -> impl Strategy<Value = Vec<Message>> {
    let turn = (asks(), vec(said(), 1..4));
    (option::of(vec(text_block(), 1..3)), option::of(other_file()), vec(turn, 1..3)).prop_map(
        |(system, first, mut turns)| {
            if let Some((asks, _)) = turns.first_mut() {
                asks.extend(first);
            }
            let system = system.into_iter().map(|content| message(Role::System, content));
            let turns = turns
                .into_iter()
                .flat_map(|(asks, says)| [message(Role::User, asks), message(Role::Assistant, says)]);
            system.chain(turns).collect()
        },
    )
}

fn tools() -> impl Strategy<Value = Vec<Tool>> {
    let function =
        (text(), option::of(text()), option::of(any::<bool>())).prop_map(|(name, description, strict)| {
            let parameters = Json::parse(r#"{"type": "object"}"#);
            Tool::Function { name, description, parameters, strict, cache: None }
        });
    vec(function, 1..3)
}

prop_compose! {
    fn conversation()(
        messages in messages(),
        tools in tools(),
        tool_choice in option::of(prop_oneof![Just(ToolChoice::Auto), Just(ToolChoice::Any), text().prop_map(ToolChoice::Named)]),
        (max_tokens, quarter, top_k, stop) in (option::of(1_u64..9999), option::of(0_u8..=4), option::of(1_u64..9), vec(text(), 0..2)),
        thinks in any::<bool>(),
        is_stream in any::<bool>(),
        schema in option::of(json()),
        extra in option::of(json()),
    ) -> Conversation {
        let schema = schema.map(|schema| Json::parse(schema).unwrap());
        let extra = extra.map(|extra| ("requestMetadata".to_owned(), Json::parse(extra).unwrap()));
        let reasoning = thinks.then_some(Reasoning { budget_tokens: Some(1024), enabled: Some(true), effort: None });
        Conversation {
            prompt_is_apart: messages.first().is_some_and(|first| first.role == Role::System),
            tools,
            // Whoever thinks is not forced to call, nor cut short.
            tool_choice: tool_choice.filter(|choice| !thinks || *choice == ToolChoice::Auto),
            sampling: Sampling {
                max_tokens: max_tokens.filter(|_| !thinks),
                temperature: quarter.map(|quarter| f64::from(quarter) / 4.0),
                top_k,
                stop,
                ..Sampling::default()
            },
            reasoning,
            format: schema.map_or(OutputFormat::Text, |schema| OutputFormat::JsonSchema { name: None, description: None, schema, strict: None }),
            delivery: if is_stream { Delivery::Stream { include_usage: true } } else { Delivery::Whole },
            extras: Extras { dialect: Some(super::super::ID), fields: extra.into_iter().collect() },
            ..foreign(messages)
        }
    }
}

prop_compose! {
    fn answer()(content in vec(said(), 0..5), stop in 0_usize..4, counts in any::<[u16; 5]>()) -> Answer {
        // A stream says nothing of blocks that only this language knows.
        let content: Vec<Content> =
            content.into_iter().filter(|content| !matches!(content, Content::Opaque { .. })).collect();
        let calls = content.iter().any(|content| matches!(content, Content::ToolCall { .. }));
        let stops = [StopReason::EndTurn, StopReason::MaxTokens, StopReason::Filtered, StopReason::ContextFull];
        let stop = if calls && stop == 0 { StopReason::ToolUse } else { stops[stop] };
        let [input, cache_read, cache_write_5m, cache_write_1h, output] = counts.map(|count| Tokens(count.into()));
        let usage = Usage { input, cache_read, cache_write_5m, cache_write_1h, output, ..Usage::default() };
        let choice = Choice { content, stop: Some(stop), ..Choice::default() };
        Answer { choices: vec![choice], usage: Some(usage), ..Answer::default() }
    }
}

proptest! {
    #[test]
    fn a_request_reads_back_as_it_was_written(conversation in conversation()) {
        let encoded = Bedrock.encode_request(&conversation, &target(&[])).unwrap();
        prop_assert_eq!(&encoded.changes, &[]);
        let streams = if conversation.delivery.is_stream() { Streams::Always } else { Streams::Never };
        let (headers, path) = (HeaderMap::new(), path(streams));
        let head = Head { path: &path, ..Head::of(&headers) };
        let body = encoded.body.concat();
        let again = Bedrock.decode_request(head, &body);
        prop_assert_eq!(again.unwrap(), conversation.clone());
        let fields = crate::Fields::scan(&body, 64).unwrap();
        let peek = Bedrock.peek(head, &body.into(), &fields).unwrap();
        prop_assert_eq!(peek.max_tokens, conversation.sampling.max_tokens);
    }

    #[test]
    fn an_answer_reads_back_as_it_was_written_whole_and_in_events(answer in answer(), size in 1_usize..64) {
        let whole = Bedrock.encode_answer(&answer, &asked(Delivery::Whole));
        prop_assert_eq!(&Bedrock.decode_answer(&whole).unwrap(), &answer);
        let stream = write(&unfold(&answer));
        prop_assert_eq!(frames(stream.chunks(size)), frames([&stream]));
        prop_assert_eq!(fold(read(&stream).unwrap()), answer);
    }

    #[test]
    fn bytes_of_any_kind_never_panic(bytes in vec(any::<u8>(), 0..200), name in "[a-zA-Z]{0,20}") {
        drop(Bedrock.decode_answer(&bytes));
        let path = path(Streams::Never);
        drop(Bedrock.decode_request(Head { path: &path, ..Head::of(&HeaderMap::new()) }, &bytes));
        let event = StreamEvent { raw: Bytes::new(), name: name.into(), data: bytes.into() };
        drop(Bedrock.decoder().push(&event, &mut Vec::new()));
    }
}
