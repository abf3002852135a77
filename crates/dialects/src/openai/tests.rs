//! What is read of requests, what is changed in them, and what passes back.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};
use types::conversation::{Delivery, Target};
use types::speech::{Answer, Format};
use types::{
    Fault, FaultKind, Foreseen, Frame, RequestId, StreamEvent, StreamForm, Tokens, Units, UnixTime, Usage,
};

use super::{COMPLETIONS, IMAGES, MODERATIONS, SPEECH, TRANSCRIPTIONS};
use crate::{
    Asked, Calls, DecodeError, Dialect, Fields, Head, PathSaid, Peek, Surface, Takes, Tally, ToolNames,
    Vectors,
};

const STREAM: Delivery = Delivery::Stream { include_usage: true };

fn form_headers() -> HeaderMap {
    let form = HeaderValue::from_static("multipart/form-data; boundary=b");
    HeaderMap::from_iter([(header::CONTENT_TYPE, form)])
}

fn form(fields: &[(&str, &str)]) -> Bytes {
    let part = |(name, value): &(&str, &str)| {
        format!("--b\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    (fields.iter().map(part).collect::<String>() + "--b--\r\n").into()
}

fn peek(surface: &Surface, headers: &HeaderMap, body: &Bytes) -> Result<Peek, DecodeError> {
    let fields = Fields::read(headers, body, Takes::JsonOrForm, 16).map_err(DecodeError::Json)?;
    surface.peek(Head::of(headers), body, &fields)
}

fn asked(delivery: Delivery, form: StreamForm) -> Asked {
    Asked {
        model: "public".into(),
        delivery,
        calls: Calls::default(),
        form,
        vectors: Vectors::default(),
        tool_names: ToolNames::default(),
        request: RequestId::generate(),
        at: UnixTime::from_secs(1),
        echo: Bytes::new(),
    }
}

/// What the caller reads of these frames.
fn pass(surface: &Surface, asked: &Asked, frames: Vec<Frame>) -> Result<(String, Tally), Fault> {
    let (mut conduit, mut out) = (surface.forwarder(asked), Vec::new());
    frames.into_iter().try_for_each(|frame| conduit.push(frame, &mut out))?;
    conduit.end(&mut out)?;
    Ok((String::from_utf8(out.concat()).unwrap(), conduit.tally().clone()))
}

fn event(data: &str) -> Frame {
    let raw = Bytes::from(format!("data: {data}\n\n"));
    let data = raw.slice(6..6 + data.len());
    Frame::Event(StreamEvent { raw, name: Bytes::new(), data })
}

#[test]
fn requests_say_whether_they_want_a_stream_and_of_what() {
    #[track_caller]
    fn check(surface: &Surface, body: &str, delivery: Delivery, form: StreamForm) {
        let peek = peek(surface, &HeaderMap::new(), &Bytes::from(body.to_owned())).unwrap();
        assert_eq!((peek.model.as_str(), peek.delivery, peek.form), ("m", delivery, form), "{body}");
    }
    let events = StreamForm::Events;
    let quiet = Delivery::Stream { include_usage: false };
    check(&COMPLETIONS, r#"{"model":"m","prompt":"x"}"#, Delivery::Whole, events);
    check(&COMPLETIONS, r#"{"model":"m","stream":true}"#, quiet, events);
    check(&IMAGES, r#"{"model":"m","prompt":"x","stream":null}"#, Delivery::Whole, events);
    check(&IMAGES, r#"{"model":"m","prompt":"x","stream":true}"#, STREAM, events);
    check(&SPEECH, r#"{"model":"m","input":"x"}"#, STREAM, StreamForm::Bytes);
    check(&SPEECH, r#"{"model":"m","input":"x","stream_format":"sse"}"#, STREAM, events);
    check(&TRANSCRIPTIONS, r#"{"model":"m","response_format":"json"}"#, Delivery::Whole, events);
    let moderated = peek(&MODERATIONS, &HeaderMap::new(), &Bytes::from_static(br#"{"input":"x"}"#)).unwrap();
    assert_eq!(moderated.model.as_str(), "omni-moderation-latest");
}

#[test]
fn pictures_are_made_by_the_usual_model_where_none_is_named() {
    let object = |body: &str| peek(&IMAGES, &HeaderMap::new(), &Bytes::from(body.to_owned())).unwrap().model;
    assert_eq!(object(r#"{"prompt":"x"}"#).as_str(), "dall-e-2");
    assert_eq!(object(r#"{"prompt":"x","model":null}"#).as_str(), "dall-e-2");
    assert_eq!(object(r#"{"prompt":"x","output_format":"webp"}"#).as_str(), "gpt-image-1.5");
    assert_eq!(object(r#"{"prompt":"x","images":[]}"#).as_str(), "gpt-image-1.5");
    let of_form = |fields: &[(&str, &str)]| peek(&IMAGES, &form_headers(), &form(fields)).unwrap().model;
    assert_eq!(of_form(&[("image", "x")]).as_str(), "dall-e-2");
    assert_eq!(of_form(&[("image[]", "x"), ("prompt", "y")]).as_str(), "gpt-image-1.5");
}

#[test]
fn a_form_is_read_like_an_object() {
    #[track_caller]
    fn check(fields: &[(&str, &str)], delivery: Delivery, shape: StreamForm) {
        let peek = peek(&TRANSCRIPTIONS, &form_headers(), &form(fields)).unwrap();
        assert_eq!((peek.model.as_str(), peek.delivery, peek.form), ("m", delivery, shape), "{fields:?}");
    }
    check(&[("model", "m"), ("stream", "")], Delivery::Whole, StreamForm::Events);
    check(&[("stream", "True"), ("response_format", "text"), ("model", "m")], STREAM, StreamForm::Events);
    check(&[("model", "m"), ("response_format", "vtt")], Delivery::Whole, StreamForm::Bytes);
    let problem = |fields: &[(&str, &str)]| {
        peek(&TRANSCRIPTIONS, &form_headers(), &form(fields)).unwrap_err().to_string()
    };
    assert_eq!(problem(&[]), "`model` is missing");
    assert_eq!(problem(&[("model", "m"), ("stream", "perhaps")]), "`stream` must be a boolean");
    assert_eq!(problem(&[("model", "m"), ("model", "n")]), "`model` stands in the body twice");
}

#[test]
fn only_the_model_s_name_changes_in_a_form_and_in_an_object() {
    let target = Target { model: "up\"".into(), max_output_tokens: None, quirks: [].into(), strict: true };
    let adapt = |surface: &Surface, headers: &HeaderMap, body: &Bytes| {
        let fields = Fields::read(headers, body, Takes::JsonOrForm, 16).unwrap();
        surface.adapt_request(body, &fields, &target).unwrap().body.concat()
    };
    let body = form(&[("model", "m"), ("prompt", "m")]);
    assert_eq!(adapt(&IMAGES, &form_headers(), &body), form(&[("model", "up\""), ("prompt", "m")]));
    let unnamed = form(&[("image", "m"), ("n", "1")]);
    let named = form(&[("model", "up\""), ("image", "m"), ("n", "1")]);
    let named = String::from_utf8(named.to_vec()).unwrap();
    let expect = named.replacen("content-disposition", "Content-Disposition", 1);
    assert_eq!(adapt(&IMAGES, &form_headers(), &unnamed), expect.as_bytes());
    assert_eq!(adapt(&IMAGES, &form_headers(), &form(&[])), form(&[]));
    let padded = Bytes::from([b"\r\n", &unnamed[..]].concat());
    assert_eq!(adapt(&IMAGES, &form_headers(), &padded), [b"\r\n", expect.as_bytes()].concat());
    let body = Bytes::from_static(br#"{ "input" : "m", "model":"m" }"#);
    assert_eq!(adapt(&SPEECH, &HeaderMap::new(), &body), br#"{ "input" : "m", "model":"up\"" }"#);
    let body = Bytes::from_static(br#"{"input":"m"}"#);
    assert_eq!(adapt(&MODERATIONS, &HeaderMap::new(), &body), br#"{"model":"up\"","input":"m"}"#);
    let body = Bytes::from_static(br#"{"model":"m","stream":true}"#);
    let expect = br#"{"stream_options":{"include_usage":true},"model":"up\"","stream":true}"#;
    assert_eq!(adapt(&COMPLETIONS, &HeaderMap::new(), &body), expect);
}

#[test]
fn usage_is_read_in_the_words_of_each_operation() {
    #[track_caller]
    fn check(surface: &Surface, body: &str, expect: Usage) {
        let frames = vec![Frame::Whole(Bytes::from(body.to_owned()))];
        let (_, tally) = pass(surface, &asked(Delivery::Whole, StreamForm::Events), frames).unwrap();
        assert_eq!(tally.usage, Some(expect), "{body}");
    }
    let tokens = |input, output| Usage { input: Tokens(input), output: Tokens(output), ..Usage::default() };
    check(
        &COMPLETIONS,
        r#"{"choices":[],"usage":{"prompt_tokens":8,"completion_tokens":16,"total_tokens":24}}"#,
        tokens(8, 16),
    );
    check(
        &IMAGES,
        r#"{"data":[],"usage":{"input_tokens":14,"input_tokens_details":{"image_tokens":4,"text_tokens":10},"output_tokens":272,"total_tokens":286}}"#,
        Usage { input_image: Tokens(4), output_image: Tokens(272), ..tokens(10, 0) },
    );
    check(
        &IMAGES,
        r#"{"data":[],"usage":{"input_tokens":1,"output_tokens":272,"output_tokens_details":{"image_tokens":270}}}"#,
        Usage { output_image: Tokens(270), ..tokens(1, 2) },
    );
    // Audio that stands beside the prompt, and beside the output.
    check(
        &TRANSCRIPTIONS,
        r#"{"text":"x","usage":{"prompt_tokens":3,"total_tokens":389,"completion_tokens":11,"prompt_tokens_details":{"cached_tokens":0,"audio_tokens":375}}}"#,
        Usage { input_audio: Tokens(375), ..tokens(3, 11) },
    );
}

#[test]
fn what_is_not_counted_in_tokens_is_counted_by_the_unit() {
    #[track_caller]
    fn check(surface: &Surface, body: &str, usage: Option<Units>, shown: Units) {
        let frames = vec![Frame::Whole(Bytes::from(body.to_owned()))];
        let (said, tally) = pass(surface, &asked(Delivery::Whole, StreamForm::Events), frames).unwrap();
        let usage = usage.map(|units| Usage { units, ..Usage::default() });
        assert_eq!((said.as_str(), tally.usage, tally.units), (body, usage, shown));
    }
    let seconds = |input_second| Units { input_second, ..Units::default() };
    let pictures = |output_image| Units { output_image, ..Units::default() };
    check(&TRANSCRIPTIONS, r#"{"text":"x"}"#, None, seconds(0));
    check(&TRANSCRIPTIONS, r#"{"text":"x","duration":3.01}"#, None, seconds(4));
    check(&TRANSCRIPTIONS, r#"{"text":"x","duration":"3.5"}"#, None, seconds(4));
    let told = |seconds: &str| {
        format!(
            r#"{{"text":"x","usage":{{"prompt_audio_seconds":{seconds},"prompt_tokens":3,"total_tokens":389,"completion_tokens":11,"prompt_tokens_details":{{"cached_tokens":0,"audio_tokens":375}},"service_tier":"standard"}}}}"#
        )
    };
    for (said, input_second) in [("3", 3), ("null", 0), ("{}", 0)] {
        let frames = vec![Frame::Whole(told(said).into())];
        let (_, tally) = pass(&TRANSCRIPTIONS, &asked(Delivery::Whole, StreamForm::Events), frames).unwrap();
        let usage = tally.usage.unwrap();
        assert_eq!((usage.units, usage.input_audio), (seconds(input_second), Tokens(375)), "{said}");
    }
    let duration = r#"{"text":"x","usage":{"type":"duration","seconds":4}}"#;
    check(&TRANSCRIPTIONS, duration, Some(seconds(4)), seconds(0));
    check(&TRANSCRIPTIONS, r#"{"text":"x","duration":-1e99}"#, None, seconds(0));
    check(&IMAGES, r#"{"data":[{"url":"x"},{"url":"y"}]}"#, None, pictures(2));
    check(&MODERATIONS, r#"{"results":[{}]}"#, None, pictures(0));
}

#[test]
fn a_request_says_what_it_takes_beside_tokens() {
    #[track_caller]
    fn check(surface: &Surface, body: &str, counted: Units, guessed: Units) {
        let peek = peek(surface, &HeaderMap::new(), &Bytes::from(body.to_owned())).unwrap();
        assert_eq!(peek.foreseen, Foreseen { counted, guessed }, "{body}");
    }
    let nothing = Units::default();
    let characters = Units { input_character: 5, ..nothing };
    check(
        &SPEECH,
        r#"{"model":"m","input":"h\u00e9 \ud83d\ude00!"}"#,
        characters,
        Units { output_second: 1, ..nothing },
    );
    check(&IMAGES, r#"{"model":"m","prompt":"x"}"#, nothing, Units { output_image: 1, ..nothing });
    check(&IMAGES, r#"{"model":"m","prompt":"x","n":4}"#, nothing, Units { output_image: 4, ..nothing });
    let sound = form(&[("model", "m"), ("file", "not so long")]);
    let heard = peek(&TRANSCRIPTIONS, &form_headers(), &sound).unwrap();
    assert_eq!(heard.foreseen.guessed, Units { input_second: 1, ..nothing });
}

#[test]
fn a_stream_of_completions_ends_with_its_last_word_and_tells_usage_to_who_asked() {
    let frames = |last: &str| {
        vec![
            event(r#"{"id":"c","choices":[{"text":"a","index":0,"finish_reason":null}],"model":"m"}"#),
            event(r#"{"choices":[{"text":"","index":0,"finish_reason":"stop"}],"model":"m","usage":null}"#),
            event(r#"{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}"#),
            event(last),
        ]
    };
    let quiet = asked(Delivery::Stream { include_usage: false }, StreamForm::Events);
    let (said, tally) = pass(&COMPLETIONS, &quiet, frames("[DONE]")).unwrap();
    assert!(said.contains(r#""model":"public""#) && !said.contains(r#""total_tokens""#), "{said}");
    assert!(said.ends_with("data: [DONE]\n\n") && tally.is_complete, "{said}");
    assert_eq!((tally.usage.unwrap().total(), tally.output_bytes), (Tokens(3), 1));
    let (said, _) = pass(&COMPLETIONS, &asked(STREAM, StreamForm::Events), frames("[DONE]")).unwrap();
    assert!(said.contains(r#""total_tokens":3"#), "{said}");
    let broken = pass(&COMPLETIONS, &quiet, frames("[DONE]").into_iter().take(1).collect());
    assert_eq!(broken.unwrap_err().kind, FaultKind::Cut);
    let failed = pass(&COMPLETIONS, &quiet, frames(r#"{"error":{"message":"overloaded","code":503}}"#));
    assert_eq!(failed.unwrap_err().kind, FaultKind::Overloaded);
}

#[test]
fn events_of_images_and_sound_end_with_the_one_that_says_so() {
    let events = asked(STREAM, StreamForm::Events);
    let part = event(r#"{"type":"image_generation.partial_image","b64_json":"x"}"#);
    let last = event(
        r#"{"type":"image_generation.completed","b64_json":"x","usage":{"input_tokens":1,"output_tokens":2}}"#,
    );
    let (_, tally) = pass(&IMAGES, &events, vec![part.clone(), last]).unwrap();
    assert_eq!((tally.usage.unwrap().output_image, tally.units.output_image), (Tokens(2), 1));
    assert_eq!(pass(&IMAGES, &events, vec![part]).unwrap_err().kind, FaultKind::Cut);
    let failed = vec![event(r#"{"type":"error","error":{"message":"no"}}"#)];
    assert_eq!(pass(&IMAGES, &events, failed).unwrap_err().message, "no");
    let spoken = event(
        r#"{"type":"speech.audio.done","usage":{"input_tokens":1,"output_tokens":2,"total_tokens":3}}"#,
    );
    let (_, tally) = pass(&SPEECH, &events, vec![spoken]).unwrap();
    assert_eq!(tally.usage.unwrap().output_audio, Tokens(2));
}

#[test]
fn sound_that_is_packed_comes_as_its_caller_reads_it() {
    let pass = |asked: &Asked, sound: &[u8]| {
        let body = format!(r#"{{"audio_data":"{}"}}"#, STANDARD.encode(sound));
        let (mut conduit, mut out) = (SPEECH.forwarder(asked), Vec::new());
        conduit.push(Frame::Whole(body.clone().into()), &mut out).unwrap();
        conduit.end(&mut out).unwrap();
        // Its bytes are no text, of which tokens could be guessed.
        assert_eq!(conduit.tally().output_bytes, 0);
        (body, out.concat(), conduit.tally().media_type)
    };
    let plain = asked(STREAM, StreamForm::Bytes);
    let kinds: [(&[u8], &str); 5] = [
        (b"ID3\x04x", "audio/mpeg"),
        (b"\xff\xf3x", "audio/mpeg"),
        (b"RIFFx", "audio/wav"),
        (b"OggSx", "audio/ogg"),
        (b"\x00\x01", "audio/pcm"),
    ];
    for (sound, media_type) in kinds {
        let (_, read, told) = pass(&plain, sound);
        assert_eq!((read.as_slice(), told), (sound, Some(media_type)));
    }
    let (body, read, told) = pass(&asked(Delivery::Whole, StreamForm::Events), b"RIFFx");
    assert_eq!((read, told), (body.into_bytes(), None));
    let (mut conduit, answer) = (SPEECH.forwarder(&plain), Bytes::from_static(br#"{"audio_data":"?"}"#));
    assert_eq!(conduit.push(Frame::Whole(answer), &mut Vec::new()).unwrap_err().kind, FaultKind::Unreadable);
}

#[test]
fn speech_survives_between_the_languages_that_have_it() {
    let target = |strict| Target { model: "up".into(), max_output_tokens: None, quirks: [].into(), strict };
    let headers = HeaderMap::new();
    let path = PathSaid { model: Some("m".into()), ..PathSaid::default() };
    let head = Head { path: &path, ..Head::of(&headers) };
    let decode = |language: &Surface, body: &str| {
        language.speaking().unwrap().decode_request(head, body.as_bytes()).map_err(|error| error.to_string())
    };
    let body = r#"{"model":"m","input":"a","voice":"x","response_format":"pcm"}"#;
    let request = decode(&SPEECH, body).unwrap();
    for language in [&SPEECH, &crate::gemini::SPEECH] {
        let written = language.speaking().unwrap().encode_request(&request, &target(true)).unwrap();
        let read = decode(language, std::str::from_utf8(&written.body.concat()).unwrap()).unwrap();
        assert_eq!(
            (read.text, read.voice, read.format),
            ("a".to_owned(), Some("x".to_owned()), Format::Samples)
        );
    }
    let compressed = decode(&SPEECH, r#"{"model":"m","input":"a"}"#).unwrap();
    let refused = crate::gemini::SPEECH.speaking().unwrap().encode_request(&compressed, &target(true));
    assert!(refused.is_err(), "what was not asked for came without a word");
    assert!(
        decode(&SPEECH, r#"{"model":"m","input":"a","voice":{"id":"x"}}"#)
            .unwrap_err()
            .starts_with("`voice` must be")
    );
    assert!(
        decode(&SPEECH, r#"{"model":"m","input":"a","voice_id":"x"}"#)
            .unwrap_err()
            .contains("must be `voice`")
    );
    assert!(decode(&crate::gemini::SPEECH, "{}").is_err());
    let answer = Answer { sound: vec![1, 0], rate: Some(16_000), ..Answer::default() };
    let gemini = crate::gemini::SPEECH.speaking().unwrap();
    let written = gemini.encode_answer(&answer, &asked(Delivery::Whole, StreamForm::Bytes));
    assert_eq!(gemini.decode_answer(&written).unwrap(), answer);
    for silent in [r#"{"candidates":[]}"#, r#"{"candidates":[{"finishReason":"OTHER"}]}"#, "{}"] {
        assert_eq!(
            gemini.decode_answer(silent.as_bytes()).unwrap_err().kind,
            FaultKind::Unreadable,
            "{silent}"
        );
    }
}

#[test]
fn a_voice_is_named_as_the_target_names_it() {
    let target = |quirks: &[&str]| {
        let quirks = quirks.iter().map(|quirk| (*quirk).to_owned()).collect();
        Target { model: "up".into(), max_output_tokens: None, quirks, strict: false }
    };
    let adapt = |body: &str, quirks: &[&str]| {
        let body = Bytes::from(body.to_owned());
        let adapted = SPEECH.adapt_request(&body, &Fields::scan(&body, 16).unwrap(), &target(quirks));
        adapted
            .map(|adapted| String::from_utf8(adapted.body.concat()).unwrap())
            .map_err(|error| error.to_string())
    };
    let body = r#"{"model":"m","voice":"x","stream_format":"audio","input":"a"}"#;
    assert_eq!(adapt(body, &[]).unwrap(), body.replace("\"m\"", "\"up\""));
    let expect = r#"{"model":"up","voice_id":"x","input":"a"}"#;
    assert_eq!(adapt(body, &["packed_speech"]).unwrap(), expect);
    let own = r#"{"model":"m","voice_id":"x","stream":true,"input":"a"}"#;
    assert_eq!(adapt(own, &["packed_speech"]).unwrap(), own.replace("\"m\"", "\"up\""));
    for voices in [r#""voice":{"id":"x"}"#, r#""voice_id":null,"voice":"x""#] {
        let body = format!(r#"{{"model":"m",{voices},"input":"a"}}"#);
        assert_eq!(adapt(&body, &["packed_speech"]).unwrap(), expect, "{voices}");
    }
    let two = Bytes::from_static(br#"{"model":"m","voice":"y","voice_id":"x","input":"a"}"#);
    let fields = Fields::scan(&two, 16).unwrap();
    let adapted = SPEECH.adapt_request(&two, &fields, &target(&["packed_speech"])).unwrap();
    let told: Vec<_> = adapted.changes.iter().map(ToString::to_string).collect();
    assert_eq!((adapted.body.concat(), told), (expect.into(), vec!["dropped;voice".to_owned()]));
    let events = body.replace("audio", "sse");
    for events in [events.replace("sse", "\\u0073se"), events] {
        let problem = adapt(&events, &["packed_speech"]).unwrap_err();
        assert!(problem.starts_with("`stream_format` must be `audio`"), "{events}");
    }
    let form = |body: &str| {
        let peek = peek(&SPEECH, &HeaderMap::new(), &Bytes::from(body.to_owned())).unwrap();
        (peek.delivery.is_stream(), peek.form)
    };
    assert_eq!(form(body), (true, StreamForm::Bytes));
    assert_eq!(form(own), (true, StreamForm::Events));
    assert_eq!(form(&own.replace("true", "false")), (false, StreamForm::Events));
}

#[test]
fn an_answer_that_is_none_is_a_fault() {
    let kind = |surface: &Surface, form, body: &'static str| {
        let delivery = if form == StreamForm::Bytes { STREAM } else { Delivery::Whole };
        pass(surface, &asked(delivery, form), vec![Frame::Whole(body.into())]).unwrap_err().kind
    };
    assert_eq!(kind(&IMAGES, StreamForm::Events, "{}"), FaultKind::Unreadable);
    assert_eq!(kind(&IMAGES, StreamForm::Events, "<html>"), FaultKind::Unreadable);
    assert_eq!(
        kind(&IMAGES, StreamForm::Events, r#"{"error":{"code":429,"message":"x"}}"#),
        FaultKind::Overloaded
    );
    assert_eq!(
        kind(&SPEECH, StreamForm::Bytes, r#"{"error":{"code":400,"message":"x"}}"#),
        FaultKind::Invalid
    );
    assert_eq!(kind(&SPEECH, StreamForm::Bytes, ""), FaultKind::Unreadable);
    let silence = pass(&SPEECH, &asked(STREAM, StreamForm::Bytes), Vec::new());
    assert_eq!(silence.unwrap_err().kind, FaultKind::Cut);
}
