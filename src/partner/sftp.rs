//! What is agreed about SFTP with one partner: who logs in and from where, which folders it sees, when a file of its is
//! whole, and when one of ours is delivered.

use std::{fmt, str::FromStr};

use super::{Day, PasswordHash, SftpSection, SftpUser, SshKey, codes};
use jiff::Timestamp;

use crate::config::{Diagnostic, Duration, Key, Network, Rate, Size, TextForm, Wrong, choice, text_form};

choice! {
    /// What a folder is for.
    pub enum Folder {
        /// Files for us.
        Inbound = "inbound",
        /// Files for us that are not finished: they count once they are moved into an inbound folder.
        Staging = "staging",
        /// What is there for the partner to fetch.
        Outbound = "outbound",
        /// What became of its files.
        Receipts = "receipts",
    }
}

choice! {
    /// When a file of the partner's is whole.
    pub enum Complete {
        /// When it is closed, unless its name is a temporary one: then when it gets its own.
        Close = "close",
        /// When it is renamed.
        Rename = "rename",
        /// When a file comes that has its name and the marker's ending.
        Marker = "marker",
        /// When nothing was written to it for a while after it was closed.
        Quiet = "quiet",
    }
}

choice! {
    /// What the same bytes under the same name are.
    pub enum SameFile {
        /// The same file again: nothing happens twice.
        Duplicate = "duplicate",
        /// A new file: its interchange number decides.
        New = "new",
    }
}

choice! {
    /// When a file of ours is delivered.
    pub enum Fetched {
        /// When it was read to its end and closed, or removed, or renamed.
        Read = "read",
        /// When it was removed or renamed.
        Removed = "removed",
    }
}

choice! {
    /// Where acknowledgements of the partner's files are put.
    pub enum AcknowledgementsIn {
        /// Beside the reports.
        Receipts = "receipts",
        /// Beside what else is for the partner, for programs that look into one folder only.
        Outbound = "outbound",
    }
}

/// A partner's SFTP.
#[derive(Debug, Clone, PartialEq)]
pub struct SftpTerms {
    /// The names it logs in with.
    pub users: Vec<SftpUser>,
    /// Its public keys.
    pub keys: Vec<SshKey>,
    /// The hashes of its passwords.
    pub passwords: Vec<PasswordHash>,
    /// The networks it may come from; none means any.
    pub sources: Vec<Network>,
    /// The last day on which it may use old algorithms.
    pub weak_until: Option<Day>,
    /// Its connections at one time.
    pub sessions: u32,
    /// The files it may begin.
    pub files: Rate,
    /// The bytes it may send within a minute.
    pub bytes_per_minute: Size,
    /// The bytes of a second, each way; none means as many as there are.
    pub bandwidth: Option<Size>,
    /// The bytes of what it began and did not finish.
    pub quota: Size,
    /// Its own names for folders.
    pub folders: Vec<(FolderPath, Folder)>,
    /// When its files are whole.
    pub complete: Complete,
    /// What a marker's name ends with.
    pub marker: String,
    /// How long quiet is.
    pub quiet: Duration,
    /// What its temporary names end with, beside those that everybody knows.
    pub temporary: Vec<String>,
    /// What the same bytes under the same name are.
    pub same_file: SameFile,
    /// When a file of ours is delivered.
    pub fetched: Fetched,
    /// What files of ours are called.
    pub names: NamePattern,
    /// Where acknowledgements are put.
    pub acknowledgements: AcknowledgementsIn,
}

impl SftpTerms {
    /// The terms of a partner that says nothing but who it is.
    pub fn plain(users: Vec<SftpUser>, keys: Vec<SshKey>, passwords: Vec<PasswordHash>) -> Self {
        Self {
            users,
            keys,
            passwords,
            sources: Vec::new(),
            weak_until: None,
            sessions: SESSIONS,
            files: FILES,
            bytes_per_minute: BYTES_PER_MINUTE,
            bandwidth: None,
            quota: QUOTA,
            folders: Vec::new(),
            complete: Complete::Close,
            marker: MARKER.to_owned(),
            quiet: QUIET,
            temporary: Vec::new(),
            same_file: SameFile::Duplicate,
            fetched: Fetched::Read,
            names: NamePattern::default(),
            acknowledgements: AcknowledgementsIn::Receipts,
        }
    }
}

impl SftpTerms {
    /// Whether it may use old algorithms at `now`.
    pub fn may_be_weak(&self, now: Timestamp) -> bool {
        self.weak_until.is_some_and(|day| !day.is_over(now))
    }
}

/// What works now and will not for long.
pub(super) fn advice(section: &SftpSection, now: Timestamp, findings: &mut Vec<Diagnostic>) {
    let Some(day) = &section.weak_until else { return };
    let told = match day.value.is_over(now) {
        true => {
            Diagnostic::warning(codes::WEAK_SFTP, format!("old SSH algorithms are refused since {} is over", day.value))
                .hint("remove this; or agree on another day, if the partner's program is still that old")
        }
        false if section.sources.is_empty() => Diagnostic::warning(
            codes::WEAK_SFTP,
            format!("old SSH algorithms are taken from this partner up to {}", day.value),
        )
        .hint(
            "ask it for a newer program; until then name its networks in `sources`, or they are offered to everybody",
        ),
        false => Diagnostic::warning(
            codes::WEAK_SFTP,
            format!("old SSH algorithms are taken from this partner up to {}", day.value),
        )
        .hint("ask it for a newer program before that day"),
    };
    findings.push(told.at(&day.origin, ""));
}

/// Connections at one time, unless the file says otherwise.
pub(super) const SESSIONS: u32 = 8;
/// Files begun, unless the file says otherwise.
pub(super) const FILES: Rate = Rate::per_minute(3000);
/// Bytes sent within a minute, unless the file says otherwise: a fast line for itself.
pub(super) const BYTES_PER_MINUTE: Size = Size::mib(8192);
/// Bytes begun and not finished, unless the file says otherwise.
pub(super) const QUOTA: Size = Size::mib(16_384);
/// A marker's ending, unless the file says otherwise.
pub(super) const MARKER: &str = ".done";
/// How long quiet is, unless the file says otherwise.
pub(super) const QUIET: Duration = Duration::seconds(60);

/// A folder's path in a partner's home, like `/pub/edi`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FolderPath(Vec<String>);

impl FolderPath {
    /// Its parts from the root on; at least one.
    pub fn parts(&self) -> &[String] {
        &self.0
    }
}

impl Key for FolderPath {
    fn from_key(key: &str) -> Result<Self, Wrong> {
        let parts: Vec<_> = key.trim_matches('/').split('/').map(str::to_owned).collect();
        let sound = |part: &String| {
            !part.is_empty() && part.len() <= 100 && part != "." && part != ".." && !part.contains(char::is_control)
        };
        if parts.len() <= 8 && parts.iter().all(sound) {
            return Ok(Self(parts));
        }
        Err(Wrong::new(format!("`{key}` is not a folder's path")).hint("from the partner's home on, like \"/upload\""))
    }
}

impl fmt::Display for FolderPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|part| write!(f, "/{part}"))
    }
}

/// How files of ours are named: a text with fields in braces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamePattern(String);

impl NamePattern {
    /// The fields it may have.
    pub const FIELDS: [&'static str; 7] = ["document", "number", "interchange", "date", "time", "id", "partner"];

    /// The name, with each field's text from `field`. What cannot stand in a file's name becomes `_`.
    pub fn name(&self, field: impl Fn(&str) -> String) -> String {
        let mut name = String::new();
        let mut rest = self.0.as_str();
        while let Some((before, after)) = rest.split_once('{') {
            let (inside, behind) = after.split_once('}').unwrap_or((after, ""));
            name.push_str(before);
            let plain = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' };
            name.extend(field(inside).chars().take(60).map(plain));
            rest = behind;
        }
        name.push_str(rest);
        name
    }
}

impl Default for NamePattern {
    fn default() -> Self {
        Self("{document}_{number}_{id}.edi".to_owned())
    }
}

impl FromStr for NamePattern {
    type Err = Wrong;

    fn from_str(text: &str) -> Result<Self, Wrong> {
        let fields = Self::FIELDS.map(|field| format!("{{{field}}}")).join(" ");
        let wrong = |message: String| Wrong::new(message).hint(format!("fields are {fields}"));
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let Some((inside, behind)) = after.split_once('}') else {
                return Err(wrong("a brace is opened and not closed".to_owned()));
            };
            if !Self::FIELDS.contains(&inside) || before.contains('}') {
                return Err(wrong(format!("there is no field {{{inside}}}")));
            }
            rest = behind;
        }
        let sound = |c: char| c.is_ascii_alphanumeric() || "-_.{}".contains(c);
        if text.starts_with('.')
            || text.is_empty()
            || text.len() > 200
            || !text.chars().all(sound)
            || rest.contains('}')
        {
            return Err(wrong(
                "a file's name here has letters, digits, - _ and dots, and begins with no dot".to_owned(),
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for NamePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TextForm for NamePattern {
    const FORM: &'static str = "a pattern for files' names, like \"{document}_{number}_{id}.edi\"";
}

text_form!(NamePattern);

super::identity::described! {
    NamePattern, "How files are named: a text with fields in braces.",
        "^[A-Za-z0-9_{-][A-Za-z0-9_.{}-]*$", ["{document}_{number}_{id}.edi"];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_their_pattern_and_never_leave_it() {
        let pattern: NamePattern = "PO-{number}_{id}.x12".parse().unwrap();
        assert_eq!(pattern.name(|field| format!("<{field}/..>")), "PO-_number_..___id_.._.x12");
        for bad in ["", ".edi", "a/b", "{what}.edi", "{number", "a}b", "a b"] {
            assert!(bad.parse::<NamePattern>().is_err(), "{bad}");
        }
    }

    #[test]
    fn old_algorithms_end_with_their_day() {
        let mut terms = SftpTerms::plain(Vec::new(), Vec::new(), Vec::new());
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        assert!(!terms.may_be_weak(at("2027-06-30T12:00:00Z")));
        terms.weak_until = Some("2027-06-30".parse().unwrap());
        assert!(terms.may_be_weak(at("2027-06-30T23:59:59Z")) && !terms.may_be_weak(at("2027-07-01T00:00:00Z")));
    }

    #[test]
    fn folders_are_paths_without_tricks() {
        assert_eq!(FolderPath::from_key("/pub/edi/").unwrap().to_string(), "/pub/edi");
        assert_eq!(FolderPath::from_key("in").unwrap().parts(), ["in"]);
        for bad in ["", "/", "/a//b", "../x", "/a/./b", "/a\u{0}b"] {
            assert!(FolderPath::from_key(bad).is_err(), "{bad}");
        }
    }
}
