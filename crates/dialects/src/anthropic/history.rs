//! What an answer holds that another provider's model gave in another language, in a request that is passed on: reasoning
//! without a proof, or with one of another language's, and citations of pages that no search of this provider's found. The
//! wire refuses to take them back.

use memchr::memmem;
use serde::Deserialize;
use serde_json::value::RawValue;
use types::conversation::Change;

use crate::{Fields, Span, Splice, proofs, shape};

#[derive(Deserialize)]
struct Seen<'a> {
    #[serde(borrow)]
    content: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Block {
    r#type: String,
    signature: Option<String>,
}

impl Block {
    fn is_unproven(raw: &RawValue) -> bool {
        let block: Option<Self> = shape::object(raw.get().as_bytes());
        let is_foreign = |signature: &str| signature.is_empty() || proofs::is_marked(signature);
        block.is_some_and(|block| {
            block.r#type == "thinking" && block.signature.as_deref().is_some_and(is_foreign)
        })
    }
}

/// Cuts the blocks of reasoning whose signature is empty or another language's, and with them thinking itself where the model stands
/// between a call and its answer: there it may only go on thinking from a proof.
pub(super) fn cut_unproven(
    body: &[u8],
    fields: &Fields,
    splice: &mut Splice,
    changes: &mut Vec<Change>,
) -> Option<&'static str> {
    if !has_foreign_signature(body) {
        return None;
    }
    let list: Vec<&RawValue> = serde_json::from_slice(fields.value(body, "messages")?).ok()?;
    let mut last_cut = None;
    let mut cut_whole = Vec::with_capacity(list.len());
    for (index, message) in list.iter().enumerate() {
        let blocks = shape::object::<Seen<'_>>(message.get().as_bytes()).and_then(|seen| seen.content);
        let blocks: Vec<&RawValue> =
            blocks.and_then(|content| serde_json::from_str(content.get()).ok()).unwrap_or_default();
        let cut: Vec<bool> = blocks.iter().map(|block| Block::is_unproven(block)).collect();
        let is_whole = !cut.is_empty() && cut.iter().all(|cut| *cut);
        for (at, _) in cut.iter().enumerate().filter(|(_, cut)| **cut) {
            last_cut = Some(index);
            changes.push(Change::dropped(format!("messages[{index}].content[{at}]")));
        }
        if !is_whole {
            splice.cut_items(cut.into_iter().zip(blocks.into_iter().map(|block| span(body, block))));
        }
        cut_whole.push((is_whole, span(body, message)));
    }
    splice.cut_items(cut_whole);
    let holds =
        |at: usize, what| list.get(at).is_some_and(|raw| memmem::find(raw.get().as_bytes(), what).is_some());
    let in_loop = last_cut.is_some_and(|at| at + 2 == list.len() && holds(at + 1, b"\"tool_result\""));
    let thinks =
        fields.value(body, "thinking").is_some_and(|value| memmem::find(value, b"\"enabled\"").is_some());
    (in_loop && thinks).then_some("thinking")
}

/// What is looked at of a text.
#[derive(Deserialize)]
struct Cited<'a> {
    #[serde(borrow)]
    citations: Option<Vec<&'a RawValue>>,
}

/// Cuts the citations of pages that come without a place in a search of this provider's.
pub(super) fn cut_unfound(body: &[u8], fields: &Fields, splice: &mut Splice, changes: &mut Vec<Change>) {
    let is_unfound = |raw: &&RawValue| has_empty_index(raw.get().as_bytes());
    let list = fields.value(body, "messages").filter(|list| has_empty_index(list));
    let list: Vec<&RawValue> = list.and_then(|list| serde_json::from_slice(list).ok()).unwrap_or_default();
    for (index, message) in list.iter().enumerate().filter(|(_, message)| is_unfound(message)) {
        let content = shape::object::<Seen<'_>>(message.get().as_bytes()).and_then(|seen| seen.content);
        let blocks: Vec<&RawValue> =
            content.and_then(|content| serde_json::from_str(content.get()).ok()).unwrap_or_default();
        for (at, block) in blocks.into_iter().enumerate() {
            let cited = shape::object::<Cited<'_>>(block.get().as_bytes()).and_then(|cited| cited.citations);
            let cited = cited.unwrap_or_default();
            if cited.iter().any(is_unfound) {
                changes.push(Change::dropped(format!("messages[{index}].content[{at}].citations")));
                splice.cut_items(cited.iter().map(|citation| (is_unfound(citation), span(body, citation))));
            }
        }
    }
}

/// Whether a signature is empty or says that another language's models made it.
fn has_foreign_signature(body: &[u8]) -> bool {
    let is_foreign = |text: &[u8]| text.starts_with(b"\"") || text.starts_with(proofs::MARK.as_bytes());
    texts_of(body, b"\"signature\"").any(is_foreign)
}

/// Whether a citation of a page has no place in a search.
fn has_empty_index(body: &[u8]) -> bool {
    texts_of(body, b"\"encrypted_index\"").any(|text| text.starts_with(b"\""))
}

/// What stands behind the opening quotes of the texts of all fields with this name, which is given with its quotes.
fn texts_of<'b>(body: &'b [u8], name: &'b [u8]) -> impl Iterator<Item = &'b [u8]> {
    memmem::find_iter(body, name).filter_map(|at| {
        let value = body.get(at + name.len()..)?.trim_ascii_start().strip_prefix(b":")?;
        value.trim_ascii_start().strip_prefix(b"\"")
    })
}

/// Where in the body a value lies that is borrowed from it.
fn span(body: &[u8], value: &RawValue) -> Span {
    let start = value.get().as_ptr().addr() - body.as_ptr().addr();
    start..start + value.get().len()
}
