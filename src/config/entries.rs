//! Tables whose names the person chooses: consumers, rules, mappings.

use super::{FromNode, Node, Origin, Reader, Wrong, hints};
use crate::document::DocumentType;

/// What the person chooses as a name in a table of their own.
pub trait Key: Sized + std::fmt::Display {
    /// Reads a name.
    fn from_key(key: &str) -> Result<Self, Wrong>;
}

impl Key for String {
    fn from_key(key: &str) -> Result<Self, Wrong> {
        Ok(key.to_owned())
    }
}

impl Key for DocumentType {
    fn from_key(key: &str) -> Result<Self, Wrong> {
        key.parse().map_err(|()| {
            let names = Self::ALL.map(Self::as_str);
            let wrong = Wrong::new(format!("`{key}` is not a document"));
            match hints::did_you_mean(key, names) {
                Some(near) => wrong.hint(format!("did you mean `{near}`?")),
                None => wrong.hint(format!("known are {}", names.join(", "))),
            }
        })
    }
}

/// A table whose names the person chooses.
#[derive(Debug, Clone, PartialEq)]
pub struct Entries<T, K = String>(pub Vec<Named<T, K>>);

/// One entry of such a table.
#[derive(Debug, Clone)]
pub struct Named<T, K = String> {
    /// Its name.
    pub key: K,
    /// Where the name was written.
    pub key_origin: Origin,
    /// Its value.
    pub value: T,
}

impl<T: PartialEq, K: PartialEq> PartialEq for Named<T, K> {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key && self.value == other.value
    }
}

impl<T, K> Default for Entries<T, K> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T, K> Entries<T, K> {
    /// All entries, by name.
    pub fn iter(&self) -> std::slice::Iter<'_, Named<T, K>> {
        self.0.iter()
    }
}

impl<'e, T, K> IntoIterator for &'e Entries<T, K> {
    type Item = &'e Named<T, K>;
    type IntoIter = std::slice::Iter<'e, Named<T, K>>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl<T: FromNode, K: Key> FromNode for Entries<T, K> {
    fn form() -> String {
        format!("a table of names, each with {}", T::form())
    }

    fn from_node(node: &Node, reader: &mut Reader) -> Option<Self> {
        let table = reader.any_table(node)?;
        let read: Vec<_> = table
            .entries()
            .iter()
            .map(|entry| {
                let key = K::from_key(&entry.key).map_err(|wrong| reader.report_at(&entry.key_origin, wrong)).ok();
                let value = reader.within(&entry.key, |reader| T::from_node(&entry.node, reader))?;
                Some(Named { key: key?, key_origin: entry.key_origin.clone(), value })
            })
            .collect();
        read.into_iter().collect::<Option<_>>().map(Self)
    }

    fn absent() -> Option<Self> {
        Some(Self::default())
    }
}

impl<T: serde::Serialize, K: Key> serde::Serialize for Entries<T, K> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|entry| (entry.key.to_string(), &entry.value)))
    }
}

impl<T: schemars::JsonSchema, K> schemars::JsonSchema for Entries<T, K> {
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
