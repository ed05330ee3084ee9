//! What is compiled in: templates, which files beside the settings override, and the example partners of `demo`.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use crate::config::Source;

/// The built-in templates: name and text.
pub const TEMPLATES: &[(&str, &str)] = &[
    ("api-x12", include_str!("../../partners/templates/api-x12.toml")),
    ("as2-ubl", include_str!("../../partners/templates/as2-ubl.toml")),
    ("as2-x12", include_str!("../../partners/templates/as2-x12.toml")),
    ("rest-cxml", include_str!("../../partners/templates/rest-cxml.toml")),
    ("rest-json", include_str!("../../partners/templates/rest-json.toml")),
    ("sftp-push-x12", include_str!("../../partners/templates/sftp-push-x12.toml")),
    ("sftp-x12", include_str!("../../partners/templates/sftp-x12.toml")),
];

/// The example partners and what they refer to, by their path in the folder of partners.
pub const EXAMPLES: &[(&str, &str)] = &[
    ("coldforge.toml", include_str!("../../partners/coldforge.toml")),
    ("nordbolt.toml", include_str!("../../partners/nordbolt.toml")),
    ("tallgrass.toml", include_str!("../../partners/tallgrass.toml")),
    ("certs/coldforge-example.pem", include_str!("../../partners/certs/coldforge-example.pem")),
];

/// The API keys of the examples, in plain text: everybody knows them, so they guard nothing.
pub const EXAMPLE_KEYS: &[&str] = &[
    "gw_live_EXAMPLE_nordbolt_0000000000000000",
    "gw_test_EXAMPLE_nordbolt_0000000000000000",
    "gw_live_EXAMPLE_coldforge_000000000000000",
    "gw_test_EXAMPLE_coldforge_000000000000000",
];

/// Writes the example partners into a folder, with a status of their own.
pub fn write_examples(folder: &Path, status: super::Status) -> std::io::Result<()> {
    for (name, text) in EXAMPLES {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap_or(folder))?;
        std::fs::write(path, text.replace("= \"test\"", &format!("= \"{status}\"")))?;
    }
    Ok(())
}

/// The built-in templates as sources.
pub(super) fn built_in() -> BTreeMap<String, Arc<Source>> {
    let source = |name: &str, text: &str| Source::new(format!("{name}.toml (built in)"), text);
    TEMPLATES.iter().map(|(name, text)| ((*name).to_owned(), source(name, text))).collect()
}
