//! What no file can be wrong in by itself: two partners that claim one identity, `via` that names nobody, and so on.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;

use super::{
    ApiKeyHash, Status, attached, codes,
    compose::{Composed, Good},
    example::EXAMPLE_KEYS,
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
struct Claim {
    code: Code,
    /// The identity itself, whole.
    identity: String,
}

/// Finds partners that claim one identity. One that was served with it before keeps it (`incumbent`); of the others
/// none has it, because a document that is routed to the wrong supplier is worse than one that waits. Answers with the
/// ids of those that lose, and why.
pub(super) fn conflicts<'g>(
    partners: impl Iterator<Item = &'g Good>,
    incumbent: impl Fn(&str) -> bool,
) -> BTreeMap<String, Vec<Diagnostic>> {
    let mut claimed: HashMap<Claim, Vec<(&Good, Origin)>> = HashMap::new();
    for good in partners {
        for (code, identity, origin) in claims(good) {
            let holders = claimed.entry(Claim { code, identity }).or_default();
            if holders.last().is_none_or(|(last, _)| last.partner.id != good.partner.id) {
                holders.push((good, origin));
            }
        }
    }
    let mut lost: BTreeMap<String, Vec<Diagnostic>> = BTreeMap::new();
    for (claim, holders) in claimed.into_iter().filter(|(_, holders)| holders.len() > 1) {
        let keeper = match holders.iter().filter(|(good, _)| incumbent(&good.partner.id)).collect::<Vec<_>>()[..] {
            [(one, _)] => Some(one.partner.id.as_str()),
            _ => None,
        };
        for (good, origin) in &holders {
            let id = good.partner.id.as_str();
            if keeper == Some(id) {
                continue;
            }
            let other = holders.iter().find(|(other, _)| match keeper {
                Some(keeper) => other.partner.id == keeper,
                None => other.partner.id != id,
            });
            let Some((other, other_origin)) = other else { continue };
            let message = format!("{} is also that of {}", claim.in_words(), other.partner.id);
            let told = Diagnostic::error(claim.code, message).at(origin, "").at(other_origin, "here too");
            let told = told.hint("only one of them can have it, or nobody could tell whose document it is");
            lost.entry(id.to_owned()).or_default().push(told);
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
            // The digits of a hash tell nobody more than its first ones do.
            _ => format!("API key {}…", identity.get(..15).unwrap_or_default()),
        }
    }
}

fn claims(good: &Good) -> Vec<(Code, String, Origin)> {
    let file = &good.file;
    let mut claims = Vec::new();
    let mut claim = |code, identity: String, origin: &Origin| claims.push((code, identity, origin.clone()));
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
    claims
}
