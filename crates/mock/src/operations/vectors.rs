//! Vectors: texts that share words lie near each other.

use types::embedding::{Answer, Input, Request};
use types::{Refusal, Tokens, Usage};

use super::{Ask, not_offered, unreadable};
use crate::{Script, script, speech};

/// How many numbers a vector has where nobody says.
const USUAL: u32 = 64;
/// As many as the longest vectors of real models have.
const MOST: u32 = 4096;

/// The vectors of a request in any language that has them.
pub(super) fn embedded(ask: &Ask<'_>) -> Result<Script, Refusal> {
    let Some(language) = ask.dialect().embedding() else { return not_offered() };
    let request = language.decode_request(ask.head, &ask.asked.body).map_err(|error| unreadable(&error))?;
    let answer = answer(&request);
    let body = language.encode_answer(&answer, &ask.for_answer());
    Ok(script::body("application/json", body.into(), 0, &ask.program))
}

fn answer(request: &Request) -> Answer {
    let length = request.dimensions.unwrap_or(USUAL).clamp(1, MOST);
    let tokens: usize = request.inputs.iter().map(tokens).sum();
    Answer {
        id: None,
        model: Some(request.model.to_string()),
        vectors: request.inputs.iter().map(|input| vector(input, length)).collect(),
        usage: Some(Usage { input: Tokens(tokens as u64), ..Usage::default() }),
    }
}

fn tokens(input: &Input) -> usize {
    match input {
        Input::Text(text) => speech::pieces(text).count(),
        Input::Tokens(tokens) => tokens.len(),
    }
}

/// The sum of the words' own vectors, of length one.
fn vector(input: &Input, length: u32) -> Vec<f32> {
    let mut sum = vec![0.0_f32; length as usize];
    match input {
        Input::Text(text) => {
            for word in text.split_whitespace() {
                add(&mut sum, hash(word.to_lowercase().as_bytes()));
            }
        }
        Input::Tokens(tokens) => tokens.iter().for_each(|token| add(&mut sum, hash(&token.to_le_bytes()))),
    }
    let norm = sum.iter().map(|number| number * number).sum::<f32>().sqrt();
    if norm > 0.0 {
        for number in &mut sum {
            *number /= norm;
        }
    }
    sum
}

/// Adds numbers between -1 and 1 that this seed determines (xorshift64*, Vigna 2016).
fn add(sum: &mut [f32], seed: u64) {
    let mut state = seed | 1;
    for number in sum {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        let drawn = state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 48;
        *number += f32::from(u16::try_from(drawn).unwrap_or(0)) / 32_768.0 - 1.0;
    }
}

/// 64-bit FNV-1a.
fn hash(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn likeness(left: &str, right: &str) -> f32 {
        let vector = |text: &str| vector(&Input::Text(text.to_owned()), USUAL);
        vector(left).iter().zip(vector(right)).map(|(left, right)| left * right).sum()
    }

    #[test]
    fn texts_that_share_words_lie_near_each_other() {
        assert!((likeness("the cat sat", "the cat sat") - 1.0).abs() < 1e-5);
        assert!(likeness("the cat sat", "the cat ran") > 0.4);
        assert!(likeness("the cat sat", "stocks fell sharply").abs() < 0.4);
    }
}
