//! Reads receipts, as partners write them.

use super::super::{
    certificate::Certificate,
    cms::{self, Cms, SignatureRules, Verified},
    content::{Content, Scratch},
    disposition::Disposition,
    fault::Fault,
    mic::Mic,
    mime::{Entity, Fields, Parameterized, unquote},
};

/// How large a receipt may be; what is larger is a message.
const RECEIPT_LIMIT: u64 = 4 << 20;
/// How large the part with the fields may be.
const FIELDS_LIMIT: usize = 64 << 10;
/// How much text for people is kept.
const TEXT_LIMIT: usize = 4 << 10;

/// A receipt.
#[derive(Debug)]
pub struct Mdn {
    /// Who it is from, where it says so.
    pub from: Option<String>,
    /// Who it is for, where it says so.
    pub to: Option<String>,
    /// The Message-ID of the message that it is about, as it writes it.
    pub original_message_id: Option<Vec<u8>>,
    /// What happened.
    pub disposition: Disposition,
    /// What was received.
    pub mic: Option<Mic>,
    /// The partner's software.
    pub reporting_ua: Option<String>,
    /// What it says to people.
    pub text: Option<String>,
    /// Its signature.
    pub signature: MdnSignature,
}

/// The signature of a receipt.
#[derive(Debug)]
pub enum MdnSignature {
    /// There is none.
    Absent,
    /// It does not hold, for this reason.
    Broken(Fault),
    /// It is the partner's.
    Holds(Box<Verified>),
}

/// Whether an HTTP message is a receipt and not a message, by its outermost structure.
pub fn is_receipt(fields: &Fields, body: &Content) -> bool {
    if body.size() > RECEIPT_LIMIT {
        return false;
    }
    let entity = Entity::from_http(fields.clone(), body.clone());
    match entity.media.value.as_str() {
        "multipart/signed" => {
            let first = entity.parts().ok().and_then(|parts| parts.parts.into_iter().next());
            first.and_then(|part| Entity::parse(&part).ok()).is_some_and(|part| is_report(&part))
        }
        _ => is_report(&entity),
    }
}

/// Reads a receipt. Whether its signature holds is told, not demanded: that depends on what was asked for.
pub fn read(
    fields: &Fields,
    body: Content,
    certificates: &[Certificate],
    rules: &SignatureRules,
    scratch: &dyn Scratch,
) -> Result<Mdn, Fault> {
    if body.size() > RECEIPT_LIMIT {
        return Err(Fault::Mdn("it is too large"));
    }
    let outer = Entity::from_http(fields.clone(), body);
    let (report, signature) = match outer.media.value.as_str() {
        "multipart/signed" => {
            let parts = outer.parts()?.parts;
            let [content, signature] = parts.as_slice() else {
                return Err(Fault::Mdn("a signed multipart has two parts"));
            };
            let verified = Entity::parse(signature).and_then(|part| part.cms_body(scratch)).and_then(|body| {
                match cms::read(&body)? {
                    Cms::Signed(signed) => signed.verify(content, certificates, rules),
                    _ => Err(Fault::Cms("the signature is none".into())),
                }
            });
            (Entity::parse(content)?, told(verified))
        }
        "application/pkcs7-mime" | "application/x-pkcs7-mime" => {
            let Cms::Signed(signed) = cms::read(&outer.cms_body(scratch)?)? else {
                return Err(Fault::Mdn("it is encrypted or compressed"));
            };
            let content = signed.content(scratch)?.ok_or(Fault::Mdn("a signature without its content"))?;
            (Entity::parse(&content)?, told(signed.verify(&content, certificates, rules)))
        }
        _ => (outer, MdnSignature::Absent),
    };
    if !is_report(&report) {
        return Err(Fault::Mdn("it is not a multipart/report"));
    }
    let mut notification = None;
    let mut text = None;
    for part in report.parts()?.parts {
        let part = Entity::parse(&part)?;
        let decoded = part.decoded(scratch)?;
        match part.media.value.as_str() {
            "message/disposition-notification" if notification.is_none() => {
                let block = decoded.bytes(FIELDS_LIMIT).map_err(|_| Fault::Mdn("its fields are too long"))?;
                notification = Some(Fields::parse(&block)?);
            }
            "text/plain" if text.is_none() => {
                let start = decoded.start(TEXT_LIMIT).map_err(Fault::Storage)?;
                text = Some(String::from_utf8_lossy(&start).trim().to_owned());
            }
            _ => {}
        }
    }
    let notification = notification.ok_or(Fault::Mdn("it has no message/disposition-notification"))?;
    let disposition = notification.text("disposition").ok_or(Fault::Mdn("it has no Disposition"))?;
    let name = |header: &str| fields.text(header).map(|text| unquote(&text));
    Ok(Mdn {
        from: name("as2-from"),
        to: name("as2-to"),
        original_message_id: notification.get("original-message-id").map(<[u8]>::to_vec),
        disposition: Disposition::parse(&disposition).ok_or(Fault::Mdn("its Disposition is not one"))?,
        mic: notification.text("received-content-mic").and_then(|text| Mic::parse(&text)),
        reporting_ua: notification.text("reporting-ua").map(|text| text.into_owned()),
        text,
        signature,
    })
}

fn told(verified: Result<Verified, Fault>) -> MdnSignature {
    match verified {
        Ok(verified) => MdnSignature::Holds(Box::new(verified)),
        Err(fault) => MdnSignature::Broken(fault),
    }
}

fn is_report(entity: &Entity) -> bool {
    let media: &Parameterized = &entity.media;
    media.value == "multipart/report"
        && media.parameter("report-type").is_none_or(|kind| kind.eq_ignore_ascii_case("disposition-notification"))
}
