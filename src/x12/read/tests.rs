//! What the reader makes of the files that partners really send, at every chunk size.

use super::super::isa::tests::ISA;
use super::*;
use crate::x12::isa;
use proptest::prelude::*;

/// A source that gives at most `size` bytes at once.
pub(in crate::x12) struct Drip<'a> {
    pub(in crate::x12) bytes: &'a [u8],
    pub(in crate::x12) size: usize,
}

impl Read for Drip<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let size = self.size.min(into.len()).min(self.bytes.len());
        let (now, later) = self.bytes.split_at(size);
        into[..size].copy_from_slice(now);
        self.bytes = later;
        Ok(size)
    }
}

/// What a test sees of a piece: the segment's place and elements joined by `|`, or the piece in words.
fn pieces_with(bytes: &[u8], size: usize, caps: Caps) -> Vec<(u64, String)> {
    let mut reader = Reader::new(Drip { bytes, size });
    let mut seen = Vec::new();
    loop {
        match reader.next().unwrap() {
            Piece::Isa => {
                let entered = reader.enter(|header| {
                    header.delimiters.repetition = isa::repetition(header, false);
                    (caps, ())
                });
                let Some((header, ())) = entered.unwrap() else { continue };
                seen.push((header.offset, format!("ISA {} {:?}", header.control_number, header.terminator)));
            }
            Piece::Segment(mut span) => {
                let (buffer, _) = reader.segment(span);
                if buffer[span.start as usize..].starts_with(b"BIN") {
                    match reader.binary(span).unwrap() {
                        Binary::Read(mended) => span = mended,
                        Binary::Mismatch(same) => {
                            span = same;
                            seen.push((reader.offset(span.start), "mismatch".into()));
                        }
                        Binary::TooLong => continue,
                    }
                }
                let (buffer, ends) = reader.segment(span);
                let mut text = String::new();
                let mut from = span.start as usize;
                for end in ends {
                    text += &buffer[from..*end as usize].escape_ascii().to_string();
                    text += "|";
                    from = *end as usize + 1;
                }
                let tag = text.split('|').next().unwrap().to_owned();
                let odd = if reader.is_odd(span) { "!" } else { "" };
                seen.push((reader.offset(span.start), format!("{odd}{}", text.trim_end_matches('|'))));
                if tag == "IEA" {
                    reader.leave();
                }
            }
            Piece::Overlong(overlong) => seen.push((overlong.offset, "overlong".into())),
            Piece::Rubbish { offset, length, sample, why } => {
                seen.push((offset, format!("rubbish {length} {:?} {why:?}", sample.escape_ascii().to_string())));
            }
            Piece::Refused(refused) => {
                seen.push((refused.header.offset, format!("refused {:03} {}", refused.note, refused.why)));
            }
            Piece::End => return seen,
        }
        assert!(seen.len() < 100_000, "it goes round in circles");
    }
}

fn pieces(bytes: &[u8]) -> Vec<(u64, String)> {
    let whole = pieces_with(bytes, usize::MAX, Caps::default());
    for size in [1, 2, 3, 7, 64, 105, 106, 107] {
        assert_eq!(pieces_with(bytes, size, Caps::default()), whole, "chunks of {size}");
    }
    whole
}

fn texts(bytes: &[u8]) -> Vec<String> {
    pieces(bytes).into_iter().map(|piece| piece.1).collect()
}

fn file(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

#[test]
fn segments_come_with_their_places() {
    let bytes = file(&[ISA, b"GS*PO~\r\n  ST*850**1~~ \n~IEA*1*000000001~\n\x1a"]);
    assert_eq!(
        pieces(&bytes),
        [
            (0, "ISA 000000001 [126]".into()),
            (106, "GS|PO".into()),
            (116, "ST|850||1".into()),
            (130, "IEA|1|000000001".into()),
        ]
    );
}

#[test]
fn a_mark_blanks_and_line_ends_around_are_passed_over() {
    let bytes = file(&[b"\xef\xbb\xbf \r\n", ISA, b"IEA*0*000000001~\r\n\r\n\0\xef\xbb\xbf", ISA, b"IEA*0*000000001"]);
    assert_eq!(texts(&bytes), ["ISA 000000001 [126]", "IEA|0|000000001", "ISA 000000001 [126]", "IEA|0|000000001"]);
}

#[test]
fn interchanges_with_other_separators_follow_one_another() {
    let other = [&ISA[..105], b"\n"].concat().iter().map(|b| if *b == b'*' { b'|' } else { *b }).collect::<Vec<u8>>();
    let bytes = file(&[ISA, b"IEA*0*1~", ISA, b"GS*A~IEA*1*1~\n", &other, b"GS|B~*\r\nIEA|1|1\n", ISA, b"IEA*0*1~"]);
    assert_eq!(
        texts(&bytes),
        [
            "ISA 000000001 [126]",
            "IEA|0|1",
            "ISA 000000001 [126]",
            "GS|A",
            "IEA|1|1",
            "ISA 000000001 [10]",
            "GS|B~*",
            "IEA|1|1",
            "ISA 000000001 [126]",
            "IEA|0|1",
        ]
    );
}

#[test]
fn an_isa_with_other_separators_is_seen_inside_an_interchange() {
    let other: Vec<u8> = ISA.iter().map(|b| if *b == b'*' { b'|' } else { *b }).collect();
    let bytes = file(&[ISA, b"GS*A~ST*ISA*ISA~IT1*1~", &other, b"GS|B~ISABEL|1~IEA|1|1~"]);
    assert_eq!(
        texts(&bytes),
        ["ISA 000000001 [126]", "GS|A", "ST|ISA|ISA", "IT1|1", "ISA 000000001 [126]", "GS|B", "ISABEL|1", "IEA|1|1"]
    );
}

#[test]
fn rubbish_is_told_and_passed_over() {
    let bytes = file(&[b"HELLO ISABEL\n", ISA, b"IEA*0*1~ST*850~xISA*", ISA, b"IEA*0*1~IS"]);
    assert_eq!(
        pieces(&bytes),
        [
            (0, r#"rubbish 13 "HELLO ISABEL\\n" None"#.into()),
            (13, "ISA 000000001 [126]".into()),
            (119, "IEA|0|1".into()),
            (127, r#"rubbish 12 "ST*850~xISA*" None"#.into()),
            (139, "ISA 000000001 [126]".into()),
            (245, "IEA|0|1".into()),
            (253, r#"rubbish 2 "IS" None"#.into()),
        ]
    );
    assert_eq!(
        texts(b"ISA*00*          *00*"),
        [r#"rubbish 21 "ISA*00*          *00*" Some("it breaks off before its sixteenth element")"#]
    );
    assert_eq!(texts(b""), [""; 0]);
}

#[test]
fn line_ends_may_be_terminators_in_any_mix() {
    let head = &ISA[..105];
    for (end, rest) in [
        (&b"\n"[..], &b"GS*A\nST*1\nIEA*0*1\n"[..]),
        (b"\r\n", b"GS*A\r\nST*1\nIEA*0*1"),
        (b"\n", b"GS*A\r\n\r\nST*1\r\nIEA*0*1\r\n"),
        (b"\r", b"GS*A\rST*1\r\rIEA*0*1\r"),
        (b"\x85", b"GS*A\x85 ST*1\x85\nIEA*0*1\x85"),
        (b"\xe2\x80\xa6", b"GS*A\xe2\x80\xa6\r\n ST*1\xe2\x80\xa6IEA*0*1\xe2\x80\xa6"),
    ] {
        let seen = texts(&file(&[head, end, rest]));
        assert_eq!(&seen[1..], ["GS|A", "ST|1", "IEA|0|1"], "{end:?}");
    }
    // The last byte of a multi-byte terminator alone ends nothing.
    let seen = pieces(&file(&[head, b"\xe2\x80\xa6GS*\xc3\xa6\xa6*B\xe2\x80\xa6IEA*0*1\xe2\x80\xa6"]));
    assert_eq!(seen[1], (108, r"!GS|\xc3\xa6\xa6|B".into()));
}

#[test]
fn wrapped_files_lose_their_line_ends_and_keep_their_places() {
    let plain = file(&[ISA, b"GS*PO*A*B~ST*850*0001~MSG*", &[b'x'; 150], b"~IEA*1*000000001~"]);
    let wrap = |bytes: &[u8], end: &[u8]| bytes.chunks(80).flat_map(|line| [line, end].concat()).collect::<Vec<u8>>();
    for end in [&b"\n"[..], b"\r\n"] {
        let wrapped = wrap(&plain, end);
        let seen = pieces(&file(&[&wrapped, &plain, &wrapped, &wrapped]));
        let once = pieces(&plain);
        assert_eq!(seen.len(), 4 * once.len());
        let mut from = 0;
        for (nth, copy) in [true, false, true, true].into_iter().enumerate() {
            for ((offset, text), (place, expected)) in seen[nth * once.len()..].iter().zip(&once) {
                let lines = if copy { place / 80 * end.len() as u64 } else { 0 };
                assert_eq!((offset - from, text), (place + lines, expected), "{nth}");
            }
            from += if copy { wrapped.len() } else { plain.len() } as u64;
        }
    }
}

#[test]
fn lines_wider_than_the_isa_are_taken_apart_too() {
    let plain = file(&[ISA, b"GS*PO*A*B~ST*850*0001~MSG*", &[b'x'; 700], b"~IEA*1*000000001~"]);
    for (width, end) in [(128, &b"\n"[..]), (132, b"\r\n"), (255, b"\r\n"), (107, b"\n")] {
        let wrapped: Vec<u8> = plain.chunks(width).flat_map(|line| [line, end].concat()).collect();
        let seen = pieces(&file(&[&wrapped, &plain, &wrapped]));
        let once = pieces(&plain);
        assert_eq!(seen.len(), 3 * once.len(), "{width}");
        for ((offset, text), (place, expected)) in seen.iter().zip(&once) {
            assert_eq!((*offset, text), (place + place / width as u64 * end.len() as u64, expected), "{width}");
        }
        let texts: Vec<_> = seen.iter().map(|(_, text)| text).collect();
        assert!(texts.iter().all(|text| !text.contains('\n')), "{texts:?}");
    }
}

#[test]
fn a_wrapped_interchange_does_not_spoil_the_line_ends_of_the_next() {
    let wrapped = [&ISA[..80], b"\n", &ISA[80..], b"IEA*0*1~\n"].concat();
    let lines = [&ISA[..105], b"\nGS*A\nIEA*0*1\n"].concat();
    let seen = pieces(&file(&[&wrapped, &lines, &wrapped]));
    let expected = [
        (0, "ISA 000000001 [126]"),
        (107, "IEA|0|1"),
        (116, "ISA 000000001 [10]"),
        (222, "GS|A"),
        (227, "IEA|0|1"),
        (235, "ISA 000000001 [126]"),
        (342, "IEA|0|1"),
    ];
    assert_eq!(seen.iter().map(|(at, text)| (*at, text.as_str())).collect::<Vec<_>>(), expected);
}

#[test]
fn binary_data_are_read_by_their_length() {
    let bytes = file(&[ISA, b"ST*841*1~BIN*9*~SE*~\nGE~~\nBIN*2*abc~BIN*1x*a*b~BIN*0*~IEA*0*1~"]);
    assert_eq!(
        texts(&bytes)[1..],
        ["ST|841|1", r"BIN|9|~SE*~\nGE~", "mismatch", "BIN|2|abc", "mismatch", "BIN|1x|a|b", "BIN|0", "IEA|0|1"]
    );
    // Longer than the file: read as delimited.
    let bytes = file(&[ISA, b"BIN*4000*a~IEA*0*1~"]);
    assert_eq!(texts(&bytes)[1..], ["mismatch", "BIN|4000|a", "IEA|0|1"]);
}

#[test]
fn what_is_longer_than_the_cap_is_passed_over() {
    let caps = Caps { segment_bytes: 100, set_bytes: 1000, ..Caps::default() };
    let long = vec![b'x'; 101];
    let binary = [b"BIN*900*", &[b'~'; 900][..], b"~"].concat();
    let huge = [b"BIN*70000*", &[b'~'; 70_000][..], b"~"].concat();
    let plain = [b"BIN*70000*", &[b'x'; 70_000][..], b"~"].concat();
    let bytes =
        file(&[ISA, b"A*1~", &long[1..], b"~", &long, b"~B*2~", &binary, &huge, b"C*3~", &plain, b"IEA*0*1~", &long]);
    let short = |text: &String| text.chars().take(9).collect::<String>();
    let expected =
        ["ISA 00000", "A|1", "xxxxxxxxx", "overlong", "B|2", "BIN|900|~", "overlong", "C|3", "overlong", "IEA|0|1"];
    for size in [1, 2, 50, 1000, 16_384, usize::MAX] {
        let seen: Vec<String> = pieces_with(&bytes, size, caps).iter().map(|piece| short(&piece.1)).collect();
        assert_eq!(seen[..10], expected, "chunks of {size}");
        assert_eq!(seen.len(), 11);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn nothing_panics_and_chunks_do_not_matter(
        parts in prop::collection::vec(prop::sample::select(vec![
            &b"~"[..], b"*", b"\r\n", b"\n", b"ISA", b"IEA*0*1~", b"BIN*5*", b"GS*PO", b"ST", b" ", b"\xef\xbb\xbf", b"\xe2\x80\xa6",
            b"x", b"^", b":", b"~IEA~", b"|",
            ISA,
            b"ISA|00||00||ZZ|A|ZZ|B|260701|1200|U|00401|1|0|T|>\n",
            b"ISA|00||00||ZZ|A|ZZ|B|260701|1200|U|00401|1|0|T|>\xe2\x80\xa6",
            b"ISA*00*          *00*          *ZZ*SENDER         *01*RECEIVER       *260701*\n1200*^*00501*000000001*1*P*>~",
        ]), 0..30),
        size in 1_usize..300,
    ) {
        let bytes = parts.concat();
        let caps = Caps { segment_bytes: 200, set_bytes: 300, ..Caps::default() };
        prop_assert_eq!(pieces_with(&bytes, size, caps), pieces_with(&bytes, usize::MAX, caps));
    }
}
