//! The page that a new partner is sent: where to go, who is who, what to send first, and how both sides will know that it
//! works.

use std::fmt::Write as _;

use crate::{
    config::Size,
    ledger::MAX_DOCUMENT,
    partner::{Collected, Complete, Folder, Partner},
};

/// Where suppliers reach this gateway, as they have to write it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Endpoints {
    /// The base of the supplier API, like `https://edi.maker.example`.
    pub api: Option<String>,
    /// The AS2 endpoint.
    pub as2: Option<String>,
    /// Host and port of the drop boxes.
    pub sftp: Option<(String, u16)>,
    /// Whether nobody else can reach these yet.
    pub local: bool,
}

/// What the page is made of.
#[derive(Debug, Clone)]
pub struct Welcome<'a> {
    /// The partner, as its files make it.
    pub partner: &'a Partner,
    /// Where it goes to.
    pub endpoints: &'a Endpoints,
    /// Our SFTP host keys: algorithm and fingerprint.
    pub host_keys: &'a [(String, String)],
    /// Our own AS2 id and the file of our certificate, where they are known.
    pub as2: Option<(&'a str, &'a str)>,
    /// The sample files, by their path beside the page, each with what it is.
    pub samples: &'a [(String, String)],
}

impl Welcome<'_> {
    /// The page, in Markdown.
    pub fn text(&self) -> String {
        let mut out = String::new();
        let partner = self.partner;
        line(&mut out, &format!("# Welcome, {}\n", partner.name));
        line(
            &mut out,
            "This page says how your system and ours exchange documents. Nothing secret stands in it: keys and",
        );
        line(&mut out, "passwords reach you by another way.\n");
        if self.endpoints.local {
            line(
                &mut out,
                "> Not ready to be sent: these addresses are of this machine only. Set `public.https` (or `sftp.address`)",
            );
            line(
                &mut out,
                "> in gangway.toml, and make this page anew with `gangway partner welcome ID --host NAME`.\n",
            );
        }
        self.who(&mut out);
        self.rest(&mut out);
        self.as2(&mut out);
        self.sftp(&mut out);
        self.push(&mut out);
        self.cxml(&mut out);
        self.test(&mut out);
        self.limits(&mut out);
        out
    }

    fn who(&self, out: &mut String) {
        let Some(x12) = &self.partner.x12 else { return };
        line(out, "## Who is who in the envelopes\n");
        line(out, "| | qualifier/id |\n|---|---|");
        for id in &x12.ids {
            line(out, &format!("| you, in ISA05/ISA06 of what you send | `{id}` |"));
        }
        line(out, &format!("| we, in ISA07/ISA08 of what you send | `{}` |", x12.ours));
        line(out, &format!("\nWe send X12 {}, and read what your envelope names.", x12.version));
        let answered = match x12.acknowledgement.as_str() {
            "none" => "You get no functional acknowledgement.".to_owned(),
            set => format!("Every interchange of yours is answered by a {set}; a TA1 comes {}.", ta1(x12.ta1.as_str())),
        };
        line(out, &format!("{answered} While we test, put `T` into ISA15.\n"));
    }

    fn cxml(&self, out: &mut String) {
        let Some(cxml) = &self.partner.cxml else { return };
        line(out, "## cXML\n");
        line(out, "| | domain/identity |\n|---|---|");
        for id in &cxml.ids {
            line(out, &format!("| you, in From of what you send | `{id}` |"));
        }
        line(out, &format!("| we, in To of what you send | `{}` |", cxml.ours));
        line(out, &format!("| who hands over what we send, in its Sender | `{}` |\n", cxml.sender));
        if let Some(api) = &self.endpoints.api {
            // A secret in the document does for a key.
            let (key, path) = match cxml.their_secrets.as_slice() {
                [] => ("-H \"Authorization: Bearer $KEY\" ", "messages"),
                _ => ("", "cxml"),
            };
            let call = format!("curl {key}-H \"Content-Type: text/xml\" --data-binary @confirmation.xml \\");
            line(out, &format!("```sh\n{call}\n     {api}/v1/{path}\n```\n"));
        }
        line(
            out,
            "The answer is a cXML Response: 200 once your document is on stable storage, 4xx where it will never be taken",
        );
        line(
            out,
            "as it is, 5xx where you should send it again. Sent again with the same payloadID, it is counted once.\n",
        );
        if !cxml.their_secrets.is_empty() {
            line(
                out,
                "Your Sender shows the SharedSecret that reaches you by another way; at this address nothing else is asked for.\n",
            );
        }
        if let Some(url) = &cxml.url {
            line(out, &format!("What we send is posted to `{url}`, and your Response says what became of it.\n"));
        }
    }

    fn rest(&self, out: &mut String) {
        let (Some(rest), Some(api)) = (&self.partner.rest, &self.endpoints.api) else { return };
        line(out, "## The API\n");
        line(out, &format!("Base address: `{api}`, version `{}`\n", rest.version));
        line(
            out,
            "Every request has `Authorization: Bearer KEY`; every POST has an `Idempotency-Key` of your choice, the same when",
        );
        line(
            out,
            "you repeat it. 202 means that what you sent is on stable storage, not sooner. Keys that begin with `gw_test_`",
        );
        line(out, "are for trying things: what comes with them never reaches business.\n");
        if self.partner.x12.is_some() {
            line(out, "```sh");
            line(
                out,
                &format!(
                    "curl -H \"Authorization: Bearer $KEY\" -H \"Idempotency-Key: first-try\" \\\n     -H \"Content-Type: application/edi-x12\" --data-binary @855.edi {api}/v1/messages"
                ),
            );
            line(out, "```\n");
            line(out, "`GET /v1/messages/ID` tells what became of it, and names its acknowledgement.\n");
        } else if let Some((file, kind, path)) = self.first_sample() {
            line(out, "```sh");
            line(
                out,
                &format!(
                    "curl -H \"Authorization: Bearer $KEY\" -H \"Idempotency-Key: first-try\" \\\n     -H \"Content-Type: {kind}\" --data-binary @{file} {api}/v1/{path}"
                ),
            );
            line(out, "```\n");
        }
    }

    /// The first of the samples that goes over the API as it is, its type, and where it is posted. How cXML is posted stands
    /// with cXML.
    fn first_sample(&self) -> Option<(&str, &str, &str)> {
        let (path, _) = self.samples.first()?;
        let file = path.rsplit('/').next()?;
        match file.rsplit('.').next()? {
            "json" => Some((file, "application/json", "orders/4500000001/acknowledgements")),
            "xml" if self.partner.cxml.is_none() => Some((file, "application/xml", "messages")),
            _ => None,
        }
    }

    fn as2(&self, out: &mut String) {
        let (Some(as2), Some(url)) = (&self.partner.as2, &self.endpoints.as2) else { return };
        line(out, "## AS2\n");
        line(out, "| | you | we |\n|---|---|---|");
        let (our_id, certificate) = self.as2.unwrap_or(("as agreed", "sent apart from this page"));
        line(out, &format!("| AS2 id | `{}` | `{our_id}` |", as2.id));
        let theirs = as2.url.as_ref().map_or_else(|| "none: you only send".to_owned(), |url| format!("`{url}`"));
        line(out, &format!("| address | {theirs} | `{url}` |"));
        let yours: Vec<_> =
            as2.certificates.iter().map(|one| format!("{} `{}`", one.subject(), one.fingerprint())).collect();
        line(out, &format!("| certificate | {} | {certificate} |\n", yours.join(", ")));
        line(
            out,
            "Sign with SHA-256, encrypt with AES-256, and ask for a signed MDN. Compare its MIC with yours: if they are the",
        );
        line(out, "same, we have what you sent, byte for byte. Repeat a message with the same Message-ID.\n");
    }

    fn sftp(&self, out: &mut String) {
        let (Some(sftp), Some((host, port))) = (&self.partner.sftp, &self.endpoints.sftp) else { return };
        line(out, "## Your drop box (SFTP)\n");
        for user in &sftp.users {
            line(out, &format!("    sftp -P {port} {user}@{host}"));
        }
        let how = if sftp.keys.is_empty() { "with the password that you were told" } else { "with your key" };
        line(out, &format!("\nYou log in {how}. Before that, compare our host key; no other server is ours:\n"));
        for (algorithm, fingerprint) in self.host_keys {
            line(out, &format!("- `{algorithm}` `{fingerprint}`"));
        }
        line(out, "\n| folder | |\n|---|---|");
        let counts = match sftp.complete {
            Complete::Close => "a file counts once it is closed (or renamed, if you use temporary names)".to_owned(),
            Complete::Rename => "a file counts once it is renamed".to_owned(),
            Complete::Marker => {
                format!("a file counts once an empty file of its name and `{}` follows it", sftp.marker)
            }
            Complete::Quiet => format!("a file counts once it is closed and rested for {}", sftp.quiet),
        };
        line(out, &format!("| `inbound/` | put your files here; {counts} |"));
        line(out, "| `outbound/` | fetch ours here |");
        line(out, "| `receipts/` | what became of each of your files, and our acknowledgements |");
        for (path, folder) in &sftp.folders {
            let same = match folder {
                Folder::Inbound => "the same as `inbound/`",
                Folder::Outbound => "the same as `outbound/`",
                Folder::Receipts => "the same as `receipts/`",
                Folder::Staging => "files that are not finished; they count once they are moved into `inbound/`",
            };
            line(out, &format!("| `{}/` | {same} |", path.to_string().trim_start_matches('/')));
        }
        let (sessions, files) = (sftp.sessions, sftp.files);
        line(
            out,
            &format!(
                "\nYou may have {sessions} connections at one time, and begin files of up to {}, {files}.\n",
                Size::bytes(self.partner.message_size)
            ),
        );
    }

    fn push(&self, out: &mut String) {
        let Some(push) = &self.partner.sftp_push else { return };
        line(out, "## Your server\n");
        line(out, &format!("We take files to `{}` as `{}`, into `{}`.", push.server, push.user, push.folder));
        if !push.temporary.is_empty() {
            line(out, &format!("Until a file is whole there, its name ends with `{}`.", push.temporary));
        }
        if !push.collect_from.is_empty() {
            let folders = push.collect_from.iter().map(|folder| format!("`{folder}`")).collect::<Vec<_>>().join(", ");
            let then = match push.collected {
                Collected::Remove => "remove what we have".to_owned(),
                Collected::Move => format!("move what we have into `{}`", push.collected_to),
                Collected::Keep => "leave everything where it is".to_owned(),
            };
            line(out, &format!("We look into {folders} every {} for your files, and {then}.", push.collect_every));
            line(out, "Give a file its name when it is whole, by renaming it: half a file is never what you mean.");
        }
        if push.host_keys.is_empty() {
            line(
                out,
                "\nWe keep the host key that it shows at first, and trust no other from then on. Tell us before you change it.\n",
            );
            return;
        }
        line(out, "\nWe trust it by these host keys only:\n");
        for key in &push.host_keys {
            line(out, &format!("- `{}`", key.fingerprint()));
        }
        line(out, "\nTell us before you change them.\n");
    }

    fn test(&self, out: &mut String) {
        line(out, "## What to send first\n");
        line(out, "These files are made for your ids. Send them as they are, one after the other; then your own.\n");
        for (path, what) in self.samples {
            line(out, &format!("- [`{path}`]({path}): {what}"));
        }
        line(out, "\nThis is what both of us want to see before business begins:\n");
        for (step, required) in self.partner.certification.steps() {
            line(
                out,
                &format!("- [ ] {}{}", step.title_for_them(), if required { "" } else { " (if it can be arranged)" }),
            );
        }
        line(out, "");
    }

    fn limits(&self, out: &mut String) {
        let partner = self.partner;
        line(out, "## How much at once\n");
        line(
            out,
            &format!(
                "{} requests, {} documents, and {} in one message. What is over it is asked to wait, and not lost.",
                partner.requests,
                partner.documents,
                Size::bytes(partner.message_size)
            ),
        );
        if partner.rest.is_some() && partner.message_size > MAX_DOCUMENT {
            line(out, &format!("A document in JSON may have {}.", Size::bytes(MAX_DOCUMENT)));
        }
    }
}

fn ta1(when: &str) -> &'static str {
    match when {
        "on-request" => "when ISA14 asks for it",
        "errors" => "when ISA14 asks for it, and when an interchange is rejected",
        "always" => "for every interchange",
        _ => "never",
    }
}

fn line(out: &mut String, text: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{text}");
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::{
        config::Source,
        partner::{Directory, Files, Sources},
    };

    /// The page for a partner with this file.
    fn page(file: &str) -> String {
        let files = Files::one(Path::new("them.toml"), Source::new("them.toml", file));
        let sources = Sources::default();
        let (directory, findings) = Directory::build(&files, &sources, &|_| true);
        let partner = directory.partners().next().unwrap_or_else(|| panic!("{findings:#?}"));
        let endpoints = Endpoints { sftp: Some(("edi.maker.example".into(), 2222)), ..Endpoints::default() };
        let host_keys = [("ssh-ed25519".to_owned(), "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU".to_owned())];
        let mut text = String::new();
        let welcome = Welcome { partner, endpoints: &endpoints, host_keys: &host_keys, as2: None, samples: &[] };
        welcome.sftp(&mut text);
        welcome.push(&mut text);
        text
    }

    #[test]
    fn the_first_call_posts_a_file_that_is_there() {
        let call = |file: &str, samples: &[&str]| {
            let files = Files::one(Path::new("them.toml"), Source::new("them.toml", file));
            let (directory, findings) = Directory::build(&files, &Sources::default(), &|_| true);
            let partner = directory.partners().next().unwrap_or_else(|| panic!("{findings:#?}"));
            let endpoints = Endpoints { api: Some("https://edi.maker.example/v1".into()), ..Endpoints::default() };
            let samples: Vec<_> =
                samples.iter().map(|name| (format!("them.samples/{name}"), "a sample".to_owned())).collect();
            let mut text = String::new();
            let welcome = Welcome { partner, endpoints: &endpoints, host_keys: &[], as2: None, samples: &samples };
            welcome.rest(&mut text);
            text.split_once("--data-binary @").map(|(_, rest)| rest.split(' ').next().unwrap_or_default().to_owned())
        };
        let json = "name = \"Them\"\ntemplate = \"rest-json\"\n";
        assert_eq!(call(json, &["order-answer.json"]).as_deref(), Some("order-answer.json"));
        assert_eq!(call(json, &["order-response.xml"]).as_deref(), Some("order-response.xml"));
        let cxml = "name = \"Them\"\ntemplate = \"rest-cxml\"\n[cxml]\nids = [\"DUNS/1\"]\nours = \"DUNS/2\"\nurl = \"https://a.example\"\n";
        assert_eq!(call(cxml, &["confirmation.xml"]), None, "its call stands with cXML");
    }

    #[test]
    fn a_partner_on_sftp_reads_how_its_files_come_and_go() {
        let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILw+k78kwEHcnd1FA93p659VSNxPhV+LEp6EBn8QtW1U";
        insta::assert_snapshot!(page(&format!(
            "name = \"Them\"\ntemplate = \"sftp-push-x12\"\nvendor_number = \"1\"\n\n[x12]\nids = [\"ZZ/THEM\"]\nours = \"ZZ/US\"\n\n\
             [sftp]\nusers = [\"them\"]\nkeys = [\"{key}\"]\ncomplete = \"marker\"\n\n[sftp.folders]\n\"/pub/edi\" = \"inbound\"\n\
             \"/tmp\" = \"staging\"\n\n[sftp_push]\nserver = \"sftp.them.example\"\nuser = \"us\"\nkey = \"file:secrets/them\"\n\
             host_keys = [\"{key}\"]\nfolder = \"/in\"\ncollect_from = [\"/out\", \"/acks\"]\ncollected = \"move\"\n"
        )));
    }
}
