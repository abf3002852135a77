//! An answer in one language and what callers of every language read of it, whole and in events.

use dialects::{Conversational, Delivered, conduit};
use types::conversation::{Answer, Delivery, Event};
use types::{Fault, Frame, StreamEvent};

use crate::gist::Gist;
use crate::language::{self, Language};
use crate::{PUBLIC, STREAM, asked, json, pass};

/// Callers of every language get what they can read, the same whole as in events.
pub fn check(upstream: Language, delivered: Delivered, frames: impl Fn() -> Vec<Frame>, answer: &Answer) {
    for caller in language::all() {
        let read = |delivery| {
            let asked = asked(caller, delivery);
            let way = conduit(upstream.dialect, caller.dialect, &asked, delivered).expect("there is a way");
            pass(way, frames()).expect("what is understood is translated")
        };
        let is_own = upstream.id() == caller.id();
        let mut heard = Vec::new();
        if !is_own || delivered == Delivered::Whole {
            let (out, tally) = read(STREAM);
            caller.obeys(&out);
            assert_eq!(tally.usage, answer.usage);
            heard.push(decode(caller.dialect, &caller.events(&out)).map(crate::answer::fold));
        }
        if !is_own || delivered == Delivered::Stream {
            let (out, tally) = read(Delivery::Whole);
            names_model(caller, &out);
            assert_eq!(tally.usage, answer.usage);
            heard.push(caller.dialect.decode_answer(&out));
        }
        let heard: Vec<Gist> =
            heard.iter().map(|heard| Gist::of(heard.as_ref().expect("what is written is read"))).collect();
        let said = Gist::of(answer);
        for heard in &heard {
            let pair = (upstream.id(), caller.id());
            assert_eq!((&heard.words, &heard.thoughts), (&said.words, &said.thoughts), "{pair:?}");
            assert_eq!((&heard.calls, heard.usage), (&said.calls, said.usage), "{pair:?}");
        }
        if let [streamed, whole] = &heard[..] {
            assert_eq!(streamed, whole, "from {} to {}", upstream.id(), caller.id());
        }
    }
}

/// A whole answer names the model as its caller does.
pub fn names_model(caller: Language, body: &[u8]) {
    let answer = json(body);
    let said = answer.as_ref().zip(caller.model()).map(|(answer, field)| &answer[field]);
    assert!(said.is_none_or(|said| *said == PUBLIC));
}

/// What these events mean.
pub fn decode(dialect: &dyn Conversational, said: &[StreamEvent]) -> Result<Vec<Event>, Fault> {
    let mut decoder = dialect.decoder();
    let mut events = Vec::new();
    said.iter().try_for_each(|event| decoder.push(event, &mut events))?;
    decoder.end(&mut events)?;
    Ok(events)
}
