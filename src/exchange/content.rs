//! What a JSON document says, whatever its layout: the digest by which two hand-overs of one document are known as one.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};
use serde_json::Number;

use super::claims::Digest;
use crate::keys;

/// The SHA-256 of `json` without its blanks and with the members of each object in order of their names, so that neither
/// changes it. What is no JSON is its own content.
///
/// Claims keep it for as long as they live: how it comes about must not change.
pub(super) fn digest(json: &[u8]) -> Digest {
    let Ok(said) = serde_json::from_slice::<Said<'_>>(json) else { return keys::sha256(json) };
    let mut text = Vec::with_capacity(json.len());
    match said.write(&mut text) {
        Ok(()) => keys::sha256(&text),
        Err(_) => keys::sha256(json),
    }
}

/// A JSON value that borrows its texts. Of a member that stands twice in one object, the last one counts.
enum Said<'a> {
    Null,
    Truth(bool),
    Number(Number),
    Text(Text<'a>),
    List(Vec<Self>),
    Object(Vec<(Text<'a>, Self)>),
}

/// A text that had nothing escaped, or one that had.
#[derive(Deserialize, PartialEq, Eq, PartialOrd, Ord)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl Text<'_> {
    fn write(&self, out: &mut Vec<u8>) -> serde_json::Result<()> {
        match &self.0 {
            // It came without an escape, so it goes without one.
            Cow::Borrowed(text) => {
                out.push(b'"');
                out.extend_from_slice(text.as_bytes());
                out.push(b'"');
                Ok(())
            }
            Cow::Owned(text) => serde_json::to_writer(out, text),
        }
    }
}

impl Said<'_> {
    fn write(self, out: &mut Vec<u8>) -> serde_json::Result<()> {
        match self {
            Self::Null => out.extend_from_slice(b"null"),
            Self::Truth(truth) => out.extend_from_slice(if truth { b"true" } else { b"false" }),
            Self::Number(number) => serde_json::to_writer(out, &number)?,
            Self::Text(text) => text.write(out)?,
            Self::List(values) => {
                out.push(b'[');
                for (index, value) in values.into_iter().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    value.write(out)?;
                }
                out.push(b']');
            }
            Self::Object(mut members) => {
                // Equal names keep their order, so that the last of them takes the place of those before it.
                members.sort_by(|(one, _), (other, _)| one.cmp(other));
                members.dedup_by(|later, kept| {
                    let again = later.0 == kept.0;
                    if again {
                        std::mem::swap(later, kept);
                    }
                    again
                });
                out.push(b'{');
                for (index, (name, value)) in members.into_iter().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    name.write(out)?;
                    out.push(b':');
                    value.write(out)?;
                }
                out.push(b'}');
            }
        }
        Ok(())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Said<'a> {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        struct Any;

        impl<'de> Visitor<'de> for Any {
            type Value = Said<'de>;

            fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
                to.write_str("a JSON value")
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Said::Null)
            }

            fn visit_bool<E>(self, truth: bool) -> Result<Self::Value, E> {
                Ok(Said::Truth(truth))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
                Ok(Said::Number(number.into()))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
                Ok(Said::Number(number.into()))
            }

            fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
                Ok(Number::from_f64(number).map_or(Said::Null, Said::Number))
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Said::Text(Text(Cow::Borrowed(text))))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Said::Text(Text(Cow::Owned(text.to_owned()))))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut values = Vec::new();
                while let Some(value) = list.next_element()? {
                    values.push(value);
                }
                Ok(Said::List(values))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = object.next_entry()? {
                    members.push(member);
                }
                Ok(Said::Object(members))
            }
        }

        reader.deserialize_any(Any)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    /// The same in few words: how it was made first, and what claims on disks were made with.
    fn plainly(json: &[u8]) -> Digest {
        let Ok(mut value) = serde_json::from_slice::<Value>(json) else { return keys::sha256(json) };
        value.sort_all_objects();
        keys::sha256(value.to_string().as_bytes())
    }

    #[test]
    fn layout_is_no_content() {
        let (one, other) =
            (br#"{"a":"1","b":{"c":"2","d":"3"}}"#, b"{ \"b\": {\"d\":\"3\", \"c\":\"2\"},\n\"a\":\"1\" }");
        assert_eq!(digest(one), digest(other));
        assert_ne!(digest(one), digest(br#"{"a":"1","b":{"c":"2","d":"30"}}"#));
    }

    #[test]
    fn it_is_what_claims_were_made_with() {
        let all: [&[u8]; 12] = [
            br#"{"b":[],"a":{},"c":[1,-2,3.50,1e3,18446744073709551615,123456789012345678901234567890]}"#,
            br#"{"a":1,"b":2,"a":{"z":null,"y":true,"x":false},"b":3,"a":4}"#,
            br#"{"\u0061":"\u00e4\n\"\\\/\ud83d\ude00","a\"b":"\t"}"#,
            "{\"ä\":\"ö\",\"a\":\"\u{7f}\"}".as_bytes(),
            b"\"text\"",
            b" [ ] ",
            b"{",
            b"",
            b"nonsense",
            b"{\"a\":1} x",
            b"{\"a\":\"\xff\"}",
            b"1e999",
        ];
        for json in all {
            assert_eq!(digest(json), plainly(json), "{}", String::from_utf8_lossy(json));
        }
        let deep = "[".repeat(200) + &"]".repeat(200);
        assert_eq!(digest(deep.as_bytes()), plainly(deep.as_bytes()));
    }

    proptest! {
        #[test]
        fn it_is_so_for_anything(json in anything()) {
            let text = json.to_string();
            prop_assert_eq!(digest(text.as_bytes()), plainly(text.as_bytes()));
            let pretty = serde_json::to_string_pretty(&json).unwrap();
            prop_assert_eq!(digest(pretty.as_bytes()), digest(text.as_bytes()));
        }
    }

    fn anything() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(5, 64, 8, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
                prop::collection::vec((any::<String>(), inner), 0..8)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }
}
