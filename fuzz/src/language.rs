//! What the targets know of each language: how its streams are cut, what they obey, and where its answers name the
//! model. A new language is a row here.

use bytes::Bytes;
use dialects::frames::{self, FrameKind, FrameParser};
use dialects::{Conversational, PathSaid};
use types::{Operation, StreamEvent, StreamForm};

use crate::lines::LineParser;
use crate::rules;
use crate::sse::{SseParser, Tail};

/// As large as an event gets that is read.
const MOST: usize = 1 << 20;

/// One language.
#[derive(Clone, Copy)]
pub struct Language {
    /// The language itself.
    pub dialect: &'static dyn Conversational,
    known: &'static Known,
}

/// What is known of one language.
struct Known {
    id: &'static str,
    form: StreamForm,
    /// The field of a whole answer that names the model.
    model: Option<&'static str>,
    /// What every stream obeys that is written in it.
    rules: fn(&[StreamEvent]),
    /// Whether calls have ids, and thoughts proofs, that any language could have made.
    has_ids: bool,
}

static KNOWN: [Known; 7] = [
    Known {
        id: "anthropic",
        form: StreamForm::Events,
        model: Some("model"),
        rules: rules::messages,
        has_ids: true,
    },
    Known { id: "bedrock", form: StreamForm::Frames, model: None, rules: rules::blocks, has_ids: true },
    Known { id: "cohere", form: StreamForm::Events, model: None, rules: rules::parts, has_ids: true },
    Known {
        id: "gemini",
        form: StreamForm::Events,
        model: Some("modelVersion"),
        rules: rules::pieces,
        has_ids: false,
    },
    Known { id: "ollama", form: StreamForm::Lines, model: Some("model"), rules: rules::lines, has_ids: true },
    Known {
        id: "openai_chat",
        form: StreamForm::Events,
        model: Some("model"),
        rules: rules::chunks,
        has_ids: true,
    },
    Known {
        id: "openai_responses",
        form: StreamForm::Events,
        model: Some("model"),
        rules: rules::responses,
        has_ids: true,
    },
];

/// Every language in which one can have a conversation.
pub fn all() -> impl Iterator<Item = Language> {
    dialects::conversational().map(|dialect| {
        let known = KNOWN.iter().find(|known| known.id == dialect.id().as_str());
        Language { dialect, known: known.expect("every language has a row") }
    })
}

/// The language with this name.
pub fn named(name: &str) -> Language {
    all().find(|language| language.known.id == name).expect("there is one")
}

impl Language {
    /// Its name.
    pub fn id(self) -> &'static str {
        self.known.id
    }

    /// How its streams are cut into events.
    pub fn form(self) -> StreamForm {
        self.known.form
    }

    /// The field of a whole answer that names the model.
    pub fn model(self) -> Option<&'static str> {
        self.known.model
    }

    /// Whether calls have ids, and thoughts proofs, that any language could have made.
    pub fn has_ids(self) -> bool {
        self.known.has_ids
    }

    /// Whether requests name their model in the path, not in the body.
    pub fn is_named_by_path(self) -> bool {
        let mut routes = self.dialect.routes().iter().filter(|route| route.operation == Operation::Chat);
        routes.all(|route| route.path.contains("{model}"))
    }

    /// What the path says of a request.
    pub fn path(self) -> PathSaid {
        let model = self.is_named_by_path().then(|| "path".into());
        PathSaid { model, ..PathSaid::default() }
    }

    /// The stream obeys the rules of its language.
    pub fn obeys(self, stream: &[u8]) {
        (self.known.rules)(&self.events(stream));
    }

    /// The stream that an input stands for. No mutation finds a checksum, so frames are made of lines, each a name and a
    /// payload.
    pub fn stream(self, input: &[u8]) -> Vec<u8> {
        match self.known.form {
            // As the fixtures have them.
            StreamForm::Frames if input.starts_with(&[0]) => input.to_vec(),
            StreamForm::Frames => framed(input),
            StreamForm::Array | StreamForm::Bytes | StreamForm::Events | StreamForm::Lines => input.to_vec(),
        }
    }

    /// The events of a stream.
    pub fn events(self, stream: &[u8]) -> Vec<StreamEvent> {
        self.cut(stream, stream.len())
    }

    /// The same, which they are wherever the network cuts it.
    pub fn events_however_cut(self, stream: &[u8]) -> Vec<StreamEvent> {
        let events = self.events(stream);
        for piece in [1, 2 + stream.len() % 61] {
            assert_eq!(self.cut(stream, piece), events);
        }
        events
    }

    /// The events of a stream that comes in pieces of this size.
    fn cut(self, stream: &[u8], piece: usize) -> Vec<StreamEvent> {
        let chunks = stream.chunks(piece.max(1)).map(Bytes::copy_from_slice);
        let mut events = Vec::new();
        match self.known.form {
            StreamForm::Frames => {
                let mut parser = FrameParser::new(MOST);
                for chunk in chunks {
                    parser.push(chunk);
                    events.extend(std::iter::from_fn(|| parser.next().ok().flatten()));
                }
            }
            StreamForm::Lines => {
                let mut parser = LineParser::new(MOST);
                for chunk in chunks {
                    parser.push(chunk);
                    events.extend(std::iter::from_fn(|| parser.next().ok().flatten()));
                }
                events.extend(parser.finish());
            }
            StreamForm::Array | StreamForm::Bytes | StreamForm::Events => {
                let mut parser = SseParser::new(MOST);
                for chunk in chunks {
                    parser.push(chunk);
                    events.extend(std::iter::from_fn(|| parser.next().ok().flatten()));
                }
                if let Some(Tail::Complete(event)) = parser.finish() {
                    events.push(event);
                }
            }
        }
        events
    }
}

fn framed(input: &[u8]) -> Vec<u8> {
    let mut written = Vec::new();
    for line in input.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii) {
        let (name, payload) = line.split_at(line.iter().position(|byte| *byte == b' ').unwrap_or(line.len()));
        let Ok(name) = std::str::from_utf8(name) else { continue };
        let kind = if name.ends_with("Exception") { FrameKind::Exception } else { FrameKind::Event };
        frames::write(&mut written, kind, name, |out| out.extend_from_slice(payload.trim_ascii()));
    }
    written
}
