//! The macros that declare the shape of a file once: what reads it, its defaults and its JSON Schema follow.

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
            pub const KEYS: &'static [&'static str] = &[$(section!(@name $field)),*];
        }

        impl $crate::config::FromNode for $name {
            fn form() -> String {
                concat!("a table with ", section!(@names $($field)*)).to_owned()
            }

            fn from_node(node: &$crate::config::Node, reader: &mut $crate::config::Reader) -> Option<Self> {
                let table = reader.table(node, Self::KEYS)?;
                $(let $field: Option<$type> =
                    reader.field(node, table, section!(@name $field), || section!(@absent $type $(, $default)?));)*
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
    // `type` is a word of Rust's own.
    (@name r#type) => { "type" };
    (@name $field:ident) => { stringify!($field) };
    (@names $first:ident $($rest:ident)*) => {
        concat!(section!(@name $first) $(, ", ", section!(@name $rest))*)
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
