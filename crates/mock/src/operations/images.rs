//! Images: always the same one.

use serde_json::json;

use super::Ask;
use crate::Script;
use crate::script::CREATED;

/// The smallest PNG that every viewer opens: one pixel.
const PIXEL: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
/// What a picture counts for.
const IMAGE_TOKENS: u64 = 85;

/// As many images as were asked for, or one that comes bit by bit.
pub(super) fn drawn(ask: &Ask<'_>) -> Script {
    let prompt = crate::speech::pieces(ask.field("prompt").as_str().unwrap_or_default()).count() as u64;
    let count = ask.count("n", 1, 10);
    let usage = |images: u64| {
        let output = IMAGE_TOKENS * images;
        json!({
            "input_tokens": prompt, "input_tokens_details": {"image_tokens": 0, "text_tokens": prompt},
            "output_tokens": output, "total_tokens": prompt + output,
        })
    };
    if !ask.peek.delivery.is_stream() {
        let images: Vec<_> = (0..count).map(|_| json!({"b64_json": PIXEL})).collect();
        let answer = json!({"created": CREATED, "data": images, "usage": usage(count)});
        return ask.whole(&answer, IMAGE_TOKENS * count);
    }
    let kind = if ask.fields.is_form() { "image_edit" } else { "image_generation" };
    let mut events: Vec<_> = (0..ask.count("partial_images", 0, 3))
        .map(|index| {
            json!({
                "type": format!("{kind}.partial_image"), "b64_json": PIXEL, "partial_image_index": index,
                "created_at": CREATED, "output_format": "png", "size": "1024x1024", "quality": "low", "background": "opaque",
            })
        })
        .collect();
    events.push(json!({
        "type": format!("{kind}.completed"), "b64_json": PIXEL, "created_at": CREATED, "output_format": "png",
        "size": "1024x1024", "quality": "low", "background": "opaque", "usage": usage(1),
    }));
    ask.events(events)
}
