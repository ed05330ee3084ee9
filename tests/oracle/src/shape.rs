//! The shape of another library's types, seen through serde: a deserializer that makes up every value it is asked for and notes what
//! it was asked. So their tables can be read without their sources.

use serde::de::value::{BorrowedStrDeserializer, Error};
use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;

/// A type as it asks to be read.
#[derive(Debug, Default, Clone)]
pub struct Shape {
    /// The name of a struct; nothing for a value.
    pub name: &'static str,
    /// The fields of a struct.
    pub fields: Vec<(&'static str, Shape)>,
    /// Whether it may be left out, or come any number of times.
    pub optional: bool,
}

impl Shape {
    /// The shape of `T`.
    pub fn of<T: DeserializeOwned>() -> Self {
        let mut shape = Self::default();
        T::deserialize(Tracer(&mut shape)).expect("made-up values fit");
        shape
    }
}

struct Tracer<'t>(&'t mut Shape);

impl<'de> Deserializer<'de> for Tracer<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_borrowed_str("1")
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.0.optional = true;
        visitor.visit_some(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.0.optional = true;
        visitor.visit_seq(One(Some(self.0)))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.0.name = name;
        visitor.visit_map(Fields { shape: self.0, left: fields.iter() })
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf unit unit_struct newtype_struct tuple
        tuple_struct map enum identifier ignored_any
    }
}

/// A list of one.
struct One<'t>(Option<&'t mut Shape>);

impl<'de> SeqAccess<'de> for One<'_> {
    type Error = Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Error> {
        self.0.take().map(|shape| seed.deserialize(Tracer(shape))).transpose()
    }
}

/// The fields of a struct, one after the other.
struct Fields<'t> {
    shape: &'t mut Shape,
    left: std::slice::Iter<'static, &'static str>,
}

impl<'de> MapAccess<'de> for Fields<'_> {
    type Error = Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Error> {
        let Some(name) = self.left.next() else { return Ok(None) };
        self.shape.fields.push((name, Shape::default()));
        seed.deserialize(BorrowedStrDeserializer::new(name)).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Error> {
        let (_, shape) = self.shape.fields.last_mut().expect("a key comes before its value");
        seed.deserialize(Tracer(shape))
    }
}
