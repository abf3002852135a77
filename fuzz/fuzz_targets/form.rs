#![no_main]
//! A form that is read at all is read alike once one of its parts has been replaced: no part hides another.

use bytes::Bytes;
use dialects::{Fields, Splice, Takes};
use http::{HeaderMap, HeaderValue, header};
use libfuzzer_sys::fuzz_target;

/// The boundary of every seed.
const TYPE: HeaderValue = HeaderValue::from_static("multipart/form-data; boundary=b");

fuzz_target!(|body: &[u8]| {
    let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, TYPE)]);
    let body = Bytes::copy_from_slice(body);
    let Ok(form) = Fields::read(&headers, &body, Takes::JsonOrForm, 1) else { return };
    let names: Vec<_> = form.names(&body).map(|name| name.into_owned()).collect();
    assert!(form.text_length(&body) <= body.len());
    for name in &names {
        let Ok(Some(span)) = form.find(&body, name) else { continue };
        assert!(!body[span.clone()].windows(5).any(|window| window == b"\r\n--b"));
        let mut splice = Splice::default();
        splice.replace(span, "replaced");
        let changed = splice.apply(&body).concat();
        let again = Fields::read(&headers, &changed, Takes::JsonOrForm, 1).expect("a form");
        assert_eq!(again.names(&changed).collect::<Vec<_>>(), names);
        assert_eq!(again.value(&changed, name), Some(&b"replaced"[..]));
        for other in names.iter().filter(|other| *other != name) {
            assert_eq!(again.value(&changed, other), form.value(&body, other));
        }
    }
});
