//! One partner from its file, its template and what they refer to. Nothing here knows the other partners.

use std::{cell::RefCell, collections::BTreeMap, io, path::Path, sync::Arc};

use super::{
    ApiKeyHash, Certification, CxmlTerms, Partner, PartnerFile, RestTerms, SftpPushTerms, SftpSection, SftpTerms,
    Status, X12Section, X12Terms,
    attached::{self, Attached},
    codes, cxml, digest, file, layout,
    load::Asked,
    overlay, send,
};
use crate::{
    config::{
        AtLeastOne, Diagnostic, Entry, FromNode as _, Node, Origin, Reader, Source, Spanned, Value, codes as config,
        did_you_mean, drop_echoes,
    },
    keys,
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
    /// The template that it names and that is not there, with those that are.
    pub(super) template_lost: Option<(String, Vec<String>)>,
    /// What its file refers to, as read: path and bytes.
    pub(super) attachments: Vec<(String, Attachment)>,
    /// The same, with what could not be read.
    pub(super) asked: Vec<Asked>,
    /// Whom it comes via, and the mappings it names, also where something else is wrong.
    pub(super) via: Option<Spanned<String>>,
    pub(super) mappings: Vec<Spanned<String>>,
    /// What its file takes back, also where something else is wrong.
    pub(super) withdrawn: Withdrawn,
    /// Absent where something is wrong.
    pub(super) good: Option<Arc<Good>>,
    pub(super) findings: Vec<Diagnostic>,
}

/// A partner whose files are good by themselves.
#[derive(Debug, Clone)]
pub(super) struct Good {
    pub(super) partner: Arc<Partner>,
    /// Its file as read, for checks that look at several.
    pub(super) file: PartnerFile,
    /// The texts that it was made of.
    pub(super) source: Arc<Source>,
    pub(super) template: Option<Arc<Source>>,
}

/// What a file takes from its partner. It counts although something else is wrong, in this file or in one that it names: who is
/// served as it last was must not keep what was taken from it.
#[derive(Debug, Default)]
pub(super) struct Withdrawn {
    /// It says that the partner is suspended.
    suspended: bool,
    /// The API keys that it lists, where it lists any and each is sound.
    api_keys: Option<Vec<ApiKeyHash>>,
}

impl Withdrawn {
    fn of(node: &Node) -> Self {
        let keys = node.at("rest.api_keys").map(|node| &node.value);
        let sound = |key: &Node| key.as_text()?.parse().ok();
        Self {
            suspended: node.at("status").and_then(Node::as_text) == Some(Status::Suspended.as_str()),
            api_keys: match keys {
                Some(Value::List(keys)) => keys.iter().map(sound).collect(),
                _ => None,
            },
        }
    }

    /// Takes it from a partner that is served as it last was.
    fn take_from(&self, partner: &mut Partner) {
        let mut changed = self.suspended && partner.status != Status::Suspended;
        if self.suspended {
            partner.status = Status::Suspended;
        }
        if let (Some(listed), Some(rest)) = (&self.api_keys, &mut partner.rest)
            // Where another key takes the place of one, both count only once the file is good: else neither would.
            && listed.iter().all(|key| rest.api_keys.contains(key))
        {
            changed |= listed.len() < rest.api_keys.len();
            rest.api_keys.retain(|key| listed.contains(key));
        }
        if changed {
            let keys = partner.rest.iter().flat_map(|rest| &rest.api_keys).map(ToString::to_string);
            let parts: Vec<_> = [partner.digest.clone(), partner.status.to_string()].into_iter().chain(keys).collect();
            partner.digest = digest(parts.iter().map(String::as_bytes));
        }
    }
}

impl Good {
    /// The same, served in place of files that are broken, and why; without what these take from it.
    pub(super) fn stale(&self, reason: String, withdrawn: Option<&Withdrawn>) -> Arc<Self> {
        let mut partner = Partner { stale: Some(reason), ..(*self.partner).clone() };
        if let Some(withdrawn) = withdrawn {
            withdrawn.take_from(&mut partner);
        }
        Arc::new(Self { partner: Arc::new(partner), ..self.clone() })
    }
}

/// The bytes of what a partner's file refers to.
pub(super) type Attachment = Arc<[u8]>;

/// Reads what a partner's file refers to, by the path in the file.
pub(super) type Fetch<'f> = &'f dyn Fn(&Path) -> io::Result<Attachment>;

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
    let lost = named.and_then(Node::as_text).filter(|_| template.is_none()).map(str::to_owned);
    let mut reader = Reader::new(source, file::SHAPE);
    if lost.is_some() || !findings.is_empty() {
        reader = reader.partial();
    }
    if let (Some(_), Some(named)) = (&lost, named) {
        reader.report(unknown_template(named, templates));
    }
    let withdrawn = if findings.is_empty() { Withdrawn::of(&node) } else { Withdrawn::default() };
    let merged = match &template {
        Some(template) => node.over(&template.node),
        None => node,
    };
    let read = PartnerFile::from_node(&merged, &mut reader);
    let mut more = reader.into_findings();
    let mut attached = Attached::default();
    let asked = RefCell::new(Vec::new());
    let fetch = |path: &Path| {
        let got = fetch(path);
        asked.borrow_mut().push((path.to_owned(), got.as_ref().ok().cloned()));
        got
    };
    if let Some(read) = &read {
        check(read, &merged, &mut more);
        attached = Attached::read(read, &fetch, &mut more);
    }
    drop_echoes(source, &findings, &mut more);
    findings.extend(more);
    let broken = findings.iter().any(Diagnostic::is_error) || template.as_ref().is_some_and(|t| t.is_broken());
    let text = |node: &Node| Some(Spanned { value: node.as_text()?.to_owned(), origin: node.origin.clone() });
    let mappings = merged.at("mappings").and_then(Node::as_table);
    let mut composed = Composed {
        id: id.to_owned(),
        source: Arc::clone(source),
        template_lost: lost.map(|name| (name, templates.keys().cloned().collect())),
        template,
        attachments: std::mem::take(&mut attached.files),
        asked: asked.into_inner(),
        via: merged.at("x12.via").and_then(text),
        mappings: mappings.into_iter().flat_map(|table| table.entries()).filter_map(|e| text(&e.node)).collect(),
        withdrawn,
        good: None,
        findings,
    };
    if let (Some(file), false) = (read, broken) {
        let partner = partner(&composed, &file, &attached);
        let template = composed.template.as_ref().map(|template| Arc::clone(&template.source));
        let source = Arc::clone(&composed.source);
        composed.good = Some(Arc::new(Good { partner: Arc::new(partner), file, source, template }));
    }
    composed
}

/// One value of an effective partner, and where it was written.
#[derive(Debug, Clone, PartialEq)]
pub struct Effective {
    /// Its dotted path.
    pub path: String,
    /// As it was written, on one line.
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
    let leaf = |(path, node): (String, &Node)| Effective { path, text: node.written(), origin: node.origin.clone() };
    Some(merged.leaves().into_iter().map(leaf).collect())
}

fn partner(composed: &Composed, file: &PartnerFile, attached: &Attached) -> Partner {
    let template_text = composed.template.as_ref().map_or("", |template| &*template.source.text);
    let texts = [composed.source.text.as_bytes(), template_text.as_bytes()];
    let files = composed.attachments.iter().map(|(_, bytes)| &**bytes);
    Partner {
        id: composed.id.clone(),
        name: file.name.value.clone(),
        status: *file.status,
        vendor_number: file.vendor_number.as_ref().map(|number| number.value.clone()),
        message_size: file.limits.message_size.get(),
        requests: file.limits.requests,
        documents: file.limits.documents,
        bytes_per_hour: file.limits.bytes_per_hour.get(),
        uploads: file.limits.uploads,
        x12: file.x12.as_ref().map(terms),
        rest: file.rest.as_ref().map(|rest| RestTerms {
            api_keys: values(&rest.api_keys),
            certificates: attached.callers.iter().map(|der| keys::sha256(der)).collect(),
            oauth_clients: values(&rest.oauth_clients),
            webhook_endpoints: rest.webhook_endpoints,
            version: rest.version,
        }),
        as2: file.as2.as_ref().map(|as2| attached.as2(as2)),
        sftp: file.sftp.as_ref().map(sftp_terms),
        sftp_push: file.sftp_push.as_ref().map(SftpPushTerms::from),
        certification: Certification::from(&file.certification),
        webhook: file.webhook.as_ref().map(send::webhook),
        cxml: file.cxml.as_ref().map(CxmlTerms::from),
        send: send::terms(&file.send),
        mappings: file.mappings.iter().map(|entry| (entry.key.to_string(), entry.value.value.clone())).collect(),
        template: composed.template.as_ref().map(|template| template.name.clone()),
        digest: digest(texts.into_iter().chain(files)),
        stale: None,
    }
}

fn sftp_terms(section: &SftpSection) -> SftpTerms {
    SftpTerms {
        users: values(&section.users.0),
        keys: values(&section.keys),
        passwords: values(&section.passwords),
        sources: values(&section.sources),
        weak_until: section.weak_until.as_ref().map(|day| day.value),
        sessions: *section.sessions,
        files: section.files,
        bytes_per_minute: section.bytes_per_minute,
        bandwidth: section.bandwidth,
        quota: section.quota,
        folders: section.folders.iter().map(|entry| (entry.key.clone(), entry.value)).collect(),
        complete: section.complete,
        marker: section.marker.value.clone(),
        quiet: *section.quiet,
        temporary: values(&section.temporary),
        same_file: section.same_file,
        fetched: section.fetched,
        names: section.names.clone(),
        acknowledgements: section.acknowledgements,
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
        duplicate_group: section.duplicate_group,
        duplicate_set: section.duplicate_set,
        consecutive: section.consecutive,
        layout: section.write.as_ref().map(layout::layout),
        rules: section.rules.iter().map(|rule| (rule.key.to_string(), rule.value)).collect(),
        overlay: overlay::overlay(&section.overlay),
    }
}

pub(super) fn values<T: Clone>(items: &[Spanned<T>]) -> Vec<T> {
    items.iter().map(|item| item.value.clone()).collect()
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
fn check(file: &PartnerFile, merged: &Node, findings: &mut Vec<Diagnostic>) {
    let written =
        |list: &str| merged.at(list).is_some_and(|node| !matches!(&node.value, Value::List(items) if items.is_empty()));
    if let Some(sftp) = &file.sftp
        && !written("sftp.keys")
        && !written("sftp.passwords")
    {
        let user = &sftp.users.0.first().map(|user| user.origin.clone()).unwrap_or_default();
        let told = Diagnostic::error(config::MISSING_KEY, "this user has neither `sftp.keys` nor `sftp.passwords`");
        findings.push(told.at(user, "").hint("add its public key: keys = [\"ssh-ed25519 AAAAC3Nz… their name\"]"));
    }
    if let Some(sftp) = &file.sftp {
        let short = |text: &str| text.is_empty() || text.len() > 32 || text.contains(['/', '\0']);
        for ending in sftp.temporary.iter().chain([&sftp.marker]).filter(|ending| short(ending)) {
            let told = Diagnostic::error(config::BAD_VALUE, "a name's ending has 1 to 32 characters, without /");
            findings.push(told.at(&ending.origin, "").hint("like \".done\""));
        }
        if *sftp.sessions == 0 {
            let told = Diagnostic::error(config::OUT_OF_RANGE, "with 0, this user could never log in");
            findings.push(told.at(&sftp.sessions.origin, "at least 1"));
        }
    }
    if let Some(push) = &file.sftp_push
        && push.key.is_none()
        && push.password.is_none()
    {
        let told = Diagnostic::error(config::MISSING_KEY, "there is neither `sftp_push.key` nor `sftp_push.password`");
        findings.push(told.at(&push.user.origin, "").hint("name where our key for it is: key = \"file:secrets/NAME\""));
    }
    if let Some(push) = &file.sftp_push {
        if push.host_keys.is_empty() && !push.trust_first_contact {
            let told = Diagnostic::error(config::MISSING_KEY, "`sftp_push.host_keys` says no key of this server");
            let hint = "`ssh-keyscan` shows its keys, and its operator confirms them; or trust_first_contact = true";
            findings.push(told.at(&push.server.origin, "").hint(hint));
        }
        if push.temporary.len() > 32 || push.temporary.contains(['/', '\0']) {
            let told = Diagnostic::error(config::BAD_VALUE, "a name's ending has up to 32 characters, without /");
            findings.push(told.at(&push.temporary.origin, "").hint("like \".part\""));
        }
        if push.collect_every.value.get() < std::time::Duration::from_secs(1) {
            let told = Diagnostic::error(config::OUT_OF_RANGE, "a server is asked once a second at most");
            findings.push(told.at(&push.collect_every.origin, "").hint("like \"5 min\""));
        }
    }
    if let Some(as2) = &file.as2 {
        attached::check(as2, findings);
    }
    cxml::check(file, merged, findings);
    for first in [&file.send.first_interchange, &file.send.first_group] {
        if !(1..=999_999_999).contains(&first.value) {
            let told = Diagnostic::error(config::OUT_OF_RANGE, "a control number is from 1 to 999999999");
            findings.push(told.at(&first.origin, ""));
        }
    }
    if let Some(x12) = &file.x12 {
        if let Some(same) = x12.ids.0.iter().find(|id| id.value == x12.ours.value) {
            let told = Diagnostic::error(config::CONTRADICTION, format!("{} cannot be both of us", same.value));
            let told = told.at(&same.origin, "").at(&x12.ours.origin, "here too");
            findings.push(told.hint("`ids` is who they are, `ours` is who we are to them"));
        }
        x12.write.iter().for_each(|write| layout::check(write, findings));
        let differences = overlay::overlay(&x12.overlay);
        findings.extend(overlay::check(&x12.version, differences.as_deref(), merged.at("x12.overlay")));
    }
}
