//! Reads JSON objects field by field: what is taken is interpreted, what is left over is kept as it came.

use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt;

use serde::de::Deserialize;
use serde_json::value::RawValue;
use types::{Json, ModelName};

use crate::extras::says_nothing;
use crate::outline::Part;
use crate::surrogates::mend;
use crate::whole::{WHOLE, Whole};
use crate::{DecodeError, Fields, Head, ScanError, scanner};

/// What nobody took of a request's objects, by place.
#[derive(Debug, Default)]
pub(crate) struct Leftovers(RefCell<Vec<(String, Json)>>);

impl Leftovers {
    /// Notes what the canonical conversation has no word for.
    pub(crate) fn note(&self, place: String, json: Json) {
        self.0.borrow_mut().push((place, json));
    }
}

/// Where a value stands, for error messages and for the names of changes.
#[derive(Clone, Copy)]
pub(crate) enum Path<'p> {
    /// A whole body.
    Root,
    /// A whole body of which is noted what nobody takes, however deep inside it stands.
    Noted(&'p Leftovers),
    Field(&'p Path<'p>, &'p str),
    Item(&'p Path<'p>, usize),
}

impl fmt::Display for Path<'_> {
    /// As in `messages[2].content[0]`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root | Self::Noted(_) => Ok(()),
            Self::Field(Self::Root | Self::Noted(_), name) => f.write_str(name),
            Self::Field(parent, name) => write!(f, "{parent}.{name}"),
            Self::Item(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

impl Path<'_> {
    /// The error that the value here is not what it has to be.
    pub(crate) fn wrong(&self, problem: impl Into<String>) -> DecodeError {
        let field = match self {
            Self::Root | Self::Noted(_) => "the body".to_owned(),
            Self::Field(..) | Self::Item(..) => self.to_string(),
        };
        DecodeError::Field { field, problem: problem.into() }
    }

    /// Where it is noted what nobody takes, if it is.
    pub(crate) fn leftovers(&self) -> Option<&Leftovers> {
        let mut path = self;
        loop {
            match path {
                Self::Root => return None,
                Self::Noted(leftovers) => return Some(leftovers),
                Self::Field(parent, _) | Self::Item(parent, _) => path = parent,
            }
        }
    }
}

/// The body of a request as text, and where what is in it lies. Half a character is not what it fails by.
pub(crate) struct Readable<'a> {
    text: Cow<'a, str>,
    fields: Cow<'a, Fields>,
}

impl<'a> Readable<'a> {
    /// The body of the request with this head, if it is a JSON object at all and no deeper than this.
    pub(crate) fn read(head: Head<'a>, body: &'a [u8], max_depth: usize) -> Result<Self, DecodeError> {
        let text = mend(scanner::text(body).map_err(DecodeError::Json)?);
        let fields = match head.scanned {
            // A mended text lies elsewhere.
            Some(fields) if fields.is_of_object() && matches!(text, Cow::Borrowed(_)) => {
                Cow::Borrowed(fields)
            }
            Some(_) | None => Cow::Owned(Fields::scan_text(&text, max_depth).map_err(DecodeError::Json)?),
        };
        Ok(Self { text, fields })
    }

    /// All of it.
    pub(crate) fn root(&self) -> Part<'_> {
        self.fields.root(&self.text)
    }
}

/// The fields of one object that have not been taken yet. Where leftovers are noted, letting go of it notes them.
pub(crate) struct Object<'a, 'p> {
    path: &'p Path<'p>,
    fields: Vec<(Cow<'a, str>, Part<'a>)>,
}

impl<'a, 'p> Object<'a, 'p> {
    /// The object that `text` must be.
    pub(crate) fn read(text: &'a str, path: &'p Path<'p>) -> Result<Self, DecodeError> {
        Self::of(Part::unread(text.trim_matches([' ', '\t', '\n', '\r'])), path)
    }

    /// The object that `part` must be.
    pub(crate) fn of(part: Part<'a>, path: &'p Path<'p>) -> Result<Self, DecodeError> {
        match part.named() {
            Some(fields) => Ok(Self { path, fields }),
            None => Err(path.wrong("must be an object")),
        }
    }

    /// The same object with its names in camel case, for languages that take snake case as well.
    pub(crate) fn in_camel_case(mut self) -> Self {
        for (name, _) in &mut self.fields {
            if name.contains('_') {
                *name = Cow::Owned(camel_case(name));
            }
        }
        self
    }

    /// The names of the fields that have not been taken yet.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().map(|(name, _)| name.as_ref())
    }

    /// Where the object stands.
    pub(crate) const fn path(&self) -> &'p Path<'p> {
        self.path
    }

    /// The fields that have not been taken yet, in order.
    pub(crate) fn fields(&self) -> &[(Cow<'a, str>, Part<'a>)] {
        &self.fields
    }

    /// Takes a field out. A field that is null is not there.
    pub(crate) fn take_part(&mut self, name: &str) -> Result<Option<Part<'a>>, DecodeError> {
        let Some(at) = self.fields.iter().position(|(key, _)| key == name) else { return Ok(None) };
        let (_, value) = self.fields.remove(at);
        if self.fields.iter().any(|(key, _)| key == name) {
            let field = Path::Field(self.path, name).to_string();
            return Err(DecodeError::Json(ScanError::Duplicate { field }));
        }
        Ok((value.raw() != b"null").then_some(value))
    }

    /// The same as serde knows it.
    pub(crate) fn take(&mut self, name: &str) -> Result<Option<&'a RawValue>, DecodeError> {
        Ok(self.take_part(name)?.and_then(|value| serde_json::from_str(value.written()).ok()))
    }

    /// Takes a field that must be a `T`; `expected` says so in words, e.g. `must be a string`.
    pub(crate) fn take_as<T: Deserialize<'a>>(
        &mut self,
        name: &str,
        expected: &str,
    ) -> Result<Option<T>, DecodeError> {
        let Some(value) = self.take_part(name)? else { return Ok(None) };
        match serde_json::from_str(value.written()) {
            Ok(value) => Ok(Some(value)),
            Err(_) => Err(Path::Field(self.path, name).wrong(expected)),
        }
    }

    /// Takes a field that must be a whole number.
    pub(crate) fn take_whole<T: TryFrom<i128>>(&mut self, name: &str) -> Result<Option<T>, DecodeError> {
        Ok(self.take_as(name, WHOLE)?.map(|Whole(number)| number))
    }

    /// Takes a field that must be text.
    pub(crate) fn take_text(&mut self, name: &str) -> Result<Option<String>, DecodeError> {
        let Some(value) = self.take_part(name)? else { return Ok(None) };
        let text = value.text().ok_or_else(|| Path::Field(self.path, name).wrong("must be a string"))?;
        Ok(Some(text.into_owned()))
    }

    /// Takes a field that must be there and be text.
    pub(crate) fn require_text(&mut self, name: &str) -> Result<String, DecodeError> {
        self.take_text(name)?.ok_or_else(|| Path::Field(self.path, name).wrong("is missing"))
    }

    /// Takes the model's name, which the path may have instead.
    pub(crate) fn model(&mut self, head: Head<'_>) -> Result<ModelName, DecodeError> {
        match head.path.model.as_deref() {
            Some(model) => {
                self.take_part("model")?;
                Ok(ModelName::from(model))
            }
            None => self.require_text("model").map(ModelName::from),
        }
    }

    /// Takes a field that must be a list; nothing is an empty one.
    pub(crate) fn take_list(&mut self, name: &str) -> Result<Vec<&'a RawValue>, DecodeError> {
        Ok(self.take_as(name, "must be an array")?.unwrap_or_default())
    }

    /// The same, each item with what is known of it.
    pub(crate) fn take_parts(
        &mut self,
        name: &str,
    ) -> Result<impl Iterator<Item = Part<'a>> + use<'a>, DecodeError> {
        let list = self.take_part(name)?.map(Part::list);
        match list {
            Some(None) => Err(Path::Field(self.path, name).wrong("must be an array")),
            Some(Some(items)) => Ok(Some(items).into_iter().flatten()),
            None => Ok(None.into_iter().flatten()),
        }
    }

    /// Puts a field back that turned out not to be understood after all.
    pub(crate) fn put_back(&mut self, name: &'static str, value: &'a RawValue) {
        self.fields.push((Cow::Borrowed(name), Part::unread(value.get())));
    }

    /// What has not been taken and is not null.
    pub(crate) fn rest(mut self) -> impl Iterator<Item = (String, Json)> {
        let fields = std::mem::take(&mut self.fields);
        let said = fields.into_iter().filter(|(_, value)| value.raw() != b"null");
        said.map(|(name, value)| (name.into_owned(), keep_part(value)))
    }

    /// What has not been taken of this whole body, and what was noted further inside.
    pub(crate) fn all_left(self) -> Vec<(String, Json)> {
        let noted = self.path.leftovers().map(|leftovers| leftovers.0.take());
        self.rest().chain(noted.into_iter().flatten()).collect()
    }

    /// Lets go of an object that is kept whole elsewhere, so that nothing of it is left over.
    pub(crate) fn kept(mut self) {
        self.fields.clear();
    }
}

impl Drop for Object<'_, '_> {
    fn drop(&mut self) {
        let Some(leftovers) = self.path.leftovers() else { return };
        for (name, value) in self.fields.iter().filter(|(_, value)| !says_nothing(value.written())) {
            leftovers.note(Path::Field(self.path, name).to_string(), keep_part(*value));
        }
    }
}

/// `name` in camel case: `system_instruction` is `systemInstruction`.
fn camel_case(name: &str) -> String {
    let mut camel = String::with_capacity(name.len());
    for (index, word) in name.split('_').enumerate() {
        let mut letters = word.chars();
        match letters.next() {
            Some(first) if index > 0 => camel.push(first.to_ascii_uppercase()),
            Some(first) => camel.push(first),
            None => {}
        }
        camel.push_str(letters.as_str());
    }
    camel
}

/// A field that is nice to have: of another type than foreseen, it is not there.
pub(crate) fn lenient<T: serde::de::DeserializeOwned>(object: &mut Object<'_, '_>, name: &str) -> Option<T> {
    serde_json::from_str(object.take_part(name).ok()??.written()).ok()
}

/// The same of a text.
pub(crate) fn lenient_text(object: &mut Object<'_, '_>, name: &str) -> Option<String> {
    object.take_part(name).ok()??.text().map(Cow::into_owned)
}

/// A value kept as it came.
pub(crate) fn keep(value: &RawValue) -> Json {
    Json::from(value.to_owned())
}

/// The same of a part.
#[expect(clippy::expect_used, reason = "a part is a value in a text that was checked")]
pub(crate) fn keep_part(value: Part<'_>) -> Json {
    Json::parse(value.written()).expect("a checked value is JSON")
}
