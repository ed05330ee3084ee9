//! Our secrets with partners: the keys and passwords that we show them. Files only say where each is kept, so that one which
//! is not there is found out before something has to be sent.

use std::path::Path;

use super::{Directory, Files, Partner, effective};
use crate::config::{Diagnostic, SecretRef, codes};

impl Partner {
    /// Where our secrets with it are kept, each by its place in the partner's file.
    pub fn secrets(&self) -> impl Iterator<Item = (&'static str, &SecretRef)> {
        let push = self.sftp_push.iter();
        let push = push.flat_map(|push| [("sftp_push.key", &push.key), ("sftp_push.password", &push.password)]);
        let push = push.filter_map(|(path, secret)| Some((path, secret.as_ref()?)));
        let cxml = self.cxml.iter().filter_map(|cxml| Some(("cxml.secret", cxml.secret.as_ref()?)));
        let webhook =
            self.webhook.iter().flat_map(|webhook| &webhook.secrets).map(|secret| ("webhook.secrets", secret));
        let as2 = self.as2.iter().filter_map(|as2| Some(("as2.client_key", &as2.sending.client.as_ref()?.1)));
        push.chain(cxml).chain(webhook).chain(as2)
    }
}

/// The secrets that cannot be read here. Relative paths start at `root`.
pub fn unreadable_secrets(files: &Files, directory: &Directory, root: &Path) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    for partner in directory.partners() {
        for (path, secret) in partner.secrets() {
            let Err(error) = secret.resolve(root) else { continue };
            let values = effective(files, &partner.id).unwrap_or_default();
            let place = values.into_iter().find(|value| value.path == path).map(|value| value.origin);
            let told = Diagnostic::warning(codes::SECRET_UNREADABLE, error.to_string());
            let told = told.at(&place.unwrap_or_default(), "");
            findings.push(told.hint(format!("nothing that needs `{path}` reaches {} from here", partner.id)));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::partner::Sources;

    #[test]
    fn a_secret_that_is_not_there_is_told_where_it_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let partners = folder.path().join("partners");
        fs::create_dir_all(&partners).unwrap();
        fs::write(folder.path().join("there"), "secret\n").unwrap();
        fs::write(
            partners.join("acme.toml"),
            "name = \"Acme\"\n[webhook]\nurl = \"https://acme.example/hook\"\nsecrets = [\"file:there\", \"file:none\"]\n\
             [cxml]\nids = [\"DUNS/1\"]\nours = \"DUNS/2\"\nsecret = \"env:GANGWAY_NO_SUCH_SECRET\"\n\
             [sftp_push]\nserver = \"sftp.acme.example\"\nuser = \"us\"\ntrust_first_contact = true\nkey = \"file:none\"\n",
        )
        .unwrap();
        let sources = Sources { partners: partners.clone(), ..Sources::default() };
        let files = Files::read(&partners);
        let (directory, _) = Directory::build(&files, &sources, &|_| true);
        let found = unreadable_secrets(&files, &directory, folder.path());
        let told: Vec<_> = found.iter().map(|told| (told.line().unwrap().1, told.code.as_str())).collect();
        assert_eq!(told, [(13, "CFG-0009"), (8, "CFG-0009"), (4, "CFG-0009")]);
        assert!(found.iter().all(|told| !told.message.contains("secret\n")));
    }
}
