//! Vectors in their two forms: lists of numbers, and the base64 of their bytes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use types::{Fault, FaultKind};

use crate::openai_family::error::unreadable;
use crate::{Asked, Fields, Splice, Vectors};

/// One vector of an answer, and where its numbers are.
#[derive(Deserialize)]
pub(super) struct Item<'a> {
    #[serde(borrow)]
    pub(super) embedding: &'a RawValue,
    #[serde(default)]
    pub(super) index: Option<usize>,
}

/// Puts every vector that is not in the form that was asked for into it.
pub(super) fn rewrite(
    body: &Bytes,
    fields: &Fields,
    asked: &Asked,
    splice: &mut Splice,
) -> Result<(), Fault> {
    let Some(data) = fields.value(body, "data") else { return Ok(()) };
    let items: Vec<Item<'_>> = serde_json::from_slice(data).map_err(|error| unreadable(&error))?;
    for item in items {
        let json = item.embedding.get();
        let is_base64 = json.starts_with('"');
        if is_base64 == (asked.vectors == Vectors::Base64) {
            continue;
        }
        let vector = read(json)?;
        let mut written = Vec::new();
        write(&vector, asked.vectors, &mut written);
        // The value is a piece of the body, which serde has borrowed.
        let start = json.as_ptr().addr() - body.as_ptr().addr();
        splice.replace(start..start + json.len(), written);
    }
    Ok(())
}

/// Readers of base64 differ in whether they want its padding.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The vector that this JSON value is, in either form.
pub(super) fn read(json: &str) -> Result<Vec<f32>, Fault> {
    if !json.starts_with('"') {
        return serde_json::from_str(json).map_err(|error| unreadable(&error));
    }
    let text: String = serde_json::from_str(json).map_err(|error| unreadable(&error))?;
    let bytes = LENIENT.decode(text).map_err(|error| unreadable(&error))?;
    let (numbers, rest) = bytes.as_chunks::<4>();
    if !rest.is_empty() {
        return Err(Fault::new(FaultKind::Unreadable, "the provider's vector is not made of 32-bit numbers"));
    }
    Ok(numbers.iter().map(|number| f32::from_le_bytes(*number)).collect())
}

/// Writes vectors in this form, as a list.
pub(super) fn write_all(vectors: &[Vec<f32>], form: Vectors, out: &mut Vec<u8>) {
    out.push(b'[');
    for (index, vector) in vectors.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write(vector, form, out);
    }
    out.push(b']');
}

/// Writes a vector in this form.
pub(super) fn write(vector: &[f32], form: Vectors, out: &mut Vec<u8>) {
    match form {
        Vectors::Base64 => {
            let bytes: Vec<u8> = vector.iter().flat_map(|number| number.to_le_bytes()).collect();
            out.push(b'"');
            out.extend_from_slice(STANDARD.encode(bytes).as_bytes());
            out.push(b'"');
        }
        Vectors::Numbers => {
            out.push(b'[');
            for (index, number) in vector.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                // JSON has no word for what is no number; writing to memory cannot fail.
                let number = if number.is_finite() { *number } else { 0.0 };
                let _ = serde_json::to_writer(&mut *out, &number);
            }
            out.push(b']');
        }
    }
}
