//! Settings, units, secret references, and the diagnostics that every file's mistakes become.
//!
//! A file is parsed once into a tree whose values know their place ([`Node`]), then read entry by entry into types
//! ([`Reader`]), so that a person sees all the mistakes of all files in one run, each with its line, a code that
//! `gangway explain` knows, and what to do.

mod changes;
pub mod codes;
mod declare;
mod diagnostic;
mod echo;
mod entries;
mod hints;
mod network;
mod node;
mod read;
pub mod render;
pub mod schema;
mod secret;
mod settings;
mod source;
#[cfg(test)]
mod tests;
mod unit;
mod values;
mod words;

pub use changes::Change;
pub use diagnostic::{Diagnostic, Label, Severity};
pub use entries::{Entries, Key, Named};
pub use hints::did_you_mean;
pub use network::Network;
pub use node::{Entry, Node, Table, Value};
pub use read::{FromNode, Reader, Shape, TextForm, Wrong};
pub use secret::{Secret, SecretError, SecretRef};
pub use settings::{
    As2, Calls, Consumer, ConsumerFile, ControlNumbers, Erp, LogFormat, LogSettings, Private, Public, Retention,
    Settings, SettingsFile, SettingsLimits, Sftp,
};
pub use source::{Origin, Source, Spanned};
pub use unit::{Duration, Rate, Size, Window};
pub use values::AtLeastOne;
pub use words::{Address, ConsumerName, Start};

pub(crate) use declare::{choice, section, text_form};
pub(crate) use echo::drop_echoes;
pub(crate) use values::{parse_text, word};

/// The pages of this room's codes.
pub const EXPLAIN: &str = include_str!("explain.md");

/// Parses a file and reads it as a `T`, with everything that is wrong with it.
pub fn read_file<T: FromNode>(source: &std::sync::Arc<Source>, shape: Shape) -> (Option<T>, Vec<Diagnostic>) {
    let (node, mut findings) = Node::parse(source);
    let mut reader = Reader::new(source, shape);
    if !findings.is_empty() {
        reader = reader.partial();
    }
    let value = T::from_node(&node, &mut reader);
    let mut more = reader.into_findings();
    drop_echoes(source, &findings, &mut more);
    findings.extend(more);
    (value, findings)
}
