//! The headers of an AS2 message (RFC 4130 §6, §7.3; draft-ietf-ediint-rfc4130bis): who, for whom, under which id, and
//! what receipt is wanted.

use super::{
    algorithm::Digest,
    fault::Fault,
    mime::{Fields, quote, split_unquoted, unquote},
};

/// What an AS2 message says of itself.
#[derive(Debug, Clone)]
pub struct Request {
    /// Who it is from, exactly.
    pub from: String,
    /// Who it is for, exactly.
    pub to: String,
    /// Its Message-ID, byte for byte: a receipt repeats it so. Empty where there is none.
    pub message_id: Vec<u8>,
    /// `AS2-Version`: 1.0 where it is absent.
    pub version: (u8, u8),
    /// What else the sender's software can do; unknown features are no fault.
    pub features: Vec<String>,
    /// `AS2-Product`, for people.
    pub product: Option<String>,
    /// The subject.
    pub subject: Option<String>,
    /// The receipt that is wanted.
    pub receipt: Option<ReceiptRequest>,
    /// All headers, for the MIME ones among them.
    pub fields: Fields,
}

/// What receipt a message wants.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReceiptRequest {
    /// Whether it should be signed.
    pub signed: bool,
    /// A format of signed receipts that is not ours, and whether it is required.
    pub other_format: Option<(String, bool)>,
    /// The digests that are listed and that we have, in their order, each with the sender's spelling.
    pub digests: Vec<(Digest, String)>,
    /// What was listed and is not supported.
    pub other_digests: Vec<String>,
    /// Whether one of the list must be used.
    pub digests_required: bool,
    /// Where an asynchronous receipt should go. It is only what the sender says: the partner's file decides.
    pub deliver_to: Option<String>,
}

impl Request {
    /// Reads the headers of a message. Only names that cannot be read fail here, since nobody could be answered.
    pub fn read(fields: Fields) -> Result<Self, Fault> {
        let wanted = fields.get("disposition-notification-to").is_some();
        let receipt = wanted.then(|| ReceiptRequest::read(&fields));
        Ok(Self {
            from: name(&fields, "as2-from")?,
            to: name(&fields, "as2-to")?,
            message_id: fields.get("message-id").unwrap_or_default().to_vec(),
            version: version(&fields.text("as2-version").unwrap_or_default()),
            features: list(&fields.text("ediint-features").unwrap_or_default()),
            product: fields.text("as2-product").map(|text| printable(&text)),
            subject: fields.text("subject").map(|text| printable(&text)),
            receipt,
            fields,
        })
    }

    /// What is wrong with the Message-ID, if anything is. Missing brackets are not.
    pub fn message_id_fault(&self) -> Option<Fault> {
        let why = if self.message_id.is_empty() {
            "there is no Message-ID"
        } else if self.message_id.len() > 998 {
            "the Message-ID is longer than 998 characters"
        } else if !self.message_id.iter().all(u8::is_ascii_graphic) {
            "the Message-ID has spaces or characters that are not printable"
        } else if self.fields.all("message-id").count() > 1 {
            "there are two Message-IDs"
        } else {
            return None;
        };
        Some(Fault::MessageId(why.into()))
    }
}

impl ReceiptRequest {
    fn read(fields: &Fields) -> Self {
        let mut receipt = Self {
            deliver_to: fields
                .text("receipt-delivery-option")
                .map(|text| text.into_owned())
                .filter(|to| !to.is_empty()),
            ..Self::default()
        };
        let options = fields.text("disposition-notification-options").unwrap_or_default();
        for option in split_unquoted(&options, ';') {
            let Some((name, values)) = option.split_once('=') else { continue };
            let mut values = list(values);
            // Some leave out how much it matters.
            let importance = values.first().map(|first| first.to_ascii_lowercase()).unwrap_or_default();
            let required = importance == "required";
            if required || importance == "optional" {
                values.remove(0);
            }
            match name.trim().to_ascii_lowercase().as_str() {
                "signed-receipt-protocol" => {
                    let is_ours = |value: &String| {
                        let value = value.to_ascii_lowercase();
                        value.trim_start_matches("application/").trim_start_matches("x-") == "pkcs7-signature"
                    };
                    receipt.signed = values.iter().any(is_ours);
                    if !receipt.signed {
                        receipt.other_format = values.into_iter().next().map(|format| (format, required));
                    }
                }
                "signed-receipt-micalg" => {
                    receipt.digests_required = required;
                    for value in values {
                        match Digest::named(&value) {
                            Some(digest) => receipt.digests.push((digest, value)),
                            None => receipt.other_digests.push(value),
                        }
                    }
                }
                _ => {}
            }
        }
        receipt
    }

    /// The first listed digest that we have, with the sender's spelling; `None` where none is, or nothing is listed.
    pub fn digest(&self) -> Option<(Digest, &str)> {
        self.digests.first().map(|(digest, label)| (*digest, label.as_str()))
    }

    /// Whether it lists digests, all of them unknown to us.
    pub fn lists_only_unsupported(&self) -> bool {
        self.digests.is_empty() && !self.other_digests.is_empty()
    }

    /// What is required and cannot be done.
    pub fn fault(&self) -> Option<Fault> {
        if let Some((format, true)) = &self.other_format {
            return Some(Fault::ReceiptFormat(format.clone()));
        }
        (self.digests_required && self.lists_only_unsupported())
            .then(|| Fault::ReceiptDigest(self.other_digests.join(", ")))
    }
}

/// An AS2 name as it goes on the wire: in quotes where it has spaces, quotes or backslashes.
pub fn write_name(name: &str) -> Result<String, Fault> {
    if !is_name(name) {
        return Err(Fault::Settings(format!("{name:?} cannot be an AS2 name")));
    }
    Ok(if name.contains([' ', '"', '\\']) { quote(name) } else { name.to_owned() })
}

/// 1 to 128 printable ASCII characters, spaces included.
fn is_name(name: &str) -> bool {
    (1..=128).contains(&name.len()) && name.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic())
}

fn name(fields: &Fields, header: &str) -> Result<String, Fault> {
    let mut values = fields.all(header);
    let value = values.next().ok_or_else(|| Fault::Identity(format!("there is no {header}")))?;
    if values.next().is_some() {
        return Err(Fault::Identity(format!("{header} comes twice")));
    }
    let text = String::from_utf8_lossy(value);
    let name = unquote(&text);
    // Nothing may follow the closing quote: a name that two readers could read in two ways is none.
    let is_whole = !text.starts_with('"') || is_quoted_whole(&text);
    if is_whole && is_name(&name) { Ok(name) } else { Err(Fault::Identity(format!("{header} is not an AS2 name"))) }
}

/// Whether the only bare quote after the first is the last character.
fn is_quoted_whole(text: &str) -> bool {
    let mut escaped = false;
    let closing = text.char_indices().skip(1).find(|(_, char)| {
        let closes = *char == '"' && !escaped;
        escaped = *char == '\\' && !escaped;
        closes
    });
    closing.is_some_and(|(at, _)| at + 1 == text.len())
}

fn version(text: &str) -> (u8, u8) {
    let number = |text: &str| text.trim().parse().ok();
    text.split_once('.').and_then(|(major, minor)| Some((number(major)?, number(minor)?))).unwrap_or((1, 0))
}

fn list(text: &str) -> Vec<String> {
    split_unquoted(text, ',').into_iter().map(|value| unquote(value.trim())).filter(|value| !value.is_empty()).collect()
}

fn printable(text: &str) -> String {
    text.chars().filter(|char| !char.is_control()).take(255).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn request(headers: &[(&str, &str)]) -> Result<Request, Fault> {
        let mut fields = Fields::default();
        for (name, value) in headers {
            fields.push(name, value.as_bytes());
        }
        Request::read(fields)
    }

    fn with(name: &str, value: &str) -> Request {
        request(&[("AS2-From", "a"), ("AS2-To", "b"), (name, value)]).unwrap()
    }

    fn receipt(options: &str) -> ReceiptRequest {
        request(&[
            ("AS2-From", "a"),
            ("AS2-To", "b"),
            ("Disposition-Notification-To", "x"),
            ("Disposition-Notification-Options", options),
        ])
        .unwrap()
        .receipt
        .unwrap()
    }

    mod rfc4130_section_6_2_names {
        use super::*;

        #[test]
        fn are_unquoted_and_keep_their_case() {
            let request = request(&[("AS2-From", "\"My \\\"Co\\\\\""), ("as2-to", " Acme ")]).unwrap();
            assert_eq!((request.from.as_str(), request.to.as_str()), ("My \"Co\\", "Acme"));
            assert_ne!(request.to, "ACME");
            assert_eq!(write_name(&request.from).unwrap(), "\"My \\\"Co\\\\\"");
            assert_eq!(write_name("Acme").unwrap(), "Acme");
        }

        #[test]
        fn that_are_missing_doubled_or_impossible_are_refused() {
            for headers in [
                &[("AS2-From", "a")][..],
                &[("AS2-From", "a"), ("AS2-To", "b"), ("AS2-To", "c")],
                &[("AS2-From", ""), ("AS2-To", "b")],
                &[("AS2-From", "\"\""), ("AS2-To", "b")],
                &[("AS2-From", "\"a\" b"), ("AS2-To", "b")],
                &[("AS2-From", "\"a"), ("AS2-To", "b")],
                &[("AS2-From", "\"a\\\""), ("AS2-To", "b")],
                &[("AS2-From", "ä"), ("AS2-To", "b")],
                &[("AS2-From", "a\u{1}"), ("AS2-To", "b")],
            ] {
                assert!(matches!(request(headers), Err(Fault::Identity(_))), "{headers:?}");
            }
            let long = "x".repeat(129);
            assert!(request(&[("AS2-From", &long), ("AS2-To", "b")]).is_err());
            assert!(write_name(&long).is_err() && write_name("").is_err() && write_name("a\r\nb").is_err());
        }
    }

    mod rfc4130_section_6_1_version {
        use super::*;

        #[test]
        fn absent_is_1_0_and_any_1_x_is_read() {
            assert_eq!(with("x", "y").version, (1, 0));
            assert_eq!(with("AS2-Version", "1.3").version, (1, 3));
            assert_eq!(with("AS2-Version", "nonsense").version, (1, 0));
        }

        #[test]
        fn unknown_features_are_no_fault() {
            let features = with("EDIINT-Features", "multiple-attachments, AS2-Reliability,,x").features;
            assert_eq!(features, ["multiple-attachments", "AS2-Reliability", "x"]);
        }
    }

    mod draft_message_id {
        use super::*;

        #[test]
        fn is_kept_byte_for_byte_and_needs_no_brackets() {
            for id in ["<a@b>", "a@b", "<a@b", "<<x>>"] {
                let request = with("Message-ID", id);
                assert_eq!(request.message_id, id.as_bytes());
                assert!(request.message_id_fault().is_none(), "{id}");
            }
        }

        #[test]
        fn that_is_none_is_told() {
            let long = "x".repeat(999);
            for id in ["", "a b", "a\tb", "<ä@b>", &long] {
                assert!(matches!(with("Message-ID", id).message_id_fault(), Some(Fault::MessageId(_))), "{id}");
            }
            assert!(with("x", "").message_id_fault().is_some());
            let twice =
                request(&[("AS2-From", "a"), ("AS2-To", "b"), ("Message-ID", "x"), ("Message-ID", "y")]).unwrap();
            assert!(twice.message_id_fault().is_some());
        }
    }

    mod rfc4130_section_7_3_receipt_options {
        use super::*;

        #[test]
        fn the_first_supported_digest_is_taken_in_the_senders_spelling() {
            let receipt = receipt(
                "signed-receipt-protocol=optional, pkcs7-signature; signed-receipt-micalg=optional, md5, SHA256, sha1",
            );
            assert!(receipt.signed && receipt.fault().is_none());
            assert_eq!(receipt.digest(), Some((Digest::Sha256, "SHA256")));
            assert_eq!(receipt.other_digests, ["md5"]);
        }

        #[test]
        fn what_partners_write_is_understood() {
            let sloppy = receipt("Signed-Receipt-Protocol = \"pkcs7-signature\" ;signed-receipt-micalg=sha-384");
            assert!(sloppy.signed);
            assert_eq!(sloppy.digest(), Some((Digest::Sha384, "sha-384")));
            assert_eq!(receipt(""), ReceiptRequest::default());
            assert!(
                with("Disposition-Notification-Options", "signed-receipt-protocol=optional,pkcs7-signature")
                    .receipt
                    .is_none()
            );
        }

        #[test]
        fn what_is_required_and_not_supported_is_told() {
            let format =
                receipt("signed-receipt-protocol=required, pgp-signature; signed-receipt-micalg=optional, sha1");
            assert!(matches!(format.fault(), Some(Fault::ReceiptFormat(name)) if name == "pgp-signature"));
            let digest =
                receipt("signed-receipt-protocol=optional, pkcs7-signature; signed-receipt-micalg=required, md5");
            assert!(matches!(digest.fault(), Some(Fault::ReceiptDigest(name)) if name == "md5"));
            assert!(digest.lists_only_unsupported());
            let optional =
                receipt("signed-receipt-protocol=optional, pgp-signature; signed-receipt-micalg=optional, md5");
            assert!(optional.fault().is_none() && !optional.signed);
        }
    }

    proptest! {
        #[test]
        fn every_name_survives_the_wire(name in "[ -~]{1,128}") {
            let written = write_name(&name).unwrap();
            prop_assume!(name == name.trim() || written.starts_with('"'));
            prop_assert_eq!(request(&[("AS2-From", &written), ("AS2-To", "b")]).unwrap().from, name);
        }

        #[test]
        fn no_headers_make_it_panic(options in "\\PC{0,80}", values in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 6)) {
            receipt(&options);
            let mut fields = Fields::default();
            for (name, value) in ["as2-from", "as2-to", "message-id", "as2-version", "ediint-features", "subject"].iter().zip(values) {
                fields.push(name, &value);
            }
            let _ = Request::read(fields).map(|request| request.message_id_fault());
        }
    }
}
