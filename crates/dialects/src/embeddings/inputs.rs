//! What is to be embedded, read as it stands: nothing is held that it turns out not to be.

use std::fmt;
use std::mem::discriminant;

use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};
use types::embedding::Input;

/// More at once no provider takes, and each takes many times the room of the two bytes that it may be written in.
const MOST: usize = 65_536;

/// A text, a list of texts, one list of tokens, or a list of such lists.
pub(super) struct Inputs(pub(super) Vec<Input>);

/// A text, or a list of texts.
pub(super) struct Texts(pub(super) Vec<Input>);

/// What stands in a list.
enum Element {
    Input(Input),
    Token(u32),
}

struct List;
struct One;

impl<'de> Deserialize<'de> for Inputs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(List).map(Self)
    }
}

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut inputs = deserializer.deserialize_any(List)?;
        inputs.retain(|input| !matches!(input, Input::Tokens(tokens) if tokens.is_empty()));
        let is_text = |input: &Input| matches!(input, Input::Text(_));
        if inputs.iter().all(is_text) { Ok(Self(inputs)) } else { Err(D::Error::custom("no text")) }
    }
}

impl<'de> Deserialize<'de> for Element {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(One)
    }
}

impl<'de> Visitor<'de> for List {
    type Value = Vec<Input>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or a list")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(vec![Input::Text(text.to_owned())])
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        // A list without anything is one text without tokens.
        let first = match list.next_element()? {
            None => return Ok(vec![Input::Tokens(Vec::new())]),
            Some(Element::Token(token)) => {
                let mut tokens = vec![token];
                while let Some(token) = list.next_element()? {
                    tokens.push(token);
                }
                return Ok(vec![Input::Tokens(tokens)]);
            }
            Some(Element::Input(first)) => first,
        };
        let kind = discriminant(&first);
        let mut inputs = vec![first];
        while let Some(element) = list.next_element()? {
            match element {
                Element::Input(input) if discriminant(&input) == kind && inputs.len() < MOST => {
                    inputs.push(input);
                }
                Element::Input(_) | Element::Token(_) => {
                    return Err(A::Error::custom("another kind of element, or too many"));
                }
            }
        }
        Ok(inputs)
    }
}

impl<'de> Visitor<'de> for One {
    type Value = Element;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, a token, or a list of tokens")
    }

    fn visit_u64<E: Error>(self, token: u64) -> Result<Self::Value, E> {
        u32::try_from(token).map(Element::Token).map_err(E::custom)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Element::Input(Input::Text(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut tokens = Vec::new();
        while let Some(token) = list.next_element()? {
            tokens.push(token);
        }
        Ok(Element::Input(Input::Tokens(tokens)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(json: &str, expect: Option<&[Input]>) {
        let read = serde_json::from_str(json).ok().map(|Inputs(inputs)| inputs);
        assert_eq!(read.as_deref(), expect, "{json:.80}");
    }

    #[test]
    fn inputs_are_texts_or_tokens_and_never_both() {
        let text = |text: &str| Input::Text(text.to_owned());
        let tokens = |tokens: &[u32]| Input::Tokens(tokens.to_vec());
        check(r#""a\n""#, Some(&[text("a\n")]));
        check(r#"["a", "b"]"#, Some(&[text("a"), text("b")]));
        check("[1, 2]", Some(&[tokens(&[1, 2])]));
        check("[]", Some(&[tokens(&[])]));
        check("[[1], [], [2, 3]]", Some(&[tokens(&[1]), tokens(&[]), tokens(&[2, 3])]));
        for wrong in
            ["null", "1", "{}", "true", "[1.5]", "[-1]", "[4294967296]", r#"["a", 1]"#, r#"["a", [1]]"#]
        {
            check(wrong, None);
        }
        for wrong in [r#"[1, "a"]"#, r#"[[1], "a"]"#, r#"[["a"]]"#, "[[[1]]]", "[null]", r#"["a""#] {
            check(wrong, None);
        }
        let texts = |json| serde_json::from_str(json).ok().map(|Texts(texts)| texts);
        assert_eq!(texts(r#"["a"]"#), Some(vec![text("a")]));
        assert_eq!(texts("[]"), Some(vec![]));
        assert_eq!(texts("[1]"), None);
    }

    #[test]
    fn a_crowd_of_inputs_is_refused_before_it_takes_many_times_its_size() {
        let list = |element: &str, count: usize| format!("[{}]", vec![element; count].join(","));
        for element in [r#""""#, "[]"] {
            assert!(serde_json::from_str::<Inputs>(&list(element, MOST)).is_ok());
            check(&list(element, MOST + 1), None);
        }
        assert!(serde_json::from_str::<Inputs>(&list("0", MOST + 1)).is_ok());
    }
}
