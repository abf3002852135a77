//! What a translation reports of a request, and what really differs: each must be told of the other.

use dialects::Head;
use types::conversation::{
    Change, ChangeKind, Content, Conversation, Effort, Extras, MediaSource, OutputFormat, Reasoning, Tool,
    ToolChoice,
};

use crate::headers;
use crate::language::Language;
use crate::request::target;

/// Something that is asked for: the canonical places at which a change of it is told, and what there is of it.
struct Asked {
    places: &'static [&'static str],
    hear: fn(&Conversation) -> String,
}

const ASKED: &[Asked] = &[
    Asked { places: &["temperature"], hear: |said| format!("{:?}", said.sampling.temperature) },
    Asked { places: &["top_p"], hear: |said| format!("{:?}", said.sampling.top_p) },
    Asked { places: &["top_k"], hear: |said| format!("{:?}", said.sampling.top_k) },
    Asked { places: &["frequency_penalty"], hear: |said| penalty(said.sampling.frequency_penalty) },
    Asked { places: &["presence_penalty"], hear: |said| penalty(said.sampling.presence_penalty) },
    Asked { places: &["seed"], hear: |said| format!("{:?}", said.sampling.seed) },
    Asked { places: &["logprobs"], hear: |said| (said.sampling.logprobs == Some(true)).to_string() },
    Asked { places: &["stop"], hear: |said| format!("{:?}", said.sampling.stop) },
    Asked { places: &["tool_choice", "tools"], hear: choice },
    Asked { places: &["parallel_tool_calls", "tool"], hear: parallel },
    Asked { places: &["user"], hear: |said| format!("{:?}", said.user) },
    Asked { places: &["response_format"], hear: format },
    Asked { places: &["reasoning", "thinking"], hear: reasoning },
    Asked { places: &["tools"], hear: tools },
    Asked { places: &["messages"], hear: names },
    Asked { places: &["messages"], hear: |said| Words::of(said).texts },
    Asked { places: &["messages"], hear: |said| Words::of(said).results },
    Asked { places: &["messages"], hear: |said| Words::of(said).media },
    Asked { places: &["messages"], hear: |said| Words::of(said).thoughts },
    Asked { places: &["messages", "tools"], hear: |said| Words::of(said).calls },
];

/// What is asked for in so few words that it may be what happens unasked.
const UNSAID: &str = "unsaid";

/// What differs is told, and what is told to be dropped is gone.
pub fn check(upstream: Language, conversation: &Conversation, quirks: &[&str]) {
    // A caller of no language is told in canonical words.
    let asked = Conversation { extras: Extras::default(), ..conversation.clone() };
    let Ok(encoded) = upstream.dialect.encode_request(&asked, &target("m", quirks)) else { return };
    let (headers, path) = (headers(), upstream.path());
    let head = Head { path: &path, ..Head::of(&headers) };
    let heard =
        upstream.dialect.decode_request(head, &encoded.body.concat()).expect("what is written is read");
    for feature in ASKED {
        let (said, heard) = ((feature.hear)(&asked), (feature.hear)(&heard));
        let about = |change: &&Change| feature.places.iter().any(|place| change.field.starts_with(place));
        let told: Vec<_> = encoded.changes.iter().filter(about).collect();
        let (id, places) = (upstream.id(), feature.places);
        assert!(
            said == heard || !told.is_empty(),
            "{places:?} in {id}: {said} became {heard}, and nobody is told"
        );
        let is_gone =
            |change: &&&Change| change.kind == ChangeKind::Dropped && places.contains(&change.field.as_str());
        let is_kept = said == heard && said != UNSAID;
        assert!(
            !is_kept || told.iter().find(is_gone).is_none(),
            "{places:?} in {id}: {told:?}, but all is there"
        );
    }
}

/// A penalty of nothing is none.
fn penalty(penalty: Option<f64>) -> String {
    format!("{:?}", penalty.filter(|penalty| penalty.abs() > f64::EPSILON))
}

/// Which tool is to be called, by its number: that one may be is what is meant where nothing is said, and that none may
/// where there are none.
fn choice(said: &Conversation) -> String {
    let number = |wanted: &String| {
        said.tools.iter().position(|tool| matches!(tool, Tool::Function { name, .. } if name == wanted))
    };
    match &said.tool_choice {
        Some(ToolChoice::Any) => "any".to_owned(),
        Some(ToolChoice::Named(name)) => format!("{:?}", number(name)),
        Some(ToolChoice::Never) if !said.tools.is_empty() => "none".to_owned(),
        Some(ToolChoice::Auto | ToolChoice::Never) | None => UNSAID.to_owned(),
    }
}

/// Whether several tools may be called at once: they may where nothing is said.
fn parallel(said: &Conversation) -> String {
    let may_call = !said.tools.is_empty() && said.tool_choice != Some(ToolChoice::Never);
    (may_call && said.parallel_tool_calls == Some(false)).to_string()
}

fn format(said: &Conversation) -> String {
    match &said.format {
        OutputFormat::JsonSchema { .. } => "schema",
        OutputFormat::JsonObject => "object",
        OutputFormat::Text => "text",
    }
    .to_owned()
}

/// How much is to be thought; an effort of none and a switch that is off say the same.
fn reasoning(said: &Conversation) -> String {
    match &said.reasoning {
        Some(Reasoning { effort: Some(Effort::None), .. } | Reasoning { enabled: Some(false), .. }) => {
            "off".to_owned()
        }
        // To say how much is to say that.
        Some(Reasoning { effort, budget_tokens, enabled: _ })
            if effort.is_some() || budget_tokens.is_some() =>
        {
            format!("{effort:?} {budget_tokens:?}")
        }
        // As much as the model likes is what it does unasked.
        Some(_) | None => UNSAID.to_owned(),
    }
}

fn tools(said: &Conversation) -> String {
    let name = |tool: &Tool| match tool {
        Tool::Function { name, description, .. } => format!("{name} {description:?}"),
        Tool::Opaque { kind, .. } => kind.clone(),
    };
    said.tools.iter().map(name).collect::<Vec<_>>().join(", ")
}

fn names(said: &Conversation) -> String {
    format!("{:?}", said.messages.iter().filter_map(|message| message.name.as_ref()).collect::<Vec<_>>())
}

/// Everything that is said, by kind: languages split, join and order messages differently.
#[derive(Debug, Default)]
struct Words {
    calls: String,
    media: String,
    results: String,
    texts: String,
    thoughts: String,
}

impl Words {
    fn of(conversation: &Conversation) -> Self {
        let mut words = Self::default();
        let blocks = conversation.messages.iter().flat_map(|message| &message.content);
        blocks.for_each(|content| words.add(content));
        words
    }

    fn add(&mut self, content: &Content) {
        match content {
            Content::Audio(media) | Content::Document(media) | Content::Image(media) => match &media.source {
                MediaSource::Base64(text)
                | MediaSource::File(text)
                | MediaSource::Text(text)
                | MediaSource::Url(text) => self.media.push_str(text),
            },
            Content::Opaque { kind, .. } => self.media.push_str(kind),
            Content::RedactedThinking { data } => self.thoughts.push_str(data),
            // White space alone is nothing to say where the language refuses it.
            Content::Text { text, .. } if text.trim().is_empty() => {}
            Content::Refusal(text) | Content::Text { text, .. } => self.texts.push_str(text),
            Content::Thinking { text, .. } => self.thoughts.push_str(text),
            Content::ToolCall { name, .. } => self.calls.push_str(name),
            Content::ToolResult { content, .. } => {
                let mut inner = Self::default();
                content.iter().for_each(|content| inner.add(content));
                self.results.push_str(&inner.texts);
                self.media.push_str(&inner.media);
            }
        }
    }
}
