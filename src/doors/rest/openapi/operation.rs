//! What is said of an operation, and how that is written in OpenAPI: parameters, bodies with an example that the tests send,
//! and answers.

use serde_json::{Value, json};

use super::operations::ACKNOWLEDGEMENT;

/// One method of one path.
#[derive(Clone, Copy)]
pub(super) struct Operation {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) id: &'static str,
    pub(super) summary: &'static str,
    pub(super) detail: &'static str,
    pub(super) parameters: &'static [Parameter],
    pub(super) body: Option<Body>,
    /// The status of success, and the schema of its body; none where it is somebody's own bytes.
    pub(super) status: u16,
    pub(super) schema: Option<&'static str>,
    /// The statuses of failure, beside those that any operation has.
    pub(super) problems: &'static [u16],
}

/// What an operation takes.
#[derive(Clone, Copy)]
pub(super) enum Body {
    /// A message's bytes.
    Raw,
    /// A canonical document, with an example; or a message's bytes.
    Document(&'static str, &'static str),
    /// Any of them, without effect.
    Any,
    /// An object of this schema, with an example.
    Fields(&'static str, &'static str),
    /// The same, where it makes something new.
    New(&'static str, &'static str),
}

/// A parameter in the path, the query or a header.
pub(super) struct Parameter {
    pub(super) name: &'static str,
    pub(super) place: &'static str,
    pub(super) detail: &'static str,
    pub(super) example: &'static str,
    /// The least and the most, of a whole number.
    pub(super) range: Option<(u32, u32)>,
}

impl Parameter {
    pub(super) fn is_in_path(&self) -> bool {
        self.place == "path"
    }

    pub(super) fn to_json(&self) -> Value {
        let (schema, example) = match self.range {
            Some((least, most)) => {
                let number = self.example.parse::<u32>().unwrap_or(least);
                (json!({ "type": "integer", "minimum": least, "maximum": most }), json!(number))
            }
            None => (json!({ "type": "string" }), json!(self.example)),
        };
        let mut parameter = json!({
            "name": self.name, "in": self.place, "required": self.is_in_path(),
            "description": self.detail, "schema": schema,
        });
        // What is nobody's in particular, like a cursor, has no example.
        if let (Some(parameter), false) = (parameter.as_object_mut(), self.example.is_empty()) {
            parameter.insert("example".into(), example);
        }
        parameter
    }
}

impl Body {
    /// Whether it leaves something on the record, so that it needs a key.
    pub(super) fn is_stored(self) -> bool {
        !matches!(self, Self::Any | Self::Fields(..))
    }

    pub(super) fn content(self) -> Value {
        // Bytes as they are: no schema says anything of them.
        let raw = json!({ "schema": { "contentMediaType": "application/edi-x12" }, "example": X12 });
        let xml = json!({ "schema": { "contentMediaType": "application/xml" } });
        match self {
            Self::Raw => json!({ "application/edi-x12": raw, "application/xml": xml }),
            Self::Document(schema, example) => json!({
                "application/json": {
                    "schema": { "$ref": format!("#/components/schemas/{schema}") },
                    "example": parsed(example),
                },
                "application/edi-x12": raw,
                "application/xml": xml,
            }),
            Self::Any => json!({
                "application/json": { "schema": {}, "example": parsed(ACKNOWLEDGEMENT) },
                "application/edi-x12": raw,
                "application/xml": xml,
            }),
            Self::Fields(schema, example) | Self::New(schema, example) => json!({
                "application/json": {
                    "schema": { "$ref": format!("#/components/schemas/{schema}") },
                    "example": parsed(example),
                },
            }),
        }
    }
}

impl Operation {
    const fn new(method: &'static str, path: &'static str, id: &'static str) -> Self {
        let (summary, detail) = ("", "");
        Self {
            method,
            path,
            id,
            summary,
            detail,
            parameters: &[],
            body: None,
            status: 200,
            schema: None,
            problems: &[],
        }
    }

    /// Reads something: 200, with somebody's own bytes.
    pub(super) const fn get(path: &'static str, id: &'static str) -> Self {
        Self::new("get", path, id)
    }

    /// Gives something in, or has something done.
    pub(super) const fn post(path: &'static str, id: &'static str) -> Self {
        Self::new("post", path, id)
    }

    /// Changes something.
    pub(super) const fn patch(path: &'static str, id: &'static str) -> Self {
        Self::new("patch", path, id)
    }

    /// Takes something back.
    pub(super) const fn delete(path: &'static str, id: &'static str) -> Self {
        Self::new("delete", path, id)
    }

    /// What is said of it, in a few words …
    pub(super) const fn says(self, summary: &'static str) -> Self {
        Self { summary, ..self }
    }

    /// … and in a few sentences.
    pub(super) const fn details(self, detail: &'static str) -> Self {
        Self { detail, ..self }
    }

    /// With parameters.
    pub(super) const fn with(self, parameters: &'static [Parameter]) -> Self {
        Self { parameters, ..self }
    }

    /// With a body.
    pub(super) const fn takes(self, body: Body) -> Self {
        Self { body: Some(body), ..self }
    }

    /// 200, with a body of this schema.
    pub(super) const fn gives(self, schema: &'static str) -> Self {
        self.answers(200, schema)
    }

    /// Another status of success, with a body of this schema.
    pub(super) const fn answers(self, status: u16, schema: &'static str) -> Self {
        Self { status, schema: Some(schema), ..self }
    }

    /// 204, with no body.
    pub(super) const fn answers_nothing(self) -> Self {
        Self { status: 204, ..self }
    }

    /// With these statuses of failure.
    pub(super) const fn fails(self, problems: &'static [u16]) -> Self {
        Self { problems, ..self }
    }

    pub(super) fn answer(&self) -> Value {
        let description = match self.status {
            201 => "It was made. `Location` leads to it.",
            202 => "It is on durable record. `Location` leads to what becomes of it.",
            204 => "It is gone.",
            _ => "Here it is.",
        };
        match self.schema {
            Some(schema) => json!({
                "description": description,
                "content": { "application/json": { "schema": { "$ref": format!("#/components/schemas/{schema}") } } },
            }),
            None if self.status == 204 => json!({ "description": description }),
            None => json!({
                "description": description,
                "content": { "*/*": { "schema": {} } },
            }),
        }
    }
}

fn parsed(example: &str) -> Value {
    serde_json::from_str(example).unwrap_or_default()
}

pub(super) const fn path(name: &'static str, detail: &'static str, example: &'static str) -> Parameter {
    Parameter { name, place: "path", detail, example, range: None }
}

pub(super) const fn query(name: &'static str, detail: &'static str, example: &'static str) -> Parameter {
    Parameter { name, place: "query", detail, example, range: None }
}

/// A whole number from `least` to `most`.
pub(super) const fn number(
    name: &'static str,
    detail: &'static str,
    example: &'static str,
    (least, most): (u32, u32),
) -> Parameter {
    Parameter { name, place: "query", detail, example, range: Some((least, most)) }
}

/// A header that makes a request conditional. An example of one would be wrong everywhere.
pub(super) const fn condition(name: &'static str, detail: &'static str) -> Parameter {
    Parameter { name, place: "header", detail, example: "", range: None }
}

/// The beginning of an interchange.
const X12: &str =
    "ISA*00*          *00*          *01*123456789      *01*098765432      *261121*0800*U*00401*000000001*0*P*>~…";
