//! A new partner's file, written from answers: every line says what it is for, and what its template settles is left to
//! the template.

use std::path::PathBuf;

use crate::{
    config::{Node, Source},
    partner::{Partner, Status},
};

/// Which answers a template asks for: it has a table for each channel that its partners use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Needs {
    /// Envelope ids.
    pub x12: bool,
    /// API keys.
    pub rest: bool,
    /// An AS2 id and a certificate.
    pub as2: bool,
    /// An SFTP user.
    pub sftp: bool,
    /// The partner's own SFTP server.
    pub sftp_push: bool,
    /// Credentials of cXML.
    pub cxml: bool,
}

/// What a new partner's file says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Draft {
    /// The partner's id, which is the file's name.
    pub id: String,
    /// The name people use.
    pub name: String,
    /// The template.
    pub template: String,
    /// The ERP's number of it.
    pub vendor_number: Option<String>,
    /// Envelopes.
    pub x12: Option<X12Answers>,
    /// The hashes of its API keys, each with what it is for.
    pub api_keys: Vec<(String, String)>,
    /// AS2.
    pub as2: Option<As2Answers>,
    /// Its drop box.
    pub sftp: Option<SftpAnswers>,
    /// Its own server.
    pub sftp_push: Option<PushAnswers>,
    /// cXML.
    pub cxml: Option<CxmlAnswers>,
}

/// Who is who in headers of cXML, and what each side shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CxmlAnswers {
    /// Who they are, `domain/identity`.
    pub theirs: Vec<String>,
    /// Who we are to them.
    pub ours: String,
    /// Where documents to them are posted.
    pub url: Option<String>,
    /// Where our secret for them is kept, as a reference.
    pub secret: String,
    /// The hash of theirs.
    pub their_secret: String,
}

/// Who is who in envelopes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct X12Answers {
    /// Who they are, `qualifier/id`.
    pub theirs: Vec<String>,
    /// Who we are to them.
    pub ours: String,
}

/// How AS2 knows the partner.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct As2Answers {
    /// Its AS2-From.
    pub id: String,
    /// Where messages to it are sent.
    pub url: Option<String>,
    /// Its certificates, from the folder of partner files.
    pub certificates: Vec<PathBuf>,
}

/// How SFTP knows the partner.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SftpAnswers {
    /// The name it logs in with.
    pub user: String,
    /// Its public keys.
    pub keys: Vec<String>,
    /// The hash of its password, where it has no key.
    pub password: Option<String>,
}

/// Where files are taken to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PushAnswers {
    /// Its server and port.
    pub server: String,
    /// Our user there.
    pub user: String,
    /// Its host keys.
    pub host_keys: Vec<String>,
    /// Where our key for it is kept, as a reference.
    pub key: String,
}

impl Needs {
    /// What partners of a template have to say themselves.
    pub fn of(template: &std::sync::Arc<Source>) -> Self {
        let (node, _) = Node::parse(template);
        let has = |table: &str| node.at(table).is_some();
        Self {
            x12: has("x12"),
            rest: has("rest"),
            as2: has("as2"),
            sftp: has("sftp"),
            sftp_push: has("sftp_push"),
            cxml: has("cxml"),
        }
    }
}

impl Draft {
    /// The file.
    pub fn text(&self) -> String {
        let mut page = Page::default();
        page.line("#:schema .schema.json");
        page.line(&format!(
            "# What is not said here is said in templates/{0}.toml, or in the built-in {0}.",
            self.template
        ));
        page.line("# `gangway partner show` prints all of it, each value with its file and line.");
        page.line("");
        page.set("name", &quoted(&self.name), "the name people use");
        page.set("template", &quoted(&self.template), "what holds where this file is silent");
        page.set(
            "status",
            &quoted(Status::Test.as_str()),
            "onboarding, test, live or suspended; as \"test\" it feeds test consumers only",
        );
        match &self.vendor_number {
            Some(number) => page.set("vendor_number", &quoted(number), "its number in the ERP"),
            None => page.line("#vendor_number = \"100234\"   # its number in the ERP, by which the ERP may address it"),
        }
        if let Some(x12) = &self.x12 {
            page.table("x12", "Who is who in the envelopes. Codes and ids stand in quotes.");
            page.set("ids", &list(&x12.theirs), "who they are: ISA05/ISA06, with ` GS:…` where the group's id matters");
            page.set("ours", &quoted(&x12.ours), "who we are to them: ISA07/ISA08");
        }
        if let Some(as2) = &self.as2 {
            page.table("as2", "Its AS2.");
            page.set("id", &quoted(&as2.id), "its AS2-From, exactly as it is sent");
            match &as2.url {
                Some(url) => page.set("url", &quoted(url), "where messages to it are sent"),
                None => page.line("#url = \"https://as2.example.com/as2\"   # where messages to it are sent; one that only sends needs none"),
            }
            let paths: Vec<_> = as2.certificates.iter().map(|path| path.display().to_string()).collect();
            page.set("certificates", &list(&paths), "several while one replaces another; any of them verifies");
        }
        if let Some(sftp) = &self.sftp {
            page.table("sftp", "Its drop box with us.");
            page.set("users", &list(std::slice::from_ref(&sftp.user)), "the names it logs in with");
            if !sftp.keys.is_empty() {
                page.line("# Its public keys, the lines of its .pub files.");
                page.set("keys", &tall(&sftp.keys), "");
            }
            if let Some(hash) = &sftp.password {
                page.line("# The hash of its password. A key is better: ask for one.");
                page.set("passwords", &tall(std::slice::from_ref(hash)), "");
            }
        }
        if let Some(push) = &self.sftp_push {
            page.table("sftp_push", "Its own server, to which files for it are taken.");
            page.set("server", &quoted(&push.server), "name and port");
            page.set("user", &quoted(&push.user), "the name we log in with");
            page.set("key", &quoted(&push.key), "where our private key is kept; never the key itself");
            page.line("# Its host keys, as its operator told them by another way than this connection.");
            page.set("host_keys", &tall(&push.host_keys), "");
            page.line("#folder = \"/in\"          # where it wants our files; the root, where this is not said");
            page.line("#collect_from = [\"/out\"] # where its own files are, if we are to fetch them there");
            page.line("#collected = \"remove\"    # what becomes of those there then; or \"move\", \"keep\"");
        }
        if let Some(cxml) = &self.cxml {
            page.table("cxml", "Who is who in the headers of cXML, as domain/identity, and what each side shows.");
            page.set("ids", &list(&cxml.theirs), "who they are: the Credential in their From");
            page.set("ours", &quoted(&cxml.ours), "who we are to them: the Credential in their To");
            page.line(
                "#sender = \"NetworkID/AN01000000001\"   # who hands our documents over, where that is not `ours`",
            );
            match &cxml.url {
                Some(url) => page.set("url", &quoted(url), "where documents to them are posted"),
                None => page.line("#url = \"https://acme.example/cxml\"   # where documents to them are posted"),
            }
            page.set(
                "secret",
                &quoted(&cxml.secret),
                "where our shared secret is kept; it is put in when a document is sent",
            );
            page.line("# The hash of what their documents have to show; two while one replaces the other.");
            page.set("their_secrets", &tall(std::slice::from_ref(&cxml.their_secret)), "");
        }
        if !self.api_keys.is_empty() {
            page.table(
                "rest",
                "Its API keys, as hashes: nobody can read a key here. `gangway partner key` makes and revokes them.",
            );
            page.line("api_keys = [");
            for (hash, what) in &self.api_keys {
                page.line(&format!("    {}, # {what}", quoted(hash)));
            }
            page.line("]");
        }
        page.0
    }
}

/// A file being written.
#[derive(Default)]
struct Page(String);

impl Page {
    fn line(&mut self, text: &str) {
        self.0.push_str(text);
        self.0.push('\n');
    }

    fn set(&mut self, key: &str, value: &str, why: &str) {
        let set = format!("{key:<13} = {value}");
        if why.is_empty() { self.line(&set) } else { self.line(&format!("{set:<48} # {why}")) }
    }

    fn table(&mut self, name: &str, why: &str) {
        self.line("");
        self.line(&format!("# {why}"));
        self.line(&format!("[{name}]"));
    }
}

/// A text as TOML writes it.
fn quoted(text: &str) -> String {
    toml_edit::Value::from(text).to_string()
}

fn list(texts: &[String]) -> String {
    let quoted: Vec<_> = texts.iter().map(|text| quoted(text)).collect();
    format!("[{}]", quoted.join(", "))
}

/// The same, one below the other, for long texts.
fn tall(texts: &[String]) -> String {
    let lines: String = texts.iter().map(|text| format!("    {},\n", quoted(text))).collect();
    format!("[\n{lines}]")
}

/// What a template asks of its partners, from a partner that has it all.
impl From<&Partner> for Needs {
    fn from(partner: &Partner) -> Self {
        Self {
            x12: partner.x12.is_some(),
            rest: partner.rest.is_some(),
            as2: partner.as2.is_some(),
            sftp: partner.sftp.is_some(),
            sftp_push: partner.sftp_push.is_some(),
            cxml: partner.cxml.is_some(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_says_of_every_line_what_it_is_for() {
        let draft = Draft {
            id: "acme".into(),
            name: "Acme \"Bearings\"".into(),
            template: "as2-x12".into(),
            vendor_number: Some("100234".into()),
            x12: Some(X12Answers { theirs: vec!["01/123456789".into()], ours: "01/098765432".into() }),
            api_keys: vec![("sha256:00".into(), "test".into())],
            as2: Some(As2Answers {
                id: "ACME".into(),
                url: Some("https://as2.acme.example/as2".into()),
                certificates: vec!["certs/acme.pem".into()],
            }),
            sftp: Some(SftpAnswers {
                user: "acme".into(),
                keys: vec!["ssh-ed25519 AAAA acme".into()],
                password: Some("$argon2id$x".into()),
            }),
            sftp_push: Some(PushAnswers {
                server: "sftp.acme.example:22".into(),
                user: "gangway".into(),
                host_keys: vec!["ssh-ed25519 BBBB".into()],
                key: "file:secrets/acme".into(),
            }),
            cxml: Some(CxmlAnswers {
                theirs: vec!["DUNS/123456789".into()],
                ours: "DUNS/098765432".into(),
                url: Some("https://acme.example/cxml".into()),
                secret: "file:secrets/acme-cxml".into(),
                their_secret: "sha256:00".into(),
            }),
        };
        insta::assert_snapshot!(draft.text());
        assert!(toml_edit::DocumentMut::from_str(&draft.text()).is_ok());
    }

    use std::str::FromStr as _;

    #[test]
    fn a_template_asks_for_what_it_has_tables_for() {
        let of = |name: &str| {
            let (_, text) = crate::partner::TEMPLATES.iter().find(|(known, _)| *known == name).unwrap();
            let needs = Needs::of(&Source::new(name, *text));
            [needs.x12, needs.rest, needs.as2, needs.sftp, needs.sftp_push]
        };
        assert_eq!(of("rest-json"), [false, true, false, false, false]);
        assert_eq!(of("api-x12"), [true, true, false, false, false]);
        assert_eq!(of("as2-x12"), [true, false, true, false, false]);
        assert_eq!(of("as2-ubl"), [false, false, true, false, false]);
        assert_eq!(of("sftp-x12"), [true, false, false, true, false]);
        assert_eq!(of("sftp-push-x12"), [true, false, false, true, true]);
    }
}
