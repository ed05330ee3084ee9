//! What entries can be read as: texts, numbers, lists, words.

use std::path::PathBuf;

use super::{FromNode, Node, Reader, Spanned, TextForm, Value, Wrong, codes, hints};
use crate::document::{DocumentType, Mode};

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
whole_numbers!(u8, u16, u32, u64);

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
