//! `gangway certs`: our own AS2 keys, and every certificate and host key that partners and we know each other by.
//!
//! A change without an outage: `new` makes a key that decrypts at once and does not sign yet; its certificate goes to the
//! partners; `rotate` says from when it signs; the old key decrypts for as long as it is there.

use std::{fs, path::PathBuf, process::ExitCode};

use jiff::Timestamp;

use super::{
    CONFIGURATION, USAGE, exit,
    operate::{Where, record, table},
    print_text,
};
use crate::{
    config::Settings,
    control::{Request, call, running},
    doors::{
        as2::{Ring, ring},
        sftp::HostKeys,
    },
    mapping::Library,
    partner::{Loader, Sources, ending},
};

/// Our own AS2 keys, and every certificate that partners and we know each other by.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Make a key and its certificate. It decrypts at once, and signs from when `rotate` says.
    New {
        #[command(flatten)]
        at: Where,
        /// The name in the certificate; our AS2 name, unless it is given.
        #[arg(long, value_name = "TEXT")]
        name: Option<String>,
        /// Write the pair into this folder instead, as NAME.pem and NAME.key, for somebody else to use.
        #[arg(long, value_name = "FOLDER")]
        out: Option<PathBuf>,
    },
    /// Show our keys, the partners' certificates and the SFTP host keys.
    Show {
        #[command(flatten)]
        at: Where,
        /// Print a certificate of ours in PEM, to be sent to partners: its name, or "signing".
        #[arg(long, value_name = "NAME")]
        pem: Option<String>,
    },
    /// Say from when a key signs.
    Rotate {
        #[command(flatten)]
        at: Where,
        /// The key's name, as `show` has it.
        name: String,
        /// From when, like 2027-01-31T06:00:00Z; now, unless it is given.
        #[arg(long, value_name = "TIME", value_parser = super::time)]
        from: Option<Timestamp>,
    },
}

/// Runs the command.
pub(super) fn run(args: Args) -> anyhow::Result<ExitCode> {
    match args.command {
        Command::New { at, name, out: Some(folder) } => pair(&at.settings()?, name, &folder),
        Command::New { at, name, out: None } => new(&at.settings()?, name),
        Command::Show { at, pem: Some(name) } => pem(&at.settings()?, &name),
        Command::Show { at, pem: None } => show(&at.settings()?),
        Command::Rotate { at, name, from } => rotate(&at.settings()?, &name, from),
    }
}

fn new(settings: &Settings, name: Option<String>) -> anyhow::Result<ExitCode> {
    // A first key signs at once: there is nobody to wait for.
    open(settings)?;
    let folder = ring::folder(settings);
    let name = name.unwrap_or_else(|| settings.as2.id.value.clone());
    let made = ring::make(&folder, &name).map_err(|error| exit(CONFIGURATION, error))?;
    record(settings, "certs new", &made, "-")?;
    reload(settings)?;
    print_text(&format!(
        "The key {made} was made. It decrypts from now on, and does not sign yet.\n\
         1. Send its certificate to your partners: {}\n\
         2. When they have it: gangway certs rotate {made} --from TIME\n",
        folder.join(format!("{made}.pem")).display()
    ))?;
    Ok(ExitCode::SUCCESS)
}

fn pair(settings: &Settings, name: Option<String>, folder: &std::path::Path) -> anyhow::Result<ExitCode> {
    let name = name.unwrap_or_else(|| settings.as2.id.value.clone());
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c.to_ascii_lowercase() } else { '-' };
    let file: String = name.chars().map(plain).collect();
    let (certificate, key) = ring::pair_in_pem(&name, Timestamp::now())?;
    fs::create_dir_all(folder)?;
    for (ending, text, mode) in [("key", key, 0o600), ("pem", certificate, 0o644)] {
        use std::{io::Write, os::unix::fs::OpenOptionsExt};
        let path = folder.join(format!("{file}.{ending}"));
        let made = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(&path);
        made.map_err(|error| exit(USAGE, format!("{}: {error}", path.display())))?.write_all(text.as_bytes())?;
        print_text(&format!("{}\n", path.display()))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn rotate(settings: &Settings, name: &str, from: Option<Timestamp>) -> anyhow::Result<ExitCode> {
    let now = Timestamp::now();
    // A key that signs since then would have signed what another did.
    if let Some(past) = from.filter(|from| *from < now) {
        let message = format!("{past:.0} is over: give a time to come, or no --from, and {name} signs from now on");
        return Err(exit(USAGE, message));
    }
    let from = from.unwrap_or(now);
    ring::schedule(&ring::folder(settings), name, Some(from)).map_err(|error| exit(USAGE, error))?;
    record(settings, &format!("certs rotate: signs from {from:.0}"), name, "-")?;
    reload(settings)?;
    print_text(&format!("{name} signs from {from:.0} on. Every key goes on decrypting.\n"))?;
    Ok(ExitCode::SUCCESS)
}

fn pem(settings: &Settings, name: &str) -> anyhow::Result<ExitCode> {
    let ring = open(settings)?;
    let found = match name {
        "signing" => ring.signing(Timestamp::now()),
        name => ring.own().iter().find(|own| own.name == name),
    };
    let own = found.ok_or_else(|| exit(USAGE, format!("there is no key {name:?}")))?;
    print_text(&fs::read_to_string(&own.path)?)?;
    Ok(ExitCode::SUCCESS)
}

fn show(settings: &Settings) -> anyhow::Result<ExitCode> {
    let now = Timestamp::now();
    let mut text = String::from("Our AS2 keys. Every one decrypts.\n");
    match ring::existing(settings).map_err(|error| exit(CONFIGURATION, error))? {
        None => text += "None yet: the first start of the gateway, or `gangway certs new`, makes one.\n",
        Some(ring) => {
            let signing = ring.signing(now).map(|own| own.name.clone());
            let rows: Vec<_> = ring.own().iter().map(|own| row(own, signing.as_deref(), now)).collect();
            text += &table(&["name", "signs", "ends", "subject", "SHA-256"], &rows);
        }
    }
    let (library, _) = Library::load(Some(&settings.mappings));
    let (directory, _) = Loader::new(Sources::of(settings)).preview(&|id| library.by_id(id).is_some());
    let mut rows = Vec::new();
    for partner in directory.partners() {
        for certificate in partner.as2.iter().flat_map(|as2| &as2.certificates) {
            let ends = ending(certificate, now).unwrap_or_else(|| day(certificate.not_after()));
            rows.push(vec![
                partner.id.clone(),
                ends,
                certificate.subject().to_owned(),
                certificate.fingerprint().to_owned(),
            ]);
        }
    }
    if !rows.is_empty() {
        text += "\nPartners' AS2 certificates.\n";
        text += &table(&["partner", "ends", "subject", "SHA-256"], &rows);
    }
    let host_keys = settings.data.join("sftp");
    if host_keys.join("ssh_host_ed25519_key").exists() {
        let keys = HostKeys::open(&host_keys, settings.sftp.rsa_host_key)?;
        let rows: Vec<_> = keys.fingerprints().into_iter().map(|(kind, print)| vec![kind, print]).collect();
        text += "\nSFTP host keys.\n";
        text += &table(&["kind", "fingerprint"], &rows);
    }
    print_text(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn row(own: &crate::doors::as2::Own, signing: Option<&str>, now: Timestamp) -> Vec<String> {
    let certificate = own.key.certificate();
    let signs = match own.signs_from {
        _ if signing == Some(own.name.as_str()) => "now".to_owned(),
        None => "not yet decided".to_owned(),
        Some(from) if from > now => format!("from {from:.0}"),
        Some(_) => "no more".to_owned(),
    };
    let ends = ending(certificate, now).unwrap_or_else(|| day(certificate.not_after()));
    vec![own.name.clone(), signs, ends, certificate.subject().to_owned(), certificate.fingerprint().to_owned()]
}

fn day(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d").to_string()
}

fn open(settings: &Settings) -> anyhow::Result<Ring> {
    Ok(Ring::open(settings).map_err(|error| exit(CONFIGURATION, error))?.0)
}

/// Has a running gateway read its keys again.
fn reload(settings: &Settings) -> anyhow::Result<()> {
    if running(&settings.data) {
        call(&settings.data, &Request::Reload)?;
    }
    Ok(())
}
