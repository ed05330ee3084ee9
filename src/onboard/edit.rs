//! Small changes to a partner's file: the one value is replaced, and every comment and blank stays as its person wrote it.

use std::{fs, io, io::Write as _, path::Path};

use toml_edit::{Array, DocumentMut, Item, Table, Value};

use crate::partner::Status;

/// What a change came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edited {
    /// The file as it is now.
    pub text: String,
    /// The value before, as it was written; absent where there was none.
    pub before: Option<String>,
    /// The value now.
    pub after: String,
}

/// Why a file was not changed.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// It is no TOML: a person has to look.
    #[error("the file is broken: {0}")]
    Broken(#[from] toml_edit::TomlError),
    /// What would be changed is written in a way that cannot be changed safely.
    #[error("{0}")]
    Unfit(String),
}

/// Sets the partner's status.
///
/// # Errors
/// When the file cannot be read as TOML.
pub fn set_status(text: &str, status: Status) -> Result<Edited, EditError> {
    let mut document: DocumentMut = text.parse()?;
    let before = document.get("status").and_then(Item::as_str).map(str::to_owned);
    put(document.as_table_mut(), "status", Value::from(status.as_str()));
    Ok(Edited { text: document.to_string(), before, after: status.to_string() })
}

/// Adds the hash of an API key, with a comment on what it is for.
///
/// # Errors
/// When the file cannot be read as TOML, or `rest` is no table.
pub fn add_api_key(text: &str, hash: &str, what: &str) -> Result<Edited, EditError> {
    let mut document: DocumentMut = text.parse()?;
    let rest = document.entry("rest").or_insert_with(|| Item::Table(Table::new()));
    let rest = rest.as_table_like_mut().ok_or_else(|| EditError::Unfit("`rest` is no table".into()))?;
    let keys = rest.entry("api_keys").or_insert_with(|| Item::Value(Value::Array(Array::new())));
    let keys = keys.as_array_mut().ok_or_else(|| EditError::Unfit("`rest.api_keys` is no list".into()))?;
    let before = held(keys);
    // What stands behind the last item, its comment among it, stays before the new one.
    let behind = keys.trailing().as_str().unwrap_or_default().trim_end().to_owned();
    let comma = if keys.is_empty() || keys.trailing_comma() { behind } else { String::new() };
    let mut value = Value::from(hash);
    value.decor_mut().set_prefix(format!("{comma}\n    "));
    keys.push_formatted(value);
    keys.set_trailing_comma(true);
    keys.set_trailing(format!(" # {what}\n"));
    let after = held(keys);
    Ok(Edited { text: document.to_string(), before: Some(before), after })
}

/// Takes the hash of an API key out; `None` where the file does not have it.
///
/// # Errors
/// When the file cannot be read as TOML.
pub fn remove_api_key(text: &str, hash: &str) -> Result<Option<Edited>, EditError> {
    let mut document: DocumentMut = text.parse()?;
    let Some(keys) = document.get_mut("rest").and_then(|rest| rest.get_mut("api_keys")).and_then(Item::as_array_mut)
    else {
        return Ok(None);
    };
    let before = held(keys);
    let Some(place) = keys.iter().position(|key| key.as_str() == Some(hash)) else { return Ok(None) };
    let gone = keys.remove(place);
    // The comment behind a key stands before the next one, or at the end of the list: the removed key's goes with it,
    // and that of the key before it stays.
    let before_it = gone.decor().prefix().and_then(|prefix| prefix.as_str()).unwrap_or_default();
    match keys.get_mut(place) {
        Some(next) => {
            let prefix = next.decor().prefix().and_then(|prefix| prefix.as_str()).unwrap_or_default();
            let kept = closed_up(before_it, prefix);
            next.decor_mut().set_prefix(kept);
        }
        None => {
            let kept = closed_up(before_it, keys.trailing().as_str().unwrap_or_default());
            keys.set_trailing(kept);
        }
    }
    let after = held(keys);
    Ok(Some(Edited { text: document.to_string(), before: Some(before), after }))
}

/// Puts the new text in place of a file in one step, with the rights that it had.
///
/// # Errors
/// When it cannot be written; the old one is untouched then.
pub fn replace(path: &Path, text: &str) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let mut file = tempfile::Builder::new().prefix(".edit-").tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    if let Ok(known) = fs::metadata(path) {
        file.as_file().set_permissions(known.permissions())?;
    }
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

fn put(table: &mut Table, key: &str, mut value: Value) {
    match table.get_mut(key).and_then(Item::as_value_mut) {
        Some(old) => {
            *value.decor_mut() = old.decor().clone();
            *old = value;
        }
        None => {
            table.insert(key, Item::Value(value));
        }
    }
}

/// How many keys there are, and their first digits: enough to compare, useless to a thief.
fn held(keys: &Array) -> String {
    let short = keys.iter().filter_map(Value::as_str).map(|key| key.get(..15).unwrap_or(key).to_owned() + "…");
    format!("[{}]", short.collect::<Vec<_>>().join(", "))
}

/// What stands between two keys when the one between them is gone: the end of the first one's line, and all that came
/// after the removed one's.
fn closed_up(before: &str, after: &str) -> String {
    match (before.split_once('\n'), after.split_once('\n')) {
        (Some((end, _)), Some((_, rest))) => format!("{end}\n{rest}"),
        _ => after.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "# Acme, since 2019\nname = \"Acme\"\nstatus   = \"test\"   # until May\n\n[rest]\n# keys\n\
                        api_keys = [\n    \"sha256:aa\", # old\n    \"sha256:bb\", # new\n]\n\n[limits]\nrequests = \"6/min\"\n";

    #[test]
    fn a_status_changes_and_nothing_else() {
        let edited = set_status(FILE, Status::Live).unwrap();
        assert_eq!(edited.text, FILE.replace("\"test\"", "\"live\""));
        assert_eq!((edited.before.as_deref(), edited.after.as_str()), (Some("test"), "live"));
        let edited = set_status("name = \"A\"\n[x12]\nours = \"ZZ/A\"\n", Status::Live).unwrap();
        assert_eq!(edited.text, "name = \"A\"\nstatus = \"live\"\n[x12]\nours = \"ZZ/A\"\n");
        assert!(set_status("name = ", Status::Live).is_err());
    }

    #[test]
    fn keys_come_and_go_with_their_comments() {
        let edited = add_api_key(FILE, "sha256:cc", "2026").unwrap();
        let with = FILE.replace("# new\n", "# new\n    \"sha256:cc\", # 2026\n");
        assert_eq!(edited.text, with);
        assert_eq!(remove_api_key(&with, "sha256:cc").unwrap().unwrap().text, FILE);
        assert_eq!(
            remove_api_key(FILE, "sha256:aa").unwrap().unwrap().text,
            FILE.replace("    \"sha256:aa\", # old\n", "")
        );
        assert_eq!(remove_api_key(FILE, "sha256:dd").unwrap(), None);
        assert_eq!(remove_api_key("name = \"A\"\n", "sha256:dd").unwrap(), None);
        let edited = add_api_key("name = \"A\"\n", "sha256:cc", "2026").unwrap();
        assert_eq!(edited.text, "name = \"A\"\n\n[rest]\napi_keys = [\n    \"sha256:cc\", # 2026\n]\n");
        let edited = add_api_key("[rest]\napi_keys = [\"sha256:aa\"]\n", "sha256:cc", "2026").unwrap();
        assert_eq!(edited.text, "[rest]\napi_keys = [\"sha256:aa\",\n    \"sha256:cc\", # 2026\n]\n");
        assert!(add_api_key("rest = 1", "sha256:cc", "").is_err());
    }

    #[test]
    fn a_file_is_replaced_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("acme.toml");
        replace(&path, "a").unwrap();
        replace(&path, "b").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "b");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
