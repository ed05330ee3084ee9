//! One partner from its file, its template and what they refer to. Nothing here knows the other partners.

use std::{collections::BTreeMap, io, path::Path, sync::Arc};

use rustls_pki_types::{CertificateDer, pem::PemObject as _};

use super::{
    As2Terms, Certificate, ExtraSegment, Overlay, Partner, PartnerFile, Place, RestTerms, SftpTerms, X12Section,
    X12Terms, codes, digest, file,
};
use crate::{
    config::{
        AtLeastOne, Diagnostic, Entries, Entry, FromNode as _, Node, Origin, Reader, Source, Spanned, codes as config,
        did_you_mean, drop_echoes,
    },
    document::DocumentType,
};

/// A template, parsed once for all who use it.
#[derive(Debug)]
pub(super) struct Template {
    pub(super) name: String,
    pub(super) source: Arc<Source>,
    pub(super) node: Node,
    /// What is wrong with it; told once, however many use it.
    pub(super) findings: Vec<Diagnostic>,
}

impl Template {
    pub(super) fn parse(name: &str, source: &Arc<Source>) -> Self {
        let (node, mut findings) = Node::parse(source);
        let mut reader = Reader::new(source, file::SHAPE).partial();
        let _ = PartnerFile::from_node(&node, &mut reader);
        let mut more = reader.into_findings();
        for path in file::OWN {
            if let Some(entry) = entry_at(&node, path) {
                let told = Diagnostic::error(codes::NOT_IN_TEMPLATES, format!("`{path}` belongs to one partner"));
                more.push(told.at(&entry.key_origin, "").hint("remove it here, and set it in each partner's file"));
            }
        }
        drop_echoes(source, &findings, &mut more);
        findings.extend(more);
        Self { name: name.to_owned(), source: Arc::clone(source), node, findings }
    }

    fn is_broken(&self) -> bool {
        self.findings.iter().any(Diagnostic::is_error)
    }
}

/// A partner and what came of reading its files.
#[derive(Debug)]
pub(super) struct Composed {
    pub(super) id: String,
    pub(super) source: Arc<Source>,
    pub(super) template: Option<Arc<Template>>,
    /// What its file refers to, as read: path and bytes.
    pub(super) attachments: Vec<(String, Vec<u8>)>,
    /// Absent where something is wrong.
    pub(super) good: Option<Good>,
    pub(super) findings: Vec<Diagnostic>,
}

/// A partner whose files are good by themselves.
#[derive(Debug)]
pub(super) struct Good {
    pub(super) partner: Partner,
    /// Its file as read, for checks that look at several.
    pub(super) file: PartnerFile,
}

/// Reads what a partner's file refers to, by the path in the file.
pub(super) type Fetch<'f> = &'f dyn Fn(&Path) -> io::Result<Vec<u8>>;

/// Reads one partner.
pub(super) fn compose(
    id: &str,
    source: &Arc<Source>,
    templates: &BTreeMap<String, Arc<Template>>,
    fetch: Fetch<'_>,
) -> Composed {
    let (node, mut findings) = Node::parse(source);
    let named = node.at("template");
    let template = named.and_then(Node::as_text).and_then(|name| templates.get(name)).cloned();
    let lost = named.is_some_and(|named| named.as_text().is_some()) && template.is_none();
    let mut reader = Reader::new(source, file::SHAPE);
    if lost || !findings.is_empty() {
        reader = reader.partial();
    }
    if let (true, Some(named)) = (lost, named) {
        reader.report(unknown_template(named, templates));
    }
    let merged = match &template {
        Some(template) => node.over(&template.node),
        None => node,
    };
    let read = PartnerFile::from_node(&merged, &mut reader);
    let mut more = reader.into_findings();
    let mut attachments = Vec::new();
    let mut certificates = Vec::new();
    if let Some(read) = &read {
        check(read, &mut more);
        certificates = fetch_certificates(read, fetch, &mut attachments, &mut more);
    }
    drop_echoes(source, &findings, &mut more);
    findings.extend(more);
    let broken = findings.iter().any(Diagnostic::is_error) || template.as_ref().is_some_and(|t| t.is_broken());
    let mut composed =
        Composed { id: id.to_owned(), source: Arc::clone(source), template, attachments, good: None, findings };
    if let (Some(file), false) = (read, broken) {
        let partner = partner(&composed, &file, certificates);
        composed.good = Some(Good { partner, file });
    }
    composed
}

/// One value of an effective partner, and where it was written.
#[derive(Debug, Clone, PartialEq)]
pub struct Effective {
    /// Its dotted path.
    pub path: String,
    /// As it was written.
    pub text: String,
    /// The file and line.
    pub origin: Origin,
}

/// Every value of a partner that is written somewhere, in its file or its template, as far as they can be read.
pub fn effective(files: &super::Files, id: &str) -> Option<Vec<Effective>> {
    let (node, _) = Node::parse(files.partners.get(id)?);
    let template = node.at("template").and_then(Node::as_text).and_then(|name| files.templates.get(name));
    let merged = match template {
        Some(source) => node.over(&Node::parse(source).0),
        None => node,
    };
    let leaf = |(path, node): (String, &Node)| Effective {
        path,
        text: node.origin.text().to_owned(),
        origin: node.origin.clone(),
    };
    Some(merged.leaves().into_iter().map(leaf).collect())
}

fn partner(composed: &Composed, file: &PartnerFile, certificates: Vec<Certificate>) -> Partner {
    let template_text = composed.template.as_ref().map_or("", |template| &*template.source.text);
    let texts = [composed.source.text.as_bytes(), template_text.as_bytes()];
    let attached = composed.attachments.iter().map(|(_, bytes)| bytes.as_slice());
    Partner {
        id: composed.id.clone(),
        name: file.name.value.clone(),
        status: *file.status,
        vendor_number: file.vendor_number.as_ref().map(|number| number.value.clone()),
        message_size: file.limits.message_size.get(),
        requests: file.limits.requests,
        documents: file.limits.documents,
        x12: file.x12.as_ref().map(terms),
        rest: file.rest.as_ref().map(|rest| RestTerms { api_keys: values(&rest.api_keys) }),
        as2: file.as2.as_ref().map(|as2| As2Terms {
            id: as2.id.value.clone(),
            url: as2.url.as_ref().map(|url| url.value.clone()),
            certificates,
        }),
        sftp: file.sftp.as_ref().map(|sftp| SftpTerms {
            users: values(&sftp.users.0),
            keys: values(&sftp.keys),
            passwords: values(&sftp.passwords),
        }),
        mappings: file.mappings.iter().map(|entry| (entry.key.clone(), entry.value.value.clone())).collect(),
        template: composed.template.as_ref().map(|template| template.name.clone()),
        digest: digest(texts.into_iter().chain(attached)),
        stale: None,
    }
}

fn terms(section: &X12Section) -> X12Terms {
    let AtLeastOne(ids) = &section.ids;
    X12Terms {
        ids: values(ids),
        ours: section.ours.value.clone(),
        usage: section.usage,
        version: section.version.value.clone(),
        version_fixed: section.version_fixed,
        via: section.via.as_ref().map(|via| via.value.clone()),
        charset: section.charset,
        repetition: section.repetition,
        strict: section.strict,
        characters: section.characters,
        acknowledgement: section.acknowledgement,
        detail: section.detail,
        ta1: section.ta1,
        duplicate_interchange: section.duplicate_interchange,
        consecutive: section.consecutive,
        rules: section.rules.iter().map(|rule| (rule.key.clone(), rule.value.value)).collect(),
        overlays: section
            .overlay
            .iter()
            .map(|entry| Overlay {
                set: entry.key.clone(),
                require: entry.value.require.clone(),
                relax: entry.value.relax.clone(),
                extra: entry
                    .value
                    .extra
                    .iter()
                    .map(|extra| ExtraSegment {
                        tag: extra.tag.segment.clone(),
                        after: extra.after.as_ref().map(|after| after.segment.clone()),
                        max: extra.max,
                    })
                    .collect(),
                codes: by_place(&entry.value.codes),
                length: by_place(&entry.value.length),
                repeat: by_place(&entry.value.repeat),
            })
            .collect(),
    }
}

fn values<T: Clone>(items: &[Spanned<T>]) -> Vec<T> {
    items.iter().map(|item| item.value.clone()).collect()
}

/// Entries whose names are places; [`check`] has refused those that are not.
fn by_place<T: Clone>(entries: &Entries<T>) -> Vec<(Place, T)> {
    entries.iter().filter_map(|entry| Some((entry.key.parse().ok()?, entry.value.clone()))).collect()
}

fn entry_at<'n>(node: &'n Node, path: &str) -> Option<&'n Entry> {
    let (table, key) = path.rsplit_once('.').unwrap_or(("", path));
    let table = if table.is_empty() { node } else { node.at(table)? };
    table.as_table()?.get(key)
}

fn unknown_template(named: &Node, templates: &BTreeMap<String, Arc<Template>>) -> Diagnostic {
    let name = named.as_text().unwrap_or_default();
    let told = Diagnostic::error(codes::UNKNOWN_TEMPLATE, format!("there is no template \"{name}\""));
    let told = told.at(&named.origin, "");
    let names = || templates.keys().map(String::as_str);
    match did_you_mean(name.trim_end_matches(".toml"), names()) {
        Some(near) => told.hint(format!("did you mean \"{near}\"?")),
        None => told.hint(format!("there are {}", names().collect::<Vec<_>>().join(", "))),
    }
}

/// What the shape of the file cannot say.
fn check(file: &PartnerFile, findings: &mut Vec<Diagnostic>) {
    if let Some(sftp) = &file.sftp
        && sftp.keys.is_empty()
        && sftp.passwords.is_empty()
    {
        let user = &sftp.users.0.first().map(|user| user.origin.clone()).unwrap_or_default();
        let told = Diagnostic::error(config::MISSING_KEY, "this user has neither `sftp.keys` nor `sftp.passwords`");
        findings.push(told.at(user, "").hint("add its public key: keys = [\"ssh-ed25519 AAAAC3Nz… their name\"]"));
    }
    for entry in &file.mappings {
        let is_set = entry.key.len() == 3 && entry.key.bytes().all(|b| b.is_ascii_digit());
        if !is_set && entry.key.parse::<DocumentType>().is_err() {
            let told = Diagnostic::error(codes::UNKNOWN_DOCUMENT, format!("`{}` is no document", entry.key));
            let near = did_you_mean(&entry.key, DocumentType::ALL.map(DocumentType::as_str));
            let hint = near.map_or_else(
                || "a transaction set like \"855\", or a document like \"invoice\"".to_owned(),
                |near| format!("did you mean `{near}`?"),
            );
            findings.push(told.at(&entry.key_origin, "").hint(hint));
        }
    }
    let Some(x12) = &file.x12 else { return };
    for rule in &x12.rules {
        let digits = rule.key.strip_prefix("X12-").unwrap_or_default();
        if digits.len() != 4 || !digits.bytes().all(|b| b.is_ascii_digit()) {
            let told = Diagnostic::error(codes::UNKNOWN_RULE, format!("`{}` is not the code of a rule", rule.key));
            findings.push(told.at(&rule.key_origin, "").hint("the code that findings show, like X12-0104"));
        }
    }
    for entry in &x12.overlay {
        let is_set = entry.key == "*" || (entry.key.len() == 3 && entry.key.bytes().all(|b| b.is_ascii_digit()));
        if !is_set {
            let told = Diagnostic::error(codes::UNKNOWN_DOCUMENT, format!("`{}` is no transaction set", entry.key));
            findings.push(told.at(&entry.key_origin, "").hint("three digits like [x12.overlay.856], or \"*\" for all"));
        }
        let overlay = &entry.value;
        let codes = overlay.codes.iter().map(|e| (&e.key, &e.key_origin, true));
        let length = overlay.length.iter().map(|e| (&e.key, &e.key_origin, true));
        let repeat = overlay.repeat.iter().map(|e| (&e.key, &e.key_origin, false));
        for (key, origin, wants_element) in codes.chain(length).chain(repeat) {
            match key.parse::<Place>() {
                Ok(place) if place.element.is_some() == wants_element => {}
                Ok(_) => {
                    let what = if wants_element { "an element, like REF02" } else { "a segment, like REF" };
                    let told = Diagnostic::error(codes::BAD_PLACE, format!("`{key}` must be {what}"));
                    findings.push(told.at(origin, ""));
                }
                Err(wrong) => {
                    let told = Diagnostic::error(wrong.code, wrong.message).at(origin, "");
                    findings.push(Diagnostic { hint: wrong.hint, ..told });
                }
            }
        }
        for place in overlay.extra.iter().flat_map(|extra| [Some(&extra.tag), extra.after.as_ref()]).flatten() {
            if place.element.is_some() {
                let message = format!("`{}` must be a segment, like {}", place.value, place.segment);
                findings.push(Diagnostic::error(codes::BAD_PLACE, message).at(&place.origin, ""));
            }
        }
    }
}

fn fetch_certificates(
    file: &PartnerFile,
    fetch: Fetch<'_>,
    attachments: &mut Vec<(String, Vec<u8>)>,
    findings: &mut Vec<Diagnostic>,
) -> Vec<Certificate> {
    let mut certificates = Vec::new();
    for path in file.as2.iter().flat_map(|as2| &as2.certificates.0) {
        let mut told = |message: String, hint: &str| {
            findings.push(Diagnostic::error(codes::BAD_CERTIFICATE, message).at(&path.origin, "").hint(hint));
        };
        let shown = path.display();
        let bytes = match fetch(path) {
            Ok(bytes) => bytes,
            Err(e) => {
                told(
                    format!("the certificate {shown} cannot be read: {e}"),
                    "paths start at the folder of partner files",
                );
                continue;
            }
        };
        match CertificateDer::pem_slice_iter(&bytes).next() {
            Some(Ok(der)) => {
                certificates.push(Certificate { path: path.value.clone(), der: der.to_vec() });
                attachments.push((shown.to_string(), bytes));
            }
            Some(Err(e)) => {
                told(format!("the certificate {shown} is damaged: {e}"), "ask the partner to send it again")
            }
            None => told(
                format!("{shown} holds no certificate"),
                "PEM begins with -----BEGIN CERTIFICATE-----; openssl x509 -inform der turns a .cer or .der file into it",
            ),
        }
    }
    certificates
}
