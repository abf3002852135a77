//! Requests: what is understood survives, what is passed on is the caller's own.

use bytes::Bytes;
use dialects::{EncodeError, Fields, Head, PathSaid, QUIRKS};
use http::HeaderMap;
use types::conversation::{Content, Conversation, MediaSource, Target};

use crate::language::{self, Language};
use crate::{fields, headers, json, report};

/// As deep as the gateway lets requests in.
const MAX_DEPTH: usize = 128;
/// Fields that a target without quirks may read differently.
const TOUCHED: &[&str] = &["model", "stream_options"];

fn head<'a>(headers: &'a HeaderMap, path: &'a PathSaid) -> Head<'a> {
    Head { path, ..Head::of(headers) }
}

/// A model with these quirks.
pub fn target(model: &str, quirks: &[&str]) -> Target {
    let quirks = quirks.iter().map(|quirk| (*quirk).to_owned()).collect();
    Target { model: model.into(), max_output_tokens: Some(4096), quirks, strict: false }
}

/// What is read as a conversation is written such that it reads the same; what is passed on differs in the model's
/// name only; quirks of any kind leave JSON.
pub fn check(name: &str, body: &[u8]) {
    let language = language::named(name);
    let (headers, said) = (headers(), language.path());
    let head = head(&headers, &said);
    let decoded = language.dialect.decode_request(head, body);
    let bytes = Bytes::copy_from_slice(body);
    let Ok(scanned) = Fields::scan(body, MAX_DEPTH) else {
        return;
    };
    if let Ok(peek) = language.dialect.peek(head, &bytes, &scanned) {
        adapted(language, &bytes, &scanned);
        if let Ok(conversation) = &decoded {
            assert_eq!((&peek.model, peek.delivery), (&conversation.model, conversation.delivery));
            assert_eq!(peek.max_tokens, conversation.sampling.max_tokens);
        }
    }
    let Ok(conversation) = decoded else { return };
    let model = conversation.model.as_str().to_owned();
    let capable = ["cache_control", "mid_conversation_system", "thinking_blocks", "top_k"];
    for upstream in language::all() {
        stable(upstream, &conversation, &target(&model, &capable));
        report::check(upstream, &conversation, &capable);
        for quirk in QUIRKS.iter().map(std::slice::from_ref).chain([QUIRKS]) {
            if let Ok(encoded) = upstream.dialect.encode_request(&conversation, &target("upstream", quirk)) {
                model_is_replaced(upstream, quirk, &encoded.body.concat());
            }
        }
    }
}

/// Writing what was read of what was written changes nothing any more.
fn stable(upstream: Language, conversation: &Conversation, target: &Target) {
    let (headers, said, dialect) = (headers(), upstream.path(), upstream.dialect);
    let encoded = match dialect.encode_request(conversation, target) {
        Ok(encoded) => encoded,
        Err(EncodeError::Unsayable { .. }) => return,
        Err(error @ EncodeError::Lossy(_)) => panic!("{error}"),
    };
    let written = encoded.body.concat();
    let again = match dialect.decode_request(head(&headers, &said), &written) {
        Ok(again) => again,
        Err(error) => panic!("{error}: {}", String::from_utf8_lossy(&written)),
    };
    if encoded.changes.is_empty() {
        let words = |conversation| Words::of(conversation, upstream);
        assert_eq!(words(&again), words(conversation));
    }
    if !upstream.has_ids() && !is_paired(&again) {
        // A result that stands before its call has lost the function's name.
        return;
    }
    let twice = dialect.encode_request(&again, target).expect("what was written can be written");
    assert_eq!(json(&twice.body.concat()), json(&written));
}

/// Whether every result is one of a call before it.
fn is_paired(conversation: &Conversation) -> bool {
    let mut called = Vec::new();
    conversation.messages.iter().flat_map(|message| &message.content).all(|content| {
        if let Content::ToolCall { id, .. } = content {
            called.push(id);
        }
        !matches!(content, Content::ToolResult { call_id, .. } if !called.contains(&call_id))
    })
}

fn adapted(language: Language, body: &Bytes, scanned: &Fields) {
    let plain = language.dialect.adapt_request(body, scanned, &target("upstream", &[]));
    if let Ok(encoded) = plain {
        // Reasoning without a proof is all that a target without quirks does not get.
        assert!(
            encoded.changes.is_empty()
                || [&b"\"signature\""[..], b"\"tollgate:"]
                    .iter()
                    .any(|mark| memchr::memmem::find(body, mark).is_some())
        );
        let written = encoded.body.concat();
        if let (true, Some(before), Some(after)) =
            (encoded.changes.is_empty(), fields(body), fields(&written))
        {
            let kept = |pairs: Vec<(String, String)>| -> Vec<_> {
                pairs.into_iter().filter(|(name, _)| !TOUCHED.contains(&name.as_str())).collect()
            };
            assert_eq!(kept(before), kept(after));
        }
        model_is_replaced(language, &[], &written);
    }
    for quirk in QUIRKS.iter().map(std::slice::from_ref).chain([QUIRKS]) {
        if let Ok(encoded) = language.dialect.adapt_request(body, scanned, &target("upstream", quirk)) {
            model_is_replaced(language, quirk, &encoded.body.concat());
        }
    }
}

fn model_is_replaced(language: Language, quirks: &[&str], written: &[u8]) {
    let Ok(scanned) = Fields::scan(written, 2 * MAX_DEPTH) else {
        panic!("no JSON: {}", String::from_utf8_lossy(written));
    };
    if !language.is_named_by_path() && !quirks.contains(&"vertex_body") {
        assert_eq!(scanned.value(written, "model"), Some(&b"\"upstream\""[..]));
    }
}

/// Everything that is said, by kind: languages split, join and order messages differently.
#[derive(Debug, Default, PartialEq)]
struct Words {
    calls: String,
    /// Whether calls have ids and thoughts have proofs that any language could have made.
    has_ids: bool,
    media: String,
    results: String,
    texts: String,
    thoughts: String,
}

impl Words {
    fn of(conversation: &Conversation, language: Language) -> Self {
        let mut words = Self { has_ids: language.has_ids(), ..Self::default() };
        conversation
            .messages
            .iter()
            .flat_map(|message| &message.content)
            .for_each(|content| words.add(content));
        words
    }

    fn add(&mut self, content: &Content) {
        match content {
            Content::Audio(media) | Content::Document(media) | Content::Image(media) => match &media.source {
                MediaSource::Base64(text)
                | MediaSource::File(text)
                | MediaSource::Text(text)
                | MediaSource::Url(text) => {
                    self.media.push_str(text);
                }
            },
            Content::Opaque { .. } => {}
            Content::RedactedThinking { data } => self.thoughts.push_str(data),
            Content::Refusal(text) => self.texts.push_str(text),
            // White space alone is nothing to say where the language refuses it.
            Content::Text { text, .. } if text.trim().is_empty() => {}
            Content::Text { text, .. } => self.texts.push_str(text),
            Content::Thinking { text, signature } => {
                let signature = signature.as_deref().filter(|_| self.has_ids);
                self.thoughts.extend([text.as_str(), signature.unwrap_or_default()]);
            }
            Content::ToolCall { id, name, .. } => {
                let id = Some(id.as_str()).filter(|_| self.has_ids).unwrap_or_default();
                self.calls.extend([id, name.as_str()]);
            }
            Content::ToolResult { call_id, content, .. } => {
                let mut inner = Self::default();
                content.iter().for_each(|content| inner.add(content));
                let id = Some(call_id.as_str()).filter(|_| self.has_ids).unwrap_or_default();
                self.results.extend([id, inner.texts.as_str()]);
                self.media.push_str(&inner.media);
            }
        }
    }
}
