//! From tree to types, entry by entry: one mistake never hides another, and each is told at its own place.
//!
//! A file's shape is declared once, by [`section!`] for tables and [`choice!`] for words; what reads it, its default
//! and its JSON Schema follow from that declaration and cannot drift apart.

use std::{path::PathBuf, sync::Arc};

use super::{Diagnostic, Node, Origin, Source, Spanned, Table, Value, codes, hints};
use crate::{
    document::{DocumentType, Mode},
    error::Code,
};

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
}

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
        self.findings.push(finding);
    }

    /// Reports that the text of `node` is not of its form.
    pub fn wrong(&mut self, node: &Node, wrong: Wrong) {
        let finding = Diagnostic::error(wrong.code, format!("`{}`: {}", self.path(), wrong.message));
        if wrong.secret {
            self.secrets.push(node.origin.clone());
        }
        self.findings.push(Diagnostic { hint: wrong.hint, ..finding.at(&node.origin, "") });
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
                self.findings.push(missing);
            }
        }
        value
    }

    fn any_table<'n>(&mut self, node: &'n Node) -> Option<&'n Table> {
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

    fn within<T>(&mut self, key: &str, work: impl FnOnce(&mut Self) -> T) -> T {
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
        self.findings.push(finding.hint(hint));
    }

    fn within_path(&self, key: &str) -> String {
        self.path.iter().map(String::as_str).chain([key]).collect::<Vec<_>>().join(".")
    }

    fn wrong_type(&mut self, node: &Node, form: &str, hint: Option<String>, secret: bool) {
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
        self.findings.push(Diagnostic { hint, ..finding });
    }

    fn text<'n>(&mut self, node: &'n Node, form: &str, secret: bool) -> Option<&'n str> {
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

impl FromNode for String {
    fn form() -> String {
        "a text in quotes".to_owned()
    }

    fn from_node(node: &Node, reader: &mut Reader) -> Option<Self> {
        reader.text(node, "a text", false).map(str::to_owned)
    }
}

impl FromNode for bool {
    fn form() -> String {
        "true or false".to_owned()
    }

    fn from_node(node: &Node, reader: &mut Reader) -> Option<Self> {
        if let Value::Boolean(yes) = node.value {
            return Some(yes);
        }
        let hint = node.as_text().map(|text| match text.to_lowercase().as_str() {
            "true" | "yes" | "y" | "on" | "1" => "write true, without quotes",
            "false" | "no" | "n" | "off" | "0" => "write false, without quotes",
            _ => "write true or false, without quotes",
        });
        reader.wrong_type(node, "true or false", hint.map(str::to_owned), false);
        None
    }
}

macro_rules! whole_numbers {
    ($($type:ty),*) => {$(
        impl FromNode for $type {
            fn form() -> String {
                "a whole number".to_owned()
            }

            fn from_node(node: &Node, reader: &mut Reader) -> Option<Self> {
                let Value::Integer(number) = node.value else {
                    let hint = node.as_text().filter(|text| text.parse::<Self>().is_ok());
                    let hint = hint.map(|text| format!("a number stands without quotes: {text}"));
                    reader.wrong_type(node, "a whole number", hint, false);
                    return None;
                };
                let fits = Self::try_from(number).ok();
                if fits.is_none() {
                    let message = format!("{number} is outside of {} to {}", Self::MIN, Self::MAX);
                    reader.wrong(node, Wrong::new(message).code(codes::OUT_OF_RANGE));
                }
                fits
            }
        }
    )*};
}
whole_numbers!(u16, u32, u64);

impl FromNode for PathBuf {
    fn form() -> String {
        "a path in quotes".to_owned()
    }

    fn from_node(node: &Node, reader: &mut Reader) -> Option<Self> {
        reader.text(node, "a path", false).map(Self::from)
    }
}

impl<T: FromNode> FromNode for Option<T> {
    fn form() -> String {
        T::form()
    }

    fn from_node(node: &Node, reader: &mut Reader) -> Option<Self> {
        T::from_node(node, reader).map(Some)
    }

    fn absent() -> Option<Self> {
        Some(None)
    }
}

impl<T: FromNode> FromNode for Spanned<T> {
    fn form() -> String {
        T::form()
    }

    fn from_node(node: &Node, reader: &mut Reader) -> Option<Self> {
        Some(Self { value: T::from_node(node, reader)?, origin: node.origin.clone() })
    }

    fn absent() -> Option<Self> {
        T::absent().map(Self::builtin)
    }
}

impl<T: FromNode> FromNode for Vec<T> {
    fn form() -> String {
        format!("a list in brackets, each {}", T::form())
    }

    fn from_node(node: &Node, reader: &mut Reader) -> Option<Self> {
        let Value::List(items) = &node.value else {
            let hint = matches!(node.value, Value::Text(_)).then(|| format!("write [{}]", node.origin.text()));
            reader.wrong_type(node, "a list", hint, false);
            return None;
        };
        // Every item is read, so that all of the wrong ones are told.
        let read: Vec<_> = items.iter().map(|item| T::from_node(item, reader)).collect();
        read.into_iter().collect()
    }

    fn absent() -> Option<Self> {
        Some(Self::new())
    }
}

/// A list that may not be empty or absent.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct AtLeastOne<T>(pub Vec<T>);

impl<T: FromNode> FromNode for AtLeastOne<T> {
    fn form() -> String {
        Vec::<T>::form()
    }

    fn from_node(node: &Node, reader: &mut Reader) -> Option<Self> {
        let items = Vec::from_node(node, reader)?;
        if items.is_empty() {
            reader.wrong(node, Wrong::new("this list is empty, and at least one belongs here"));
            return None;
        }
        Some(Self(items))
    }
}

impl<T: schemars::JsonSchema> schemars::JsonSchema for AtLeastOne<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        format!("AtLeastOne_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let mut schema = Vec::<T>::json_schema(generator);
        schema.insert("minItems".to_owned(), 1.into());
        schema
    }
}

/// A table whose names the person chooses.
#[derive(Debug, Clone, PartialEq)]
pub struct Entries<T>(pub Vec<Named<T>>);

/// One entry of such a table.
#[derive(Debug, Clone)]
pub struct Named<T> {
    /// Its name.
    pub key: String,
    /// Where the name was written.
    pub key_origin: Origin,
    /// Its value.
    pub value: T,
}

impl<T: PartialEq> PartialEq for Named<T> {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key && self.value == other.value
    }
}

impl<T> Default for Entries<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Entries<T> {
    /// All entries, by name.
    pub fn iter(&self) -> std::slice::Iter<'_, Named<T>> {
        self.0.iter()
    }
}

impl<'e, T> IntoIterator for &'e Entries<T> {
    type Item = &'e Named<T>;
    type IntoIter = std::slice::Iter<'e, Named<T>>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl<T: FromNode> FromNode for Entries<T> {
    fn form() -> String {
        format!("a table of names, each with {}", T::form())
    }

    fn from_node(node: &Node, reader: &mut Reader) -> Option<Self> {
        let table = reader.any_table(node)?;
        let read: Vec<_> = table
            .entries()
            .iter()
            .map(|entry| {
                let value = reader.within(&entry.key, |reader| T::from_node(&entry.node, reader))?;
                Some(Named { key: entry.key.clone(), key_origin: entry.key_origin.clone(), value })
            })
            .collect();
        read.into_iter().collect::<Option<_>>().map(Self)
    }

    fn absent() -> Option<Self> {
        Some(Self::default())
    }
}

impl<T: serde::Serialize> serde::Serialize for Entries<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|entry| (&entry.key, &entry.value)))
    }
}

impl<T: schemars::JsonSchema> schemars::JsonSchema for Entries<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        format!("Entries_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        <std::collections::BTreeMap<String, T>>::json_schema(generator)
    }
}

/// Reads a word that must be one of `all`.
pub(crate) fn word<T: Copy>(node: &Node, reader: &mut Reader, all: &[(T, &'static str)]) -> Option<T> {
    let names = || all.iter().map(|(_, name)| *name);
    let text = reader.text(node, &hints::choices(names()), false)?;
    let found = all.iter().find(|(_, name)| *name == text).map(|(value, _)| *value);
    if found.is_none() {
        let wrong = Wrong::new(format!("\"{text}\" is not one of the choices"));
        let known = hints::choices(names());
        reader.wrong(
            node,
            match hints::did_you_mean(text, names()) {
                Some(near) if all.len() > 6 => wrong.hint(format!("did you mean \"{near}\"?")),
                Some(near) => wrong.hint(format!("did you mean \"{near}\"? The choices are {known}")),
                None => wrong.hint(format!("the choices are {known}")),
            },
        );
    }
    found
}

macro_rules! document_words {
    ($($type:ty, $all:expr;)*) => {$(
        impl FromNode for $type {
            fn form() -> String {
                hints::choices($all.iter().map(|one| one.as_str()))
            }

            fn from_node(node: &Node, reader: &mut Reader) -> Option<Self> {
                word(node, reader, &$all.map(|one| (one, one.as_str())))
            }
        }
    )*};
}
document_words!(DocumentType, DocumentType::ALL; Mode, [Mode::Live, Mode::Test];);

/// Reads a text through its `FromStr`, for [`text_form!`].
pub(crate) fn parse_text<T>(node: &Node, reader: &mut Reader) -> Option<T>
where
    T: TextForm + std::str::FromStr<Err = Wrong>,
{
    if let Value::Integer(number) = node.value
        && let Some(hint) = T::from_number(number)
    {
        let message = format!("this is the number {number}, and it must be {}", T::FORM);
        reader.wrong(node, Wrong::new(message).code(T::NUMBER).hint(hint));
        return None;
    }
    let text = reader.text(node, T::FORM, T::SECRET)?;
    text.parse().map_err(|wrong| reader.wrong(node, wrong)).ok()
}

/// Reads these types through their `FromStr`.
macro_rules! text_form {
    ($($type:ty),* $(,)?) => {$(
        impl $crate::config::FromNode for $type {
            fn form() -> String {
                <Self as $crate::config::TextForm>::FORM.to_owned()
            }

            fn from_node(node: &$crate::config::Node, reader: &mut $crate::config::Reader) -> Option<Self> {
                $crate::config::parse_text(node, reader)
            }
        }
    )*};
}
pub(crate) use text_form;

/// Declares a table: its fields with their docs, types and defaults. A field without a default is required, unless
/// its type says otherwise (`Option`, `Vec`, `Entries`).
macro_rules! section {
    ($(#[$meta:meta])* $vis:vis struct $name:ident {
        $($(#[$field_meta:meta])* $field_vis:vis $field:ident: $type:ty $(= $default:expr)?),* $(,)?
    }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, serde::Serialize, schemars::JsonSchema)]
        #[schemars(deny_unknown_fields)]
        $vis struct $name {
            $($(#[$field_meta])*
            #[schemars(extend("x-optional" = section!(@optional $type $(, $default)?)))]
            $(#[schemars(extend("default" = $default))])?
            $field_vis $field: $type,)*
        }

        impl $name {
            /// The names this table knows.
            pub const KEYS: &'static [&'static str] = &[$(stringify!($field)),*];
        }

        impl $crate::config::FromNode for $name {
            fn form() -> String {
                concat!("a table with ", section!(@names $($field)*)).to_owned()
            }

            fn from_node(node: &$crate::config::Node, reader: &mut $crate::config::Reader) -> Option<Self> {
                let table = reader.table(node, Self::KEYS)?;
                $(let $field: Option<$type> =
                    reader.field(node, table, stringify!($field), || section!(@absent $type $(, $default)?));)*
                Some(Self { $($field: $field?),* })
            }

            fn absent() -> Option<Self> {
                Some(Self { $($field: { let absent: Option<$type> = section!(@absent $type $(, $default)?); absent? }),* })
            }
        }
    };
    (@optional $type:ty) => { <$type as $crate::config::FromNode>::absent().is_some() };
    (@optional $type:ty, $default:expr) => { true };
    (@absent $type:ty) => { <$type as $crate::config::FromNode>::absent() };
    (@absent $type:ty, $default:expr) => { Some(<$type>::from($default)) };
    (@names $first:ident $($rest:ident)*) => {
        concat!(stringify!($first) $(, ", ", stringify!($rest))*)
    };
}
pub(crate) use section;

/// Declares a word that is one of several, each with its doc.
macro_rules! choice {
    ($(#[$meta:meta])* $vis:vis enum $name:ident {
        $($(#[$variant_meta:meta])* $variant:ident = $word:literal),* $(,)?
    }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        $vis enum $name {
            $($(#[$variant_meta])* #[serde(rename = $word)] $variant,)*
        }

        impl $name {
            /// The word in files.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),* }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl $crate::config::FromNode for $name {
            fn form() -> String {
                ["one of" $(, concat!(" \"", $word, "\""))*].concat()
            }

            fn from_node(node: &$crate::config::Node, reader: &mut $crate::config::Reader) -> Option<Self> {
                $crate::config::word(node, reader, &[$((Self::$variant, $word)),*])
            }
        }
    };
}
pub(crate) use choice;
