//! JSON Schemas of our files, for editors: from the same declarations that read the files.

use schemars::{
    JsonSchema, Schema,
    generate::SchemaSettings,
    transform::{RecursiveTransform, Transform},
};
use serde_json::Value;

/// The JSON Schema of a file, as it stands in the repository. What `elsewhere` names may come from another file, so it
/// is not required here.
pub fn of<T: JsonSchema>(title: &str, elsewhere: &[&str]) -> String {
    let mut schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<T>();
    RecursiveTransform(tidy).transform(&mut schema);
    schema.insert("title".to_owned(), title.into());
    for path in elsewhere {
        let (pointer, name) = table_of(&schema, path);
        let required = schema.pointer_mut(&format!("{pointer}/required")).and_then(Value::as_array_mut);
        required.into_iter().for_each(|required| required.retain(|one| one != name));
    }
    text(&schema)
}

/// The same, for a file in which nothing is required, and without some of the names.
pub fn partial_of<T: JsonSchema>(title: &str, without: &[&str]) -> String {
    let mut schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<T>();
    RecursiveTransform(tidy).transform(&mut schema);
    RecursiveTransform(|schema: &mut Schema| {
        schema.remove("required");
    })
    .transform(&mut schema);
    schema.insert("title".to_owned(), title.into());
    for path in without {
        remove(&mut schema, path);
    }
    text(&schema)
}

/// Holds a schema against the file in the repository; with `GANGWAY_BLESS=1`, writes it.
#[cfg(test)]
pub(crate) fn assert_fresh(path: &str, schema: &str) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("GANGWAY_BLESS").is_some() {
        std::fs::write(&path, schema).unwrap();
    }
    let stored = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(stored == schema, "{} is stale: run the tests with GANGWAY_BLESS=1", path.display());
}

/// TOML has no null, and our declarations know better than types what may be left out.
fn tidy(schema: &mut Schema) {
    let optional: Vec<String> = schema
        .get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .filter(|(_, property)| property.get("x-optional") == Some(&Value::Bool(true)))
        .map(|(name, _)| name.clone())
        .collect();
    if let Some(Value::Array(required)) = schema.get_mut("required") {
        required.retain(|name| !optional.iter().any(|one| name == one));
        if required.is_empty() {
            schema.remove("required");
        }
    }
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        for property in properties.values_mut().filter_map(Value::as_object_mut) {
            property.remove("x-optional");
        }
    }
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        types.retain(|one| one != "null");
        if let [one] = types.as_slice() {
            let one = one.clone();
            schema.insert("type".to_owned(), one);
        }
    }
    if let Some(Value::Array(any)) = schema.get_mut("anyOf") {
        any.retain(|one| one.get("type").is_none_or(|one| one != "null"));
        if let [Value::Object(one)] = any.as_slice() {
            let one = one.clone();
            schema.remove("anyOf");
            for (name, value) in one {
                schema.ensure_object().entry(name).or_insert(value);
            }
        }
    }
    if schema.get("type").is_some_and(|one| one == "integer") {
        schema.remove("format");
    }
}

/// Removes the property at a dotted path.
fn remove(schema: &mut Schema, path: &str) {
    let (pointer, name) = table_of(schema, path);
    let properties = schema.pointer_mut(&format!("{pointer}/properties")).and_then(Value::as_object_mut);
    properties.into_iter().for_each(|properties| properties.retain(|one, _| one != name));
}

/// Where the table of a dotted path is declared, and the name in it.
fn table_of<'p>(schema: &Schema, path: &'p str) -> (String, &'p str) {
    let Some((table, name)) = path.rsplit_once('.') else { return (String::new(), path) };
    let reference = schema.pointer(&format!("/properties/{table}/$ref")).and_then(Value::as_str);
    (reference.and_then(|one| one.strip_prefix('#')).unwrap_or_default().to_owned(), name)
}

fn text(schema: &Schema) -> String {
    let mut text = serde_json::to_string_pretty(schema.as_value()).unwrap_or_default();
    text.push('\n');
    text
}
