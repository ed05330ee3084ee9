//! Documents that others wrote, as we read them: each keeps to the JSON Schema of its kind, as another program reads that
//! schema, or is refused for a reason that is true of the file.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use gangway::{
    document::DocumentType,
    mapping::{Library, Mapping},
    x12::{CheckedSet, Checker, Policy, Step},
    xml::{Limits, Source, Tree},
};
use serde_json::Value;

/// What is true of the files of X12 that are refused.
const REFUSED_X12: &[(&str, &str)] = &[
    // An 850 in name only: no BEG, and so no order number.
    ("EDI.Net__Samples__x12.Issue101.edi", "a document needs `number`"),
    ("EDI.Net__Samples__x12.Issue172.edi", "a document needs `number`"),
    // Words where a date belongs, and a date of nine digits.
    ("X12Parser__860__Example1.txt", "\"PO DATE\": `order_date` is a date"),
    ("X12Parser__865__FromAdvanceAutoParts.txt", "\"200902164\": `dates.date` is a date"),
];

/// What is true of the files of XML that are refused, or are of a kind that no mapping is for.
const REFUSED_XML: &[(&str, &str)] = &[
    // Its sixth line is `<cbc:ID/>`: an order without a number.
    ("UBL__ph-ubl__CENBII-Order-minimal.xml", "a document needs `number`"),
    // Catalogues, quotes, status reports, punch-outs and answers are no orders, despatches or invoices.
    ("cXML__cxml-php__CatalogUploadRequest.xml", "no mapping for cXML"),
    ("cXML__cxml-php__QuoteMessage.xml", "no mapping for cXML"),
    ("cXML__cxml-php__StatusUpdateRequest.xml", "no mapping for cXML"),
    ("cXML__cxml-php__poom.xml", "no mapping for cXML"),
    ("cXML__cxml-php__quote_request.xml", "no mapping for cXML"),
    ("cXML__cxml__document_node_with_unknown_attribute.xml", "no mapping for cXML"),
    // `invoiceDate="invoice_date"`: the name of the value in its place.
    ("cXML__cxml__invoice_taxes_at_line_multiple_taxes.xml", "\"invoice_date\": `issue_date` is a date"),
    ("cXML__cxml__punch_out_setup_request_doc_with_ship_to.xml", "no mapping for cXML"),
    ("cXML__cxml__response_status_400.xml", "no mapping for cXML"),
];

/// The files of a corpus, in order; none where it is not here.
fn files(kind: &str) -> Vec<PathBuf> {
    let root = std::env::var_os("GANGWAY_CORPUS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus"), PathBuf::from);
    let Ok(entries) = fs::read_dir(root.join(kind)) else {
        println!("SKIPPED: there is no corpus at {}", root.display());
        return Vec::new();
    };
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_file()).collect();
    paths.sort();
    paths
}

/// Schemas by document, and what was held to them.
#[derive(Default)]
struct Court {
    schemas: BTreeMap<DocumentType, jsonschema::Validator>,
    held: BTreeMap<DocumentType, usize>,
    wrong: Vec<String>,
    refused: Vec<(String, String)>,
}

impl Court {
    fn hold(&mut self, name: &str, mapping: &Mapping, json: &[u8]) {
        let kind = mapping.document();
        let schema = self.schemas.entry(kind).or_insert_with(|| {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../mappings/schemas/{kind}.v1.json"));
            jsonschema::validator_for(&serde_json::from_slice(&fs::read(path).unwrap()).unwrap()).unwrap()
        });
        let document: Value = serde_json::from_slice(json).unwrap();
        let faults = schema.iter_errors(&document);
        self.wrong.extend(faults.map(|fault| format!("{name}: {fault} at {}", fault.instance_path())));
        *self.held.entry(kind).or_default() += 1;
    }

    /// All that was refused is in the table, and all of the table was refused.
    fn judge(self, reasons: &[(&str, &str)], expected: &[(DocumentType, usize)]) {
        assert!(self.wrong.is_empty(), "{:#?}", self.wrong);
        let fits =
            |(name, told): &(String, String), (file, reason): &(&str, &str)| name == file && told.contains(reason);
        assert!(
            self.refused.len() == reasons.len()
                && self.refused.iter().zip(reasons).all(|(one, reason)| fits(one, reason)),
            "{:#?}",
            self.refused
        );
        assert_eq!(self.held, expected.iter().copied().collect());
    }
}

#[test]
fn every_document_of_x12_keeps_to_its_schema_or_is_refused_for_a_true_reason() {
    let (library, mut court) = (Library::builtin().unwrap(), Court::default());
    let files = files("x12");
    if files.is_empty() {
        return;
    }
    for path in files {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let mut checker = Checker::new(fs::File::open(&path).unwrap(), |_| Policy::default());
        while let Some(step) = checker.next().unwrap() {
            let Step::Set(CheckedSet { view: Some(view), id, version, .. }) = step else { continue };
            let Some(mapping) = library.for_x12(id, version) else { continue };
            match mapping.read_x12(&view) {
                Ok(mapped) => court.hold(&name, mapping, &mapped.json),
                Err(problems) => court.refused.push((name.clone(), problems[0].to_string())),
            }
        }
    }
    use DocumentType::*;
    court.judge(
        REFUSED_X12,
        &[
            (PurchaseOrder, 11),
            (PurchaseOrderChange, 1),
            (OrderAcknowledgement, 7),
            (OrderChangeAcknowledgement, 2),
            (ShipmentNotice, 10),
            (Invoice, 8),
            (Forecast, 2),
            (ShipSchedule, 1),
            (InventoryReport, 1),
            (RemittanceAdvice, 5),
            (ApplicationAdvice, 1),
        ],
    );
}

#[test]
fn every_document_of_xml_keeps_to_its_schema_or_is_refused_for_a_true_reason() {
    let (library, mut court) = (Library::builtin().unwrap(), Court::default());
    let files = files("xml");
    if files.is_empty() {
        return;
    }
    for path in files.into_iter().filter(|path| path.extension().is_some_and(|ending| ending == "xml")) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let bytes = fs::read(&path).unwrap();
        let source = Source::read(&bytes).unwrap();
        let tree = match Tree::read(source.text(), Limits::default()) {
            Ok(tree) => tree,
            Err(fault) => {
                court.refused.push((name, fault.to_string()));
                continue;
            }
        };
        let Some(mapping) = library.for_xml(&tree) else {
            court.refused.push((name, format!("no mapping for {}", tree.root().local())));
            continue;
        };
        match mapping.read_xml(&source, &tree) {
            Ok(mapped) => court.hold(&name, mapping, &mapped.json),
            Err(problems) => court.refused.push((name, problems[0].to_string())),
        }
    }
    use DocumentType::*;
    court.judge(REFUSED_XML, &[(PurchaseOrder, 6), (OrderAcknowledgement, 2), (Invoice, 8)]);
}
