//! Writes DER (X.690 §10): every element has one encoding, with definite lengths, and sets are sorted.

use jiff::{Timestamp, tz::TimeZone};

use super::ber::{BerError, Element, Elements, tag};

/// One element.
pub fn element(tag: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = header(tag, body.len());
    bytes.extend_from_slice(body);
    bytes
}

/// One element whose content stands in pieces.
pub fn joined<P: AsRef<[u8]>>(tag: u8, pieces: &[P]) -> Vec<u8> {
    let mut bytes = header(tag, pieces.iter().map(|piece| piece.as_ref().len()).sum());
    for piece in pieces {
        bytes.extend_from_slice(piece.as_ref());
    }
    bytes
}

/// The tag and length of an element with `size` bytes of content, and room for them.
pub fn header(tag: u8, size: usize) -> Vec<u8> {
    let mut bytes = opening(tag, size as u64);
    bytes.reserve_exact(size);
    bytes
}

/// The tag and length of an element with `size` bytes of content, which stand elsewhere.
pub fn opening(tag: u8, size: u64) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(10);
    bytes.push(tag);
    match u8::try_from(size) {
        Ok(short) if short < 0x80 => bytes.push(short),
        _ => {
            let digits = size.to_be_bytes();
            let zeros = digits.iter().take_while(|digit| **digit == 0).count();
            bytes.push(0x80 | (digits.len() - zeros) as u8);
            bytes.extend(digits.iter().skip(zeros));
        }
    }
    bytes
}

/// A SEQUENCE.
pub fn sequence<P: AsRef<[u8]>>(pieces: &[P]) -> Vec<u8> {
    joined(tag::SEQUENCE, pieces)
}

/// A SET OF, or one with another tag: its members in the order that DER demands.
pub fn set(tag: u8, mut members: Vec<Vec<u8>>) -> Vec<u8> {
    members.sort();
    joined(tag, &members)
}

/// An OBJECT IDENTIFIER by its content octets.
pub fn oid(id: &[u8]) -> Vec<u8> {
    element(tag::OID, id)
}

/// An OCTET STRING.
pub fn octets(bytes: &[u8]) -> Vec<u8> {
    element(tag::OCTETS, bytes)
}

/// NULL.
pub fn null() -> Vec<u8> {
    element(tag::NULL, &[])
}

/// A small INTEGER.
pub fn number(number: u8) -> Vec<u8> {
    if number < 0x80 { element(tag::INTEGER, &[number]) } else { element(tag::INTEGER, &[0, number]) }
}

/// An AlgorithmIdentifier with these parameters, already encoded.
pub fn algorithm(id: &[u8], parameters: &[u8]) -> Vec<u8> {
    sequence(&[oid(id).as_slice(), parameters])
}

/// A time: UTCTime up to 2049, GeneralizedTime after it (RFC 5652 §11.3).
pub fn time(at: Timestamp) -> Vec<u8> {
    let civil = at.to_zoned(TimeZone::UTC).datetime();
    if (1950..2050).contains(&civil.year()) {
        element(tag::UTC_TIME, civil.strftime("%y%m%d%H%M%SZ").to_string().as_bytes())
    } else {
        element(tag::GENERAL_TIME, civil.strftime("%Y%m%d%H%M%SZ").to_string().as_bytes())
    }
}

/// The same element in DER, with another tag: what a signature over signed attributes covers (RFC 5652 §5.4), however
/// they were sent.
pub fn canonical(received: &Element<'_>, tag: u8) -> Result<Vec<u8>, BerError> {
    if received.tag & tag::CONSTRUCTED == 0 {
        return Ok(element(tag, received.body));
    }
    if received.tag & !tag::CONSTRUCTED == tag::OCTETS {
        return Ok(element(tag & !tag::CONSTRUCTED, &received.octets()?));
    }
    let mut members = Vec::new();
    let mut children: Elements<'_> = received.children()?;
    while let Some(child) = children.next()? {
        let tag = match child.tag {
            // An octet string in pieces becomes one piece.
            0x24 => tag::OCTETS,
            tag => tag,
        };
        members.push(canonical(&child, tag)?);
    }
    Ok(if tag == tag::SET { set(tag, members) } else { joined(tag, &members) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_the_shortest() {
        assert_eq!(header(4, 0x7f), [4, 0x7f]);
        assert_eq!(header(4, 0x80), [4, 0x81, 0x80]);
        assert_eq!(header(4, 0x1_0000), [4, 0x83, 1, 0, 0]);
        for size in [0, 1, 127, 128, 255, 256, 70_000] {
            let bytes = element(4, &vec![7; size]);
            assert_eq!(Elements::only(&bytes, 4).unwrap().body.len(), size);
        }
    }

    #[test]
    fn sets_are_sorted_and_times_are_those_of_rfc_5652() {
        assert_eq!(set(0x31, vec![number(2), number(1)]), [0x31, 6, 2, 1, 1, 2, 1, 2]);
        assert_eq!(number(200), [2, 2, 0, 200]);
        let at = |text: &str| time(text.parse().unwrap());
        assert_eq!(at("2026-11-20T01:02:03Z"), element(0x17, b"261120010203Z"));
        assert_eq!(at("2050-01-01T00:00:00Z"), element(0x18, b"20500101000000Z"));
    }

    #[test]
    fn attributes_in_ber_become_der() {
        // [0] { SEQUENCE (indefinite) { OCTETS in pieces }, INTEGER } with the set's members in the wrong order.
        let sent = [0xa0, 0x80, 0x30, 0x80, 0x24, 0x80, 4, 1, b'a', 4, 1, b'b', 0, 0, 0, 0, 2, 1, 9, 0, 0];
        let received = Elements::only(&sent, 0xa0).unwrap();
        assert_eq!(canonical(&received, 0x31).unwrap(), [0x31, 9, 2, 1, 9, 0x30, 4, 4, 2, b'a', b'b']);
    }
}
