//! JSON Schema as far as the documents of two APIs use it. Patterns and formats are not looked at.

use std::fmt;

use serde_json::{Map, Value};

/// A document whose schemas refer to each other.
pub(super) struct Document(pub(super) Value);

/// Where a value does not fit, and why.
#[derive(Debug)]
pub(super) struct Misfit {
    /// The innermost name first.
    place: Vec<String>,
    problem: String,
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.place.iter().rev().try_for_each(|name| write!(f, "/{name}"))?;
        write!(f, ": {}", self.problem)
    }
}

impl Misfit {
    fn within(mut self, name: &impl ToString) -> Self {
        self.place.push(name.to_string());
        self
    }
}

fn misfit<T>(problem: impl Into<String>) -> Result<T, Misfit> {
    Err(Misfit { place: Vec::new(), problem: problem.into() })
}

impl Document {
    /// Whether `value` fits `schema`.
    pub(super) fn check(&self, schema: &Value, value: &Value) -> Result<(), Misfit> {
        let Some(schema) = self.resolved(schema).as_object() else { return Ok(()) };
        if value.is_null() && schema.get("nullable") == Some(&Value::Bool(true)) {
            return Ok(());
        }
        kind(schema, value)?;
        listed(schema, value)?;
        for all in schema.get("allOf").and_then(Value::as_array).into_iter().flatten() {
            self.check(all, value)?;
        }
        for word in ["anyOf", "oneOf"] {
            if let Some(Value::Array(alternatives)) = schema.get(word) {
                self.any(alternatives, value)?;
            }
        }
        match value {
            Value::Object(fields) => self.object(schema, fields),
            Value::Array(items) => self.items(schema, items),
            Value::Number(number) => {
                range(schema, ("minimum", "maximum"), number.as_f64().unwrap_or(f64::NAN))
            }
            #[expect(clippy::cast_precision_loss, reason = "no text is that long")]
            Value::String(text) => range(schema, ("minLength", "maxLength"), text.chars().count() as f64),
            Value::Bool(_) | Value::Null => Ok(()),
        }
    }

    fn resolved<'a>(&'a self, schema: &'a Value) -> &'a Value {
        let target = schema.get("$ref").and_then(Value::as_str).and_then(|target| target.strip_prefix('#'));
        target.map_or(schema, |target| self.resolved(self.0.pointer(target).unwrap()))
    }

    /// One alternative is enough: without what they require, several may fit.
    fn any(&self, alternatives: &[Value], value: &Value) -> Result<(), Misfit> {
        let mut nearest: Option<Misfit> = None;
        for alternative in alternatives.iter().filter(|alternative| self.is_of_type(alternative, value)) {
            match self.check(alternative, value) {
                Ok(()) => return Ok(()),
                Err(found) => {
                    let depth = nearest.as_ref().map_or(0, |misfit| misfit.place.len() + 1);
                    nearest = if found.place.len() + 1 > depth { Some(found) } else { nearest };
                }
            }
        }
        nearest.map_or_else(|| misfit(format!("none of the alternatives: {value:.300}")), Err)
    }

    /// Whether a value can be this alternative, by what it says of its type.
    fn is_of_type(&self, alternative: &Value, value: &Value) -> bool {
        let Some(said) = value.get("type") else { return true };
        let own = self.resolved(alternative).pointer("/properties/type");
        own.is_none_or(|own| self.resolved(own).as_object().is_none_or(|own| listed(own, said).is_ok()))
    }

    fn object(&self, schema: &Map<String, Value>, fields: &Map<String, Value>) -> Result<(), Misfit> {
        for name in schema.get("required").and_then(Value::as_array).into_iter().flatten() {
            if !name.as_str().is_some_and(|name| fields.contains_key(name)) {
                return misfit(format!("{name} is missing"));
            }
        }
        let properties = schema.get("properties").and_then(Value::as_object);
        for (name, value) in fields {
            let own = properties.and_then(|properties| properties.get(name));
            match own.or(schema.get("additionalProperties")) {
                Some(Value::Bool(false)) => return misfit(format!("{name} is unknown")),
                Some(schema) => self.check(schema, value).map_err(|misfit| misfit.within(name))?,
                None => {}
            }
        }
        Ok(())
    }

    fn items(&self, schema: &Map<String, Value>, items: &[Value]) -> Result<(), Misfit> {
        #[expect(clippy::cast_precision_loss, reason = "no list is that long")]
        range(schema, ("minItems", "maxItems"), items.len() as f64)?;
        let Some(schema) = schema.get("items") else { return Ok(()) };
        let mut numbered = items.iter().enumerate();
        numbered.try_for_each(|(at, item)| self.check(schema, item).map_err(|misfit| misfit.within(&at)))
    }
}

/// The value's type is one of those allowed.
fn kind(schema: &Map<String, Value>, value: &Value) -> Result<(), Misfit> {
    let kinds = match schema.get("type") {
        Some(Value::Array(kinds)) => kinds.as_slice(),
        Some(kind) => std::slice::from_ref(kind),
        None => return Ok(()),
    };
    let is = |kind: &Value| match kind.as_str() {
        Some("array") => value.is_array(),
        Some("boolean") => value.is_boolean(),
        Some("integer") => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        Some("null") => value.is_null(),
        Some("number") => value.is_number(),
        Some("object") => value.is_object(),
        Some("string") => value.is_string(),
        Some(_) | None => false,
    };
    if kinds.iter().any(is) { Ok(()) } else { misfit(format!("{value:.200} is no {kinds:?}")) }
}

/// The value is one of those listed, if any are.
fn listed(schema: &Map<String, Value>, value: &Value) -> Result<(), Misfit> {
    let of_list = |list: &Value| list.as_array().is_none_or(|list| list.contains(value));
    let is_listed = schema.get("enum").is_none_or(of_list);
    if is_listed && schema.get("const").is_none_or(|only| only == value) {
        return Ok(());
    }
    misfit(format!("{value:.200} is not listed"))
}

fn range(schema: &Map<String, Value>, (least, most): (&str, &str), value: f64) -> Result<(), Misfit> {
    let bound = |name: &str| schema.get(name).and_then(Value::as_f64);
    let is_within =
        bound(least).is_none_or(|least| value >= least) && bound(most).is_none_or(|most| value <= most);
    if is_within { Ok(()) } else { misfit(format!("{value} is out of range")) }
}
