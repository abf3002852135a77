//! From YAML text to the tree. JSON is YAML, so a JSON file takes the same way.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span};

use crate::node::{Entry, Node, Origin, Style, Value};
use crate::problem::{Position, Problem, ProblemCode};

/// Deeper than any setting lies.
const DEPTH_LIMIT: usize = 64;
/// More nodes than any configuration has: aliases that multiply stop here.
const NODE_LIMIT: usize = 1_000_000;

/// The tree of one YAML document; an empty text is an empty tree.
pub(crate) fn parse(text: &str) -> Result<Node, Box<Problem>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut builder = Builder::default();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| unreadable(&error, text))?;
        builder.take(event, span)?;
    }
    Ok(builder.root.unwrap_or_else(|| Node { origin: origin(Span::default()), value: Value::Null }))
}

/// A collection that is still open.
struct Open {
    origin: Origin,
    anchor: usize,
    parts: Parts,
}

enum Parts {
    List(Vec<Node>),
    Map { entries: Vec<Entry>, key: Option<(String, Origin)> },
}

#[derive(Default)]
struct Builder {
    root: Option<Node>,
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
}

impl Builder {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Box<Problem>> {
        match event {
            Event::DocumentStart(_) if self.root.is_some() => Err(refused("a second document", span)),
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => Ok(()),
            Event::Scalar(_, _, _, Some(_))
            | Event::SequenceStart(_, Some(_))
            | Event::MappingStart(_, Some(_)) => Err(refused("a tag", span)),
            Event::Scalar(text, style, anchor, None) => self.scalar(text.into_owned(), style, anchor, span),
            Event::SequenceStart(anchor, None) => self.begin(Parts::List(Vec::new()), anchor, span),
            Event::MappingStart(anchor, None) => {
                self.begin(Parts::Map { entries: Vec::new(), key: None }, anchor, span)
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(span),
            Event::Alias(anchor) => match self.anchors.get(&anchor).cloned() {
                Some(node) => self.place(node, span),
                None => Err(refused("an alias of a node that contains it", span)),
            },
        }
    }

    fn scalar(
        &mut self,
        text: String,
        style: ScalarStyle,
        anchor: usize,
        span: Span,
    ) -> Result<(), Box<Problem>> {
        if let Some(Open { parts: Parts::Map { key: key @ None, .. }, .. }) = self.open.last_mut() {
            *key = Some((text, origin(span)));
            return Ok(());
        }
        let style = if style == ScalarStyle::Plain { Style::Plain } else { Style::Quoted };
        let null = style == Style::Plain && matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL");
        let value = if null { Value::Null } else { Value::Scalar { text, style } };
        self.keep(Node { origin: origin(span), value }, anchor, span)
    }

    fn begin(&mut self, parts: Parts, anchor: usize, span: Span) -> Result<(), Box<Problem>> {
        if self.open.len() >= DEPTH_LIMIT {
            return Err(refused("nesting this deep", span));
        }
        if let Some(Open { parts: Parts::Map { key: None, .. }, .. }) = self.open.last() {
            return Err(refused("a key that is not text", span));
        }
        self.open.push(Open { origin: origin(span), anchor, parts });
        Ok(())
    }

    fn end(&mut self, span: Span) -> Result<(), Box<Problem>> {
        let Some(Open { origin, anchor, parts }) = self.open.pop() else { return Ok(()) };
        let value = match parts {
            Parts::List(items) => Value::List(items),
            Parts::Map { entries, .. } => Value::Map(entries),
        };
        self.keep(Node { origin, value }, anchor, span)
    }

    /// Remembers the node if it has an anchor, and puts it in its place.
    fn keep(&mut self, node: Node, anchor: usize, span: Span) -> Result<(), Box<Problem>> {
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        self.place(node, span)
    }

    fn place(&mut self, node: Node, span: Span) -> Result<(), Box<Problem>> {
        // A node that an alias repeats counts each time, which is what stops aliases of aliases.
        node.walk(&mut |_| self.nodes += 1);
        if self.nodes > NODE_LIMIT {
            return Err(refused("this much repetition", span));
        }
        match self.open.last_mut().map(|open| &mut open.parts) {
            None => self.root = Some(node),
            Some(Parts::List(items)) => items.push(node),
            Some(Parts::Map { entries, key }) => match key.take() {
                Some((key, key_origin)) => entries.push(Entry { key, key_origin, node }),
                None => return Err(refused("a key that is not text", span)),
            },
        }
        Ok(())
    }
}

fn origin(span: Span) -> Origin {
    Origin::File { position: position(span), start: span.start.index(), end: span.end.index() }
}

/// The span's first line: a span of several lines is marked by its first character.
fn position(span: Span) -> Position {
    let one_line = span.start.line() == span.end.line();
    let length = if one_line { span.end.index().saturating_sub(span.start.index()).max(1) } else { 1 };
    Position { line: span.start.line().max(1), column: span.start.col() + 1, length }
}

fn refused(what: &str, span: Span) -> Box<Problem> {
    let message = format!("{what} has no meaning in a configuration");
    Box::new(Problem::of_text(ProblemCode::Syntax, message, Some(position(span))))
}

/// The parser's own words, with the remedy for the one mistake that everybody makes: an unquoted reference
/// inside braces, where YAML takes `{` for the beginning of a section.
fn unreadable(error: &ScanError, text: &str) -> Box<Problem> {
    let marker = *error.marker();
    let line = text.lines().nth(marker.line().saturating_sub(1)).unwrap_or_default();
    let help = if line.contains("${") { r#"inside { } write a reference in quotes: "${NAME}""# } else { "" };
    let message = format!("not valid YAML: {}", error.info());
    let problem = Problem::of_text(ProblemCode::Syntax, message, Some(position(Span::empty(marker))));
    Box::new(problem.with_help((!help.is_empty()).then(|| help.to_owned())))
}
