//! Properties: what is written reads back the same, however the bytes were cut.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use types::conversation::{
    Answer, CacheMark, Choice, Content, Conversation, Delivery, Effort, Event, Extras, Media, MediaSource,
    Message, OutputFormat, Reasoning, Role, Sampling, StopReason, Tool, ToolChoice,
};
use types::{Frame, Json, Tokens, Usage};

use super::streams::{validate, write};
use super::{Anthropic, STREAM, asked, events, fold, foreign, headers, read, target};
use crate::{Conversational as _, Dialect as _, Head, unfold};

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
    (text(), cache()).prop_map(|(text, cache)| Content::Text { text, cache })
}

fn media() -> impl Strategy<Value = Content> {
    let source = |mime: Option<&str>, source: fn(String) -> MediaSource| {
        let mime = mime.map(str::to_owned);
        (text(), cache()).prop_map(move |(bytes, cache)| Media {
            mime: mime.clone(),
            source: source(bytes),
            title: None,
            detail: None,
            cache,
        })
    };
    prop_oneof![
        source(Some("image/png"), MediaSource::Base64).prop_map(Content::Image),
        source(None, MediaSource::Url).prop_map(Content::Image),
        source(None, MediaSource::File).prop_map(Content::Image),
        source(Some("application/pdf"), MediaSource::Base64).prop_map(Content::Document),
        source(Some("text/plain"), MediaSource::Text).prop_map(Content::Document),
    ]
}

fn tool_call() -> impl Strategy<Value = Content> {
    ("\\PC{0,6}", text(), json()).prop_map(|(id, name, arguments)| Content::ToolCall {
        id,
        name,
        arguments,
        signature: None,
        cache: None,
    })
}

fn said() -> impl Strategy<Value = Content> {
    let opaque = json().prop_map(|json| {
        let json = Json::parse(format!(r#"{{"type":"fancy","x":{json}}}"#)).unwrap();
        Content::Opaque { kind: "anthropic:fancy".into(), json }
    });
    prop_oneof![
        text().prop_map(Content::text),
        (text(), text()).prop_map(|(text, signature)| Content::Thinking { text, signature: Some(signature) }),
        text().prop_map(|data| Content::RedactedThinking { data }),
        tool_call(),
        opaque,
    ]
}

fn asks() -> impl Strategy<Value = Vec<Content>> {
    let result =
        ("\\PC{0,6}", vec(prop_oneof![text_block(), media()], 0..3), any::<bool>(), cache()).prop_map(
            |(call_id, content, is_error, cache)| Content::ToolResult { call_id, content, is_error, cache },
        );
    (vec(result, 0..3), vec(prop_oneof![text_block(), media()], 1..3))
        .prop_map(|(results, rest)| results.into_iter().chain(rest).collect())
}

fn messages() -> impl Strategy<Value = Vec<Message>> {
    let turn = (asks(), vec(said(), 1..4));
    (option::of(vec(text_block(), 1..3)), vec(turn, 1..3)).prop_map(|(system, turns)| {
        let message = |role, content| Message { role, content, name: None };
        let system = system.into_iter().map(|content| message(Role::System, content));
        let turns = turns
            .into_iter()
            .flat_map(|(asks, says)| [message(Role::User, asks), message(Role::Assistant, says)]);
        system.chain(turns).collect()
    })
}

fn tools() -> impl Strategy<Value = Vec<Tool>> {
    let function = (text(), option::of(text()), option::of(any::<bool>()), cache()).prop_map(
        |(name, description, strict, cache)| {
            let parameters = Json::parse(r#"{"type": "object"}"#);
            Tool::Function { name, description, parameters, strict, cache }
        },
    );
    vec(function, 1..3)
}

fn choice() -> impl Strategy<Value = (Option<ToolChoice>, Option<bool>)> {
    prop_oneof![
        Just((None, None)),
        Just((Some(ToolChoice::Never), None)),
        option::of(any::<bool>()).prop_map(|parallel| (Some(ToolChoice::Auto), parallel)),
    ]
}

/// Either a temperature or thinking: the wire does not take both.
fn drawing() -> impl Strategy<Value = (Sampling, Option<Reasoning>)> {
    let sampling = (1_u64..9999, 0_u8..=4, option::of(1_u64..9), vec(text(), 0..2)).prop_map(
        |(max_tokens, quarter, top_k, stop)| Sampling {
            max_tokens: Some(max_tokens),
            temperature: Some(f64::from(quarter) / 4.0),
            top_k,
            stop,
            ..Sampling::default()
        },
    );
    let reasoning = (option::of(1024_u64..9999), option::of(Just(Effort::High)))
        .prop_map(|(budget_tokens, effort)| Reasoning { effort, budget_tokens, enabled: Some(true) });
    prop_oneof![
        sampling.prop_map(|sampling| (sampling, None)),
        reasoning.prop_map(|reasoning| {
            (Sampling { max_tokens: Some(1), ..Sampling::default() }, Some(reasoning))
        }),
    ]
}

prop_compose! {
    fn conversation()(
        messages in messages(),
        tools in tools(),
        (tool_choice, parallel_tool_calls) in choice(),
        (sampling, reasoning) in drawing(),
        user in option::of(text()),
        is_stream in any::<bool>(),
        schema in option::of(json()),
        extra in option::of(json()),
    ) -> Conversation {
        let schema = schema.map(|schema| Json::parse(schema).unwrap());
        let extra = extra.map(|extra| ("speed".to_owned(), Json::parse(extra).unwrap()));
        Conversation {
            model: "claude-upstream-1".into(),
            prompt_is_apart: messages.first().is_some_and(|first| first.role == Role::System),
            tools,
            tool_choice,
            parallel_tool_calls,
            sampling,
            reasoning,
            format: schema.map_or(OutputFormat::Text, |schema| {
                OutputFormat::JsonSchema { name: None, description: None, schema, strict: None }
            }),
            delivery: if is_stream { Delivery::Stream { include_usage: true } } else { Delivery::Whole },
            user,
            extras: Extras { dialect: Some(Anthropic.id()), fields: extra.into_iter().collect() },
            ..foreign(messages)
        }
    }
}

/// The conversation without its prompt-cache marks.
fn unmarked(mut conversation: Conversation) -> Conversation {
    fn unmark(content: &mut Content) {
        match content {
            Content::Audio(media) | Content::Document(media) | Content::Image(media) => media.cache = None,
            Content::Text { cache, .. } | Content::ToolCall { cache, .. } => *cache = None,
            Content::ToolResult { cache, content, .. } => {
                *cache = None;
                content.iter_mut().for_each(unmark);
            }
            Content::Opaque { .. }
            | Content::RedactedThinking { .. }
            | Content::Refusal(_)
            | Content::Thinking { .. } => {}
        }
    }
    conversation.messages.iter_mut().flat_map(|message| &mut message.content).for_each(unmark);
    for tool in &mut conversation.tools {
        if let Tool::Function { cache, .. } = tool {
            *cache = None;
        }
    }
    conversation
}

prop_compose! {
    fn answer()(content in vec(said(), 0..5), counts in proptest::array::uniform6(0_u64..1000)) -> Answer {
        let [input, cache_read, cache_write_5m, cache_write_1h, output, reasoning] = counts.map(Tokens);
        let usage =
            Usage { input, cache_read, cache_write_5m, cache_write_1h, output, reasoning, ..Usage::default() };
        let stop = Some(StopReason::MaxTokens);
        Answer {
            id: Some("msg_1".into()),
            model: Some("claude-public".into()),
            created: None,
            choices: vec![Choice { content, stop, stop_sequence: None, logprobs: None }],
            usage: Some(usage),
        }
    }
}

/// The same events with the blocks all open at once, their deltas in turns.
fn interleaved(events: Vec<Event>) -> Vec<Event> {
    let rank = |event: &Event| match event {
        Event::Start { .. } => 0,
        Event::Open { .. } => 1,
        Event::Delta { .. } => 2,
        Event::Close { .. } => 3,
        Event::Logprobs { .. } | Event::Finish { .. } | Event::Usage(_) | Event::Failed(_) | Event::Ping => 4,
        Event::End => 5,
    };
    let mut events = events;
    events.sort_by_key(rank);
    events
}

proptest! {
    #[test]
    fn a_request_that_is_written_reads_back_the_same(conversation in conversation()) {
        let encoded = Anthropic.encode_request(&conversation, &target(&[])).unwrap();
        let again = Anthropic.decode_request(Head::of(&headers("2023-06-01")), &encoded.body.concat()).unwrap();
        prop_assert_eq!(encoded.changes.is_empty(), again == conversation);
        // Only surplus marks are left out.
        prop_assert!(encoded.changes.iter().all(|change| change.field.ends_with(".cache_control")));
        prop_assert_eq!(unmarked(again), unmarked(conversation));
    }

    #[test]
    fn an_answer_that_is_written_reads_back_the_same(answer in answer()) {
        let written = Anthropic.encode_answer(&answer, &asked(Delivery::Whole));
        prop_assert_eq!(Anthropic.decode_answer(&written).unwrap(), answer);
    }

    #[test]
    fn a_stream_that_is_written_reads_back_the_same(answer in answer()) {
        for events in [unfold(&answer), interleaved(unfold(&answer))] {
            let written = write(&events);
            validate(&written);
            let again = fold(read(&written));
            prop_assert_eq!(&again, &Answer { choices: again.choices.clone(), ..answer.clone() });
            // Without a block nobody has spoken yet, and a block kept whole has its fields sorted.
            let plain = |answer: &Answer| {
                let content = answer.choices.iter().flat_map(|choice| choice.content.clone());
                let is_opaque = |content: &Content| matches!(content, Content::Opaque { .. });
                content.filter(|content| !is_opaque(content)).collect::<Vec<_>>()
            };
            prop_assert_eq!(plain(&again), plain(&answer));
        }
    }

    #[test]
    fn any_cut_of_the_bytes_gives_the_same_output(cuts in vec(0..STREAM.len(), 0..9)) {
        let mut cuts = cuts;
        cuts.sort_unstable();
        let mut pieces = Vec::new();
        let mut at = 0;
        for cut in cuts.into_iter().chain([STREAM.len()]) {
            pieces.push(&STREAM.as_bytes()[at..cut]);
            at = cut;
        }
        let mut forwarder = Anthropic.forwarder(&asked(Delivery::Stream { include_usage: true }));
        let mut out = Vec::new();
        for event in events(pieces) {
            forwarder.push(Frame::Event(event), &mut out).unwrap();
        }
        prop_assert_eq!(out.concat(), STREAM.replace("claude-upstream-1", "claude-public").into_bytes());
    }
}
