//! Environment twins laid over the file: `TOLLGATE__SERVER__LISTEN` is `server.listen`.

use std::sync::Arc;

use crate::Environment;
use crate::environment::Twin;
use crate::node::{Entry, Node, Origin, Style, Value};
use crate::parse::parse;
use crate::problem::{Problem, ProblemCode};

/// Lays every twin over `tree`; what cannot be laid is returned.
pub(crate) fn overlay(tree: &mut Node, environment: &Environment) -> Vec<Problem> {
    environment.twins().filter_map(|twin| lay(tree, &twin).err().map(|problem| *problem)).collect()
}

fn lay(tree: &mut Node, twin: &Twin<'_>) -> Result<(), Box<Problem>> {
    let origin = Origin::Variable(Arc::from(twin.name));
    let value = value(twin, &origin)?;
    let mut node = tree;
    for depth in 0..twin.segments.len() {
        node = below(node, twin, depth, &origin)?;
    }
    *node = value;
    Ok(())
}

/// A list or a section is written in YAML's flow style; anything else is text as it stands.
fn value(twin: &Twin<'_>, origin: &Origin) -> Result<Node, Box<Problem>> {
    if !twin.value.trim_start().starts_with(['{', '[']) {
        let value = Value::Scalar { text: twin.value.to_owned(), style: Style::Plain };
        return Ok(Node { origin: origin.clone(), value });
    }
    let mut node = parse(twin.value)
        .map_err(|problem| of_twin(twin, ProblemCode::Syntax, problem.message, problem.help))?;
    relocate(&mut node, origin);
    Ok(node)
}

/// The node under the twin's segment number `depth`, made if there is none.
fn below<'n>(
    node: &'n mut Node,
    twin: &Twin<'_>,
    depth: usize,
    origin: &Origin,
) -> Result<&'n mut Node, Box<Problem>> {
    let segment = twin.segments.get(depth).map_or("", String::as_str);
    let switched_on = matches!(&node.value, Value::Scalar { text, .. } if text == "true");
    if switched_on || matches!(node.value, Value::Null) {
        *node = Node { origin: origin.clone(), value: Value::Map(Vec::new()) };
    }
    let Value::Map(entries) = &mut node.value else {
        let parent = twin.segments.iter().take(depth).cloned().collect::<Vec<_>>().join(".");
        let message = format!("`{parent}` is set in its short form, so one key of it cannot be set alone");
        let help = "write the long form, which `tollgate config show` prints".to_owned();
        return Err(of_twin(twin, ProblemCode::Conflict, message, Some(help)));
    };
    let found = entries.iter().position(|entry| spelt_as_variable(&entry.key) == segment);
    let index = found.unwrap_or(entries.len());
    if found.is_none() {
        let node = Node { origin: origin.clone(), value: Value::Null };
        entries.push(Entry { key: segment.to_owned(), key_origin: origin.clone(), node });
    }
    let entry = entries.get_mut(index);
    entry
        .map(|entry| &mut entry.node)
        .ok_or_else(|| of_twin(twin, ProblemCode::UnknownKey, "no such key".to_owned(), None))
}

/// A key as far as it can be spelt in a variable's name.
fn spelt_as_variable(key: &str) -> String {
    key.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' }).collect()
}

fn of_twin(twin: &Twin<'_>, code: ProblemCode, message: String, help: Option<String>) -> Box<Problem> {
    let path = twin.segments.join(".");
    Box::new(Problem { code, message, position: None, variable: Some(twin.name.to_owned()), help, path })
}

fn relocate(node: &mut Node, origin: &Origin) {
    node.origin = origin.clone();
    match &mut node.value {
        Value::Null | Value::Scalar { .. } => {}
        Value::List(items) => items.iter_mut().for_each(|item| relocate(item, origin)),
        Value::Map(entries) => {
            for entry in entries {
                entry.key_origin = origin.clone();
                relocate(&mut entry.node, origin);
            }
        }
    }
}
