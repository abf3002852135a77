//! Sound, both ways: a beep is said, and how much was heard is told.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use types::StreamForm;

use super::Ask;
use crate::script::{self, Pace};
use crate::{Script, speech};

/// Samples a second.
const RATE: u32 = 8000;
/// A twentieth of a second.
const SAMPLES: u32 = RATE / 20;
/// How many pieces the sound comes in.
const PIECES: usize = 4;

/// A beep, whatever is to be said, as sound or as events that hold it.
pub(super) fn spoken(ask: &Ask<'_>) -> Script {
    let sound = beep();
    let pieces = sound.chunks(sound.len().div_ceil(PIECES));
    if ask.peek.form == StreamForm::Bytes {
        return script::paced("audio/wav", pieces.map(|piece| (Pace::Token, piece.to_vec())), &ask.program);
    }
    let mut events: Vec<_> =
        pieces.map(|piece| json!({"type": "speech.audio.delta", "audio": STANDARD.encode(piece)})).collect();
    let input = speech::pieces(ask.field("input").as_str().unwrap_or_default()).count() as u64;
    let usage =
        json!({"input_tokens": input, "output_tokens": PIECES, "total_tokens": input + PIECES as u64});
    events.push(json!({"type": "speech.audio.done", "usage": usage}));
    ask.events(events)
}

/// How much was heard, in the format that was asked for.
pub(super) fn heard(ask: &Ask<'_>) -> Script {
    let text = format!("I heard {} bytes.", ask.length("file"));
    let tokens = speech::pieces(&text).count();
    let usage = json!({
        "type": "tokens", "input_tokens": 1, "input_token_details": {"text_tokens": 0, "audio_tokens": 1},
        "output_tokens": tokens, "total_tokens": 1 + tokens,
    });
    if ask.peek.delivery.is_stream() {
        let mut events: Vec<_> = speech::pieces(&text)
            .map(|piece| json!({"type": "transcript.text.delta", "delta": piece}))
            .collect();
        events.push(json!({"type": "transcript.text.done", "text": text, "usage": usage}));
        return ask.events(events);
    }
    match ask.field("response_format").as_str() {
        Some("text") => ask.body("text/plain; charset=utf-8", format!("{text}\n")),
        Some("srt") => {
            ask.body("application/x-subrip", format!("1\n00:00:00,000 --> 00:00:01,000\n{text}\n\n"))
        }
        Some("vtt") => ask.body("text/vtt", format!("WEBVTT\n\n00:00:00.000 --> 00:00:01.000\n{text}\n\n")),
        Some("verbose_json") => {
            let segment = json!({
                "id": 0, "seek": 0, "start": 0.0, "end": 1.0, "text": text, "tokens": [], "temperature": 0.0,
                "avg_logprob": 0.0, "compression_ratio": 1.0, "no_speech_prob": 0.0,
            });
            let answer = json!({
                "task": "transcribe", "language": "english", "duration": 1.0, "text": text, "segments": [segment],
                "usage": {"type": "duration", "seconds": 1},
            });
            ask.whole(&answer, tokens as u64)
        }
        Some(_) | None => ask.whole(&json!({"text": text, "usage": usage}), tokens as u64),
    }
}

/// A beep as a WAV file: one channel of 16-bit samples (Microsoft's RIFF, format 1).
fn beep() -> Vec<u8> {
    let length = SAMPLES * 2;
    let mut wav = b"RIFF".to_vec();
    wav.extend((36 + length).to_le_bytes());
    wav.extend(b"WAVEfmt ");
    wav.extend(16_u32.to_le_bytes());
    wav.extend([1, 0, 1, 0]);
    wav.extend(RATE.to_le_bytes());
    wav.extend((RATE * 2).to_le_bytes());
    wav.extend([2, 0, 16, 0]);
    wav.extend(b"data");
    wav.extend(length.to_le_bytes());
    // A square wave of 500 Hz.
    let wave = (0..SAMPLES).map(|sample| if sample / 8 % 2 == 0 { 4000_i16 } else { -4000 });
    wav.extend(wave.flat_map(i16::to_le_bytes));
    wav
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beep_is_as_long_as_it_says() {
        let wav = beep();
        let number = |at: usize| u32::from_le_bytes(wav[at..at + 4].try_into().unwrap()) as usize;
        assert_eq!((number(4) + 8, number(40) + 44), (wav.len(), wav.len()));
    }
}
