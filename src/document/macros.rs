//! Small languages for this room: `document!` writes a struct of a canonical document with the attributes that every field
//! needs, `shared_fields!` names fields that several structs have, and `open_enum!` writes a list of known words that lets
//! a partner's own word through.

/// Structs whose fields are `one T` (must be there), `maybe T` (may be left out) or `list T` (may be empty); `all name`
/// stands for fields that [`shared_fields!`] named.
///
/// Every struct refuses fields that it does not know, and leaves out what it does not have: never `null`, never `[]`.
macro_rules! document {
    ($($(#[$meta:meta])* pub struct $name:ident { $($body:tt)* })*) => {$(
        document!(@fields [$(#[$meta])* $name] [] $($body)*);
    )*};
    (@fields [$(#[$meta:meta])* $name:ident] [$($done:tt)*]) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct $name { $($done)* }
    };
    (@fields $head:tt [$($done:tt)*] $(#[$meta:meta])* $field:ident: one $type:ty, $($rest:tt)*) => {
        document!(@fields $head [$($done)* $(#[$meta])* pub $field: $type,] $($rest)*);
    };
    (@fields $head:tt [$($done:tt)*] $(#[$meta:meta])* $field:ident: maybe $type:ty, $($rest:tt)*) => {
        document!(@fields $head [$($done)* $(#[$meta])*
            #[serde(default, skip_serializing_if = "Option::is_none")] pub $field: Option<$type>,] $($rest)*);
    };
    (@fields $head:tt [$($done:tt)*] $(#[$meta:meta])* $field:ident: list $type:ty, $($rest:tt)*) => {
        document!(@fields $head [$($done)* $(#[$meta])*
            #[serde(default, skip_serializing_if = "Vec::is_empty")] pub $field: Vec<$type>,] $($rest)*);
    };
    (@fields $head:tt $done:tt all $shared:ident, $($rest:tt)*) => {
        $shared!($head $done $($rest)*);
    };
}

/// Fields that several structs have, in the same order and with the same meaning. They are written out in each struct, so
/// that its JSON and its schema stay flat, and fields that it does not know stay a mistake.
macro_rules! shared_fields {
    ($name:ident $($field:tt)*) => {
        shared_fields!(@define ($) $name $($field)*);
    };
    (@define ($dollar:tt) $name:ident $($field:tt)*) => {
        macro_rules! $name {
            ($dollar head:tt $dollar done:tt $dollar($dollar rest:tt)*) => {
                document!(@fields $dollar head $dollar done $($field)* $dollar($dollar rest)*);
            };
        }
    };
}

/// A list of known words. A word of a partner's format that has none of ours is kept with its format before it, like
/// `x12:037`; anything else is a mistake.
macro_rules! open_enum {
    ($($(#[doc = $doc:literal])* pub enum $name:ident { $($(#[doc = $about:literal])* $variant:ident = $text:literal,)* })*) => {$(
        $(#[doc = $doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[doc = $about])* $variant,)*
            /// A word of the partner's format, with the format before it: `x12:037`.
            Other(String),
        }

        impl $name {
            /// The known words.
            pub const KNOWN: &'static [&'static str] = &[$($text),*];

            /// The word in JSON.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $text,)*
                    Self::Other(text) => text,
                }
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str($crate::document::scalar::Text(|text: &str| match text {
                    $($text => Ok(Self::$variant),)*
                    _ if $crate::document::scalar::is_foreign_code(text) => Ok(Self::Other(text.to_owned())),
                    _ => Err(format!(
                        "`{text}` is none of {}, nor a partner's own code like `x12:ZZ`", [$(concat!("`", $text, "`")),*].join(", ")
                    )),
                }))
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({
                    "description": concat!($($doc, "\n"),*).trim(),
                    "type": "string",
                    "anyOf": [
                        $({ "const": $text, "description": concat!($($about, "\n"),*).trim() },)*
                        { "pattern": $crate::document::scalar::FOREIGN_CODE, "description": "The partner's own code, with its format before it." },
                    ],
                })
            }
        }
    )*};
}
