//! Passes answers through that are no conversations: every byte stays but the model's name, and what the caller
//! reads in another form.

pub(crate) mod usage;

use bytes::Bytes;
use http::HeaderMap;
use serde::Deserialize;
use serde_json::value::RawValue;
use types::conversation::Delivery;
use types::{Fault, FaultKind, Frame, StreamEvent, StreamForm, Units, Usage};

use crate::openai_chat::event::{Kind, kind};
use crate::openai_family::MAX_DEPTH;
use crate::openai_family::error::{
    broken_off, empty_stream, fault_inside, fault_of_event, is_truthy, unreadable,
};
use crate::sound::Sound;
use crate::splice::{patch, quoted};
use crate::{Asked, Conduit, Fields, Splice, Tally};

/// What is known of a language's answers.
#[derive(Clone, Copy)]
pub(crate) struct Answers {
    /// The field without which a whole answer is none.
    pub(crate) needs: Option<&'static str>,
    /// Reads what an answer says was used.
    pub(crate) usage: fn(&[u8], &Fields) -> Option<Usage>,
    /// Counts what a whole answer, or an event of one, is in units other than tokens.
    pub(crate) units: fn(&[u8], &Fields) -> Units,
    /// Whether what is passed on as it comes is sound.
    pub(crate) is_sound: bool,
    /// Reads what the head of an answer says was used, where the body does not.
    pub(crate) head: fn(&HeaderMap) -> Option<Usage>,
    /// Takes out of a whole answer what is read as plain bytes, and its media type, where the one holds the other.
    pub(crate) unpack: fn(&[u8], &Fields) -> Result<Option<Unpacked>, Fault>,
    /// What a translated answer must know of the request beside what all must.
    pub(crate) echo: fn(&Bytes, &Fields) -> Bytes,
    /// What else is to be changed in a whole answer.
    pub(crate) rewrite: Option<Rewrite>,
}

/// Plain bytes, and their media type.
pub(crate) type Unpacked = (Bytes, &'static str);

/// Changes a whole answer into what was asked for.
pub(crate) type Rewrite = fn(&Bytes, &Fields, &Asked, &mut Splice) -> Result<(), Fault>;

impl Answers {
    /// Answers without anything special.
    pub(crate) const DEFAULT: Self = Self {
        needs: None,
        usage: usage::plain,
        units: usage::nothing,
        is_sound: false,
        head: |_| None,
        unpack: |_, _| Ok(None),
        echo: |_, _| Bytes::new(),
        rewrite: None,
    };
}

/// The way of an answer from an upstream to a caller of the same language.
pub(crate) struct Passage {
    answers: Answers,
    asked: Asked,
    /// The model's name as the caller knows it, in quotes.
    model: Bytes,
    /// Whether the stream has said that it ends, if not with its last word.
    has_finished: bool,
    sound: Sound,
    tally: Tally,
}

/// What is read of one event.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Said<'a> {
    /// What kind of event it is, where events have kinds.
    #[serde(borrow)]
    r#type: Option<&'a str>,
    /// A piece of a transcript.
    #[serde(borrow)]
    delta: Option<&'a RawValue>,
    #[serde(borrow)]
    choices: Option<Vec<SaidChoice<'a>>>,
}

/// A piece of a completion.
#[derive(Default, Deserialize)]
#[serde(default)]
struct SaidChoice<'a> {
    #[serde(borrow)]
    text: Option<&'a RawValue>,
    #[serde(borrow)]
    finish_reason: Option<&'a RawValue>,
}

impl Passage {
    pub(crate) fn new(answers: Answers, asked: &Asked) -> Self {
        Self {
            answers,
            asked: asked.clone(),
            model: quoted(asked.model.as_str()),
            has_finished: false,
            sound: Sound::default(),
            tally: Tally::default(),
        }
    }

    fn whole(&mut self, body: &Bytes, out: &mut Vec<Bytes>) -> Result<(), Fault> {
        let fields = match Fields::scan(body, MAX_DEPTH) {
            Ok(fields) => fields,
            // What is not asked for as JSON is taken as it comes.
            Err(_) if self.asked.form == StreamForm::Bytes => return self.plain(body, out),
            Err(error) => return Err(unreadable(&error)),
        };
        let lacks = self.answers.needs.filter(|needs| fields.value(body, needs).is_none());
        if let Some(field) = lacks.or_else(|| fault_inside(body).map(|_| "result")) {
            return Err(fault_inside(body).unwrap_or_else(|| {
                Fault::new(FaultKind::Unreadable, format!("the provider's answer has no {field}"))
            }));
        }
        self.note(body, &fields);
        self.tally.has_content = true;
        self.tally.is_complete = true;
        if self.asked.form == StreamForm::Bytes
            && let Some((bytes, media_type)) = (self.answers.unpack)(body, &fields)?
        {
            self.tally.media_type = Some(media_type);
            return self.plain(&bytes, out);
        }
        let mut splice = Splice::default();
        if let Some(span) = self.model_span(body, &fields) {
            splice.replace(span, self.model.clone());
        }
        if let Some(rewrite) = self.answers.rewrite {
            rewrite(body, &fields, &self.asked, &mut splice)?;
        }
        out.extend(splice.apply(body));
        Ok(())
    }

    /// A whole answer that is no JSON: plain text, subtitles or sound.
    fn plain(&mut self, body: &Bytes, out: &mut Vec<Bytes>) -> Result<(), Fault> {
        if body.is_empty() {
            return Err(Fault::new(FaultKind::Unreadable, "the provider's answer is empty"));
        }
        // Only of text does its size tell anything of tokens.
        if self.answers.is_sound {
            self.listen(body);
        } else {
            self.tally.output_bytes = body.len() as u64;
        }
        self.tally.has_content = true;
        self.tally.is_complete = true;
        out.push(body.clone());
        Ok(())
    }

    fn event(&mut self, event: &StreamEvent, out: &mut Vec<Bytes>) -> Result<(), Fault> {
        if self.asked.form == StreamForm::Bytes || self.tally.is_complete {
            self.tally.has_content |= !event.raw.is_empty();
            self.listen(&event.raw);
            out.push(event.raw.clone());
            return Ok(());
        }
        match kind(event)? {
            Kind::Comment => {}
            Kind::Done if !self.tally.has_content => return Err(empty_stream()),
            Kind::Done => self.tally.is_complete = true,
            Kind::Object => return self.object(event, out),
        }
        out.push(event.raw.clone());
        Ok(())
    }

    /// How long the sound is so far, where it tells.
    fn listen(&mut self, piece: &[u8]) {
        if self.answers.is_sound && self.asked.form == StreamForm::Bytes {
            self.sound.add(piece);
            self.tally.units.output_second = self.sound.seconds().unwrap_or_default();
        }
    }

    /// An event that holds an object.
    fn object(&mut self, event: &StreamEvent, out: &mut Vec<Bytes>) -> Result<(), Fault> {
        let fields = Fields::scan(&event.data, MAX_DEPTH).map_err(|error| unreadable(&error))?;
        if fields.value(&event.data, "error").is_some_and(is_truthy) {
            return Err(fault_inside(&event.data).unwrap_or_else(|| fault_of_event(&event.data)));
        }
        let said: Said<'_> = serde_json::from_slice(&event.data).unwrap_or_default();
        if said.r#type == Some("error") {
            return Err(fault_of_event(&event.data));
        }
        let has_usage = self.note(&event.data, &fields);
        let tells_usage_only = has_usage && said.choices.as_ref().is_some_and(Vec::is_empty);
        self.count(&said);
        if tells_usage_only && !self.wants_usage() {
            return Ok(());
        }
        match self.model_span(&event.data, &fields) {
            Some(span) => patch(event, span, &self.model, out),
            None => out.push(event.raw.clone()),
        }
        Ok(())
    }

    /// Counts what an event says, and notices an end.
    fn count(&mut self, said: &Said<'_>) {
        let length = |text: Option<&RawValue>| text.map_or(0, |text| length(text.get()));
        self.tally.output_bytes += length(said.delta);
        self.tally.has_content |= said.choices.is_none();
        for choice in said.choices.iter().flatten() {
            let ends = choice.finish_reason.is_some_and(|reason| reason.get() != "null");
            let length = length(choice.text);
            self.tally.output_bytes += length;
            self.tally.has_content |= length > 0 || ends;
            self.has_finished |= ends;
        }
        let last_word = said.r#type.and_then(|kind| kind.rsplit('.').next());
        self.has_finished |= matches!(last_word, Some("completed" | "done"));
    }

    fn wants_usage(&self) -> bool {
        match self.asked.delivery {
            Delivery::Stream { include_usage } => include_usage,
            Delivery::Whole => true,
        }
    }

    /// Notes usage, id and model. Says whether there was usage.
    fn note(&mut self, body: &[u8], fields: &Fields) -> bool {
        let text = |name: &str| serde_json::from_slice::<String>(fields.value(body, name)?).ok();
        if self.tally.id.is_none() {
            self.tally.id = text("id");
        }
        if self.tally.model.is_none() {
            self.tally.model = text("model");
        }
        let usage = (self.answers.usage)(body, fields);
        self.tally.usage = usage.or(self.tally.usage);
        self.tally.units = self.tally.units.plus(&(self.answers.units)(body, fields));
        usage.is_some()
    }

    /// Where the model's name has to be replaced.
    fn model_span(&self, body: &[u8], fields: &Fields) -> Option<crate::Span> {
        let span = fields.find(body, "model").ok()??;
        let value = body.get(span.clone())?;
        (value.starts_with(b"\"") && value != self.model).then_some(span)
    }
}

impl Conduit for Passage {
    fn push(&mut self, frame: Frame, out: &mut Vec<Bytes>) -> Result<(), Fault> {
        match frame {
            Frame::Event(event) => self.event(&event, out),
            Frame::Whole(body) => self.whole(&body, out),
        }
    }

    fn end(&mut self, _out: &mut Vec<Bytes>) -> Result<(), Fault> {
        // Sound has no last word: that the connection held to the end says as much.
        self.tally.is_complete |= self.has_finished;
        self.tally.is_complete |= self.asked.form == StreamForm::Bytes && self.tally.has_content;
        if self.tally.is_complete { Ok(()) } else { Err(broken_off()) }
    }

    fn tally(&self) -> &Tally {
        &self.tally
    }
}

/// The length of a text without its quotes.
fn length(json: &str) -> u64 {
    if json.starts_with('"') { json.len().saturating_sub(2) as u64 } else { 0 }
}
