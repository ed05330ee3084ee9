//! `gangway backup FILE`: the data folder in one file, while the gateway works.

use std::{collections::BTreeMap, path::PathBuf, process::ExitCode};

use serde_json::Value;

use super::{operate::Where, print_text};
use crate::control::Request;

/// Writes a backup.
///
/// It holds the record, the payloads, and what else the data folder has that is not made again by itself: our AS2 keys, SFTP
/// host keys, the ERP's token. Only its owner may read it; keep it as safe as the data folder.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    at: Where,
    /// The file to write; it must not exist.
    file: PathBuf,
}

/// Runs the command.
pub(super) fn run(args: Args) -> anyhow::Result<ExitCode> {
    // The gateway may stand in another folder than the person.
    let file = std::path::absolute(&args.file)?;
    let answer = args.at.ask(Request::Backup { file: file.clone() }, true)?;
    let own: Vec<&str> =
        answer.get("own_files").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let own = if own.is_empty() { String::new() } else { format!(", {}", told(own.into_iter())) };
    print_text(&format!(
        "{} has the data folder: the record, the payloads{own}.\n\
         It may hold private keys: keep it as safe as the folder. Not in it is what lies elsewhere: gangway.toml,\n\
         partners/, mappings/, and the keys and certificates that they name.\n",
        file.display()
    ))?;
    Ok(ExitCode::SUCCESS)
}

/// Own files as a person reads them: by folder.
pub(super) fn told<'n>(names: impl Iterator<Item = &'n str>) -> String {
    let mut folders: BTreeMap<&str, Option<u32>> = BTreeMap::new();
    for name in names {
        match name.split_once('/') {
            Some((folder, _)) => *folders.entry(folder).or_default().get_or_insert(0) += 1,
            None => drop(folders.insert(name, None)),
        }
    }
    let each = folders.into_iter().map(|(name, files)| match files {
        None => name.to_owned(),
        Some(1) => format!("{name} (1 file)"),
        Some(files) => format!("{name} ({files} files)"),
    });
    each.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_files_are_told_by_folder() {
        let names = ["erp.token", "as2/ring.json", "as2/a.key", "sftp/known/b.pub"];
        assert_eq!(told(names.into_iter()), "as2 (2 files), erp.token, sftp (1 file)");
    }
}
