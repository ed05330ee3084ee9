//! The JSON Schema of mapping files, for editors: `mappings/.schema.json`, held to the parser's own keys by a test.

use serde_json::{Map, Value, json};

use super::file::{
    HEADER_KEYS, Key, LIST_KEYS, RULE_KEYS, TOP_KEYS,
    xml::{HEADER_XML_KEYS, LIST_XML_KEYS, TOP_XML_KEYS},
};
use crate::document::DocumentType;

/// The schema of a mapping file.
pub fn file_schema() -> Value {
    let place = json!({ "type": "string", "examples": ["BEG03", "DTM[01=002]02", "PO1{VP}", "N1[01=ST]/N402", "{value}", "cbc:ID", "cac:Price/cbc:PriceAmount", "@unitCode"] });
    let places = json!({ "anyOf": [place, { "type": "array", "items": place, "minItems": 1 }] });
    let texts = json!({ "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }] });
    let documents: Vec<_> = DocumentType::ALL.iter().map(|kind| kind.as_str()).collect();
    let rule_keys = object(RULE_KEYS, |key| match key {
        "at" => json!({ "$ref": "#/$defs/places" }),
        "missing" => json!({ "enum": super::table::Missing::NAMES }),
        "only" => json!({ "enum": ["read", "write"] }),
        "required" => json!({ "type": "boolean" }),
        "as" => {
            let named: Vec<_> = super::convert::NAMED
                .iter()
                .map(|named| json!({ "const": named.name, "description": named.about }))
                .collect();
            json!({ "anyOf": [{ "type": "string", "examples": super::convert::NAMES }, { "oneOf": named }] })
        }
        _ => json!({ "type": "string" }),
    });
    let scope_key = |key: &str| match key {
        "fields" => json!({ "$ref": "#/$defs/fields" }),
        "lists" => json!({ "$ref": "#/$defs/lists" }),
        "loops" => json!({ "type": "object", "additionalProperties": { "$ref": "#/$defs/texts" } }),
        "computed" => {
            json!({ "anyOf": [{ "$ref": "#/$defs/places" }, { "type": "object", "additionalProperties": { "type": "string" } }] })
        }
        _ => json!({ "type": "string" }),
    };
    let lists = [LIST_KEYS, LIST_XML_KEYS].concat();
    let list = object(&lists, |key| match key {
        "of" => {
            json!({ "type": "object", "additionalProperties": { "anyOf": [{ "$ref": "#/$defs/list" }, { "const": false }] } })
        }
        "through" => json!({ "type": "object", "additionalProperties": { "$ref": "#/$defs/texts" } }),
        "each" => json!({ "$ref": "#/$defs/places" }),
        "holds" | "until" => json!({ "$ref": "#/$defs/texts" }),
        "value" => json!({ "$ref": "#/$defs/rule" }),
        _ => scope_key(key),
    });
    let headers = [HEADER_KEYS, HEADER_XML_KEYS].concat();
    let mut schema = object(&[TOP_KEYS, TOP_XML_KEYS].concat(), |key| match key {
        "format" => json!({ "enum": ["x12", "xml"] }),
        "namespaces" | "envelope" | "constants" => {
            json!({ "type": "object", "additionalProperties": { "type": "string" } })
        }
        "sequence" | "repeats" => json!({ "type": "object", "additionalProperties": { "$ref": "#/$defs/texts" } }),
        "mapping" => object(&headers, |key| match key {
            "format" => json!({ "enum": ["x12", "xml"] }),
            "versions" => json!({ "type": "array", "items": { "type": "string" } }),
            "document" => json!({ "enum": documents }),
            _ => json!({ "type": "string" }),
        }),
        "codes" => json!({
            "type": "object",
            "additionalProperties": { "type": "object", "additionalProperties": { "anyOf": [
                { "type": "string" },
                { "const": false },
                { "type": "object", "properties": { "to": { "type": "string" }, "canonical": { "type": "boolean" } }, "required": ["to"], "additionalProperties": false },
            ] } },
        }),
        "parts" => json!({ "type": "object", "additionalProperties": { "$ref": "#/$defs/list" } }),
        _ => scope_key(key),
    });
    if let Value::Object(map) = &mut schema {
        map.insert("$schema".to_owned(), "https://json-schema.org/draft/2020-12/schema".into());
        map.insert("title".to_owned(), "Gangway mapping file".into());
        map.insert(
            "$defs".to_owned(),
            json!({
                "places": places,
                "texts": texts,
                "rule": { "anyOf": [{ "$ref": "#/$defs/places" }, rule_keys] },
                "fields": { "type": "object", "additionalProperties": { "anyOf": [
                    { "$ref": "#/$defs/rule" }, { "const": false }, { "$ref": "#/$defs/fields" },
                ] } },
                "list": list,
                "lists": { "type": "object", "additionalProperties": { "anyOf": [
                    { "$ref": "#/$defs/list" }, { "const": false }, { "$ref": "#/$defs/lists" },
                ] } },
            }),
        );
    }
    schema
}

fn object(keys: &[Key], value: impl Fn(&str) -> Value) -> Value {
    let properties: Map<String, Value> = keys
        .iter()
        .map(|(name, about)| {
            let mut value = value(name);
            if let Value::Object(map) = &mut value {
                map.insert("description".to_owned(), (*about).into());
            }
            ((*name).to_owned(), value)
        })
        .collect();
    json!({ "type": "object", "properties": properties, "additionalProperties": false })
}

#[cfg(test)]
mod tests {
    /// Run with `GANGWAY_BLESS=1` to write the file anew.
    #[test]
    fn the_schema_file_is_that_of_the_parser() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("mappings/.schema.json");
        let text = serde_json::to_string_pretty(&super::file_schema()).unwrap() + "\n";
        if std::env::var_os("GANGWAY_BLESS").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        let file = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(file == text, "{} is stale: run `GANGWAY_BLESS=1 cargo test`", path.display());
    }
}
