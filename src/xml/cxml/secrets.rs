//! Where the shared secrets stand in a document, so that whatever shows it leaves them out. A document that is torn is shown
//! too: so its bytes are searched for the element, and no reader has to get through it. cXML 1.2, "SharedSecret".
#![deny(clippy::unwrap_used, clippy::indexing_slicing)]

use std::ops::Range;

use memchr::{memchr, memmem};

use crate::xml::Node;

/// What is shown where a secret stands.
pub const MASK: &str = "****";

const SHARED_SECRET: &str = "SharedSecret";

/// Whether an element is a shared secret, or stands in one.
pub fn is_secret(node: Node<'_, '_>) -> bool {
    std::iter::successors(Some(node), |node| node.parent()).any(|node| node.local() == SHARED_SECRET)
}

/// The bytes of every shared secret: what stands between its tags, or all that follows where it is not closed.
pub fn secrets(document: &[u8]) -> Vec<Range<usize>> {
    // In UTF-16 every other byte of a tag is zero. All other encodings that are read write a tag as ASCII does.
    if !matches!(document, [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] | [b'<', 0, ..] | [0, b'<', ..]) {
        return find(document);
    }
    let text: Vec<u8> = document.iter().copied().filter(|byte| *byte != 0).collect();
    let mut kept = document.iter().enumerate().filter(|(_, byte)| **byte != 0).map(|(place, _)| place);
    let mut passed = 0;
    // Each is asked for a byte behind the one before.
    let mut place = |byte: usize| {
        let place = kept.nth(byte - passed).map_or(document.len(), |place| place & !1);
        passed = byte + 1;
        place
    };
    find(&text).into_iter().map(|range| place(range.start)..place(range.end)).collect()
}

fn find(text: &[u8]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(name) = text.get(at..).and_then(|rest| memmem::find(rest, SHARED_SECRET.as_bytes())) {
        let behind = at + name + SHARED_SECRET.len();
        let opens = matches!(text.get(..at + name), Some([.., b'<' | b':']))
            && text.get(behind).is_none_or(|next| matches!(next, b'>' | b'/' | b' ' | b'\t' | b'\r' | b'\n'));
        at = behind;
        if !opens {
            continue;
        }
        let Some(tag) = text.get(behind..).and_then(|rest| memchr(b'>', rest)) else { break };
        let from = behind + tag + 1;
        let empty = matches!(text.get(..from), Some([.., b'/', b'>']));
        at = if empty { from } else { closed_at(text, from) };
        if at > from {
            found.push(from..at);
        }
    }
    found
}

/// Where the closing tag of an element stands whose content begins at `from`.
fn closed_at(text: &[u8], from: usize) -> usize {
    let mut at = from;
    while let Some(tag) = text.get(at..).and_then(|rest| memchr(b'<', rest)) {
        at += tag;
        let rest = text.get(at..).unwrap_or_default();
        let over = |start: usize, end: &[u8]| {
            let inside = rest.get(start..).unwrap_or_default();
            memmem::find(inside, end).map_or(rest.len(), |length| start + length + end.len())
        };
        if let Some(name) = rest.strip_prefix(b"</") {
            let name = name.split(|byte| *byte == b'>').next().unwrap_or_default().trim_ascii_end();
            if name.ends_with(SHARED_SECRET.as_bytes()) {
                return at;
            }
        }
        // In these, what looks like a tag is none.
        at += match rest {
            [b'<', b'!', b'[', ..] => over(3, b"]]>"),
            [b'<', b'!', b'-', b'-', ..] => over(4, b"-->"),
            _ => 1,
        };
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::xml::{Limits, Source, Tree, cxml::Header};

    /// A document as it may be shown. In UTF-16 the mask is two characters of another script.
    fn masked(document: &[u8]) -> Vec<u8> {
        let mut shown = Vec::new();
        let mut at = 0;
        for secret in secrets(document) {
            shown.extend_from_slice(&document[at..secret.start]);
            shown.extend_from_slice(MASK.as_bytes());
            at = secret.end;
        }
        shown.extend_from_slice(&document[at..]);
        shown
    }

    fn shown(document: &str) -> String {
        String::from_utf8(masked(document.as_bytes())).unwrap()
    }

    #[test]
    fn what_stands_in_a_shared_secret_is_masked_and_nothing_else() {
        for (document, seen) in [
            ("<a><SharedSecret>x y</SharedSecret>b</a>", "<a><SharedSecret>****</SharedSecret>b</a>"),
            ("<c:SharedSecret\n k='1' >x</c:SharedSecret >", "<c:SharedSecret\n k='1' >****</c:SharedSecret >"),
            (
                "<SharedSecret>1</SharedSecret><SharedSecret>2</SharedSecret>",
                "<SharedSecret>****</SharedSecret><SharedSecret>****</SharedSecret>",
            ),
            ("<SharedSecret><![CDATA[</SharedSecret>x]]></SharedSecret>y", "<SharedSecret>****</SharedSecret>y"),
            ("<SharedSecret><!--</SharedSecret>-->x<b>z</b></SharedSecret>y", "<SharedSecret>****</SharedSecret>y"),
        ] {
            assert_eq!(shown(document), seen);
        }
        for plain in [
            "<SharedSecret/>x",
            "<SharedSecret></SharedSecret>",
            "<SharedSecrets>x</SharedSecrets>",
            "SharedSecret>x",
            "",
        ] {
            assert_eq!(shown(plain), plain);
        }
    }

    #[test]
    fn a_torn_document_shows_no_secret_either() {
        let whole = "<cXML><Sender><SharedSecret>geheim</SharedSecret></Sender></cXML>";
        for end in 0..=whole.len() {
            assert!(!shown(&whole[..end]).contains("ge"), "{}", &whole[..end]);
        }
        assert_eq!(
            masked(b"\xFF\xFD<SharedSecret>\xC3</SharedSecret>"),
            &b"\xFF\xFD<SharedSecret>****</SharedSecret>"[..]
        );
    }

    #[test]
    fn utf_16_is_masked_in_whole_characters() {
        let document = "<cXML><Header><Sender><Credential domain='D'><Identity>é€</Identity>\
            <SharedSecret>gehéim€</SharedSecret></Credential></Sender></Header></cXML>";
        for unit in [u16::to_le_bytes, u16::to_be_bytes] {
            let bytes: Vec<u8> = std::iter::once(0xFEFF).chain(document.encode_utf16()).flat_map(unit).collect();
            let shown = masked(&bytes);
            let source = Source::read(&shown).unwrap();
            let tree = Tree::read(source.text(), Limits::default()).unwrap();
            assert_eq!(Header::of(&tree).unwrap().sender[0].secret, Some("\u{2A2A}\u{2A2A}"));
            assert_eq!(source.text().replace("\u{2A2A}\u{2A2A}", "gehéim€"), document);
        }
    }

    proptest! {
        #[test]
        fn whatever_a_reader_takes_for_a_secret_is_masked(before in "[ -~é]{0,20}", secret in "(?s)[ -~é\n]{0,20}", tail in "[ -~]{0,20}") {
            let document = format!("<a>{before}<SharedSecret>{secret}</SharedSecret>{tail}</a>");
            if let Ok(tree) = Tree::read(&document, Limits::default()) {
                let held: Vec<_> = tree.nodes().filter(|node| is_secret(*node)).collect();
                let found = secrets(document.as_bytes());
                for node in held.iter().filter(|node| !node.text().is_empty()) {
                    prop_assert!(found.iter().any(|range| range.start <= node.within().start && node.within().end <= range.end));
                }
            }
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(prop_oneof![any::<u8>(), Just(0), Just(b'<')], 0..60), cut in 0..15usize) {
            let name = &b"<SharedSecret>"[..cut.min(14)];
            let _ = masked(&[&bytes, name, &bytes].concat());
        }
    }
}
