//! Proofs of reasoning: a caller keeps them with the answer and sends them back in the next turn; by then anybody may be
//! asked.

use dialects::Head;
use types::conversation::{
    Answer, Content, Conversation, Delivery, Extras, Message, OutputFormat, Role, Sampling,
};

use crate::language::{self, Language};
use crate::request::target;
use crate::{asked, headers};

/// In front of a proof that says who made it.
const MARK: &str = "tollgate:";
/// What stands where a language demands a proof and there is none.
const STAND_IN: &str = "skip_thought_signature_validator";

/// Whoever carries them, proofs come to those who made them as they were, or not at all, and to nobody else.
pub fn check(maker: Language, answer: &Answer) {
    let content = answer.choices.first().map_or(&[][..], |choice| &choice.content);
    let made = proofs(content);
    let says_another = |proof: &String| bare(proof).contains(MARK) || proof.contains(STAND_IN);
    if made.is_empty() || made.iter().any(says_another) {
        return;
    }
    for caller in language::all() {
        let written = caller.dialect.encode_answer(answer, &asked(caller, Delivery::Whole));
        let kept = caller.dialect.decode_answer(&written).expect("what is written is read");
        let content = kept.choices.into_iter().next().map(|choice| choice.content).unwrap_or_default();
        let Some(said) = written_and_read(caller, &next_turn(content)) else { continue };
        for upstream in language::all() {
            let Some(heard) = written_and_read(upstream, &said) else { continue };
            let heard: Vec<String> =
                heard.messages.iter().flat_map(|message| proofs(&message.content)).collect();
            let way = (maker.id(), caller.id(), upstream.id());
            for proof in &heard {
                assert!(owner(proof).is_none_or(|owner| owner == upstream.id()), "{way:?}: {proof}");
                assert!(made.contains(proof) || proof.contains(STAND_IN), "{way:?}: {proof} of {made:?}");
            }
        }
    }
}

/// The conversation as it is read of how it is written in this language.
fn written_and_read(language: Language, conversation: &Conversation) -> Option<Conversation> {
    let capable = ["cache_control", "mid_conversation_system", "thinking_blocks", "top_k"];
    let encoded = language.dialect.encode_request(conversation, &target("m", &capable)).ok()?;
    let (headers, path) = (headers(), language.path());
    let body = encoded.body.concat();
    let read = language.dialect.decode_request(Head { path: &path, ..Head::of(&headers) }, &body);
    Some(read.expect("what is written is read"))
}

/// A question, what was answered, and what the tools said to that.
fn next_turn(content: Vec<Content>) -> Conversation {
    let ask = |text: &str| Message { role: Role::User, content: vec![Content::text(text)], name: None };
    let mut next = ask("And now?");
    let calls = content.iter().filter_map(|content| match content {
        Content::ToolCall { id, .. } => Some(id.clone()),
        _ => None,
    });
    let result = |call_id| Content::ToolResult {
        call_id,
        content: vec![Content::text("done")],
        is_error: false,
        cache: None,
    };
    next.content.splice(0..0, calls.map(result));
    let messages = vec![ask("What?"), Message { role: Role::Assistant, content, name: None }, next];
    Conversation {
        model: "m".into(),
        messages,
        prompt_is_apart: false,
        tools: Vec::new(),
        tool_choice: None,
        parallel_tool_calls: None,
        sampling: Sampling::default(),
        reasoning: None,
        format: OutputFormat::Text,
        delivery: Delivery::Whole,
        user: None,
        extras: Extras::default(),
    }
}

/// The proofs among these blocks.
fn proofs(content: &[Content]) -> Vec<String> {
    let proof = |content: &Content| match content {
        Content::RedactedThinking { data } => Some(data.clone()),
        Content::Thinking { signature, .. } | Content::ToolCall { signature, .. } => signature.clone(),
        _ => None,
    };
    content.iter().filter_map(proof).filter(|proof| !proof.is_empty()).collect()
}

/// Who made a proof, if it says so.
fn owner(proof: &str) -> Option<&str> {
    Some(proof.strip_prefix(MARK)?.split_once(':')?.0)
}

/// The proof without the name of who made it.
fn bare(proof: &str) -> &str {
    owner(proof).map_or(proof, |owner| &proof[MARK.len() + owner.len() + 1..])
}
