//! Receipts: message disposition notifications (RFC 4130 §7, RFC 8098), written and read, signed and not.

mod read;
mod write;

pub use read::{Mdn, MdnSignature, is_receipt, read};
pub use write::{ReceiptTerms, write};
pub(super) use write::{base64_lines, date, signature_part};

/// An HTTP message without its start line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpMessage {
    /// The headers in order, `Content-Length` among them.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl HttpMessage {
    /// A header's value, by its name without regard to case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

#[cfg(test)]
mod tests;
