//! The envelope of cXML: who says that a document is from whom, the Response that answers one, and the secret that is put in
//! when a document is sent, so that no stored bytes have it.
//!
//! cXML 1.2, "Header", "Credential", "Response" and "Status"; what status codes ask of a sender is told there too.
#![deny(clippy::unwrap_used, clippy::indexing_slicing)]

mod secrets;

pub use secrets::{MASK, is_secret, secrets};

use super::{Limits, Node, Reader, Source, Token, Tree, Unwritable, Writer};

/// Where the document type of a Response says that its DTD is.
const DTD: &str = "http://xml.cxml.org/schemas/cXML/1.2.063/cXML.dtd";
/// The largest part of a file in which its root element begins.
pub const HEAD: usize = 16 << 10;

/// One credential: in which domain somebody has which identity, and the secret that shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Credential<'t> {
    /// Like `DUNS` or `NetworkID`.
    pub domain: &'t str,
    /// The name in it.
    pub identity: &'t str,
    /// The SharedSecret.
    pub secret: Option<&'t str>,
}

/// Who is who in a document. Each may have several credentials, in several domains.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Header<'t> {
    /// Whom it is from.
    pub from: Vec<Credential<'t>>,
    /// Whom it is for.
    pub to: Vec<Credential<'t>>,
    /// Who hands it over.
    pub sender: Vec<Credential<'t>>,
}

impl<'t> Header<'t> {
    /// The header of a document; `None` where it is no cXML, or has none.
    pub fn of(tree: &'t Tree<'_>) -> Option<Self> {
        let header = child(is_cxml(tree.root())?, "Header")?;
        let party = |name: &str| {
            let party = child(header, name);
            let own = party.into_iter().flat_map(|party| party.children().filter(|node| node.local() == "Credential"));
            own.filter_map(credential).collect()
        };
        Some(Self { from: party("From"), to: party("To"), sender: party("Sender") })
    }
}

fn credential<'t>(node: Node<'t, '_>) -> Option<Credential<'t>> {
    let secret = child(node, "SharedSecret").map(Node::text);
    Some(Credential {
        domain: node.attribute("domain")?.trim(),
        identity: child(node, "Identity")?.text().trim(),
        secret,
    })
}

fn child<'t, 'a>(node: Node<'t, 'a>, name: &str) -> Option<Node<'t, 'a>> {
    node.children().find(|child| child.local() == name)
}

fn is_cxml<'t, 'a>(root: Node<'t, 'a>) -> Option<Node<'t, 'a>> {
    (root.local() == "cXML").then_some(root)
}

/// The beginning of a file as text; it may end anywhere.
fn beginning(head: &[u8]) -> Option<Source<'_>> {
    // The last character may be cut in two.
    (0..4).find_map(|less| Source::read(head.get(..head.len().checked_sub(less)?)?).ok())
}

/// What `look` sees in the header of a document, of which no more has to be there than the beginning with all of the header.
pub fn in_header<T>(head: &[u8], look: impl FnOnce(&Header<'_>) -> T) -> Option<T> {
    let source = beginning(head)?;
    let tree = Tree::read_through(source.text(), Limits::default(), "Header").ok()?;
    Header::of(&tree).map(|header| look(&header))
}

/// What the beginning of a file says of itself, if it is cXML: its payloadID. `head` may end anywhere.
pub fn payload_id(head: &[u8]) -> Option<String> {
    let source = beginning(head)?;
    let mut reader = Reader::new(source.text(), Limits::default()).ok()?;
    match reader.next() {
        Ok(Some(Token::Start { name, attributes, .. })) if name.local == "cXML" => {
            let id = attributes.into_iter().find(|one| one.name.local == "payloadID");
            Some(id.map(|id| id.value.trim().to_owned()).unwrap_or_default())
        }
        _ => None,
    }
}

/// A document of ours with the secret of its sender behind the sender's identity; `None` where it has no sender.
pub fn with_secret(document: &[u8], secret: &str) -> Option<Vec<u8>> {
    let source = Source::read(document).ok()?;
    let tree = Tree::read(source.text(), Limits::default()).ok()?;
    let sender = child(child(is_cxml(tree.root())?, "Header")?, "Sender")?;
    let identity = child(child(sender, "Credential")?, "Identity")?;
    let at = usize::try_from(source.offset(identity.range().end)).ok()?;
    let mut element = Writer::default();
    element.start("SharedSecret").ok()?;
    element.text(secret).ok()?;
    element.end().ok()?;
    let (before, after) = document.split_at_checked(at)?;
    Some([before, element.finish().trim_ascii(), after].concat())
}

/// A Response: what its Status says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// Like 200 or 401.
    pub code: u16,
    /// Its word for the code, like `OK`.
    pub text: String,
    /// What it says besides.
    pub detail: String,
}

/// What a status code asks of whoever sent the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// It was taken.
    Taken,
    /// It will never be taken as it is: 4xx.
    Refused,
    /// The other side has trouble of its own: 5xx, to be tried again.
    Later,
}

impl Response {
    /// Reads a Response; `None` where it is something else.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let source = Source::read(bytes).ok()?;
        let tree = Tree::read(source.text(), Limits { depth: 32, elements: 10_000, ..Limits::default() }).ok()?;
        let status = child(child(is_cxml(tree.root())?, "Response")?, "Status")?;
        let said = |name: &str| status.attribute(name).map(str::trim).unwrap_or_default();
        let code = said("code").parse().ok()?;
        Some(Self { code, text: said("text").to_owned(), detail: status.text().trim().to_owned() })
    }

    /// What it asks.
    pub fn meaning(&self) -> Meaning {
        match self.code {
            200..=299 => Meaning::Taken,
            400..=499 => Meaning::Refused,
            _ => Meaning::Later,
        }
    }

    /// Writes it, under an id and a time of its own.
    ///
    /// # Errors
    /// Where a text holds what XML cannot.
    pub fn write(&self, payload_id: &str, time: &str) -> Result<Vec<u8>, Unwritable> {
        let mut out = Writer::new();
        out.document_type("cXML", DTD)?;
        out.start("cXML")?;
        out.attribute("payloadID", payload_id)?;
        out.attribute("timestamp", time)?;
        out.start("Response")?;
        out.start("Status")?;
        out.attribute("code", &self.code.to_string())?;
        out.attribute("text", &self.text)?;
        if !self.detail.is_empty() {
            out.attribute("xml:lang", "en")?;
            out.text(&self.detail)?;
        }
        for _ in 0..3 {
            out.end()?;
        }
        Ok(out.finish())
    }
}

impl std::fmt::Display for Response {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.code)?;
        for part in [&self.text, &self.detail].into_iter().filter(|part| !part.is_empty()) {
            let flat: Vec<&str> = part.split_whitespace().collect();
            write!(f, " {}", flat.join(" "))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ORDER: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE cXML SYSTEM \"cXML.dtd\">\n\
        <cXML payloadID=\"1.é@x\" timestamp=\"2026-03-02T08:26:40+00:00\"><Header>\
        <From><Credential domain=\"DUNS\"><Identity> 87 </Identity></Credential>\
        <Credential domain=\"NetworkID\"><Identity>AN01</Identity></Credential></From>\
        <To><Credential domain=\"DUNS\"><Identity>39</Identity></Credential></To>\
        <Sender><Credential domain=\"DUNS\"><Identity>87</Identity ></Credential><UserAgent>G</UserAgent></Sender>\
        </Header><Request/></cXML>";

    #[test]
    fn a_header_tells_who_is_who_in_all_domains() {
        let tree = Tree::read(ORDER, Limits::default()).unwrap();
        let header = Header::of(&tree).unwrap();
        let of = |domain, identity| Credential { domain, identity, secret: None };
        assert_eq!(header.from, [of("DUNS", "87"), of("NetworkID", "AN01")]);
        assert_eq!((header.to, header.sender), (vec![of("DUNS", "39")], vec![of("DUNS", "87")]));
        assert_eq!(Header::of(&Tree::read("<Order/>", Limits::default()).unwrap()), None);
    }

    #[test]
    fn a_secret_is_put_behind_the_identity_of_the_sender() {
        let sent = String::from_utf8(with_secret(ORDER.as_bytes(), "a<b & \"c\"").unwrap()).unwrap();
        let secret = "<SharedSecret>a&lt;b &amp; \"c\"</SharedSecret>";
        assert_eq!(sent.matches("SharedSecret").count(), 2);
        assert!(
            sent.contains(&format!("<Sender><Credential domain=\"DUNS\"><Identity>87</Identity >{secret}")),
            "{sent}"
        );
        assert_eq!(sent.replace(secret, ""), ORDER);
        let tree = Tree::read(&sent, Limits::default()).unwrap();
        assert_eq!(Header::of(&tree).unwrap().sender[0].secret, Some("a<b & \"c\""));
        assert_eq!(with_secret(b"<Order/>", "s"), None);
        assert_eq!(with_secret(b"<cXML><Header><From/></Header></cXML>", "s"), None);
    }

    #[test]
    fn a_header_is_read_once_it_is_there_whatever_follows() {
        let whole = ORDER.as_bytes();
        let end = ORDER.find("</Header>").unwrap() + "</Header>".len();
        let from = |head: &[u8]| in_header(head, |header| header.from.len());
        for cut in 0..end {
            assert_eq!(from(&whole[..cut]), None, "{}", &ORDER[..cut]);
        }
        for cut in end..=whole.len() {
            assert_eq!(from(&whole[..cut]), Some(2));
        }
        assert_eq!(from(&[&whole[..end], b"<torn \xC3"].concat()), Some(2));
        assert_eq!(from(b"<Order><Header/></Order>"), None);
    }

    #[test]
    fn a_payload_id_is_found_in_the_beginning_of_a_file() {
        let whole = ORDER.as_bytes();
        assert_eq!(payload_id(whole).as_deref(), Some("1.é@x"));
        let tag = ORDER.find("><Header>").unwrap();
        for end in tag + 1..whole.len() {
            assert_eq!(payload_id(&whole[..end]).as_deref(), Some("1.é@x"), "{end}");
        }
        assert_eq!(payload_id(b"<cXML>").as_deref(), Some(""));
        for other in ["<Order payloadID='1'/>", "ISA*00*", "", "{}", "<cXML"] {
            assert_eq!(payload_id(other.as_bytes()), None, "{other}");
        }
    }

    #[test]
    fn a_response_is_read_as_it_was_written() {
        let refused = Response { code: 401, text: "Unauthorized".into(), detail: "No such <secret> & \"co\".".into() };
        let bytes = refused.write("1@x", "2026-03-02T08:26:40+00:00").unwrap();
        assert_eq!(Response::read(&bytes).as_ref(), Some(&refused));
        insta::assert_snapshot!(String::from_utf8(bytes).unwrap());
        let taken = Response { code: 200, text: "OK".into(), detail: String::new() };
        assert_eq!(Response::read(&taken.write("1@x", "t").unwrap()), Some(taken));
        for other in ["", "<cXML/>", "<cXML><Response/></cXML>", "<cXML><Response><Status code='x'/></Response></cXML>"]
        {
            assert_eq!(Response::read(other.as_bytes()), None, "{other}");
        }
    }

    #[test]
    fn only_trouble_of_the_other_side_is_tried_again() {
        let of = |code| Response { code, text: String::new(), detail: String::new() }.meaning();
        assert_eq!([200, 201, 280].map(of), [Meaning::Taken; 3]);
        assert_eq!([400, 401, 406, 450].map(of), [Meaning::Refused; 4]);
        assert_eq!([500, 550, 560, 0, 302].map(of), [Meaning::Later; 5]);
    }

    proptest! {
        #[test]
        fn no_bytes_make_them_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), cut in 0..ORDER.len()) {
            let _ = (payload_id(&bytes), Response::read(&bytes), with_secret(&bytes, "s"));
            let part = &ORDER.as_bytes()[..cut];
            let _ = (payload_id(part), Response::read(part), with_secret(part, "s"), in_header(part, |_| ()));
        }
    }
}
