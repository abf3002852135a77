//! The lines of a file that comes, alone or in a form: those that are a batch's requests get the provider's own ids, and all
//! are as long as they were.

use bytes::Bytes;
use dialects::{DecodeError, OVERLAP, may_name, named_in_batch};

use super::Reading;
use crate::references::{Files, may_pass_anything};
use crate::rejection::Cause;

/// The longest line that is held. Who names files needs no longer one: what is long is pictures and documents themselves.
const LONGEST: usize = 256 << 10;
/// What files are for of which no batch can be made.
const OTHER_PURPOSES: [&[u8]; 5] = [b"assistants", b"evals", b"fine-tune", b"user_data", b"vision"];
/// The line in front of what a file is for, in lower case.
const PURPOSE: &[u8] = b"content-disposition: form-data; name=\"purpose\"";
/// The line in front of how a part is encoded, in lower case, and the ways that leave it as it is.
const ENCODING: &[u8] = b"content-transfer-encoding";
const PLAIN_ENCODINGS: [&[u8]; 3] = [b"7bit", b"8bit", b"binary"];

pub(super) struct Lines {
    reading: Reading,
    at: At,
    purpose: Purpose,
    /// Why this is no file for a batch.
    found: Option<Cause>,
    /// The line so far; of a long one, what was looked at last.
    line: Vec<u8>,
    is_long: bool,
    /// Whether the line stands where one between parts does: at the beginning, or behind a whole end of a line.
    may_divide: bool,
    /// Which line of its part it is.
    number: u64,
}

/// Where in a form a line stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    Head { of_purpose: bool },
    Content { of_purpose: bool },
}

/// What is known of what the file is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Unsaid,
    Other,
    /// A batch, or what nobody knows.
    Batch,
}

impl Lines {
    pub(super) const fn new(reading: Reading) -> Self {
        let (at, purpose) = (At::Content { of_purpose: false }, Purpose::Unsaid);
        Self {
            reading,
            at,
            purpose,
            found: None,
            line: Vec::new(),
            is_long: false,
            may_divide: true,
            number: 1,
        }
    }

    /// Takes the next piece in, and appends what may go on.
    ///
    /// # Errors
    /// The file may not go on.
    pub(super) fn push(&mut self, piece: &[u8], out: &mut Vec<u8>) -> Result<(), Cause> {
        let mut rest = piece;
        while let Some(end) = memchr::memchr(b'\n', rest) {
            let (line, behind) = rest.split_at(end + 1);
            self.gather(line, out)?;
            self.end_line(out)?;
            rest = behind;
        }
        self.gather(rest, out)
    }

    /// The file is at its end.
    ///
    /// # Errors
    /// It may not end so.
    pub(super) fn end(&mut self, out: &mut Vec<u8>) -> Result<(), Cause> {
        self.end_line(out)?;
        self.judge()
    }

    fn gather(&mut self, piece: &[u8], out: &mut Vec<u8>) -> Result<(), Cause> {
        if !self.is_long && self.line.len() + piece.len() <= LONGEST {
            self.line.extend_from_slice(piece);
            return Ok(());
        }
        // What of it has gone on has been looked at.
        let seen = if self.is_long { self.line.len() } else { 0 };
        let fresh = if self.is_long { 0 } else { self.line.len() };
        out.extend_from_slice(self.line.get(..fresh).unwrap_or_default());
        out.extend_from_slice(piece);
        let begins = !std::mem::replace(&mut self.is_long, true);
        self.line.extend_from_slice(piece);
        if begins && self.behind_boundary(&self.line).is_some() {
            self.doubt();
        }
        if may_name(&self.line, seen, self.reading.names) {
            self.unreadable();
        }
        let kept = self.line.len().saturating_sub(OVERLAP);
        self.line.drain(..kept);
        self.judge_early()
    }

    fn end_line(&mut self, out: &mut Vec<u8>) -> Result<(), Cause> {
        let mut line = std::mem::take(&mut self.line);
        let is_whole = line.ends_with(b"\r\n");
        if std::mem::take(&mut self.is_long) {
            // No head of a form is so long that anybody understands, and no purpose.
            if self.at != (At::Content { of_purpose: false }) {
                self.purpose = Purpose::Batch;
            }
            self.may_divide = is_whole;
        } else {
            let was_head = matches!(self.at, At::Head { .. });
            self.read(&mut line)?;
            // The end of an empty head is its own.
            self.may_divide = is_whole && !(was_head && matches!(self.at, At::Content { .. }));
            out.extend_from_slice(&line);
        }
        self.judge_early()?;
        self.number += 1;
        line.clear();
        self.line = line;
        Ok(())
    }

    fn read(&mut self, line: &mut Vec<u8>) -> Result<(), Cause> {
        let text = line.trim_ascii_end();
        let end = line.get(text.len()..).unwrap_or_default();
        match (self.behind_boundary(text), self.at) {
            (Some(b""), _) if self.may_divide && end == b"\r\n" => self.at = At::Head { of_purpose: false },
            (Some(b"--"), _) if self.may_divide && [&b"\r\n"[..], b""].contains(&end) => {
                self.at = At::Content { of_purpose: false };
                self.judge()?;
            }
            (Some(_), _) => self.doubt(),
            (None, At::Head { of_purpose }) if end == b"\r\n" && text.is_empty() => {
                (self.at, self.number) = (At::Content { of_purpose }, 0);
            }
            (None, At::Head { of_purpose }) => {
                let text = text.to_ascii_lowercase();
                // Some take this for the end of a line, others for a part of what it says.
                if end.ends_with(b"\n") && !end.ends_with(b"\r\n") {
                    self.doubt();
                }
                self.read_head(&text, of_purpose);
            }
            (None, At::Content { of_purpose }) => {
                if of_purpose {
                    self.read_purpose(text);
                }
                self.read_request(line);
            }
        }
        Ok(())
    }

    /// What stands behind the boundary in a line that begins with it.
    fn behind_boundary<'l>(&self, line: &'l [u8]) -> Option<&'l [u8]> {
        self.reading.boundary.as_deref().and_then(|boundary| line.strip_prefix(boundary))
    }

    /// A line of a part's head. Only one way to say that the part is the purpose is read alike by everybody.
    fn read_head(&mut self, text: &[u8], of_purpose: bool) {
        let is_plain = text == PURPOSE && !of_purpose;
        if is_plain {
            self.at = At::Head { of_purpose: true };
        }
        let is_odd = |sign: &str| memchr::memmem::find(text, sign.as_bytes()).is_some();
        // A line that begins with a space goes on with the one before.
        let goes_on = text.first().is_none_or(u8::is_ascii_whitespace);
        if goes_on || !is_plain && ["purpose", "*=", "\\"].into_iter().any(is_odd) {
            self.purpose = Purpose::Batch;
        }
        if memchr::memmem::find(text, ENCODING).is_some() && !is_plainly_encoded(text) {
            self.find("has a part that is encoded, and cannot be read".to_owned());
        }
    }

    fn read_purpose(&mut self, text: &[u8]) {
        let is_other = self.purpose == Purpose::Unsaid && OTHER_PURPOSES.contains(&text);
        self.purpose = if is_other { Purpose::Other } else { Purpose::Batch };
    }

    /// A line of a file: if it is a request it gets the provider's ids, and spaces for what they are shorter.
    fn read_request(&mut self, line: &mut Vec<u8>) {
        // Some editors begin a file with a mark that others do not see.
        let start = if line.starts_with("\u{feff}".as_bytes()) { "\u{feff}".len() } else { 0 };
        let request = line.get(start..).unwrap_or_default();
        let Reading { whose, destination, names, depth, .. } = &self.reading;
        let Ok(named) = named_in_batch(request, *names, *depth) else {
            return self.unreadable();
        };
        if named.ids.is_empty() && !named.in_storage {
            return;
        }
        let read = Files::of(named, Bytes::copy_from_slice(request), whose);
        match read.and_then(|(files, written)| files.suit(destination).map(|()| written)) {
            Ok(written) => {
                let spaces = request.len().saturating_sub(written.len());
                let (written, end) = written.split_at(written.trim_ascii_end().len());
                let spaces = std::iter::repeat_n(b' ', spaces);
                let whole: Vec<u8> =
                    written.iter().copied().chain(spaces).chain(end.iter().copied()).collect();
                line.truncate(start);
                line.extend(whole);
            }
            Err(cause) => {
                self.found.get_or_insert(cause);
            }
        }
    }

    fn unreadable(&mut self) {
        self.find(format!("has a line {} that may name files and cannot be read", self.number));
    }

    /// Two readers may take the form for different ones, of which one may be a batch's.
    fn doubt(&mut self) {
        self.purpose = Purpose::Batch;
        self.find("has a form that not everybody divides alike".to_owned());
    }

    fn find(&mut self, problem: String) {
        let Reading { whose, destination, .. } = &self.reading;
        if !may_pass_anything(&whose.principal, destination) {
            self.found.get_or_insert(Cause::Decode(DecodeError::Field { field: "file".to_owned(), problem }));
        }
    }

    /// Nobody needs to send the rest of what will not be taken.
    fn judge_early(&mut self) -> Result<(), Cause> {
        if self.purpose == Purpose::Batch { self.judge() } else { Ok(()) }
    }

    /// What is no batch's may hold what it likes, until one more purpose makes it one.
    fn judge(&mut self) -> Result<(), Cause> {
        if self.purpose == Purpose::Other { Ok(()) } else { self.found.take().map_or(Ok(()), Err) }
    }
}

/// Whether a line of a head in lower case says of the part that it stands there as it is.
fn is_plainly_encoded(text: &[u8]) -> bool {
    let value = text.strip_prefix(ENCODING).and_then(|rest| rest.strip_prefix(b":"));
    value.is_some_and(|value| PLAIN_ENCODINGS.contains(&value.trim_ascii()))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use auth::{Marks, Principal};
    use dialects::Dialect as _;
    use dialects::openai_chat::OpenAiChat;

    use super::*;
    use crate::references::Whose;
    use crate::{Destination, DestinationConfig, UnknownPrice};

    /// A file that goes to the provider `a`, and the id here of one that is kept there.
    fn reading() -> (Reading, String) {
        let data = tempfile::tempdir().unwrap();
        let marks = Arc::new(Marks::open(data.path()).unwrap());
        let principal = Arc::new(Principal::anonymous());
        let marked = marks.mark(&"a".into(), "file-a", &principal.tenant);
        let destination = Destination::new(DestinationConfig {
            name: "a".into(),
            origin: None,
            endpoints: Vec::new(),
            headers: http::HeaderMap::new(),
            credential: None,
            passthrough: None,
            catalogue: Arc::clone(providers::Catalogue::embedded().unwrap().provider("openai").unwrap()),
            quirks: Vec::new(),
            unknown_price: UnknownPrice::Free,
        });
        let (whose, destination) = (Whose { marks, principal }, Arc::new(destination));
        let (names, boundary) = (OpenAiChat.file_names(), Some(b"--x".to_vec()));
        (Reading { whose, destination, names, depth: 128, boundary }, marked)
    }

    /// What goes on of a file that comes in pieces of this size.
    fn passed(file: impl Fn(&str) -> String, size: usize) -> Result<(String, String), Cause> {
        let (reading, marked) = reading();
        let (mut lines, mut out, file) = (Lines::new(reading), Vec::new(), file(&marked));
        for piece in file.as_bytes().chunks(size) {
            lines.push(piece, &mut out)?;
        }
        lines.end(&mut out)?;
        Ok((String::from_utf8(out).unwrap(), file.replace(&marked, "file-a")))
    }

    const SIZES: [usize; 7] = [1, 2, 7, 64, 1_000, 300_000, 1_000_000];

    #[test]
    fn any_split_of_a_file_comes_to_the_same() {
        for size in SIZES {
            let file = |id: &str| {
                let about = format!(r#"{{"body":{{"file":{{"file_id":"{id}"}}}}}}"#);
                let long = format!(r#"{{"body":{{"input":"{}"}}}}"#, "x".repeat(LONGEST));
                format!(
                    "--x\r\ncontent-disposition: form-data; name=file\r\n\r\n{about}\r\n{long}\n{about}\r\n--x--\r\n"
                )
            };
            let (out, expect) = passed(file, size).unwrap();
            assert_eq!(
                (out.len(), out.replace(' ', "")),
                (file(&reading().1).len(), expect.replace(' ', "")),
                "{size}"
            );
        }
    }

    #[test]
    fn no_split_of_a_file_hides_what_it_names() {
        for size in SIZES {
            for filler in [1, LONGEST] {
                let filler = "x".repeat(filler);
                let file = |_: &str| format!(r#"{{"body":{{"input":"{filler}","image_url":"gs://b/x"}}}}"#);
                assert!(passed(file, size).is_err(), "{size}");
                let divided = |_: &str| format!("{{}}\r\n--x--{filler}\r\n");
                assert!(passed(divided, size).is_err(), "{size}");
            }
        }
    }
}
