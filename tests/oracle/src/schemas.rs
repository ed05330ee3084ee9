//! Our JSON Schemas as another program reads them: shipped files and fixtures keep to them, and mistakes do not.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn validator(path: &str) -> jsonschema::Validator {
    let text = fs::read(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    let schema: Value = serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{path}: {error}"));
    jsonschema::validator_for(&schema).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn told(validator: &jsonschema::Validator, value: &Value) -> Vec<String> {
    validator.iter_errors(value).map(|error| format!("{} at {}", error, error.instance_path())).collect()
}

/// Files of a folder by the end of their names.
fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join(folder)).unwrap_or_else(|error| panic!("{folder}: {error}"));
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.is_file() && path.to_string_lossy().ends_with(ending));
    paths.sort();
    paths
}

fn from_toml(text: &str) -> Value {
    toml::from_str(text).unwrap()
}

#[test]
fn shipped_files_keep_to_the_schemas_beside_them() {
    let folders = [
        ("partners", "partners/.schema.json"),
        ("partners/templates", "partners/templates/.schema.json"),
        ("mappings/x12", "mappings/.schema.json"),
        ("mappings/ubl", "mappings/.schema.json"),
        ("mappings/cxml", "mappings/.schema.json"),
        ("mappings/parts", "mappings/.schema.json"),
        ("mappings/tables", "mappings/.schema.json"),
    ];
    let mut wrong = Vec::new();
    for (folder, schema) in folders {
        let validator = validator(schema);
        let files = files(folder, ".toml");
        assert!(!files.is_empty(), "{folder}");
        for path in files {
            let faults = told(&validator, &from_toml(&fs::read_to_string(&path).unwrap()));
            wrong.extend(faults.into_iter().map(|fault| format!("{}: {fault}", path.display())));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn an_editor_sees_the_mistakes_of_a_partners_file() {
    let validator = validator("partners/.schema.json");
    let text = fs::read_to_string(root().join("partners/coldforge.toml")).unwrap();
    let mistakes = [
        ("status        = \"test\"", "status = \"life\""),
        ("vendor_number = \"900102\"", "vendor_number = 900102"),
        ("ours = \"ZZ/EXAMPLEBUYER\"", "oures = \"ZZ/EXAMPLEBUYER\""),
    ];
    for (right, wrong) in mistakes {
        assert!(text.contains(right), "{right}");
        assert!(!validator.is_valid(&from_toml(&text.replacen(right, wrong, 1))), "{wrong}");
    }
}

#[test]
fn what_mappings_make_keeps_to_the_schema_of_its_document() {
    let mut held = 0;
    let mut wrong = Vec::new();
    for folder in ["mappings/x12", "mappings/ubl", "mappings/cxml"] {
        for mapping in files(folder, ".toml") {
            let file = from_toml(&fs::read_to_string(&mapping).unwrap());
            let tests = mapping.with_extension("test");
            let Some(document) = file["mapping"]["document"].as_str().filter(|_| tests.is_dir()) else { continue };
            let validator = validator(&format!("mappings/schemas/{document}.v1.json"));
            for path in files(&tests.strip_prefix(root()).unwrap().to_string_lossy(), ".json") {
                if path.to_string_lossy().ends_with(".extras.json") {
                    continue;
                }
                let value: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
                let all = value.as_array().cloned().unwrap_or_else(|| vec![value]);
                for one in &all {
                    held += 1;
                    let faults = told(&validator, one);
                    wrong.extend(faults.into_iter().map(|fault| format!("{}: {fault}", path.display())));
                }
            }
        }
    }
    assert!(held > 10, "{held}");
    assert!(wrong.is_empty(), "{wrong:#?}");
}
