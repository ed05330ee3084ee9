//! The data folder's own files: those small ones that the doors keep there and no record has, our keys above all. A backup
//! carries them, because partners hold to what is in them: with new keys, whoever knows us by the old ones is cut off.
//!
//! What is made again by itself is none of them: the search index, bodies on their way in, names that are only shown.

use std::{fs, io, path::Path};

use crate::ledger::OwnFile;

/// Where they are: a folder in the data folder, and the names in it. A list stands before what it names, so that a key that
/// is made just now is in the backup whenever the list says so.
type Place = (&'static str, fn(&str) -> bool);

const PLACES: &[Place] = &[
    // What the ERP shows.
    ("", |name| name == "erp.token"),
    // Our AS2 keys, and from when each of them signs.
    ("as2", |name| name == "ring.json"),
    ("as2", |name| name.ends_with(".pem") || name.ends_with(".key")),
    // What SFTP clients know us by, and what we know those servers by that were trusted at first contact.
    ("sftp", |name| name.starts_with("ssh_host_")),
    ("sftp/known", |name| name.ends_with(".pub")),
    // The certificate that is made where the settings name none.
    ("tls", |name| name == "cert.pem" || name == "key.pem"),
    // The files of partners as they last were when they were good.
    ("last-good", |name| name == "index.json"),
    ("last-good/objects", |name| name.len() == 64),
];

/// Where own files are, for whoever has to copy them by hand.
pub const OWN_FILES: &[&str] =
    &["as2/*.pem, as2/*.key, as2/ring.json", "sftp/ssh_host_*", "sftp/known/", "erp.token", "tls/"];

/// Reads them all.
///
/// # Errors
/// When one that is there cannot be read: a backup without it would not be whole.
pub fn own_files(data: &Path) -> io::Result<Vec<OwnFile>> {
    let mut found = Vec::new();
    for (folder, is_one) in PLACES {
        let at = data.join(folder);
        let entries = match fs::read_dir(&at) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(named(&at, error)),
        };
        let mut names: Vec<String> = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
        names.retain(|name| is_one(name));
        names.sort();
        for name in names {
            let path = at.join(&name);
            match fs::read(&path) {
                Ok(bytes) => {
                    let name = if folder.is_empty() { name } else { format!("{folder}/{name}") };
                    found.push(OwnFile { name, bytes: bytes.into() });
                }
                // Removed since the folder was listed.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(named(&path, error)),
            }
        }
    }
    Ok(found)
}

fn named(path: &Path, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys;

    #[test]
    fn what_partners_hold_to_is_taken_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let object = keys::sha256_hex(b"partner");
        let kept = [
            "erp.token".to_owned(),
            "as2/ring.json".to_owned(),
            "as2/2026-01-01-aa.key".to_owned(),
            "as2/2026-01-01-aa.pem".to_owned(),
            "sftp/ssh_host_ecdsa_key".to_owned(),
            "sftp/known/host-22-aa.pub".to_owned(),
            "tls/cert.pem".to_owned(),
            "tls/key.pem".to_owned(),
            "last-good/index.json".to_owned(),
            format!("last-good/objects/{object}"),
        ];
        let others = ["ledger.db", "lock", "payloads/msg_1", "as2/layers/x.spool", "sftp/partial/acme/taken.jsonl"];
        for name in kept.iter().map(String::as_str).chain(others) {
            let path = folder.path().join(name);
            keys::make_folder(path.parent().unwrap()).unwrap();
            fs::write(path, name).unwrap();
        }
        let found = own_files(folder.path()).unwrap();
        assert!(found.iter().all(|file| file.bytes == file.name), "each with its own bytes");
        let names: Vec<_> = found.into_iter().map(|file| file.name).collect();
        assert_eq!(names, kept);
        assert!(own_files(&folder.path().join("none")).unwrap().is_empty());
    }
}
