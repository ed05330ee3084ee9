//! What kinds of document there are, and whether one counts.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// The kinds of canonical document; their names are the `type` in JSON and the middle of an event's type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DocumentType {
    /// X12 850, UBL Order, cXML OrderRequest.
    PurchaseOrder,
    /// X12 860, UBL OrderChange.
    PurchaseOrderChange,
    /// X12 855, UBL OrderResponse, cXML ConfirmationRequest.
    OrderAcknowledgement,
    /// X12 865.
    OrderChangeAcknowledgement,
    /// X12 856, UBL DespatchAdvice, cXML ShipNoticeRequest.
    ShipmentNotice,
    /// X12 810, UBL Invoice, cXML InvoiceDetailRequest.
    Invoice,
    /// X12 830.
    Forecast,
    /// X12 862.
    ShipSchedule,
    /// X12 846.
    InventoryReport,
    /// X12 861.
    ReceiptAdvice,
    /// X12 820.
    RemittanceAdvice,
    /// X12 824.
    ApplicationAdvice,
    /// X12 997, 999 and TA1; never acknowledged itself.
    FunctionalAcknowledgement,
}

impl DocumentType {
    /// Every kind.
    pub const ALL: [Self; 13] = [
        Self::PurchaseOrder,
        Self::PurchaseOrderChange,
        Self::OrderAcknowledgement,
        Self::OrderChangeAcknowledgement,
        Self::ShipmentNotice,
        Self::Invoice,
        Self::Forecast,
        Self::ShipSchedule,
        Self::InventoryReport,
        Self::ReceiptAdvice,
        Self::RemittanceAdvice,
        Self::ApplicationAdvice,
        Self::FunctionalAcknowledgement,
    ];

    /// The name in JSON, files and event types.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PurchaseOrder => "purchase_order",
            Self::PurchaseOrderChange => "purchase_order_change",
            Self::OrderAcknowledgement => "order_acknowledgement",
            Self::OrderChangeAcknowledgement => "order_change_acknowledgement",
            Self::ShipmentNotice => "shipment_notice",
            Self::Invoice => "invoice",
            Self::Forecast => "forecast",
            Self::ShipSchedule => "ship_schedule",
            Self::InventoryReport => "inventory_report",
            Self::ReceiptAdvice => "receipt_advice",
            Self::RemittanceAdvice => "remittance_advice",
            Self::ApplicationAdvice => "application_advice",
            Self::FunctionalAcknowledgement => "functional_acknowledgement",
        }
    }
}

impl fmt::Display for DocumentType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for DocumentType {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or(())
    }
}

/// Whether a document is business or rehearsal; a `test` one never reaches a live consumer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Business.
    #[default]
    Live,
    /// ISA15 = T, a test API key, or a partner whose status is `test`.
    Test,
}

impl Mode {
    /// `live` or `test`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Test => "test",
        }
    }
}
