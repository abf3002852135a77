//! Tells code from what only looks like it: comments and the insides of literals, replaced by blanks so that every
//! line keeps its number.

/// A text seen three ways.
#[derive(Debug, Default)]
pub(crate) struct Masked {
    /// Neither comments nor literals.
    pub(crate) code: String,
    /// No comments.
    pub(crate) uncommented: String,
    /// The string literals with the numbers of the lines they begin in.
    pub(crate) literals: Vec<(usize, String)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Code,
    Comment,
    Text,
}

/// Looks at `text` as Rust.
pub(crate) fn mask(text: &str) -> Masked {
    let chars: Vec<char> = text.chars().collect();
    let mut masked = Masked::default();
    let (mut rest, mut line) = (chars.as_slice(), 1);
    while !rest.is_empty() {
        let (kind, length) = token(rest);
        let (token, after) = rest.split_at(length.clamp(1, rest.len()));
        rest = after;
        let token: String = token.iter().collect();
        masked.code.push_str(&if kind == Kind::Code { token.clone() } else { blank(&token) });
        masked.uncommented.push_str(&if kind == Kind::Comment { blank(&token) } else { token.clone() });
        let first = line;
        line += token.matches('\n').count();
        if kind == Kind::Text {
            masked.literals.push((first, token));
        }
    }
    masked
}

fn blank(text: &str) -> String {
    text.chars().map(|c| if c == '\n' { c } else { ' ' }).collect()
}

/// What the text begins with, and how many characters of it.
fn token(rest: &[char]) -> (Kind, usize) {
    match rest {
        ['/', '/', ..] => (Kind::Comment, count_until(rest, '\n')),
        ['/', '*', ..] => (Kind::Comment, block_comment(rest)),
        ['"', ..] => (Kind::Text, quoted(rest, 1, '"')),
        ['b' | 'c', '"', ..] => (Kind::Text, quoted(rest, 2, '"')),
        ['r', '"' | '#', ..] if is_raw(rest, 1) => (Kind::Text, raw(rest, 1)),
        ['b' | 'c', 'r', '"' | '#', ..] if is_raw(rest, 2) => (Kind::Text, raw(rest, 2)),
        ['\'', '\\', ..] => (Kind::Text, quoted(rest, 1, '\'')),
        ['\'', _, '\'', ..] => (Kind::Text, 3),
        [first, ..] if is_word(*first) => (Kind::Code, rest.iter().take_while(|c| is_word(**c)).count()),
        _ => (Kind::Code, 1),
    }
}

/// Whether `c` can be part of a name.
pub(crate) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn count_until(rest: &[char], end: char) -> usize {
    rest.iter().take_while(|c| **c != end).count()
}

/// Comments nest in Rust.
fn block_comment(rest: &[char]) -> usize {
    let (mut at, mut depth) = (0, 0_usize);
    loop {
        match rest.get(at..) {
            Some(['/', '*', ..]) => (at, depth) = (at + 2, depth + 1),
            Some(['*', '/', ..]) => (at, depth) = (at + 2, depth - 1),
            Some([_, ..]) => at += 1,
            Some([]) | None => return rest.len(),
        }
        if depth == 0 {
            return at;
        }
    }
}

fn quoted(rest: &[char], start: usize, quote: char) -> usize {
    let mut at = start;
    while let Some(c) = rest.get(at) {
        match c {
            '\\' => at += 2,
            _ if *c == quote => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

fn hashes(rest: &[char], start: usize) -> usize {
    rest.iter().skip(start).take_while(|c| **c == '#').count()
}

fn is_raw(rest: &[char], start: usize) -> bool {
    rest.get(start + hashes(rest, start)) == Some(&'"')
}

fn raw(rest: &[char], start: usize) -> usize {
    let fence = hashes(rest, start);
    let mut at = start + fence + 1;
    while at < rest.len() {
        if rest.get(at) == Some(&'"') && hashes(rest, at + 1) >= fence {
            return at + 1 + fence;
        }
        at += 1;
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, code: &str, uncommented: &str) {
        let masked = mask(text);
        let squeeze = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(
            (squeeze(&masked.code).as_str(), squeeze(&masked.uncommented).as_str()),
            (code, uncommented)
        );
        assert_eq!(masked.code.lines().count(), text.lines().count());
    }

    #[test]
    fn comments_and_literals_are_not_code() {
        check("a // b\nc", "a c", "a c");
        check("a /* b /* c */ d */ e", "a e", "a e");
        check(r#"a("b // c", 'd', '\'', 'e)"#, "a( , , , 'e)", r#"a("b // c", 'd', '\'', 'e)"#);
        check("x(r#\"a \" b\"#) r#type", "x( ) r#type", "x(r#\"a \" b\"#) r#type");
        check("b\"\\\"\" + br\"\\\" bar", "+ bar", "b\"\\\"\" + br\"\\\" bar");
        check("\"open", "", "\"open");
    }

    #[test]
    fn literals_know_their_lines() {
        let masked = mask("a\n\"b\nc\" \"d\"");
        assert_eq!(masked.literals, [(2, "\"b\nc\"".to_owned()), (3, "\"d\"".to_owned())]);
    }
}
