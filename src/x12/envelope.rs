//! The envelope's words: who wrote to whom under which number, as the ISA and the GS say it.
//!
//! Both headers keep their bytes as received, so that an acknowledgement can copy fields exactly.

use super::token::Delimiters;
use serde::{Deserialize, Serialize};

/// One side of an interchange: ISA05/06 or ISA07/08, blanks around both taken off.
#[derive(Debug, Default, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PartyId {
    /// What kind of identifier it is, like `01` for D-U-N-S or `ZZ` for mutually defined.
    pub qualifier: String,
    /// The identifier.
    pub id: String,
}

/// What the ISA says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InterchangeHeader {
    /// ISA05 and ISA06.
    pub sender: PartyId,
    /// ISA07 and ISA08.
    pub receiver: PartyId,
    /// ISA13, blanks around it taken off.
    pub control_number: String,
    /// ISA12, like `00401`.
    pub version: String,
    /// ISA15: `P` production, `T` test, `I` information. What says none of these counts as `P`.
    pub usage: u8,
    /// Whether ISA14 asks for a TA1.
    pub ack_requested: bool,
    /// ISA09 as sent.
    pub date: String,
    /// ISA10 as sent.
    pub time: String,
    /// The separators that hold until the IEA.
    pub delimiters: Delimiters,
    /// The bytes of the terminator: one, but for a multi-byte character or CR LF.
    #[serde(with = "latin")]
    pub terminator: Vec<u8>,
    /// Where the ISA begins in the file, in bytes.
    pub offset: u64,
    /// The ISA as received, without its terminator.
    #[serde(with = "latin")]
    pub bytes: Vec<u8>,
}

impl InterchangeHeader {
    /// ISA element `number` (from 1) as received, padding kept; empty where left out.
    pub fn element(&self, number: usize) -> &[u8] {
        nth(&self.bytes, self.delimiters.element, number)
    }
}

/// What the GS says.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupHeader {
    /// GS01, like `PO`.
    pub functional_id: String,
    /// GS02, blanks around it taken off.
    pub sender: String,
    /// GS03, blanks around it taken off.
    pub receiver: String,
    /// GS04 as sent.
    pub date: String,
    /// GS05 as sent.
    pub time: String,
    /// GS06.
    pub control_number: String,
    /// GS07: `X` for X12, `T` for TDCC.
    pub agency: String,
    /// GS08, like `004010VICS`.
    pub version: String,
    /// Where the GS begins in the file, in bytes.
    pub offset: u64,
    /// The element separator of `bytes`.
    pub separator: u8,
    /// The GS as received, without its terminator. Empty for sets that stand outside any group.
    #[serde(with = "latin")]
    pub bytes: Vec<u8>,
}

impl GroupHeader {
    /// Reads a GS segment.
    pub(super) fn read(bytes: &[u8], separator: u8, offset: u64) -> Self {
        let field = |number| text(nth(bytes, separator, number)).trim().to_owned();
        Self {
            functional_id: field(1),
            sender: field(2),
            receiver: field(3),
            date: field(4),
            time: field(5),
            control_number: field(6),
            agency: field(7),
            version: field(8),
            offset,
            separator,
            bytes: bytes.to_vec(),
        }
    }

    /// GS element `number` (from 1) as received; empty where left out.
    pub fn element(&self, number: usize) -> &[u8] {
        nth(&self.bytes, self.separator, number)
    }

    /// Whether the group is answered: what acknowledges is never acknowledged.
    pub fn is_answered(&self) -> bool {
        !self.acknowledges() && !self.is_missing()
    }

    /// Whether it is a group of 997s or 999s.
    pub fn acknowledges(&self) -> bool {
        self.functional_id == "FA"
    }

    /// Whether there was a GS at all.
    pub fn is_missing(&self) -> bool {
        self.bytes.is_empty()
    }
}

/// Bytes as text: UTF-8 where they are that, Latin-1 otherwise, so that nothing is lost or replaced.
pub fn text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().copied().map(char::from).collect(),
    }
}

fn nth(segment: &[u8], separator: u8, number: usize) -> &[u8] {
    segment.split(|b| *b == separator).nth(number).unwrap_or_default()
}

/// Bytes in JSON: one character per byte, U+0000 to U+00FF, which people can read and nothing is lost in.
pub(super) mod latin {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(crate) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&bytes.iter().copied().map(char::from).collect::<String>())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.chars().map(u8::try_from).collect::<Result<_, _>>().map_err(D::Error::custom)
    }
}

/// The same for bytes that may be absent.
pub(super) mod latin_option {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    struct Latin(#[serde(with = "super::latin")] Vec<u8>);

    pub(crate) fn serialize<S: Serializer>(bytes: &Option<Vec<u8>>, serializer: S) -> Result<S::Ok, S::Error> {
        bytes.clone().map(Latin).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<u8>>, D::Error> {
        Ok(Option::<Latin>::deserialize(deserializer)?.map(|latin| latin.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_keep_every_byte_in_json() {
        let group = GroupHeader::read(b"GS*PO*M\xfcller *\xc3\x9cber*20260101*1200*7*X*004010VICS", b'*', 3);
        assert_eq!((group.sender.as_str(), group.receiver.as_str()), ("Müller", "Über"));
        assert_eq!(group.element(2), b"M\xfcller ");
        let again: GroupHeader = serde_json::from_str(&serde_json::to_string(&group).unwrap()).unwrap();
        assert_eq!(again, group);
    }
}
