//! What no file can be wrong in by itself: two partners that claim one identity, `via` that names nobody, and so on.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;

use super::{
    ApiKeyHash, CxmlId, Ourselves, Status, attached, codes,
    compose::{Composed, Good},
    example::EXAMPLE_KEYS,
    outward,
};
use crate::{
    config::{Diagnostic, Origin, Size, did_you_mean},
    error::Code,
};

/// What partners are held against, besides each other.
pub(super) struct World<'w> {
    /// Every partner that has a file, broken ones among them.
    pub(super) ids: &'w BTreeSet<&'w str>,
    /// Whether there is a mapping with this id.
    pub(super) has_mapping: &'w dyn Fn(&str) -> bool,
    /// The largest body that the gateway takes.
    pub(super) largest_body: u64,
    /// Who we are, where the settings are known.
    pub(super) ours: Option<&'w Ourselves>,
}

/// What one partner refers to and is not there.
pub(super) fn references(composed: &Composed, world: &World<'_>) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    if let Some(via) = &composed.via
        && !world.ids.contains(via.as_str())
    {
        let told = Diagnostic::error(codes::UNKNOWN_VIA, format!("there is no partner \"{}\"", via.value));
        let near = did_you_mean(via, world.ids.iter().copied());
        findings.push(told.at(&via.origin, "").hint(near.map_or_else(
            || "`via` is the id of the partner (a VAN or bureau) whose connection carries this one".to_owned(),
            |near| format!("did you mean \"{near}\"?"),
        )));
    }
    for mapping in &composed.mappings {
        if !(world.has_mapping)(mapping) {
            let told = Diagnostic::error(codes::UNKNOWN_MAPPING, format!("there is no mapping \"{}\"", mapping.value));
            findings.push(told.at(&mapping.origin, "").hint("its id is the one in the mapping's own file"));
        }
    }
    findings
}

/// What works, and is worth a look.
pub(super) fn advice(good: &Good, world: &World<'_>) -> Vec<Diagnostic> {
    let (file, partner) = (&good.file, &good.partner);
    let mut findings = Vec::new();
    let via = partner.x12.as_ref().and_then(|x12| x12.via.as_ref());
    if !partner.has_connection() && via.is_none() {
        let told = Diagnostic::warning(codes::NO_CONNECTION, "this partner has no way in");
        findings.push(
            told.at(&file.name.origin, "").hint("add [rest], [as2] or [sftp], or `via` in [x12] if a VAN carries it"),
        );
    }
    for id in file.x12.iter().flat_map(|x12| x12.ids.0.iter().chain([&x12.ours])) {
        if let Some(doubt) = id.value.doubt() {
            let told = Diagnostic::warning(codes::DOUBTFUL_ENVELOPE_ID, doubt).at(&id.origin, "");
            findings.push(told.hint("qualifier/id as they stand in ISA05 and ISA06 of their interchanges"));
        }
    }
    if partner.status == Status::Live {
        let examples: Vec<_> = EXAMPLE_KEYS.iter().map(|key| ApiKeyHash::of(key)).collect();
        for key in file.rest.iter().flat_map(|rest| &rest.api_keys) {
            if examples.contains(key) {
                let told =
                    Diagnostic::warning(codes::EXAMPLE_KEY, "this is the key of an example, which everybody knows");
                findings.push(told.at(&key.origin, "").hint("make a key of its own: gangway partner key new ID"));
            }
        }
    }
    if let (Some(section), Some(as2)) = (&file.as2, &partner.as2) {
        attached::advice(section, &as2.certificates, Timestamp::now(), &mut findings);
    }
    outward::advice(good, world.ours, Timestamp::now(), &mut findings);
    if let Some(section) = &file.sftp {
        super::sftp::advice(section, Timestamp::now(), &mut findings);
    }
    super::send::advice(&file.send, &mut findings);
    let size = &file.limits.message_size;
    if size.get() > world.largest_body {
        let largest = Size::bytes(world.largest_body);
        let told =
            Diagnostic::warning(codes::OVER_THE_BODY_LIMIT, format!("no message over {largest} is taken at all"));
        findings.push(told.at(&size.origin, "").hint("raise `limits.body` in gangway.toml, or lower this"));
    }
    findings
}

/// Two partners cannot both have what is claimed here.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Claim {
    code: Code,
    /// The identity itself, whole.
    identity: String,
}

/// One that claims it.
struct Holder<'g> {
    good: &'g Good,
    /// Where its file does.
    origin: Origin,
    /// Whether it had it before.
    had: bool,
}

/// Finds partners that claim one identity. Whoever `had` it when its files were last good keeps it; of several
/// newcomers none has it, because a document that is routed to the wrong supplier is worse than one that waits. Answers
/// with the ids of those that lose, and why.
pub(super) fn conflicts<'g>(
    partners: impl Iterator<Item = &'g Good>,
    mut had: impl FnMut(&Good, &Claim) -> bool,
) -> BTreeMap<String, Vec<Diagnostic>> {
    let mut claimed: HashMap<Claim, Vec<Holder<'_>>> = HashMap::new();
    for good in partners {
        for (claim, origin) in claims(good) {
            let holders = claimed.entry(claim).or_default();
            if holders.last().is_none_or(|last| last.good.partner.id != good.partner.id) {
                holders.push(Holder { good, origin, had: false });
            }
        }
    }
    let mut lost: BTreeMap<String, Vec<Diagnostic>> = BTreeMap::new();
    for (claim, mut holders) in claimed {
        if !claim.may_be_disputed(&holders) {
            continue;
        }
        holders.iter_mut().for_each(|holder| holder.had = had(holder.good, &claim));
        for holder in &holders {
            let is_rival = |other: &&Holder<'_>| {
                other.good.partner.id != holder.good.partner.id && claim.is_between(holder.good, other.good)
            };
            let rivals = || holders.iter().filter(is_rival);
            let elder = rivals().find(|rival| rival.had);
            let rival = if holder.had { elder } else { elder.or_else(|| rivals().next()) };
            let Some(rival) = rival else { continue };
            let message = format!("{} is also that of {}", claim.in_words(), rival.good.partner.id);
            let told = Diagnostic::error(claim.code, message).at(&holder.origin, "").at(&rival.origin, "here too");
            let told = told.hint("only one of them can have it, or nobody could tell whose document it is");
            lost.entry(holder.good.partner.id.clone()).or_default().push(told);
        }
    }
    lost
}

impl Claim {
    fn in_words(&self) -> String {
        let identity = &self.identity;
        match self.code {
            codes::SAME_ENVELOPE_ID => format!("the EDI identity {identity}"),
            codes::SAME_VENDOR_NUMBER => format!("vendor number {identity}"),
            codes::SAME_AS2_ID => format!("AS2 id \"{identity}\""),
            codes::SAME_SFTP_USER => format!("SFTP user \"{identity}\""),
            codes::SAME_CXML_CREDENTIAL => {
                let credential = identity.rsplit_once(' ').map_or(identity.as_str(), |(credential, _)| credential);
                format!("the cXML credential {credential}, with its shared secret,")
            }
            // The digits of a hash tell nobody more than its first ones do.
            _ => format!("API key {}…", identity.get(..15).unwrap_or_default()),
        }
    }

    /// Whether any two of these may be rivals; a look that costs little where a thousand share a network's credential.
    fn may_be_disputed(&self, holders: &[Holder<'_>]) -> bool {
        if holders.len() < 2 || self.code != codes::SAME_CXML_CREDENTIAL {
            return holders.len() > 1;
        }
        let mut had_by: HashMap<String, usize> = HashMap::new();
        for id in holders.iter().flat_map(|holder| credentials(holder.good)) {
            *had_by.entry(id).or_default() += 1;
        }
        let has_its_own = |holder: &Holder<'_>| credentials(holder.good).iter().any(|id| had_by.get(id) == Some(&1));
        !holders.iter().all(has_its_own)
    }

    /// Whether only one of these two can have it. Partners on one network may share its credential and secret, as long as
    /// each has another one by which its documents' From tells it from the rest.
    fn is_between(&self, one: &Good, other: &Good) -> bool {
        let within = |one: &BTreeSet<String>, other: &BTreeSet<String>| one.is_subset(other);
        self.code != codes::SAME_CXML_CREDENTIAL || {
            let (one, other) = (credentials(one), credentials(other));
            within(&one, &other) || within(&other, &one)
        }
    }
}

/// Everything that a partner claims for itself alone, and where its file does.
pub(super) fn claims(good: &Good) -> Vec<(Claim, Origin)> {
    let file = &good.file;
    let mut claims = Vec::new();
    let mut claim = |code, identity: String, origin: &Origin| claims.push((Claim { code, identity }, origin.clone()));
    for id in file.x12.iter().flat_map(|x12| &x12.ids.0) {
        claim(codes::SAME_ENVELOPE_ID, id.value.to_string(), &id.origin);
    }
    if let Some(number) = &file.vendor_number {
        claim(codes::SAME_VENDOR_NUMBER, number.value.clone(), &number.origin);
    }
    if let Some(as2) = &file.as2 {
        claim(codes::SAME_AS2_ID, as2.id.value.to_string(), &as2.id.origin);
    }
    for user in file.sftp.iter().flat_map(|sftp| &sftp.users.0) {
        claim(codes::SAME_SFTP_USER, user.value.to_string(), &user.origin);
    }
    for key in file.rest.iter().flat_map(|rest| &rest.api_keys) {
        claim(codes::SAME_API_KEY, key.value.to_string(), &key.origin);
    }
    for client in file.rest.iter().flat_map(|rest| &rest.oauth_clients) {
        claim(codes::SAME_API_KEY, client.value.clone(), &client.origin);
    }
    if let Some(cxml) = &file.cxml {
        for (id, secret) in cxml.ids.0.iter().flat_map(|id| cxml.their_secrets.iter().map(move |secret| (id, secret))) {
            claim(codes::SAME_CXML_CREDENTIAL, format!("{} {}", credential(id), secret.value), &id.origin);
        }
    }
    claims
}

/// A partner's credentials of cXML, as they are compared.
fn credentials(good: &Good) -> BTreeSet<String> {
    good.file.cxml.iter().flat_map(|cxml| &cxml.ids.0).map(|id| credential(id)).collect()
}

fn credential(id: &CxmlId) -> String {
    format!("{}/{}", id.domain.to_ascii_uppercase(), id.identity)
}
