//! A TOML file as a tree in which every value knows where it was written, and one such tree laid over another.

use std::sync::Arc;

use toml::de::{DeTable, DeValue};

use super::{
    Diagnostic, Origin, Source, codes, hints,
    read::{MAX_FINDINGS, unlisted},
};

/// One value and its place.
#[derive(Debug, Clone)]
pub struct Node {
    /// The value.
    pub value: Value,
    /// Where it was written. For a table that has a header, the header.
    pub origin: Origin,
}

/// What TOML can say.
#[derive(Debug, Clone)]
pub enum Value {
    /// A quoted text.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// A number that is no `i64`: a fraction, or too large.
    Number,
    /// `true` or `false`.
    Boolean(bool),
    /// A date or a time, which TOML writes without quotes.
    Date,
    /// `[…]`.
    List(Vec<Node>),
    /// `{…}` or `[header]`.
    Table(Table),
}

/// Entries of a table, by name.
#[derive(Debug, Clone, Default)]
pub struct Table {
    entries: Vec<Entry>,
}

/// One line of a table.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its name.
    pub key: String,
    /// Where the name was written.
    pub key_origin: Origin,
    /// What it is set to.
    pub node: Node,
}

impl Node {
    /// Parses a file. Where its syntax is broken, what could be read is there all the same, so that one run tells
    /// more than the first mistake; the diagnostics then hold an error.
    pub fn parse(source: &Arc<Source>) -> (Self, Vec<Diagnostic>) {
        let (root, errors) = DeTable::parse_recoverable(&source.text);
        let listed = errors.iter().take(MAX_FINDINGS);
        let mut diagnostics: Vec<_> = listed.map(|error| syntax(source, error.message(), error.span())).collect();
        diagnostics.extend(unlisted(source, errors.len().saturating_sub(MAX_FINDINGS)));
        let table = Value::Table(Table::from_toml(source, root.get_ref()));
        (Self { value: table, origin: Origin::start_of(source) }, diagnostics)
    }

    /// Its entries, if it is a table.
    pub fn as_table(&self) -> Option<&Table> {
        match &self.value {
            Value::Table(table) => Some(table),
            _ => None,
        }
    }

    /// Its text, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The value at a dotted path, like `x12.usage`.
    pub fn at(&self, path: &str) -> Option<&Self> {
        path.split('.').try_fold(self, |node, key| Some(&node.as_table()?.get(key)?.node))
    }

    /// This tree laid over `under`: tables are merged to any depth, everything else replaces what is below it.
    #[must_use]
    pub fn over(mut self, under: &Self) -> Self {
        if let (Value::Table(mine), Value::Table(below)) = (&mut self.value, &under.value) {
            for entry in &below.entries {
                match mine.entries.binary_search_by(|mine| mine.key.cmp(&entry.key)) {
                    Err(place) => mine.entries.insert(place, entry.clone()),
                    Ok(place) => {
                        if let Some(mine) = mine.entries.get_mut(place) {
                            let node = std::mem::replace(&mut mine.node, Self::nothing());
                            mine.node = node.over(&entry.node);
                        }
                    }
                }
            }
        }
        self
    }

    /// Every value that is no table, with its dotted path, in the order of the names.
    pub fn leaves(&self) -> Vec<(String, &Self)> {
        fn walk<'n>(prefix: &str, node: &'n Node, found: &mut Vec<(String, &'n Node)>) {
            match &node.value {
                Value::Table(table) => {
                    for entry in &table.entries {
                        let path =
                            if prefix.is_empty() { entry.key.clone() } else { format!("{prefix}.{}", entry.key) };
                        walk(&path, &entry.node, found);
                    }
                }
                _ => found.push((prefix.to_owned(), node)),
            }
        }
        let mut found = Vec::new();
        walk("", self, &mut found);
        found
    }

    /// The value as one line, without the comments and blanks that stand among its items.
    pub fn written(&self) -> String {
        match &self.value {
            Value::List(items) => format!("[{}]", items.iter().map(Self::written).collect::<Vec<_>>().join(", ")),
            Value::Table(table) => {
                let entry = |entry: &Entry| format!("{} = {}", entry.key, entry.node.written());
                format!("{{ {} }}", table.entries.iter().map(entry).collect::<Vec<_>>().join(", "))
            }
            _ => self.origin.text().to_owned(),
        }
    }

    fn nothing() -> Self {
        Self { value: Value::Boolean(false), origin: Origin::default() }
    }

    fn from_toml(source: &Arc<Source>, value: &toml::Spanned<DeValue<'_>>) -> Self {
        let node = match value.get_ref() {
            DeValue::String(text) => Value::Text(text.to_string()),
            DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
                Ok(number) => Value::Integer(number),
                Err(_) => Value::Number,
            },
            DeValue::Float(_) => Value::Number,
            DeValue::Boolean(yes) => Value::Boolean(*yes),
            DeValue::Datetime(_) => Value::Date,
            DeValue::Array(items) => Value::List(items.iter().map(|item| Self::from_toml(source, item)).collect()),
            DeValue::Table(table) => Value::Table(Table::from_toml(source, table)),
        };
        Self { value: node, origin: Origin::new(source, value.span()) }
    }
}

impl Table {
    /// The entry with this name.
    pub fn get(&self, key: &str) -> Option<&Entry> {
        let place = self.entries.binary_search_by(|entry| entry.key.as_str().cmp(key)).ok()?;
        self.entries.get(place)
    }

    /// All entries, by name.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    fn from_toml(source: &Arc<Source>, table: &DeTable<'_>) -> Self {
        let mut entries: Vec<_> = table
            .iter()
            .map(|(key, value)| Entry {
                key: key.get_ref().to_string(),
                key_origin: Origin::new(source, key.span()),
                node: Node::from_toml(source, value),
            })
            .collect();
        entries.sort_by(|a, b| a.key.cmp(&b.key));
        Self { entries }
    }
}

fn syntax(source: &Arc<Source>, message: &str, span: Option<std::ops::Range<usize>>) -> Diagnostic {
    let span = span.unwrap_or(0..0);
    let start = source.text.get(..span.start).map_or(0, |before| before.rfind('\n').map_or(0, |newline| newline + 1));
    let line = source.text.get(start..).unwrap_or_default().lines().next().unwrap_or_default();
    let message = message.strip_suffix(", expected literal string").unwrap_or(message);
    let told = Diagnostic::error(codes::SYNTAX, format!("this is not TOML: {message}"));
    if let Some(secret) = hints::secret_part(line) {
        // Half a line of a secret is still a secret: neither shown nor repeated.
        let mut label = Origin::new(source, span).label("");
        if let Some(label) = &mut label {
            label.source = super::read::blot(&label.source, start + secret.start..start + secret.end);
        }
        return Diagnostic { labels: label.into_iter().collect(), ..told }
            .hint("texts stand in quotes, and a secret is only named: \"file:/run/secrets/NAME\" or \"env:NAME\"");
    }
    let told = told.at(&Origin::new(source, span), "");
    match hints::syntax(line, message) {
        Some(hint) => told.hint(hint),
        None => told,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(name: &str, text: &str) -> Node {
        let (node, diagnostics) = Node::parse(&Source::new(name, text));
        assert_eq!(diagnostics, []);
        node
    }

    #[test]
    fn tables_merge_and_arrays_are_replaced_and_all_keep_their_place() {
        let template = parse("t.toml", "[x12]\nusage = \"T\"\nids = [\"a\", \"b\"]\n[x12.rules]\nX = \"off\"\n");
        let file = parse("p.toml", "name = \"P\"\n[x12]\nids = [\"c\"]\n[x12.rules]\nY = \"error\"\n");
        let merged = file.over(&template);
        let leaves: Vec<_> = merged
            .leaves()
            .iter()
            .map(|(path, node)| format!("{path} = {} # {}", node.origin.text(), node.origin))
            .collect();
        assert_eq!(
            leaves,
            [
                "name = \"P\" # p.toml:1",
                "x12.ids = [\"c\"] # p.toml:3",
                "x12.rules.X = \"off\" # t.toml:5",
                "x12.rules.Y = \"error\" # p.toml:5",
                "x12.usage = \"T\" # t.toml:2",
            ]
        );
        assert_eq!(merged.at("x12.usage").and_then(Node::as_text), Some("T"));
    }

    #[test]
    fn a_broken_line_does_not_hide_the_others() {
        let (node, diagnostics) = Node::parse(&Source::new("p.toml", "a = 01\nb = \"fine\"\nc = P\n"));
        assert_eq!(diagnostics.len(), 2, "{diagnostics:?}");
        assert_eq!(node.at("b").and_then(Node::as_text), Some("fine"));
    }
}
