//! All partners at one moment, found by each of the names they have.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use super::{ApiKeyHash, Partner, Shared, compose::Good, digest};
use crate::{config::Source, document::Mode, xml::cxml::Header};

/// All partners at one moment. Never changes; a reload makes another.
#[derive(Debug, Default)]
pub struct Directory {
    partners: Vec<Shared>,
    api_keys: HashMap<ApiKeyHash, usize>,
    /// By `qualifier/id`: the group ids that tell several apart, and whoever has the identity for all groups.
    envelopes: HashMap<String, Vec<(Option<String>, usize)>>,
    as2: HashMap<String, usize>,
    sftp: HashMap<String, usize>,
    vendors: HashMap<String, usize>,
    /// By the certificates that callers show; several partners of one bureau may have the same.
    certificates: HashMap<[u8; 32], Vec<usize>>,
    /// Whether any partner has to show a certificate on AS2, where its names say who it is.
    as2_certificates: bool,
    oauth_clients: HashMap<String, usize>,
    /// By the identities that show a shared secret; a network's may be several partners'.
    cxml: HashMap<String, Vec<usize>>,
    /// The texts that each was made of, in the partners' order; none where they were made otherwise.
    written: Vec<Written>,
    /// Those whose own files are good, and who claim what is another's.
    disputed: BTreeMap<String, Shared>,
    digest: String,
}

/// A partner's file, and its template.
type Written = (Arc<Source>, Option<Arc<Source>>);

/// A key that opened the supplier API.
#[derive(Debug, Clone)]
pub struct ApiAccess {
    /// Whose key it is.
    pub partner: Shared,
    /// Whether it is a test key (`gw_test_…`).
    pub mode: Mode,
}

impl Directory {
    /// These partners, whose identities are distinct.
    pub fn of(partners: impl IntoIterator<Item = Partner>) -> Self {
        Self::index(partners.into_iter().map(Arc::new).collect())
    }

    /// The same, with the texts that they were made of, and those that lost an identity to one of them. They come by id.
    pub(super) fn of_good(partners: impl Iterator<Item = Arc<Good>>, disputed: BTreeMap<String, Shared>) -> Self {
        let (partners, written): (Vec<_>, _) =
            partners.map(|good| (Arc::clone(&good.partner), (Arc::clone(&good.source), good.template.clone()))).unzip();
        Self { written, disputed, ..Self::index(partners) }
    }

    fn index(mut partners: Vec<Shared>) -> Self {
        partners.sort_by(|a, b| a.id.cmp(&b.id));
        let mut new = Self::default();
        for (index, partner) in partners.iter().enumerate() {
            new.api_keys.extend(partner.rest.iter().flat_map(|rest| &rest.api_keys).map(|key| (*key, index)));
            for id in partner.x12.iter().flat_map(|x12| &x12.ids) {
                let party = format!("{}/{}", id.qualifier, id.id);
                new.envelopes.entry(party).or_default().push((id.group.clone(), index));
            }
            new.as2.extend(partner.as2.iter().map(|as2| (as2.id.to_string(), index)));
            new.as2_certificates |= partner.as2.iter().any(|as2| !as2.tls_certificates.is_empty());
            let users = partner.sftp.iter().flat_map(|sftp| &sftp.users);
            new.sftp.extend(users.map(|user| (user.to_string(), index)));
            if let Some(rest) = &partner.rest {
                rest.certificates.iter().for_each(|shown| new.certificates.entry(*shown).or_default().push(index));
                new.oauth_clients.extend(rest.oauth_clients.iter().map(|client| (client.clone(), index)));
            }
            // Without a secret, an identity shows nothing.
            let cxml = partner.cxml.iter().filter(|cxml| !cxml.their_secrets.is_empty()).flat_map(|cxml| &cxml.ids);
            cxml.for_each(|id| new.cxml.entry(id.identity.clone()).or_default().push(index));
            new.vendors.extend(partner.vendor_number.iter().map(|number| (number.clone(), index)));
        }
        let stale = |partner: &Partner| if partner.stale.is_some() { &b"stale"[..] } else { b"" };
        new.digest = digest(partners.iter().flat_map(|p| [p.id.as_bytes(), p.digest.as_bytes(), stale(p)]));
        new.partners = partners;
        new
    }

    /// The partner with this id.
    pub fn partner(&self, id: &str) -> Option<&Shared> {
        let place = self.partners.binary_search_by(|partner| partner.id.as_str().cmp(id)).ok()?;
        self.partners.get(place)
    }

    /// A partner as its own files make it, where these are good, but claim what another has: it is served as it last was,
    /// or not at all.
    pub fn disputed(&self, id: &str) -> Option<&Shared> {
        self.disputed.get(id)
    }

    /// The texts that a partner was made of: its file and its template.
    pub(super) fn written(&self, id: &str) -> Option<(&Arc<Source>, Option<&Arc<Source>>)> {
        let place = self.partners.binary_search_by(|partner| partner.id.as_str().cmp(id)).ok()?;
        self.written.get(place).map(|(file, template)| (file, template.as_ref()))
    }

    /// Whether a partner's file names this mapping.
    pub fn names_mapping(&self, id: &str) -> bool {
        self.partners().any(|partner| partner.mappings.values().any(|own| own == id))
    }

    /// Every partner, by id.
    pub fn partners(&self) -> impl Iterator<Item = &Shared> {
        self.partners.iter()
    }

    /// Whose API key this is.
    pub fn by_api_key(&self, key: &str) -> Option<ApiAccess> {
        let partner = self.at(self.api_keys.get(&ApiKeyHash::of(key)))?;
        let mode = if key.starts_with("gw_test_") { Mode::Test } else { Mode::Live };
        Some(ApiAccess { partner: Arc::clone(partner), mode })
    }

    /// Whose API key has this hash.
    pub fn by_api_key_hash(&self, hash: &ApiKeyHash) -> Option<&Shared> {
        self.at(self.api_keys.get(hash))
    }

    /// Whose certificate this is, by its SHA-256, where it is one partner's alone.
    pub fn by_certificate(&self, shown: &[u8; 32]) -> Option<&Shared> {
        match self.certificates.get(shown)?.as_slice() {
            [one] => self.at(Some(one)),
            _ => None,
        }
    }

    /// Whether any partner has to show a certificate.
    pub fn wants_certificates(&self) -> bool {
        !self.certificates.is_empty() || self.as2_certificates
    }

    /// Who this is to the issuer of tokens.
    pub fn by_oauth_client(&self, client: &str) -> Option<&Shared> {
        self.at(self.oauth_clients.get(client))
    }

    /// Whom a document of cXML shows itself to be from: its Sender has a secret of theirs. Of several that share one, as on a
    /// network, the one whom its From names.
    pub fn by_cxml_header(&self, header: &Header<'_>) -> Option<&Shared> {
        let mut known: Vec<usize> =
            header.sender.iter().filter_map(|one| self.cxml.get(one.identity)).flatten().copied().collect();
        known.sort_unstable();
        known.dedup();
        let known =
            known.iter().filter_map(|index| Some((self.at(Some(index))?, self.at(Some(index))?.cxml.as_ref()?)));
        let known: Vec<_> = known.filter(|(_, terms)| terms.shown_by(&header.sender)).collect();
        let named = || known.iter().filter(|(_, terms)| header.from.iter().any(|one| terms.are(one)));
        match known.as_slice() {
            [(one, _)] => Some(one),
            _ if named().count() == 1 => named().next().map(|(one, _)| *one),
            _ => None,
        }
    }

    /// Who an envelope is from: its ISA05 and ISA06, and the GS02 of its group. Without a group (a lone TA1), an
    /// identity that several share by their groups is nobody's.
    pub fn by_envelope(&self, sender: (&str, &str), group: Option<&str>) -> Option<&Shared> {
        let holders = self.envelopes.get(&format!("{}/{}", sender.0.trim(), sender.1.trim()))?;
        let having = |wanted: Option<&str>| holders.iter().find(|(own, _)| own.as_deref() == wanted);
        let group = group.map(str::trim);
        let only = || match (group, holders.as_slice()) {
            (None, [one]) => Some(one),
            (None, [one, rest @ ..]) if rest.iter().all(|other| other.1 == one.1) => Some(one),
            _ => None,
        };
        let found = group.and_then(|group| having(Some(group))).or_else(|| having(None)).or_else(only)?;
        self.at(Some(&found.1))
    }

    /// Whose AS2 id this is.
    pub fn by_as2_id(&self, id: &str) -> Option<&Shared> {
        self.at(self.as2.get(id))
    }

    /// Whose SFTP user this is.
    pub fn by_sftp_user(&self, user: &str) -> Option<&Shared> {
        self.at(self.sftp.get(user))
    }

    /// Who has this number in the ERP.
    pub fn by_vendor_number(&self, number: &str) -> Option<&Shared> {
        self.at(self.vendors.get(number))
    }

    /// Whether what came on the connection of `connection` may be from `partner`: from itself, or from one that says
    /// that it comes via it.
    pub fn speaks_for(&self, connection: &Partner, partner: &Partner) -> bool {
        let via = partner.x12.as_ref().and_then(|x12| x12.via.as_deref());
        connection.id == partner.id || via == Some(connection.id.as_str())
    }

    /// The partners that are served as their files last were when they were good.
    pub fn stale(&self) -> impl Iterator<Item = &Shared> {
        self.partners.iter().filter(|partner| partner.stale.is_some())
    }

    /// Changes whenever what is agreed with anybody may have.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    fn at(&self, index: Option<&usize>) -> Option<&Shared> {
        self.partners.get(*index?)
    }
}
