//! `gangway check [PATH]`: every mistake in settings, partners, templates and mappings, in one run.

use std::{
    io::{self, IsTerminal as _},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::ExitCode,
};

use super::test::covered;
use crate::{
    config::{
        Diagnostic, Node, Settings, Source,
        render::{Format, render, tidy},
    },
    doors,
    gateway::inspect_https,
    ledger::codes::OPEN_TO_OTHERS,
    mapping::{Library, fixtures},
    partner::{Directory, Files, Sources, codes, effective, unreadable_secrets},
};

/// The settings' usual name.
const SETTINGS: &str = "gangway.toml";

/// Check settings, partners, templates and mappings, and tell every mistake in them.
///
/// Nothing is started or written. Exits with 1 where something does not work; warnings alone are fine.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A folder with gangway.toml, partners and mappings, or one file.
    #[arg(default_value = ".")]
    path: PathBuf,
    /// Also call partners' AS2 addresses and SFTP servers: TLS and host keys are looked at, and nothing is sent.
    #[arg(long)]
    online: bool,
    /// How to print what is found.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

impl clap::ValueEnum for Format {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Text, Self::Concise, Self::Json, Self::Sarif]
    }

    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        let help = match self {
            Self::Text => "with the source line underlined",
            Self::Concise => "one line each",
            Self::Json => "one JSON document",
            Self::Sarif => "SARIF 2.1.0, for code hosts",
        };
        Some(clap::builder::PossibleValue::new(self.as_str()).help(help))
    }
}

/// Runs the command.
pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let mut checked = check(&args.path);
    if args.online {
        checked.findings.extend(online(&args.path)?);
        tidy(&mut checked.findings);
    }
    let colour = args.format == Format::Text && io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let mut text = render(args.format, &checked.findings, colour, crate::gateway::page);
    if args.format == Format::Text && checked.findings.is_empty() {
        text = format!("Nothing to mend ({}).\n", checked.what);
    }
    if args.format == Format::Text {
        text += &checked.coverage;
    }
    super::print(&text, &mut io::stdout())?;
    let broken = checked.findings.iter().any(Diagnostic::is_error);
    Ok(if broken { ExitCode::from(super::FINDINGS) } else { ExitCode::SUCCESS })
}

/// What partners' servers say to what the files say of them.
fn online(path: &Path) -> anyhow::Result<Vec<Diagnostic>> {
    let path = path.strip_prefix(".").unwrap_or(path);
    let settings = match Target::of(path) {
        Target::Folder(settings) => Settings::load(Some(&settings)).0,
        Target::Bare(root) => Settings::at(&root),
        Target::Partners(folder) => Settings { partners: folder, ..Settings::default() },
        Target::OneOf(..) | Target::Alone(_) => {
            return Err(super::exit(super::USAGE, "--online looks at all partners: give their folder"));
        }
    };
    let files = Files::read(&settings.partners);
    let sources = Sources::of(&settings).without_last_good();
    let (directory, _) = Directory::build(&files, &sources, &|_| true);
    super::online::try_out(&settings, &files, &directory)
}

/// What was looked at, and what is wrong with it.
#[derive(Debug)]
pub(super) struct Checked {
    /// What was looked at, in words.
    pub what: String,
    /// What is wrong, as a person reads it: by file and line.
    pub findings: Vec<Diagnostic>,
    /// How much of their fixtures the folder's mappings have rules for, and which rules hold in one direction only.
    pub coverage: String,
}

/// Checks a folder or a file.
pub(super) fn check(path: &Path) -> Checked {
    let path = path.strip_prefix(".").unwrap_or(path);
    let mut checked = match Target::of(path) {
        Target::Folder(settings) => whole(Settings::load(Some(&settings))),
        Target::Bare(root) => whole((Settings::at(&root), Vec::new())),
        Target::Partners(folder) => {
            let root = folder.parent().map(Path::to_owned).unwrap_or_default();
            whole((Settings { partners: folder, ..Settings::at(&root) }, Vec::new()))
        }
        Target::OneOf(root, file) => {
            let settings = root.join(SETTINGS);
            let loaded =
                if settings.is_file() { Settings::load(Some(&settings)) } else { (Settings::at(&root), Vec::new()) };
            only(whole(loaded), &file)
        }
        Target::Alone(file) => alone(&file),
    };
    tidy(&mut checked.findings);
    checked
}

/// What a path means.
enum Target {
    /// The settings file of a folder.
    Folder(PathBuf),
    /// A folder without settings.
    Bare(PathBuf),
    /// A folder of partners.
    Partners(PathBuf),
    /// One file of the folder at the root.
    OneOf(PathBuf, PathBuf),
    /// One file that belongs to nothing.
    Alone(PathBuf),
}

impl Target {
    fn of(path: &Path) -> Self {
        let here = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        if here.is_dir() {
            let has = |name: &str| path.join(name).exists();
            if has(SETTINGS) {
                return Self::Folder(path.join(SETTINGS));
            }
            let holds_files = || {
                let entries = std::fs::read_dir(here).into_iter().flatten().filter_map(Result::ok);
                entries.map(|entry| entry.path()).any(|path| path.extension().is_some_and(|ending| ending == "toml"))
            };
            let is_bare = has("partners") || has("mappings") || !holds_files();
            return if is_bare { Self::Bare(path.to_owned()) } else { Self::Partners(path.to_owned()) };
        }
        if path.file_name().is_some_and(|name| name == SETTINGS) {
            return Self::OneOf(path.parent().unwrap_or_else(|| Path::new("")).to_owned(), path.to_owned());
        }
        // partners/acme.toml, partners/templates/as2-x12.toml, mappings/x12/850.toml
        let roots = path.ancestors().skip(2).take(3);
        let named = ["partners", "mappings"];
        let below = |root: &Path| path.strip_prefix(root).is_ok_and(|rest| named.iter().any(|n| rest.starts_with(n)));
        match roots.into_iter().find(|root| below(root)) {
            Some(root) if path.exists() => Self::OneOf(root.to_owned(), path.to_owned()),
            _ => Self::Alone(path.to_owned()),
        }
    }
}

fn whole((settings, mut findings): (Settings, Vec<Diagnostic>)) -> Checked {
    findings.extend(settings.inspect());
    findings.extend(of_certificates(&settings));
    findings.extend(open_to_others(&settings.data));
    let sources = Sources::of(&settings).without_last_good();
    let files = Files::read(&settings.partners);
    let (library, found) = Library::load(Some(&settings.mappings));
    findings.extend(found);
    let (directory, found) = Directory::build(&files, &sources, &|id| library.by_id(id).is_some());
    findings.extend(found);
    findings.extend(own_keys(&settings, &files, &directory));
    findings.extend(unreadable_secrets(&files, &directory, &settings.root));
    let named = |id: &str| directory.partners().any(|partner| partner.mappings.values().any(|own| own == id));
    findings.extend(library.unused(named));
    let count = |number: usize, what: &str| format!("{number} {what}{}", if number == 1 { "" } else { "s" });
    let what =
        [(files.partners.len(), "partner"), (files.templates.len(), "template"), (library.iter().count(), "mapping")];
    let what = what.map(|(number, what)| count(number, what)).join(", ");
    // A fixture that cannot be read is for `gangway test` to tell.
    let outcomes = fixtures::run(&library, &settings.mappings, None, false).unwrap_or_default();
    let coverage = fixtures::coverage(&outcomes).iter().map(|one| covered(&library, one)).collect();
    Checked { what, findings, coverage }
}

/// Whether a data folder that is there lets others in than its owner, and perhaps a group.
fn open_to_others(data: &Path) -> Option<Diagnostic> {
    let mode = data.metadata().ok()?.permissions().mode();
    let told = || {
        let message = format!("every user of this machine may look into the data folder {}", data.display());
        Diagnostic::warning(OPEN_TO_OTHERS, message).hint(format!("chmod 700 {}", data.display()))
    };
    (mode & 0o007 != 0).then(told)
}

/// Our own certificates, as AS2 and HTTPS will find them.
fn of_certificates(settings: &Settings) -> Vec<Diagnostic> {
    let now = jiff::Timestamp::now();
    let mut findings = doors::as2::inspect(settings, now);
    findings.extend(inspect_https(settings, now));
    findings
}

/// Our own keys for partners' SFTP servers, as far as they are in files.
fn own_keys(settings: &Settings, files: &Files, directory: &Directory) -> Vec<Diagnostic> {
    let faults = doors::sftp::own_key_faults(directory.partners(), &settings.root);
    let told = faults.map(|(partner, fault)| {
        let values = effective(files, partner).unwrap_or_default();
        let place = values.into_iter().find(|value| value.path == "sftp_push.key").map(|value| value.origin);
        let message = format!("our key for the SFTP server of {partner}: {fault}");
        let told = Diagnostic::warning(codes::OWN_SSH_KEY, message).at(&place.unwrap_or_default(), "");
        told.hint("make one with `ssh-keygen -t ed25519`, and ask the server's operator to register it")
    });
    told.collect()
}

/// What concerns one file.
fn only(mut checked: Checked, file: &Path) -> Checked {
    let wanted = std::fs::canonicalize(file).ok();
    let is_it =
        |name: &str| Path::new(name) == file || (wanted.is_some() && std::fs::canonicalize(name).ok() == wanted);
    checked.findings.retain(|finding| finding.labels.iter().any(|label| is_it(&label.file)));
    checked.what = file.display().to_string();
    checked.coverage.clear();
    checked
}

/// A file that stands alone: settings or a mapping if it has their sections, else a partner.
fn alone(file: &Path) -> Checked {
    let what = file.display().to_string();
    let findings = match Source::read(file, &what) {
        Err(unreadable) => vec![*unreadable],
        Ok(source) => {
            let root = file.parent().unwrap_or_else(|| Path::new("")).to_owned();
            let (node, _) = Node::parse(&source);
            let is_settings = ["public", "private", "erp", "consumers", "retention", "log", "data"];
            if is_settings.iter().any(|key| node.at(key).is_some()) {
                let (settings, mut findings) = Settings::parse(&source, &root);
                findings.extend(settings.inspect());
                findings.extend(of_certificates(&settings));
                findings
            } else if node.at("mapping").is_some() {
                // Held against the built-in mappings, which it may extend.
                return only(Checked { what, findings: Library::load(Some(&root)).1, coverage: String::new() }, file);
            } else {
                let files = Files::one(file, source);
                let sources = Sources { partners: root, ..Sources::of(&Settings::default()).without_last_good() };
                Directory::build(&files, &sources, &|_| true).1
            }
        }
    };
    Checked { what, findings, coverage: String::new() }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in ["partners/templates", "mappings"] {
            fs::create_dir_all(folder.path().join(name)).unwrap();
        }
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        write("gangway.toml", "[limits]\nbody = 20\n[private]\nhttp = \"0.0.0.0:8081\"\n");
        write("partners/acme.toml", "name = \"Acme\"\nvendor_number = \"1\"\ntemplate = \"house\"\n");
        write("partners/other.toml", "name = \"Other\"\nvendor_number = \"1\"\n[rest]\napi_keys = [1]\n");
        write("partners/templates/house.toml", "[limits]\nrequests = \"6\"\n");
        folder
    }

    fn told(path: &Path) -> Vec<String> {
        let name = |file: &str| Path::new(file).file_name().unwrap().to_str().unwrap().to_owned();
        let findings = check(path).findings;
        findings.iter().map(|f| format!("{} {}", name(f.line().unwrap().0), f.code)).collect()
    }

    #[test]
    fn the_exit_code_tells_errors_from_warnings() {
        let folder = folder();
        let exit = |path: &str, format: &str| {
            let command = <Args as clap::Args>::augment_args(clap::Command::new("check"));
            command.clone().debug_assert();
            let path = folder.path().join(path).display().to_string();
            let matches = command.try_get_matches_from(["check", "--format", format, &path]).unwrap();
            let args = <Args as clap::FromArgMatches>::from_arg_matches(&matches).unwrap();
            format!("{:?}", run(&args).unwrap())
        };
        let code = |code: u8| format!("{:?}", ExitCode::from(code));
        assert_eq!(exit(".", "json"), code(1));
        fs::write(folder.path().join("gangway.toml"), "[private]\nhttp = \"0.0.0.0:8081\"\n").unwrap();
        assert_eq!(exit("gangway.toml", "concise"), code(0), "a warning alone is fine");
        assert_eq!(exit("mappings", "sarif"), code(0));
    }

    #[test]
    fn a_folder_is_checked_whole_and_a_file_for_itself() {
        let folder = folder();
        let root = folder.path();
        assert_eq!(
            told(root),
            ["gangway.toml CFG-0007", "gangway.toml CFG-0012", "other.toml CFG-0004", "house.toml CFG-0007"]
        );
        assert_eq!(told(&root.join("gangway.toml")), ["gangway.toml CFG-0007", "gangway.toml CFG-0012"]);
        assert_eq!(told(&root.join("partners/other.toml")), ["other.toml CFG-0004"]);
        assert_eq!(told(&root.join("partners/templates/house.toml")), ["house.toml CFG-0007"]);
        assert_eq!(told(&root.join("partners")), ["other.toml CFG-0004", "house.toml CFG-0007"]);
        assert_eq!(told(&root.join("nothing.toml")), ["nothing.toml CFG-0001"]);
        assert_eq!(told(&root.join("mappings")), [""; 0], "an empty folder has nothing wrong");
    }

    #[test]
    fn a_data_folder_that_everybody_may_enter_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        fs::create_dir(&data).unwrap();
        for (mode, others) in [(0o755, true), (0o701, true), (0o750, false), (0o700, false)] {
            fs::set_permissions(&data, fs::Permissions::from_mode(mode)).unwrap();
            let codes: Vec<_> = check(folder.path()).findings.into_iter().map(|finding| finding.code).collect();
            assert_eq!(codes.contains(&OPEN_TO_OTHERS), others, "{mode:o}: {codes:?}");
        }
    }

    #[test]
    fn a_file_that_belongs_to_nothing_is_known_by_what_it_holds() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::write(&path, text).unwrap();
            path
        };
        assert_eq!(told(&write("new.toml", "name = \"New\"\nstatus = \"life\"\n")), ["new.toml CFG-0006"]);
        assert_eq!(told(&write("prod.toml", "[public]\nhttp = 80\n")), ["prod.toml CFG-0004"]);
        assert_eq!(told(&write("My Partner.toml", "name = \"New\"\n")), ["My Partner.toml PRT-0001"]);
    }

    #[test]
    fn the_repository_is_clean() {
        let mut checked = check(Path::new(env!("CARGO_MANIFEST_DIR")));
        // Whoever runs the program here has a data folder that is no part of the repository.
        checked.findings.retain(|finding| finding.code != OPEN_TO_OTHERS);
        assert_eq!(checked.findings, vec![]);
        assert!(checked.what.starts_with("3 partners, 7 templates, "), "{}", checked.what);
    }
}
