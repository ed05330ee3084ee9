//! What a canonical document looks like, read from its JSON Schema: the mapping compiler checks files against it and
//! lays out the JSON in its order.

use std::collections::HashMap;

use serde_json::Value;

use super::convert::Scalar;
use crate::document::{self, DocumentType};

/// All objects of one document; the first is the document.
#[derive(Debug)]
pub(crate) struct Shapes {
    objects: Vec<Vec<FieldShape>>,
}

#[derive(Debug, Clone)]
pub(crate) struct FieldShape {
    pub(crate) name: String,
    pub(crate) required: bool,
    pub(crate) shape: Shape,
}

#[derive(Debug, Clone)]
pub(crate) enum Shape {
    /// An object, by its number.
    Object(usize),
    List(Box<Self>),
    /// A plain value; a word of a list has the known ones.
    Scalar(Scalar, Option<Vec<String>>),
}

impl Shapes {
    /// The shapes of a document; `None` where it has no canonical form.
    pub(crate) fn of(document: DocumentType) -> Option<Self> {
        let schema = document::schema(document)?;
        let mut builder = Builder { schema: &schema, objects: Vec::new(), known: HashMap::new() };
        builder.object(&schema);
        Some(Self { objects: builder.objects })
    }

    /// The fields of an object, in order.
    pub(crate) fn fields(&self, object: usize) -> &[FieldShape] {
        self.objects.get(object).map_or(&[], Vec::as_slice)
    }

    /// One field of an object.
    pub(crate) fn field(&self, object: usize, name: &str) -> Option<&FieldShape> {
        self.fields(object).iter().find(|field| field.name == name)
    }
}

struct Builder<'a> {
    schema: &'a Value,
    objects: Vec<Vec<FieldShape>>,
    known: HashMap<&'a str, usize>,
}

impl<'a> Builder<'a> {
    fn object(&mut self, value: &'a Value) -> usize {
        let number = self.objects.len();
        self.objects.push(Vec::new());
        let required: Vec<&str> = strings(value.get("required"));
        let mut fields = Vec::new();
        for (name, value) in value.get("properties").and_then(Value::as_object).into_iter().flatten() {
            let shape = self.shape(value);
            fields.push(FieldShape { name: name.clone(), required: required.contains(&name.as_str()), shape });
        }
        if let Some(object) = self.objects.get_mut(number) {
            *object = fields;
        }
        number
    }

    fn shape(&mut self, value: &'a Value) -> Shape {
        if let Some(name) = value.get("$ref").and_then(Value::as_str) {
            let target = name.strip_prefix('#').and_then(|pointer| self.schema.pointer(pointer)).unwrap_or(value);
            if target.get("properties").is_none() {
                return self.shape(target);
            }
            if let Some(number) = self.known.get(name) {
                return Shape::Object(*number);
            }
            self.known.insert(name, self.objects.len());
            return Shape::Object(self.object(target));
        }
        if let Some(choices) = value.get("anyOf").and_then(Value::as_array) {
            let words = choices.iter().filter_map(|choice| choice.get("const")?.as_str().map(str::to_owned)).collect();
            return Shape::Scalar(Scalar::Text, Some(words));
        }
        match (value.get("type").and_then(Value::as_str), value.get("format").and_then(Value::as_str)) {
            (Some("array"), _) => Shape::List(Box::new(
                value.get("items").map_or(Shape::Scalar(Scalar::Text, None), |items| self.shape(items)),
            )),
            (Some("object"), _) => Shape::Object(self.object(value)),
            (Some("integer"), _) => Shape::Scalar(Scalar::Integer, None),
            (Some("boolean"), _) => Shape::Scalar(Scalar::Bool, None),
            (_, Some("decimal")) => Shape::Scalar(Scalar::Decimal, None),
            (_, Some("date")) => Shape::Scalar(Scalar::Date, None),
            (_, Some("time")) => Shape::Scalar(Scalar::Time, None),
            _ => Shape::Scalar(Scalar::Text, None),
        }
    }
}

fn strings(value: Option<&Value>) -> Vec<&str> {
    value.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_follow_the_types() {
        let shapes = Shapes::of(DocumentType::ShipmentNotice).unwrap();
        let first: Vec<_> =
            shapes.fields(0).iter().take(2).map(|field| (field.name.as_str(), field.required)).collect();
        assert_eq!(first, [("number", true), ("purpose", false)]);
        assert!(
            matches!(&shapes.field(0, "purpose").unwrap().shape, Shape::Scalar(Scalar::Text, Some(words)) if words[0] == "original")
        );
        assert!(matches!(shapes.field(0, "issue_time").unwrap().shape, Shape::Scalar(Scalar::Time, None)));
        let Shape::List(level) = &shapes.field(0, "levels").unwrap().shape else { panic!() };
        let Shape::Object(level) = **level else { panic!() };
        let Shape::List(below) = &shapes.field(level, "levels").unwrap().shape else { panic!() };
        assert!(matches!(**below, Shape::Object(number) if number == level), "levels hold levels");
        assert!(Shapes::of(DocumentType::FunctionalAcknowledgement).is_none());
    }
}
