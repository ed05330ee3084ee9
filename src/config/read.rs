//! From tree to types, entry by entry: one mistake never hides another, and each is told at its own place.
//!
//! A file's shape is declared once, by `section!` for tables and `choice!` for words (`declare.rs`); what reads it, its default
//! and its JSON Schema follow from that declaration and cannot drift apart.

use std::sync::Arc;

use super::{Diagnostic, Node, Origin, Source, Table, Value, codes, hints};
use crate::error::Code;

/// A type that one entry of a file can be read as.
pub trait FromNode: Sized {
    /// What to write, for messages: "a text", "a rate, like …".
    fn form() -> String;

    /// Reads it; what is wrong goes to the reader, and then there is no value.
    fn from_node(node: &Node, reader: &mut Reader) -> Option<Self>;

    /// What it is where nothing was written, if that is allowed.
    fn absent() -> Option<Self> {
        None
    }
}

/// A type that is written as a text of a certain form.
pub trait TextForm {
    /// What to write, for messages.
    const FORM: &'static str;
    /// Whether what was written may be shown.
    const SECRET: bool = false;

    /// The kind of mistake that a bare number is.
    const NUMBER: Code = codes::WRONG_TYPE;

    /// What to do where somebody wrote a bare number.
    fn from_number(number: i64) -> Option<String> {
        let _ = number;
        None
    }
}

/// Why a text is not of the form it should have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// The kind of mistake.
    pub code: Code,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
    /// Whether the text may be a secret, and must not be shown.
    pub secret: bool,
}

impl Wrong {
    /// A value that means nothing here.
    pub fn new(message: impl Into<String>) -> Self {
        Self { code: codes::BAD_VALUE, message: message.into(), hint: None, secret: false }
    }

    /// With another code.
    #[must_use]
    pub fn code(mut self, code: Code) -> Self {
        self.code = code;
        self
    }

    /// With what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// What was written is not shown.
    #[must_use]
    pub fn secret(mut self) -> Self {
        self.secret = true;
        self
    }
}

/// The tables of a file and the names each one knows, to tell where a name that stands in the wrong place belongs.
pub type Shape = &'static [(&'static str, &'static [&'static str])];

/// Reads one file's tree and gathers what is wrong with it.
#[derive(Debug)]
pub struct Reader {
    home: Arc<Source>,
    shape: Shape,
    partial: bool,
    path: Vec<String>,
    suspected: Vec<String>,
    secrets: Vec<Origin>,
    findings: Vec<Diagnostic>,
    /// How many more there were than are kept.
    unlisted: usize,
}

/// How many mistakes of one file are listed. Who sees more of them has saved something else under this name.
pub(super) const MAX_FINDINGS: usize = 100;

impl Reader {
    /// A reader of the file `home`. What is missing is reported there, also where a template lies below it.
    pub fn new(home: &Arc<Source>, shape: Shape) -> Self {
        Self {
            home: Arc::clone(home),
            shape,
            partial: false,
            path: Vec::new(),
            suspected: Vec::new(),
            secrets: Vec::new(),
            findings: Vec::new(),
            unlisted: 0,
        }
    }

    /// Does not ask for what is missing: for templates, and for files whose syntax is broken.
    #[must_use]
    pub fn partial(mut self) -> Self {
        self.partial = true;
        self
    }

    /// What was found wrong. Secrets that were found where they should not be are blotted out of every line shown.
    pub fn into_findings(mut self) -> Vec<Diagnostic> {
        self.findings.extend(unlisted(&self.home, self.unlisted));
        for secret in &self.secrets {
            let Some(source) = secret.source() else { continue };
            let labels = self.findings.iter_mut().flat_map(|finding| &mut finding.labels);
            for label in labels.filter(|label| label.file == source.name) {
                label.source = blot(&label.source, secret.span());
            }
        }
        self.findings
    }

    /// Reports a mistake of its own.
    pub fn report(&mut self, finding: Diagnostic) {
        if self.findings.len() < MAX_FINDINGS {
            self.findings.push(finding);
        } else {
            self.unlisted += 1;
        }
    }

    /// Reports what is wrong with a name.
    pub(super) fn report_at(&mut self, origin: &Origin, wrong: Wrong) {
        let finding = Diagnostic::error(wrong.code, wrong.message).at(origin, "");
        self.report(Diagnostic { hint: wrong.hint, ..finding });
    }

    /// Reports that the text of `node` is not of its form.
    pub fn wrong(&mut self, node: &Node, wrong: Wrong) {
        let finding = Diagnostic::error(wrong.code, format!("`{}`: {}", self.path(), wrong.message));
        if wrong.secret {
            self.secrets.push(node.origin.clone());
        }
        self.report(Diagnostic { hint: wrong.hint, ..finding.at(&node.origin, "") });
    }

    /// The entries of a table that knows only `keys`.
    pub fn table<'n>(&mut self, node: &'n Node, keys: &[&str]) -> Option<&'n Table> {
        let table = self.any_table(node)?;
        for entry in table.entries() {
            if !keys.contains(&entry.key.as_str()) {
                self.unknown(&entry.key, &entry.key_origin, keys);
            }
        }
        Some(table)
    }

    /// One entry of a table: what was written, or `absent`.
    pub fn field<T: FromNode>(
        &mut self,
        owner: &Node,
        table: &Table,
        key: &str,
        absent: impl FnOnce() -> Option<T>,
    ) -> Option<T> {
        if let Some(entry) = table.get(key) {
            return self.within(key, |reader| T::from_node(&entry.node, reader)).or_else(absent);
        }
        let value = absent();
        if value.is_none() && !self.partial {
            let path = self.within(key, |reader| reader.path());
            if !self.suspected.contains(&path) {
                let place = if owner.origin.is_in(&self.home) { &owner.origin } else { &Origin::start_of(&self.home) };
                let missing = Diagnostic::error(codes::MISSING_KEY, format!("`{path}` is missing"))
                    .at(place, "")
                    .hint(format!("add `{key} = …`: {}", T::form()));
                self.report(missing);
            }
        }
        value
    }

    /// The entries of a table whose names the person chooses.
    pub(super) fn any_table<'n>(&mut self, node: &'n Node) -> Option<&'n Table> {
        let table = node.as_table();
        if table.is_none() {
            let hint = match &node.value {
                Value::List(_) => format!("write [{0}] with single brackets, its entries below it", self.path()),
                _ => format!("write [{0}], and its entries below it", self.path()),
            };
            self.wrong_type(node, "a table", Some(hint), false);
        }
        table
    }

    /// Works on what is called `key` within what is being read.
    pub(super) fn within<T>(&mut self, key: &str, work: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push(key.to_owned());
        let done = work(self);
        self.path.pop();
        done
    }

    fn path(&self) -> String {
        self.path.join(".")
    }

    fn unknown(&mut self, key: &str, origin: &Origin, keys: &[&str]) {
        let path = self.within(key, |reader| reader.path());
        let finding = Diagnostic::error(codes::UNKNOWN_KEY, format!("`{path}` is not known")).at(origin, "");
        let here = self.path();
        let elsewhere = self.shape.iter().find(|(table, known)| *table != here && known.contains(&key));
        let hint = if let Some(near) = hints::did_you_mean(key, keys.iter().copied()) {
            self.suspected.push(self.within_path(near));
            format!("did you mean `{near}`?")
        } else if let Some((table, _)) = elsewhere {
            self.suspected.push(if table.is_empty() { key.to_owned() } else { format!("{table}.{key}") });
            match *table {
                "" => format!("`{key}` belongs at the top of the file, above the first [section]"),
                table => format!("`{key}` belongs in [{table}]"),
            }
        } else {
            format!("known here: {}", keys.join(", "))
        };
        self.report(finding.hint(hint));
    }

    fn within_path(&self, key: &str) -> String {
        self.path.iter().map(String::as_str).chain([key]).collect::<Vec<_>>().join(".")
    }

    /// Reports a value of the wrong type.
    pub(super) fn wrong_type(&mut self, node: &Node, form: &str, hint: Option<String>, secret: bool) {
        let found = match &node.value {
            Value::Text(_) => "a text".to_owned(),
            Value::Integer(_) | Value::Number if secret => "a number".to_owned(),
            Value::Integer(number) => format!("the number {number}"),
            Value::Number => "a number".to_owned(),
            Value::Boolean(yes) => format!("{yes} without quotes"),
            Value::Date => "a date without quotes".to_owned(),
            Value::List(_) => "a list".to_owned(),
            Value::Table(_) => "a table".to_owned(),
        };
        let message = format!("`{}` must be {form}, and this is {found}", self.path());
        if secret {
            self.secrets.push(node.origin.clone());
        }
        let finding = Diagnostic::error(codes::WRONG_TYPE, message).at(&node.origin, "");
        self.report(Diagnostic { hint, ..finding });
    }

    /// The text of a node, which must be one and not be empty.
    pub(super) fn text<'n>(&mut self, node: &'n Node, form: &str, secret: bool) -> Option<&'n str> {
        match node.as_text() {
            Some(text) if text.trim().is_empty() => {
                self.wrong(node, Wrong::new(format!("this is empty; it must be {form}")));
                None
            }
            Some(text) => Some(text),
            None => {
                let hint = match &node.value {
                    _ if secret => None,
                    Value::Integer(_) | Value::Number | Value::Boolean(_) | Value::Date => {
                        Some(format!("put it in quotes, as EDI codes always are: \"{}\"", node.origin.text()))
                    }
                    Value::List(items) if items.len() == 1 => Some("one value belongs here: no brackets".to_owned()),
                    _ => None,
                };
                self.wrong_type(node, form, hint, secret);
                None
            }
        }
    }
}

/// Tells how many mistakes of a file are not listed, if any.
pub(super) fn unlisted(source: &Arc<Source>, count: usize) -> Option<Diagnostic> {
    (count > 0).then(|| {
        Diagnostic::error(codes::TOO_MANY, format!("{count} more mistakes of this file are not listed"))
            .at(&Origin::start_of(source), "")
            .hint("mend those that are, or look whether this is the right file")
    })
}

/// A text with some of its bytes replaced, so that spans stay right.
pub(super) fn blot(text: &str, span: std::ops::Range<usize>) -> Arc<str> {
    let (Some(before), Some(hidden), Some(after)) =
        (text.get(..span.start), text.get(span.clone()), text.get(span.end..))
    else {
        return "".into();
    };
    let stars: String = hidden.bytes().map(|b| if b == b'\n' { '\n' } else { '*' }).collect();
    format!("{before}{stars}{after}").into()
}
