//! One slip of the finger in one key is always found, and nearly always understood.

use settings::ProblemCode;

use crate::{LONG, keys, read};

/// A small generator of numbers (xorshift), so that every run tries the same slips.
struct Slips(u64);

impl Slips {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(limit).expect("small")).expect("small")
    }

    /// The key with one letter left out, added, swapped with the next, or replaced.
    fn slip(&mut self, key: &str) -> String {
        let mut letters: Vec<char> = key.chars().collect();
        let letter = char::from(b'a' + u8::try_from(self.below(26)).expect("a letter"));
        let at = self.below(letters.len());
        match self.below(4) {
            0 => drop(letters.remove(at)),
            1 => letters.insert(at, letter),
            2 => letters.swap(at, (at + 1) % key.len()),
            _ => letters[at] = letter,
        }
        letters.into_iter().collect()
    }
}

/// The place of every key of the schema in `LONG`: names that the operator chose are no keys of the schema.
fn places() -> Vec<(usize, String)> {
    let chosen = ["azure", "openai", "claude", "cloud", "gpu", "smart", "cheap", "x-team"];
    let mut places = Vec::new();
    for (colon, _) in LONG.match_indices(':') {
        let before = LONG.get(..colon).unwrap_or_default();
        let key: String =
            before.chars().rev().take_while(|c| c.is_alphanumeric() || matches!(c, '_' | '-')).collect();
        let key: String = key.chars().rev().collect();
        let start = colon - key.len();
        let begins =
            LONG.get(..start).and_then(|text| text.chars().next_back()).is_none_or(|c| " {\n".contains(c));
        let ends = LONG.get(colon + 1..).is_some_and(|rest| rest.starts_with([' ', '\n']));
        if !key.is_empty() && begins && ends && !chosen.contains(&key.as_str()) {
            places.push((start, key));
        }
    }
    places
}

#[test]
fn single_typos_are_rejected_and_understood() {
    let (places, mut slips) = (places(), Slips(0x9e37_79b9_7f4a_7c15));
    assert!(places.len() > 55, "{places:?}");
    let (mut tried, mut understood, mut missed) = (0, 0, Vec::new());
    while tried < 200 {
        let (start, key) = &places[slips.below(places.len())];
        let slip = slips.slip(key);
        if slip == *key {
            continue;
        }
        tried += 1;
        let mut text = LONG.to_owned();
        text.replace_range(*start..start + key.len(), &slip);
        let Err(problems) = read(&text, &keys()) else { panic!("`{slip}` for `{key}` was accepted") };
        let unknown = problems.0.iter().find(|problem| problem.code == ProblemCode::UnknownKey);
        let help = unknown.and_then(|problem| problem.help.clone()).unwrap_or_default();
        if help == format!("did you mean `{key}`?") {
            understood += 1;
        } else {
            missed.push(format!("{slip} for {key}: {problems} {help}"));
        }
    }
    assert!(understood >= 190, "understood {understood} of {tried}; missed: {missed:#?}");
}

#[test]
fn no_damage_to_a_file_breaks_the_reader() {
    let mut slips = Slips(0x2545_f491_4f6c_dd1d);
    let letters: Vec<char> = "{}[]:,'\"#&*!|>%@`-? \t\n\r\u{0}\u{feff}é€🦀${x".chars().collect();
    for _ in 0..400 {
        let mut text: Vec<char> = LONG.chars().collect();
        for _ in 0..=slips.below(3) {
            let (at, letter) = (slips.below(text.len()), letters[slips.below(letters.len())]);
            match slips.below(3) {
                0 => text[at] = letter,
                1 => text.insert(at, letter),
                _ => text.truncate(at.max(1)),
            }
        }
        let text: String = text.into_iter().collect();
        if let Err(problems) = read(&text, &keys()) {
            assert!(problems.render("tollgate.yaml", &text).ends_with(['s', 'm']), "{text}");
        }
    }
}
