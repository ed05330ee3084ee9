//! Header fields of HTTP and MIME: unfolded, in order, names without regard to case (RFC 5322 §2.2, RFC 9110 §5), and
//! the parameters of media types and dispositions (RFC 2045 §5.1, RFC 2231).

use std::borrow::Cow;

use super::super::fault::Fault;

/// How many fields there may be.
const MOST_FIELDS: usize = 256;

/// Header fields.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fields(Vec<(String, Vec<u8>)>);

impl Fields {
    /// Adds a field as it was received; folds are undone.
    pub fn push(&mut self, name: &str, value: &[u8]) {
        self.0.push((name.to_ascii_lowercase(), unfold(value)));
    }

    /// Reads a block of header lines, without the empty line that ends it.
    pub fn parse(block: &[u8]) -> Result<Self, Fault> {
        let mut fields = Self::default();
        let mut lines = block.split_inclusive(|byte| *byte == b'\n').peekable();
        while let Some(line) = lines.next() {
            if line.trim_ascii().is_empty() {
                continue;
            }
            let mut field = Cow::Borrowed(line);
            while let Some(more) = lines.next_if(|next| matches!(next.first(), Some(b' ' | b'\t'))) {
                field.to_mut().extend_from_slice(more);
            }
            let colon = field.iter().position(|byte| *byte == b':').ok_or(Fault::Mime("a header without a colon"))?;
            let (name, value) = field.split_at(colon);
            let name = std::str::from_utf8(name).map_err(|_| Fault::Mime("a header's name is not text"))?.trim();
            if name.is_empty() || name.bytes().any(|byte| !byte.is_ascii_graphic()) {
                return Err(Fault::Mime("a header's name is not one"));
            }
            fields.push(name, value.get(1..).unwrap_or_default());
            if fields.0.len() > MOST_FIELDS {
                return Err(Fault::Mime("too many headers"));
            }
        }
        Ok(fields)
    }

    /// The first field of this name (in lower case).
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.0.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_slice())
    }

    /// The first field of this name as text; what is not UTF-8 is replaced.
    pub fn text(&self, name: &str) -> Option<Cow<'_, str>> {
        self.get(name).map(String::from_utf8_lossy)
    }

    /// Every field of this name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.0.iter().filter(move |(own, _)| own == name).map(|(_, value)| value.as_slice())
    }

    /// All fields in order, names in lower case.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_slice()))
    }
}

/// A header's value on one line, without blanks around it.
fn unfold(value: &[u8]) -> Vec<u8> {
    let mut line = Vec::with_capacity(value.len());
    let mut rest = value.trim_ascii();
    while let Some(at) = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n')) {
        let (before, after) = rest.split_at(at);
        line.extend_from_slice(before.trim_ascii_end());
        line.push(b' ');
        rest = after.trim_ascii_start();
    }
    line.extend_from_slice(rest);
    line
}

/// A value with parameters: `multipart/signed; micalg=sha-256; boundary="x"`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parameterized {
    /// What stands before the parameters, in lower case.
    pub value: String,
    parameters: Vec<(String, String)>,
}

impl Parameterized {
    /// Reads such a value. What is not a parameter is left out: senders write many strange things here.
    pub fn parse(text: &str) -> Self {
        let mut text = text.trim();
        // Some balancers put the whole value into quotes.
        if let Some(inner) = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'))
            && inner.contains(';')
        {
            text = inner;
        }
        let mut pieces = split_unquoted(text, ';').into_iter();
        let value = pieces.next().unwrap_or_default().trim().to_ascii_lowercase();
        let parameters = pieces
            .filter_map(|piece| {
                let (name, value) = piece.split_once('=')?;
                Some((name.trim().to_ascii_lowercase(), unquote(value.trim())))
            })
            .collect();
        Self { value, parameters }
    }

    /// A parameter's value by its name in lower case, extended (`name*=`) and continued (`name*0=`) forms included.
    pub fn parameter(&self, name: &str) -> Option<String> {
        let plain = |wanted: &str| self.parameters.iter().find(|(own, _)| own == wanted).map(|(_, value)| value);
        if let Some(value) = plain(&format!("{name}*")) {
            return Some(extended(value));
        }
        if let Some(value) = plain(name) {
            return Some(value.clone());
        }
        let mut whole = String::new();
        let mut is_extended = false;
        for number in 0..64 {
            if let Some(value) = plain(&format!("{name}*{number}")) {
                whole.push_str(value);
            } else if let Some(value) = plain(&format!("{name}*{number}*")) {
                is_extended = true;
                whole.push_str(value);
            } else {
                break;
            }
        }
        match (whole.is_empty(), is_extended) {
            (true, _) => None,
            (false, true) => Some(extended(&whole)),
            (false, false) => Some(whole),
        }
    }
}

/// `UTF-8''na%C3%AFve.edi` as text. Other charsets are read as Latin-1.
fn extended(value: &str) -> String {
    let mut parts = value.splitn(3, '\'');
    let (Some(charset), Some(_), Some(text)) = (parts.next(), parts.next(), parts.next()) else {
        return value.to_owned();
    };
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        let hex = after.get(..2).filter(|_| *byte == b'%').and_then(|two| std::str::from_utf8(two).ok());
        if let Some(decoded) = hex.and_then(|two| u8::from_str_radix(two, 16).ok()) {
            bytes.push(decoded);
            rest = after.get(2..).unwrap_or_default();
        } else {
            bytes.push(*byte);
            rest = after;
        }
    }
    if charset.eq_ignore_ascii_case("utf-8") {
        String::from_utf8_lossy(&bytes).into_owned()
    } else {
        bytes.iter().map(|byte| char::from(*byte)).collect()
    }
}

/// Splits at a mark where it does not stand in quotes.
pub fn split_unquoted(text: &str, mark: char) -> Vec<&str> {
    let mut pieces = Vec::new();
    let (mut quoted, mut escaped, mut start) = (false, false, 0);
    for (at, char) in text.char_indices() {
        match char {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if char == mark && !quoted => {
                pieces.push(text.get(start..at).unwrap_or_default());
                start = at + mark.len_utf8();
            }
            _ => {}
        }
    }
    pieces.push(text.get(start..).unwrap_or_default());
    pieces
}

/// A value without its quotes; in quotes a backslash takes the next character as it is. Windows paths, which old
/// products put there unescaped, lose their backslashes by that, as the standard has it.
pub fn unquote(value: &str) -> String {
    let Some(inner) = value.strip_prefix('"') else {
        return value.to_owned();
    };
    let mut plain = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(char) = chars.next() {
        match char {
            '"' => break,
            '\\' => plain.extend(chars.next()),
            _ => plain.push(char),
        }
    }
    plain
}

/// A value in quotes, for a parameter or an AS2 name.
pub fn quote(value: &str) -> String {
    let mut quoted = String::with_capacity(value.len() + 2);
    quoted.push('"');
    for char in value.chars() {
        if matches!(char, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(char);
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn folds_are_undone_and_names_have_no_case() {
        let fields =
            Fields::parse(b"Content-Type: multipart/signed;\r\n\tmicalg=sha1;\r\n  boundary=\"a b\"\r\nX:y\nX: z \r\n")
                .unwrap();
        assert_eq!(fields.text("content-type").unwrap(), "multipart/signed; micalg=sha1; boundary=\"a b\"");
        assert_eq!(fields.all("x").collect::<Vec<_>>(), [b"y", b"z"]);
        let mut http = Fields::default();
        http.push("AS2-FROM", b" a\r\n b ");
        assert_eq!(http.get("as2-from"), Some(&b"a b"[..]));
        assert!(Fields::parse(b"no colon\r\n").is_err());
        assert!(Fields::parse(b"bad name: x\r\n").is_err());
        assert!(Fields::parse(&b"a: b\r\n".repeat(300)).is_err());
    }

    #[test]
    fn parameters_are_read_in_all_their_forms() {
        let value = Parameterized::parse(
            r#"Multipart/Signed; Boundary="a;b\"c" ; micalg = sha-256;junk; filename*=UTF-8''na%C3%AFve%zz.edi; n*0="long "; n*1=name"#,
        );
        assert_eq!(value.value, "multipart/signed");
        assert_eq!(value.parameter("boundary").unwrap(), "a;b\"c");
        assert_eq!(value.parameter("micalg").unwrap(), "sha-256");
        assert_eq!(value.parameter("filename").unwrap(), "naïve%zz.edi");
        assert_eq!(value.parameter("n").unwrap(), "long name");
        assert_eq!(value.parameter("protocol"), None);
        let whole = Parameterized::parse(r#""application/pkcs7-mime; smime-type=enveloped-data""#);
        assert_eq!(whole.value, "application/pkcs7-mime");
        assert_eq!(Parameterized::parse("").value, "");
    }

    proptest! {
        #[test]
        fn quoting_is_undone_by_unquoting(text in "\\PC{0,40}") {
            prop_assert_eq!(unquote(&quote(&text)), text);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), text in "\\PC{0,60}[;=*\"\\\\']{0,9}\\PC{0,9}") {
            let _ = Fields::parse(&bytes);
            let _ = Parameterized::parse(&text).parameter("filename");
        }
    }
}
