//! Partners: who they are, how they come in, what is agreed. Files and templates become one immutable [`Directory`].

use std::sync::Arc;

/// What a partner may do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Connects, and queues nothing.
    Onboarding,
    /// Feeds test consumers only.
    Test,
    /// Business.
    Live,
    /// Is told to come later.
    Suspended,
}

/// One partner, effective: its file over its template over the defaults.
#[derive(Debug)]
pub struct Partner {
    /// The file's name without its ending.
    pub id: String,
    /// The name people use.
    pub name: String,
    /// What it may do now.
    pub status: Status,
    /// The ERP's number of it.
    pub vendor_number: Option<String>,
    /// The largest message in bytes.
    pub message_size: u64,
}

/// All partners at one moment. Never changes; a reload makes another.
#[derive(Debug, Default)]
pub struct Directory {
    partners: Vec<Arc<Partner>>,
}

/// A key that opened the supplier API.
#[derive(Debug, Clone)]
pub struct ApiAccess {
    /// Whose key it is.
    pub partner: Arc<Partner>,
    /// Whether it is a test key (`gw_test_…`).
    pub mode: crate::document::Mode,
}

impl Directory {
    /// The partner with this id.
    pub fn partner(&self, id: &str) -> Option<&Arc<Partner>> {
        self.partners.iter().find(|partner| partner.id == id)
    }

    /// Every partner, by id.
    pub fn partners(&self) -> impl Iterator<Item = &Arc<Partner>> {
        self.partners.iter()
    }

    /// Whose API key this is.
    pub fn by_api_key(&self, _key: &str) -> Option<ApiAccess> {
        None
    }
}
