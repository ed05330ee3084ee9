//! Rust source as tokens, just well enough for the architecture test: comments and the insides of strings are gone, so
//! that a path in a comment is not taken for an import. No macro is expanded.

/// One token that matters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Token {
    /// An identifier or keyword.
    Word(String),
    /// `::`
    Path,
    /// A string's content, escapes as written.
    Text(String),
    /// Any other single character that is not blank.
    Mark(char),
}

impl Token {
    /// Whether it is this word.
    pub fn is(&self, word: &str) -> bool {
        matches!(self, Self::Word(own) if own == word)
    }
}

/// A token and the line it stands on, from 1.
pub type Placed = (Token, usize);

/// The tokens of `source`.
pub fn tokens(source: &str) -> Vec<Placed> {
    let chars: Vec<char> = source.chars().collect();
    let mut found = Vec::new();
    let mut at = 0;
    let mut line = 1;
    while at < chars.len() {
        let begin = at;
        let started = line;
        let char = chars[at];
        let next = chars.get(at + 1).copied().unwrap_or('\0');
        match char {
            '/' if next == '/' => at = until(&chars, at, |rest| rest[0] == '\n'),
            '/' if next == '*' => at = block_comment(&chars, at),
            'r' | 'b' | 'c' if opens_raw(&chars, at).is_some() => {
                let (content, hashes) = opens_raw(&chars, at).unwrap();
                let closing: String = std::iter::once('"').chain(std::iter::repeat_n('#', hashes)).collect();
                let closing: Vec<char> = closing.chars().collect();
                let end = until(&chars, content, |rest| rest.starts_with(&closing));
                found.push((Token::Text(chars[content..end].iter().collect()), started));
                at = end + closing.len();
            }
            '"' => {
                let end = end_of_quoted(&chars, at + 1, '"');
                found.push((Token::Text(chars[at + 1..end].iter().collect()), started));
                at = end + 1;
            }
            // A character, unless it is a lifetime: 'a' and '\n' are characters, 'a and 'static are not.
            '\'' if next == '\\' || chars.get(at + 2) == Some(&'\'') => at = end_of_quoted(&chars, at + 1, '\'') + 1,
            ':' if next == ':' => {
                found.push((Token::Path, started));
                at += 2;
            }
            _ if char.is_alphabetic() || char == '_' => {
                at = until(&chars, at, |rest| !(rest[0].is_alphanumeric() || rest[0] == '_'));
                found.push((Token::Word(chars[begin..at].iter().collect()), started));
            }
            _ => {
                if !char.is_whitespace() {
                    found.push((Token::Mark(char), started));
                }
                at += 1;
            }
        }
        at = at.min(chars.len());
        line += chars[begin..at].iter().filter(|c| **c == '\n').count();
    }
    found
}

/// Where a raw string's content begins, and how many `#` close it.
fn opens_raw(chars: &[char], at: usize) -> Option<(usize, usize)> {
    let mut here = at;
    // r, br, cr; a plain b"…" is left to the quoted form, its b a word.
    if chars[here] != 'r' {
        here += 1;
    }
    if chars.get(here) != Some(&'r') || (at > 0 && (chars[at - 1].is_alphanumeric() || chars[at - 1] == '_')) {
        return None;
    }
    here += 1;
    let hashes = chars[here.min(chars.len())..].iter().take_while(|c| **c == '#').count();
    (chars.get(here + hashes) == Some(&'"')).then_some((here + hashes + 1, hashes))
}

fn until(chars: &[char], from: usize, stop: impl Fn(&[char]) -> bool) -> usize {
    (from..chars.len()).find(|at| stop(&chars[*at..])).unwrap_or(chars.len())
}

fn end_of_quoted(chars: &[char], from: usize, quote: char) -> usize {
    let mut at = from;
    while at < chars.len() && chars[at] != quote {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    at.min(chars.len())
}

fn block_comment(chars: &[char], from: usize) -> usize {
    let mut depth = 0;
    let mut at = from;
    while at < chars.len() {
        match (chars[at], chars.get(at + 1)) {
            ('/', Some('*')) => (depth, at) = (depth + 1, at + 2),
            ('*', Some('/')) => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

#[test]
fn comments_and_strings_hide_what_is_in_them() {
    let source = r##"
        // use crate::a;
        /* use crate::b; /* nested */ use crate::c; */
        let x = "crate::d \" crate::e"; let y = r#"crate::f " g"#; let z = b"crate::g"; let c = '"';
        fn f<'a>(_: &'a str) { crate::h::i() }
    "##;
    let tokens = tokens(source);
    let paths: Vec<_> = tokens
        .windows(3)
        .filter(|w| w[0].0.is("crate") && w[1].0 == Token::Path)
        .map(|w| (w[2].0.clone(), w[2].1))
        .collect();
    assert_eq!(paths, [(Token::Word("h".into()), 5)]);
    let texts: Vec<_> = tokens.iter().filter(|(token, _)| matches!(token, Token::Text(_))).collect();
    assert_eq!(texts.len(), 3, "{texts:?}");
}
