//! What a partner's paths mean. Homes are virtual: a path is looked up in a table of folders, and never opened.

use crate::partner::{Folder, SftpTerms};

/// The longest name of a file, in bytes.
const LONGEST_NAME: usize = 200;
/// The longest path, in bytes.
const LONGEST_PATH: usize = 4096;

/// What a path leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// A folder that only leads to others: the root, or the beginning of an alias.
    Hall(Vec<String>),
    /// A folder of files.
    Folder(Folder),
    /// A file, by name.
    File(Folder, String),
}

/// Why a path leads nowhere.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Wrong {
    #[error("there is no such folder")]
    NoFolder,
    #[error("this name is not UTF-8; set the client's character set to UTF-8")]
    NotUtf8,
    #[error("a file's name has up to {LONGEST_NAME} bytes, and no control characters")]
    BadName,
}

/// The folders of one partner's home.
#[derive(Debug, Clone)]
pub(super) struct Folders {
    table: Vec<(Vec<String>, Folder)>,
}

impl Folders {
    pub(super) fn of(terms: &SftpTerms) -> Self {
        let own = terms.folders.iter().map(|(path, folder)| (path.parts().to_vec(), *folder));
        let mut table: Vec<_> = own.collect();
        for (name, folder) in
            [("inbound", Folder::Inbound), ("outbound", Folder::Outbound), ("receipts", Folder::Receipts)]
        {
            if !table.iter().any(|(path, _)| path.as_slice() == [name]) {
                table.push((vec![name.to_owned()], folder));
            }
        }
        Self { table }
    }

    /// What `path` leads to. It starts at the root, whether or not it says so, and cannot leave it.
    pub(super) fn place(&self, path: &str) -> Result<Place, Wrong> {
        let parts = parts(path)?;
        if let Some((_, folder)) = self.table.iter().find(|(known, _)| *known == parts) {
            return Ok(Place::Folder(*folder));
        }
        if self.table.iter().any(|(known, _)| known.starts_with(&parts)) {
            return Ok(Place::Hall(parts));
        }
        let Some((name, above)) = parts.split_last() else { return Err(Wrong::NoFolder) };
        let folder = self.table.iter().find(|(known, _)| known == above).map(|(_, folder)| *folder);
        let folder = folder.ok_or(Wrong::NoFolder)?;
        if name.len() > LONGEST_NAME || name.chars().any(char::is_control) {
            return Err(Wrong::BadName);
        }
        Ok(Place::File(folder, name.clone()))
    }

    /// The names of the folders right below `hall`.
    pub(super) fn below(&self, hall: &[String]) -> Vec<String> {
        let mut names: Vec<_> = self
            .table
            .iter()
            .filter(|(known, _)| known.starts_with(hall))
            .filter_map(|(known, _)| known.get(hall.len()).cloned())
            .collect();
        names.sort();
        names.dedup();
        names
    }
}

/// A path as its client should write it: from the root on, without detours.
pub(super) fn canonical(path: &str) -> Result<String, Wrong> {
    Ok(format!("/{}", parts(path)?.join("/")))
}

fn parts(path: &str) -> Result<Vec<String>, Wrong> {
    // The packets' reader puts U+FFFD where bytes were not UTF-8, so that two names could become one.
    if path.contains('\u{fffd}') {
        return Err(Wrong::NotUtf8);
    }
    if path.len() > LONGEST_PATH || path.contains('\0') {
        return Err(Wrong::BadName);
    }
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part.to_owned()),
        }
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::config::Key;
    use crate::partner::FolderPath;

    fn folders() -> Folders {
        let mut terms = SftpTerms::plain(Vec::new(), Vec::new(), Vec::new());
        let path = |text: &str| FolderPath::from_key(text).unwrap();
        terms.folders = vec![
            (path("/upload"), Folder::Inbound),
            (path("/pub/edi"), Folder::Inbound),
            (path("/pub/edi/tmp"), Folder::Staging),
            (path("/receipts"), Folder::Outbound),
        ];
        Folders::of(&terms)
    }

    fn file(folder: Folder, name: &str) -> Result<Place, Wrong> {
        Ok(Place::File(folder, name.to_owned()))
    }

    #[test]
    fn paths_lead_to_the_table_and_nowhere_else() {
        let folders = folders();
        assert_eq!(folders.place("/"), Ok(Place::Hall(Vec::new())));
        assert_eq!(folders.place("."), Ok(Place::Hall(Vec::new())));
        assert_eq!(folders.place("/pub"), Ok(Place::Hall(vec!["pub".into()])));
        assert_eq!(folders.place("inbound/"), Ok(Place::Folder(Folder::Inbound)));
        assert_eq!(folders.place("/receipts"), Ok(Place::Folder(Folder::Outbound)), "their own name wins");
        assert_eq!(folders.place("upload/a b.edi"), file(Folder::Inbound, "a b.edi"));
        assert_eq!(folders.place("/pub/edi/tmp/ä.edi"), file(Folder::Staging, "ä.edi"));
        assert_eq!(folders.place("../../../inbound/x"), file(Folder::Inbound, "x"));
        assert_eq!(folders.place("/inbound/../../etc/passwd"), Err(Wrong::NoFolder));
        assert_eq!(folders.place("/etc"), Err(Wrong::NoFolder));
        assert_eq!(folders.place("/inbound/sub/x"), Err(Wrong::NoFolder));
        assert_eq!(folders.place("/inbound/a\u{fffd}"), Err(Wrong::NotUtf8));
        assert_eq!(folders.place("/inbound/a\nb"), Err(Wrong::BadName));
        assert_eq!(folders.place("/inbound/a\0b"), Err(Wrong::BadName));
        assert_eq!(folders.place(&format!("/inbound/{}", "x".repeat(201))), Err(Wrong::BadName));
        assert_eq!(folders.below(&[]), ["inbound", "outbound", "pub", "receipts", "upload"]);
        assert_eq!(folders.below(&["pub".into()]), ["edi"]);
        assert_eq!(canonical("a/./b/../c//"), Ok("/a/c".to_owned()));
        assert_eq!(canonical("../.."), Ok("/".to_owned()));
    }

    proptest! {
        #[test]
        fn no_path_gives_a_name_with_a_slash_or_dots(path in "(/|\\.|\\.\\.|inbound|upload|pub|edi|a|\\\\|%2e|\u{0}){0,12}") {
            if let Ok(Place::File(_, name)) = folders().place(&path) {
                prop_assert!(!name.contains('/') && name != "." && name != ".." && !name.is_empty());
            }
        }
    }
}
