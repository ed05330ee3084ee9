//! MIME as AS2 uses it: entities whose parts are exact ranges of the bytes received, since digests and signatures are
//! over those (RFC 2045, 2046, 1847). Nothing is ever serialised again.

mod delimiter;
mod fields;
mod transfer;

pub use fields::{Fields, Parameterized, quote, split_unquoted, unquote};

use super::{
    content::{Content, Scratch},
    fault::Fault,
};

/// How long an entity's headers may be.
pub const HEADER_LIMIT: usize = 64 << 10;
/// How many parts a multipart may have.
pub const PART_LIMIT: usize = 256;

/// One entity: headers and body.
#[derive(Debug, Clone)]
pub struct Entity {
    /// Its headers; those of HTTP for the outermost.
    pub fields: Fields,
    /// Its media type, `application/octet-stream` where none is given.
    pub media: Parameterized,
    /// Headers and body as received; `None` for the outermost, whose headers are HTTP's.
    pub whole: Option<Content>,
    /// The body as received.
    pub body: Content,
}

impl Entity {
    /// The entity that an HTTP message is.
    pub fn from_http(fields: Fields, body: Content) -> Self {
        Self { media: media(&fields), fields, whole: None, body }
    }

    /// Reads an entity from bytes.
    pub fn parse(content: &Content) -> Result<Self, Fault> {
        let start = content.start(HEADER_LIMIT).map_err(Fault::Storage)?;
        let (block, body) = head(&start).ok_or(if start.len() < HEADER_LIMIT {
            Fault::Mime("the headers do not end")
        } else {
            Fault::Mime("the headers are too long")
        })?;
        let fields = Fields::parse(start.get(..block).unwrap_or_default())?;
        Ok(Self {
            media: media(&fields),
            fields,
            whole: Some(content.clone()),
            body: content.slice(body as u64..content.size()),
        })
    }

    /// Whether it has a media type and its headers are text. Something that was decrypted with a wrong key practically
    /// never is, so this is what tells it from a message without telling more.
    pub fn is_plausible(&self) -> bool {
        let text = |value: &[u8]| std::str::from_utf8(value).is_ok_and(|text| !text.contains(is_control));
        self.fields.get("content-type").is_some()
            && self.media.value.contains('/')
            && self.fields.iter().all(|(_, value)| text(value))
    }

    /// The name that the sender gave it: data for people and for matching, never a path.
    pub fn filename(&self) -> Option<String> {
        let disposition = self.fields.text("content-disposition").map(|text| Parameterized::parse(&text));
        let name = disposition
            .and_then(|disposition| disposition.parameter("filename"))
            .or_else(|| self.media.parameter("name"))?;
        let name: String = name.chars().filter(|char| !is_control(*char)).take(255).collect();
        let name = name.trim();
        (!name.is_empty()).then(|| name.to_owned())
    }

    /// The parts of a multipart.
    pub fn parts(&self) -> Result<Parts, Fault> {
        let boundary = self.media.parameter("boundary").filter(|boundary| !boundary.is_empty());
        let boundary = boundary.ok_or(Fault::Mime("a multipart without a boundary"))?;
        if boundary.len() > 256 {
            return Err(Fault::Mime("a boundary that is too long"));
        }
        delimiter::parts(&self.body, boundary.as_bytes(), PART_LIMIT)
    }

    /// The body of a CMS part, which is base64 or not whatever its header says: DER and BER begin with `0`.
    pub fn cms_body(&self, scratch: &dyn Scratch) -> Result<Content, Fault> {
        let start = self.body.start(1).map_err(Fault::Storage)?;
        if start.first() == Some(&0x30) {
            return Ok(self.body.clone());
        }
        let decoded = transfer::base64(&self.body, scratch).map_err(Fault::Storage)?;
        decoded.ok_or_else(|| Fault::Cms("it is neither CMS nor base64".into()))
    }

    /// The body of a document: its transfer encoding undone, unless the header claims one that the body does not have.
    pub fn decoded(&self, scratch: &dyn Scratch) -> Result<Content, Fault> {
        let encoding = self.fields.text("content-transfer-encoding").unwrap_or_default().to_ascii_lowercase();
        let decoded = match Parameterized::parse(&encoding).value.as_str() {
            "base64" => transfer::base64(&self.body, scratch),
            "quoted-printable" => transfer::quoted_printable(&self.body, scratch).map(Some),
            _ => return Ok(self.body.clone()),
        };
        Ok(decoded.map_err(Fault::Storage)?.unwrap_or_else(|| self.body.clone()))
    }
}

/// The parts of a multipart.
#[derive(Debug)]
pub struct Parts {
    /// Each part's bytes, headers included, without the line end that belongs to the next delimiter.
    pub parts: Vec<Content>,
    /// Whether nothing but blanks follows the last delimiter.
    pub ends_clean: bool,
}

fn media(fields: &Fields) -> Parameterized {
    match fields.text("content-type") {
        Some(text) if !text.is_empty() => Parameterized::parse(&text),
        _ => Parameterized::parse("application/octet-stream"),
    }
}

fn is_control(char: char) -> bool {
    char.is_control() && char != '\t'
}

/// Where the headers end and the body begins.
fn head(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut at = 0;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let next = at + line.len();
        if line == b"\n" || line == b"\r\n" {
            return Some((at, next));
        }
        at = next;
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::as2::content::{InMemory, stored::stored};

    fn entity(bytes: &[u8]) -> Entity {
        Entity::parse(&bytes.to_vec().into()).unwrap()
    }

    fn bytes(content: &Content) -> Vec<u8> {
        content.bytes(1 << 20).unwrap().to_vec()
    }

    #[test]
    fn an_entity_knows_its_bytes() {
        let whole =
            b"Content-Type: text/plain; name=\"a.txt\"\r\nContent-Transfer-Encoding: base64\r\n\r\naGVs\r\nbG8=\r\n";
        let part = entity(whole);
        assert_eq!(bytes(part.whole.as_ref().unwrap()), whole);
        assert_eq!(bytes(&part.body), b"aGVs\r\nbG8=\r\n");
        assert_eq!(bytes(&part.decoded(&InMemory).unwrap()), b"hello");
        assert_eq!(part.filename().as_deref(), Some("a.txt"));
        assert!(part.is_plausible());
        assert_eq!(entity(b"\nbody").media.value, "application/octet-stream");
        assert!(!entity(b"\nbody").is_plausible());
        assert!(!entity(b"Content-Type: a/b\nX: \x01\n\nbody").is_plausible());
        assert!(Entity::parse(&b"A: b\r\n".to_vec().into()).is_err());
        assert!(Entity::parse(&b"A: b\r\n".repeat(20_000).into()).is_err());
    }

    #[test]
    fn an_encoding_that_the_body_does_not_have_is_not_undone() {
        let part = entity(b"Content-Transfer-Encoding: base64\r\n\r\nISA*00*~");
        assert_eq!(bytes(&part.decoded(&InMemory).unwrap()), b"ISA*00*~");
        let quoted = entity(b"Content-Transfer-Encoding: Quoted-Printable\r\n\r\na=3Db=\r\nc=ZZ");
        assert_eq!(bytes(&quoted.decoded(&InMemory).unwrap()), b"a=bc=ZZ");
        assert_eq!(bytes(&entity(b"\r\nMAA=").cms_body(&InMemory).unwrap()), [0x30, 0x00]);
        assert_eq!(
            bytes(&entity(b"Content-Transfer-Encoding: base64\r\n\r\n0abc").cms_body(&InMemory).unwrap()),
            b"0abc"
        );
        assert!(entity(b"\r\n*").cms_body(&InMemory).is_err());
    }

    #[test]
    fn names_are_data() {
        let named =
            |disposition: &str| entity(format!("Content-Disposition: {disposition}\r\n\r\n").as_bytes()).filename();
        assert_eq!(named("attachment; filename=\"../../etc/passwd\"").as_deref(), Some("../../etc/passwd"));
        assert_eq!(named("attachment; filename=a\u{7}b").as_deref(), Some("ab"));
        assert_eq!(named("attachment; filename=\"\""), None);
        assert_eq!(named(&format!("x; filename={}", "a".repeat(999))).unwrap().len(), 255);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), Just(b'-'), Just(b'x'), any::<u8>()], 0..300)) {
            let mut message = b"Content-Type: multipart/x; boundary=x\r\nContent-Transfer-Encoding: base64\r\n\r\n".to_vec();
            message.extend_from_slice(&bytes);
            let _ = Entity::parse(&bytes.into());
            let read = |content: Content| {
                let entity = Entity::parse(&content).unwrap();
                let parts = entity.parts().ok().map(|parts| {
                    (parts.parts.iter().map(self::bytes).collect::<Vec<_>>(), parts.ends_clean)
                });
                (parts, entity.cms_body(&InMemory).ok().map(|body| self::bytes(&body)))
            };
            assert_eq!(read(message.clone().into()), read(stored(message)));
        }
    }
}
