//! Copies of every partner's files as they last were when they were good, so that a broken file costs nothing, not
//! even over a restart.
//!
//! Texts are kept by their digest in `objects/`, and `index.json` says which belong to whom. The index is replaced in
//! one step after its objects are written, so a crash leaves the old one.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    io::Write as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::{Deserialize, Serialize};

use super::compose::{Composed, Good, Template, compose};
use crate::{
    config::Source,
    keys::{make_folder, sha256_hex},
};

/// The folder of these copies.
#[derive(Debug, Clone)]
pub struct LastGood {
    folder: PathBuf,
}

/// Who has which files.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Index {
    pub(super) partners: BTreeMap<String, Kept>,
}

/// One partner's files, by digest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Kept {
    /// [`super::Partner::digest`] of what these files make.
    pub(super) digest: String,
    /// The name of its file in messages.
    name: String,
    file: String,
    template: Option<(String, String)>,
    attachments: Vec<(String, String)>,
}

impl LastGood {
    /// The copies in this folder, which need not be there yet.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// Who has which files. What cannot be read is nobody's: the next good load writes it anew.
    pub(super) fn index(&self) -> Index {
        let text = fs::read(self.folder.join("index.json")).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    /// The partner that these files make, if they are all there and undamaged.
    pub(super) fn compose(&self, id: &str, kept: &Kept) -> Option<Arc<Good>> {
        let text = |digest: &str| String::from_utf8(self.object(digest)?).ok();
        let source = Source::new(format!("{} (last good)", kept.name), text(&kept.file)?);
        let mut templates = BTreeMap::new();
        if let Some((name, digest)) = &kept.template {
            let source = Source::new(format!("template {name} (last good)"), text(digest)?);
            templates.insert(name.clone(), Arc::new(Template::parse(name, &source)));
        }
        let fetch = |path: &Path| {
            let wanted = path.display().to_string();
            let found = kept.attachments.iter().find(|(path, _)| *path == wanted);
            found
                .and_then(|(_, digest)| self.object(digest))
                .map(Arc::from)
                .ok_or_else(|| io::ErrorKind::NotFound.into())
        };
        compose(id, &source, &templates, &fetch).good
    }

    /// Writes the index, the objects it needs that are not there, and removes those that nobody needs any more.
    pub(super) fn save(&self, index: &Index, before: &Index, objects: &BTreeMap<String, Vec<u8>>) -> io::Result<()> {
        if index == before {
            return Ok(());
        }
        let folder = self.folder.join("objects");
        make_folder(&folder)?;
        for (digest, bytes) in objects {
            let path = folder.join(digest);
            if !path.exists() {
                replace(&path, bytes, false)?;
            }
        }
        let text = serde_json::to_vec(index).map_err(io::Error::other)?;
        replace(&self.folder.join("index.json"), &text, true)?;
        let needed: BTreeSet<&str> = index.partners.values().flat_map(Kept::digests).collect();
        for entry in fs::read_dir(&folder)?.filter_map(Result::ok) {
            if entry.file_name().to_str().is_some_and(|name| !needed.contains(name)) {
                let _ = fs::remove_file(entry.path());
            }
        }
        Ok(())
    }

    fn object(&self, digest: &str) -> Option<Vec<u8>> {
        let bytes = fs::read(self.folder.join("objects").join(digest)).ok()?;
        (sha256_hex(&bytes) == digest).then_some(bytes)
    }
}

impl Kept {
    /// What to keep of a partner that is good; its texts go to `objects`.
    pub(super) fn of(composed: &Composed, digest: &str, objects: &mut BTreeMap<String, Vec<u8>>) -> Self {
        let mut keep = |bytes: &[u8]| {
            let digest = sha256_hex(bytes);
            objects.entry(digest.clone()).or_insert_with(|| bytes.to_vec());
            digest
        };
        Self {
            digest: digest.to_owned(),
            name: composed.source.name.to_string(),
            file: keep(composed.source.text.as_bytes()),
            template: composed.template.as_ref().map(|t| (t.name.clone(), keep(t.source.text.as_bytes()))),
            attachments: composed.attachments.iter().map(|(path, bytes)| (path.clone(), keep(bytes))).collect(),
        }
    }

    fn digests(&self) -> impl Iterator<Item = &str> {
        let others = self.template.iter().chain(&self.attachments).map(|(_, digest)| digest.as_str());
        others.chain([self.file.as_str()])
    }
}

/// Writes a file beside, and puts it in place in one step.
fn replace(path: &Path, bytes: &[u8], sync: bool) -> io::Result<()> {
    let beside = path.with_extension("tmp");
    let mut file = fs::File::create(&beside)?;
    file.write_all(bytes)?;
    if sync {
        file.sync_all()?;
    }
    fs::rename(beside, path)
}
