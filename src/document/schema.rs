//! JSON Schemas of the canonical documents. They lie in `mappings/schemas/`, and a test holds the files to the types.

use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::Value;

use super::{
    ApplicationAdvice, DocumentType, Forecast, InventoryReport, Invoice, OrderAcknowledgement,
    OrderChangeAcknowledgement, PurchaseOrder, PurchaseOrderChange, ReceiptAdvice, RemittanceAdvice, ShipSchedule,
    ShipmentNotice,
};

/// The name of a document's schema: its `$id`, and the `dataschema` of events.
pub fn schema_id(document: DocumentType) -> String {
    format!("urn:gangway:document:{document}:v1")
}

/// The JSON Schema (draft 2020-12) of a document; `None` for acknowledgements, which are tracked and never handed on as documents.
pub fn schema(document: DocumentType) -> Option<Value> {
    let mut schema = match document {
        DocumentType::PurchaseOrder => generate::<PurchaseOrder>(),
        DocumentType::PurchaseOrderChange => generate::<PurchaseOrderChange>(),
        DocumentType::OrderAcknowledgement => generate::<OrderAcknowledgement>(),
        DocumentType::OrderChangeAcknowledgement => generate::<OrderChangeAcknowledgement>(),
        DocumentType::ShipmentNotice => generate::<ShipmentNotice>(),
        DocumentType::Invoice => generate::<Invoice>(),
        DocumentType::Forecast => generate::<Forecast>(),
        DocumentType::ShipSchedule => generate::<ShipSchedule>(),
        DocumentType::InventoryReport => generate::<InventoryReport>(),
        DocumentType::ReceiptAdvice => generate::<ReceiptAdvice>(),
        DocumentType::RemittanceAdvice => generate::<RemittanceAdvice>(),
        DocumentType::ApplicationAdvice => generate::<ApplicationAdvice>(),
        DocumentType::FunctionalAcknowledgement => return None,
    };
    tidy(&mut schema);
    if let Value::Object(map) = &mut schema {
        map.insert("$id".to_owned(), Value::String(schema_id(document)));
    }
    Some(schema)
}

fn generate<T: JsonSchema>() -> Value {
    SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<T>().to_value()
}

/// What is not known is left out: so no `null`, and no defaults to say so.
pub(super) fn tidy(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(tidy),
        Value::Object(map) => {
            map.remove("default");
            if let Some(Value::Array(types)) = map.get_mut("type") {
                types.retain(|kind| kind != "null");
                if let [only] = types.as_slice() {
                    let only = only.clone();
                    map.insert("type".to_owned(), only);
                }
            }
            if let Some(Value::Array(choices)) = map.get_mut("anyOf") {
                choices.retain(|choice| choice.get("type").is_none_or(|kind| kind != "null"));
                if let [Value::Object(only)] = choices.as_slice() {
                    let only = only.clone();
                    map.remove("anyOf");
                    map.extend(only);
                }
            }
            map.values_mut().for_each(tidy);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Run with `GANGWAY_BLESS=1` to write the files anew.
    #[test]
    fn schema_files_are_those_of_the_types() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("mappings/schemas");
        for document in DocumentType::ALL {
            let Some(schema) = schema(document) else { continue };
            let text = serde_json::to_string_pretty(&schema).unwrap() + "\n";
            let path = folder.join(format!("{document}.v1.json"));
            if std::env::var_os("GANGWAY_BLESS").is_some() {
                std::fs::create_dir_all(&folder).unwrap();
                std::fs::write(&path, &text).unwrap();
            }
            let file = std::fs::read_to_string(&path).unwrap_or_default();
            assert!(file == text, "{} is stale: run `GANGWAY_BLESS=1 cargo test`", path.display());
        }
    }

    #[test]
    fn the_schema_of_progress_is_that_of_its_type() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("mappings/schemas/progress.v1.json");
        let text = serde_json::to_string_pretty(&crate::document::progress_schema()).unwrap() + "\n";
        if std::env::var_os("GANGWAY_BLESS").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        assert!(std::fs::read_to_string(&path).unwrap_or_default() == text, "run `GANGWAY_BLESS=1 cargo test`");
    }

    #[test]
    fn nothing_in_a_schema_may_be_null() {
        for document in DocumentType::ALL {
            let Some(schema) = schema(document) else { continue };
            assert!(!schema.to_string().contains("\"null\""), "{document}");
            assert_eq!(schema["additionalProperties"], false, "{document}");
        }
    }
}
