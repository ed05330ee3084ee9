//! What differs between two directories by meaning: values, not comments, blanks or the file that they stand in.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Directory, Partner};
use crate::config::{Node, Origin};

/// One value that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// What it belongs to, like `partner acme` or `mapping x12-855`.
    pub of: String,
    /// The value's path.
    pub what: String,
    /// What runs; absent where it is new.
    pub running: Option<String>,
    /// What is on disk; absent where it is gone.
    pub on_disk: Option<String>,
    /// Where that is written.
    pub place: Option<String>,
    /// Whether only a restart takes it: a reload does not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub restart: bool,
}

/// What a reload would change about partners.
pub fn differences(running: &Directory, on_disk: &Directory) -> Vec<Difference> {
    let mut all = Vec::new();
    for partner in on_disk.partners() {
        match running.partner(&partner.id) {
            None => all.push(whole(partner, None, Some("new"))),
            Some(now) if now.digest == partner.digest && now.stale == partner.stale => {}
            Some(now) => between(now, partner, running, on_disk, &mut all),
        }
    }
    let gone = running.partners().filter(|partner| on_disk.partner(&partner.id).is_none());
    all.extend(gone.map(|partner| whole(partner, Some("served"), None)));
    all.sort_by(|a, b| (&a.of, &a.what).cmp(&(&b.of, &b.what)));
    all
}

fn whole(partner: &Partner, running: Option<&str>, on_disk: Option<&str>) -> Difference {
    Difference {
        of: format!("partner {}", partner.id),
        what: "the partner".into(),
        running: running.map(str::to_owned),
        on_disk: on_disk.map(str::to_owned),
        place: None,
        restart: false,
    }
}

fn between(now: &Partner, then: &Partner, running: &Directory, on_disk: &Directory, all: &mut Vec<Difference>) {
    let of = format!("partner {}", now.id);
    let mut add = |what: &str, running: Option<String>, on_disk: Option<String>, place: Option<String>| {
        all.push(Difference { of: of.clone(), what: what.to_owned(), running, on_disk, place, restart: false });
    };
    let good = |stale: &Option<String>| Some(stale.clone().unwrap_or_else(|| "good".into()));
    if now.stale != then.stale {
        add("its files", good(&now.stale), good(&then.stale), None);
    }
    // What a broken file takes from its partner counts, and stands in none of the texts that it is served by.
    if then.stale.is_some() && now.status != then.status {
        add("status", Some(now.status.to_string()), Some(then.status.to_string()), None);
    }
    let (before, after) = (values(running, &now.id), values(on_disk, &now.id));
    for (path, (value, origin)) in &after {
        let old = before.get(path).map(|(old, _)| old.clone());
        if old.as_ref() != Some(value) {
            add(path, old, Some(value.clone()), Some(origin.to_string()));
        }
    }
    for (path, (value, _)) in before.iter().filter(|(path, _)| !after.contains_key(*path)) {
        add(path, Some(value.clone()), None, None);
    }
    let prints = |partner: &Partner| {
        let certificates = partner.as2.iter().flat_map(|as2| &as2.certificates);
        certificates.map(|one| one.fingerprint()).collect::<Vec<_>>().join(", ")
    };
    if prints(now) != prints(then) {
        add("the content of as2.certificates", Some(prints(now)), Some(prints(then)), None);
    }
}

/// Every value that is written for a partner, by its path.
fn values(directory: &Directory, id: &str) -> BTreeMap<String, (String, Origin)> {
    let Some((file, template)) = directory.written(id) else { return BTreeMap::new() };
    let (node, _) = Node::parse(file);
    let merged = match template {
        Some(template) => node.over(&Node::parse(template).0),
        None => node,
    };
    let leaf = |(path, node): (String, &Node)| (path, (node.written(), node.origin.clone()));
    merged.leaves().into_iter().map(leaf).collect()
}
