//! `gangway partner new ID --template T`: a new supplier in ten minutes. What the template needs is asked for, or taken
//! from flags; nothing is written before all of it is good.

use std::{
    fs,
    io::{self, BufRead, IsTerminal, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use argon2::{Argon2, PasswordHasher};

use super::{OnDisk, key::remark, record, welcome};
use crate::{
    cli::{CONFIGURATION, FINDINGS, USAGE, exit, operate::Where, print_text},
    config::{
        Diagnostic, Source, did_you_mean,
        render::{Format, render},
    },
    document::Mode,
    keys::{self, ApiKey, Secret},
    onboard::{As2Answers, CxmlAnswers, Draft, Needs, PushAnswers, SftpAnswers, X12Answers},
    partner::{Files, is_id},
};

/// Writes a new partner's file, its keys, its sample files and the page to send it.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    at: Where,
    /// The partner's id: lower-case letters, digits, - and _. It names the file, and stands in events.
    id: String,
    /// rest-json, rest-cxml, api-x12, as2-x12, as2-ubl, sftp-x12, sftp-push-x12, or one of your own in partners/templates.
    #[arg(long)]
    template: String,
    /// The name people use.
    #[arg(long)]
    name: Option<String>,
    /// The ERP's number of it.
    #[arg(long)]
    vendor_number: Option<String>,
    /// Who they are in envelopes: qualifier/id. May be given several times.
    #[arg(long = "their-id", value_name = "QUALIFIER/ID")]
    their_ids: Vec<String>,
    /// Who we are to them: qualifier/id.
    #[arg(long, value_name = "QUALIFIER/ID")]
    our_id: Option<String>,
    /// Their AS2 id.
    #[arg(long)]
    as2_id: Option<String>,
    /// Where AS2 messages to them are sent.
    #[arg(long, value_name = "URL")]
    as2_url: Option<String>,
    /// Their AS2 certificate, a PEM file; it is copied into partners/certs. May be given several times.
    #[arg(long = "certificate", value_name = "FILE")]
    certificates: Vec<PathBuf>,
    /// The name they log in with over SFTP; their id where none is given.
    #[arg(long)]
    sftp_user: Option<String>,
    /// Their SSH public key: the line itself, or the .pub file. May be given several times.
    #[arg(long = "ssh-key", value_name = "KEY|FILE")]
    ssh_keys: Vec<String>,
    /// They cannot use keys: make a password, shown once.
    #[arg(long)]
    password: bool,
    /// Their own SFTP server and port.
    #[arg(long, value_name = "HOST:PORT")]
    push_server: Option<String>,
    /// Our user on their server.
    #[arg(long)]
    push_user: Option<String>,
    /// A host key of their server, as they told it: the line itself, or a file. May be given several times.
    #[arg(long = "push-host-key", value_name = "KEY|FILE")]
    push_host_keys: Vec<String>,
    /// Where our private key for their server is kept, like file:secrets/acme.
    #[arg(long, value_name = "REFERENCE")]
    push_key: Option<String>,
    /// Who they are in headers of cXML: domain/identity. May be given several times.
    #[arg(long = "cxml-id", value_name = "DOMAIN/IDENTITY")]
    cxml_ids: Vec<String>,
    /// Who we are to them in headers of cXML.
    #[arg(long, value_name = "DOMAIN/IDENTITY")]
    our_cxml_id: Option<String>,
    /// Where cXML documents to them are posted.
    #[arg(long, value_name = "URL")]
    cxml_url: Option<String>,
    /// Where our shared secret with them is kept, like file:secrets/acme-cxml.
    #[arg(long, value_name = "REFERENCE")]
    cxml_secret: Option<String>,
    /// The name by which suppliers reach this gateway, for the page.
    #[arg(long)]
    host: Option<String>,
    /// Never ask: what is missing ends the command. So it is where no terminal is there to ask on.
    #[arg(long)]
    no_input: bool,
}

/// Runs the command.
pub(super) fn run(args: Args) -> anyhow::Result<ExitCode> {
    if !is_id(&args.id) {
        let told = "has to be up to 64 lower-case letters, digits, - and _, and begin with a letter or a digit";
        return Err(exit(USAGE, format!("{:?} cannot be a partner's id: it {told}; --name may be anything", args.id)));
    }
    let settings = args.at.settings()?;
    let mut files = Files::read(&settings.partners);
    let path = settings.partners.join(format!("{}.toml", args.id));
    if path.exists() {
        return Err(exit(USAGE, format!("{} is there already; nothing was changed", path.display())));
    }
    let name = args.template.trim_end_matches(".toml");
    let Some(template) = files.templates.get(name) else {
        let names = || files.templates.keys().map(String::as_str);
        let hint = did_you_mean(name, names()).map_or_else(
            || format!("there are {}", names().collect::<Vec<_>>().join(", ")),
            |near| format!("did you mean {near}?"),
        );
        return Err(exit(USAGE, format!("there is no template \"{name}\": {hint}")));
    };
    let asks = Asks { may: !args.no_input && io::stdin().is_terminal() };
    let mut made = Made::default();
    let draft = answers(&args, name, Needs::of(template), &asks, &mut made)?;

    // Certificates have to be where the file says before the file is looked at; they are taken back if it is not good.
    let certs = settings.partners.join("certs");
    let mut copied = Vec::new();
    for (from, to) in &made.certificates {
        fs::create_dir_all(&certs)?;
        let to = settings.partners.join(to);
        if !to.exists() {
            fs::copy(from, &to).map_err(|error| exit(USAGE, format!("{}: {error}", from.display())))?;
            copied.push(to);
        }
    }
    let text = draft.text();
    let shown = path.display().to_string();
    files.partners.insert(args.id.clone(), Source::new(shown.clone(), text.as_str()));
    let disk = OnDisk::of(settings, files);
    let about = |told: &&Diagnostic| told.labels.iter().any(|label| *label.file == *shown);
    let findings: Vec<_> = disk.findings.iter().filter(about).cloned().collect();
    let Some(partner) = disk.served(&args.id).filter(|_| !findings.iter().any(Diagnostic::is_error)) else {
        for path in &copied {
            let _ = fs::remove_file(path);
        }
        print_text(&render(Format::Text, &findings, false, crate::gateway::page))?;
        return Err(exit(CONFIGURATION, "the file would not be good: nothing was written"));
    };
    fs::create_dir_all(&disk.settings.partners)?;
    let mut file = fs::File::create_new(&path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    if !disk.settings.partners.join(".schema.json").exists() {
        fs::write(disk.settings.partners.join(".schema.json"), crate::partner::partner_schema())?;
    }
    let page = welcome::write(&disk.settings, partner, args.host.as_deref())?;
    record(&disk.settings, &format!("partner new: from template {name}"), &args.id, "-")?;
    let _ = crate::control::call(&disk.settings.data, &crate::control::Request::Reload);

    print_text(&format!("wrote {}\nwrote {}, with samples beside it\n", path.display(), page.display()))?;
    if !made.secrets.is_empty() {
        print_text("\nShown once; give them to the partner by a safe way:\n")?;
        for (what, secret) in &made.secrets {
            print_text(&format!("  {what:<22} {secret}\n"))?;
        }
    }
    print_text(&format!("\nNext: gangway check; gangway partner certify {} --self\n", args.id))?;
    if findings.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    print_text(&render(Format::Concise, &findings, false, crate::gateway::page))?;
    Ok(ExitCode::from(if findings.iter().any(Diagnostic::is_error) { FINDINGS } else { 0 }))
}

/// What was made on the way.
#[derive(Default)]
struct Made {
    /// Shown once.
    secrets: Vec<(&'static str, String)>,
    /// From where, and to where below the folder of partners.
    certificates: Vec<(PathBuf, PathBuf)>,
}

fn answers(args: &Args, template: &str, needs: Needs, asks: &Asks, made: &mut Made) -> anyhow::Result<Draft> {
    let mut draft = Draft { id: args.id.clone(), template: template.to_owned(), ..Draft::default() };
    draft.name = asks.needed(args.name.clone(), "--name", "The name people use", Some(&args.id))?;
    draft.vendor_number = asks.wanted(args.vendor_number.clone(), "Its number in the ERP")?;
    if needs.x12 {
        let mut theirs = args.their_ids.clone();
        if theirs.is_empty() {
            theirs.push(asks.needed(None, "--their-id", "Their X12 id, qualifier/id like 01/123456789", None)?);
        }
        let ours = asks.needed(args.our_id.clone(), "--our-id", "Our X12 id to them", None)?;
        draft.x12 = Some(X12Answers { theirs, ours });
    }
    if needs.as2 {
        let id = asks.needed(args.as2_id.clone(), "--as2-id", "Their AS2 id", None)?;
        let url = asks.wanted(args.as2_url.clone(), "Their AS2 address, like https://as2.acme.example/as2")?;
        let mut certificates = args.certificates.clone();
        if certificates.is_empty() {
            certificates
                .push(asks.needed(None, "--certificate", "The file of their AS2 certificate (PEM)", None)?.into());
        }
        let mut paths = Vec::new();
        for (index, from) in certificates.into_iter().enumerate() {
            let number = if index == 0 { String::new() } else { format!("-{}", index + 1) };
            let to = PathBuf::from(format!("certs/{}{number}.pem", args.id));
            paths.push(to.clone());
            made.certificates.push((from, to));
        }
        draft.as2 = Some(As2Answers { id, url, certificates: paths });
    }
    if needs.sftp {
        let user =
            asks.needed(args.sftp_user.clone(), "--sftp-user", "The name they log in with over SFTP", Some(&args.id))?;
        let mut keys = args.ssh_keys.iter().map(|key| line_or_file(key)).collect::<anyhow::Result<Vec<_>>>()?;
        if keys.is_empty() && !args.password {
            let asked =
                asks.wanted(None, "Their SSH public key (the line, or the .pub file); none makes a password")?;
            keys.extend(asked.map(|key| line_or_file(&key)).transpose()?);
        }
        if keys.is_empty() && !args.password && !asks.may {
            return Err(exit(USAGE, "--ssh-key is missing (or --password, where they cannot use keys)"));
        }
        let password = if keys.is_empty() || args.password { Some(password(made)?) } else { None };
        draft.sftp = Some(SftpAnswers { user, keys, password });
    }
    if needs.sftp_push {
        let server = asks.needed(args.push_server.clone(), "--push-server", "Their SFTP server, host:port", None)?;
        let user = asks.needed(args.push_user.clone(), "--push-user", "Our user there", None)?;
        let mut keys = args.push_host_keys.clone();
        if keys.is_empty() {
            keys.push(asks.needed(
                None,
                "--push-host-key",
                "Its host key, as they told it (the line, or a file)",
                None,
            )?);
        }
        let host_keys = keys.iter().map(|key| line_or_file(key)).collect::<anyhow::Result<Vec<_>>>()?;
        let default = format!("file:secrets/{}", args.id);
        let key =
            asks.needed(args.push_key.clone(), "--push-key", "Where our private key for it is kept", Some(&default))?;
        draft.sftp_push = Some(PushAnswers { server, user, host_keys, key });
    }
    if needs.cxml {
        let mut theirs = args.cxml_ids.clone();
        if theirs.is_empty() {
            theirs.push(asks.needed(None, "--cxml-id", "Their cXML credential, like DUNS/123456789", None)?);
        }
        let ours = asks.needed(args.our_cxml_id.clone(), "--our-cxml-id", "Our cXML credential to them", None)?;
        let url = asks.wanted(args.cxml_url.clone(), "Their cXML address, like https://acme.example/cxml")?;
        let default = format!("file:secrets/{}-cxml", args.id);
        let kept = "Where our shared secret with them is kept";
        let secret = asks.needed(args.cxml_secret.clone(), "--cxml-secret", kept, Some(&default))?;
        let shown = Secret::generate();
        let their_secret = format!("sha256:{}", keys::sha256_hex(shown.reveal().as_bytes()));
        made.secrets.push(("cXML SharedSecret", shown.reveal().to_owned()));
        draft.cxml = Some(CxmlAnswers { theirs, ours, url, secret, their_secret });
    }
    if needs.rest {
        for (mode, what) in [(Mode::Test, "API key, rehearsals"), (Mode::Live, "API key, business")] {
            let key = ApiKey::generate(mode);
            draft.api_keys.push((format!("sha256:{}", key.digest()), remark(&key, mode)));
            made.secrets.push((what, key.reveal().to_owned()));
        }
    }
    Ok(draft)
}

/// A new password; its hash is what the file gets.
fn password(made: &mut Made) -> anyhow::Result<String> {
    let password = Secret::generate();
    let hash = Argon2::default().hash_password_with_salt(password.reveal().as_bytes(), &keys::random::<16>());
    let hash = hash.map_err(|error| anyhow::anyhow!("the password cannot be hashed: {error}"))?;
    made.secrets.push(("SFTP password", password.reveal().to_owned()));
    Ok(hash.to_string())
}

/// A key as it was given, or the first line of the file that it names.
fn line_or_file(given: &str) -> anyhow::Result<String> {
    let given = given.trim();
    if given.contains(' ') || !Path::new(given).exists() {
        return Ok(given.to_owned());
    }
    let text = fs::read_to_string(given).map_err(|error| exit(USAGE, format!("{given}: {error}")))?;
    Ok(text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default().trim().to_owned())
}

/// Asks on the terminal, where there is one.
struct Asks {
    may: bool,
}

impl Asks {
    fn needed(&self, given: Option<String>, flag: &str, what: &str, default: Option<&str>) -> anyhow::Result<String> {
        if let Some(given) = given {
            return Ok(given);
        }
        if !self.may {
            return default.map(str::to_owned).ok_or_else(|| exit(USAGE, format!("{flag} is missing: {what}")));
        }
        loop {
            let answer = ask(what, default)?;
            if let Some(answer) = answer.or_else(|| default.map(str::to_owned)) {
                return Ok(answer);
            }
        }
    }

    fn wanted(&self, given: Option<String>, what: &str) -> anyhow::Result<Option<String>> {
        if given.is_some() || !self.may {
            return Ok(given);
        }
        ask(&format!("{what} (may stay empty)"), None)
    }
}

/// One question; `None` where nothing was answered.
fn ask(what: &str, default: Option<&str>) -> anyhow::Result<Option<String>> {
    let default = default.map(|default| format!(" [{default}]")).unwrap_or_default();
    let mut out = io::stderr();
    write!(out, "{what}{default}: ")?;
    out.flush()?;
    let mut line = String::new();
    #[expect(clippy::disallowed_methods, reason = "the `take` before it is the cap")]
    let read = io::Read::take(io::stdin().lock(), 64 << 10).read_line(&mut line)?;
    if read == 0 {
        return Err(exit(USAGE, "there is nobody to answer: give flags, or --no-input"));
    }
    Ok(Some(line.trim().to_owned()).filter(|line| !line.is_empty()))
}
