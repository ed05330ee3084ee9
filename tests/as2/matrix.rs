//! RFC 4130 §2.4.2 and RFC 5402 §3 through a whole gateway over HTTP: the twelve forms, those with encryption by CBC and by
//! GCM, with the five receipts, both ways, and the other side of all of it is OpenSSL's command line.
//!
//! Ninety partners, one for each form and receipt. Each sends an 855 in its form, and the 997 that it earns goes back to
//! it in the same form, with the same receipt asked for.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, OnceLock},
};

use super::{
    by_openssl::{self, Asks, Form, Opened, RECEIPTS, When},
    parties::{acme, gangway},
    wire::{self, Listener, Said},
};
use crate::util::{Dir, Gateway, cast, drain, gwtest, outgoing, state, wait_for};

/// One form with one receipt.
#[derive(Debug, Clone)]
struct Cell {
    id: String,
    form: Form,
    asks: Asks,
}

fn cells() -> Vec<Cell> {
    let mut cells = Vec::new();
    for (number, form) in by_openssl::forms().into_iter().enumerate() {
        for (receipt, asks) in RECEIPTS.into_iter().enumerate() {
            cells.push(Cell { id: format!("f{number:02}r{receipt}"), form, asks });
        }
    }
    cells
}

impl Cell {
    fn x12_id(&self) -> String {
        format!("ZZ/{}", self.id.to_uppercase())
    }

    fn url(&self, listener: &Listener) -> String {
        format!("http://{}/{}", listener.address, self.id)
    }

    /// The partner's file: what goes out is as what comes in.
    fn write(&self, dir: &Dir, listener: &Listener) {
        let url = self.url(listener);
        let sign = if self.form.sign { "sha-256" } else { "off" };
        let encrypt = match self.form.encrypt {
            None => "off",
            Some("-aes-256-cbc") => "aes256-cbc",
            Some(_) => "aes128-gcm",
        };
        let compress = match self.form.compress {
            When::Never => "never",
            When::BeforeSigning => "before-signing",
            When::AfterSigning => "after-signing",
        };
        let receipt = match self.asks {
            Asks::Nothing => "none",
            Asks::Unsigned { .. } => "unsigned",
            Asks::Signed { .. } => "signed",
        };
        let by = if self.asks.is_apart() { "callback" } else { "response" };
        let more = format!(
            "\n[as2]\nid = \"{}\"\nurl = \"{url}\"\nreceipts_to = [\"{url}\"]\ncertificates = [\"acme.pem\"]\n\
             must_sign = {}\nmust_encrypt = {}\nsign = \"{sign}\"\nencrypt = \"{encrypt}\"\ncompress = \"{compress}\"\n\
             receipt = \"{receipt}\"\nreceipt_by = \"{by}\"\n",
            self.id,
            self.form.sign,
            self.form.encrypt.is_some(),
        );
        let (id, x12, more): (&str, String, &str) = (self.id.clone().leak(), self.x12_id(), more.leak());
        cast::PartnerFile { x12: Some(x12.leak()), more, ..cast::PartnerFile::new(id) }.write(dir);
    }
}

/// What came to the partners' server.
#[derive(Default)]
struct Came {
    /// Receipts of the gateway, by partner.
    receipts: Mutex<BTreeMap<String, Said>>,
    /// Messages of the gateway, by partner.
    messages: Mutex<BTreeMap<String, Opened>>,
    /// Where receipts that go on their own are sent.
    gateway: OnceLock<String>,
}

impl Came {
    async fn take(self: Arc<Self>, said: Said) -> Said {
        let id = said.path().trim_start_matches('/').to_owned();
        if String::from_utf8_lossy(&said.body).contains("message/disposition-notification") {
            self.receipts.lock().unwrap().insert(id, said);
            return Said::answer(200, Vec::new(), Vec::new());
        }
        let work = tokio::task::spawn_blocking(move || {
            let opened = by_openssl::open(&said, gangway(), acme());
            let receipt =
                said.header("disposition-notification-to").map(|_| by_openssl::written(&said, &opened, acme()));
            (opened, receipt, said.header("receipt-delivery-option").is_some())
        });
        let (opened, receipt, apart) = work.await.expect("OpenSSL reads it");
        self.messages.lock().unwrap().insert(id, opened);
        match receipt {
            None => Said::answer(200, Vec::new(), Vec::new()),
            Some((headers, body)) if !apart => Said::answer(200, headers, body),
            Some((headers, body)) => {
                let gateway = self.gateway.get().expect("it runs").clone();
                tokio::spawn(async move { wire::post(&gateway, &headers, &body).await });
                Said::answer(204, Vec::new(), Vec::new())
            }
        }
    }
}

/// Whether two forms are the same on the wire: what is not signed is compressed neither before nor after that.
fn is_same(one: Form, other: Form) -> bool {
    let compress = (one.compress == When::Never) == (other.compress == When::Never);
    let compress = if one.sign { one.compress == other.compress } else { compress };
    compress && (one.sign, one.encrypt) == (other.sign, other.encrypt)
}

gwtest!(every_form_and_receipt_both_ways_with_openssl, async |dir| {
    let came = Arc::new(Came::default());
    let taking = Arc::clone(&came);
    let listener = Listener::start(move |said| Arc::clone(&taking).take(said)).await;
    let own = gangway();
    let settings = format!(
        "{}\n[as2]\nid = \"gangway\"\nurl = \"http://127.0.0.1:9/as2\"\ncertificate = \"{}\"\nkey = \"file:{}\"\n",
        cast::settings(),
        own.certificate_file.display(),
        own.key_file.display()
    );
    dir.create("gangway.toml", settings);
    dir.create("partners/acme.pem", std::fs::read(&acme().certificate_file).unwrap());
    let cells = cells();
    assert_eq!(cells.len(), 18 * 5);
    cells.iter().for_each(|cell| cell.write(&dir, &listener));
    let gateway = Gateway::start(&dir).await;
    let address = gateway.public_address().to_owned();
    came.gateway.set(address.clone()).unwrap();

    // In.
    let mut mics = BTreeMap::new();
    for (number, cell) in (1..).zip(&cells) {
        let document = cast::answer_to(&cell.x12_id(), number, &format!("PO-{}", cell.id));
        let sent = by_openssl::message(&document, cell.form, acme(), gangway());
        let names = [("AS2-Version", "1.1"), ("AS2-From", cell.id.as_str()), ("AS2-To", "gangway")];
        let names = names.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
        let id = format!("<{}@acme.example>", cell.id);
        let headers: Vec<_> =
            names.chain([("Message-ID".into(), id.clone())]).chain(cell.asks.headers(&cell.url(&listener))).collect();
        let answer = wire::post(&address, &[headers, sent.headers].concat(), &sent.body).await;
        assert_eq!(answer.status(), 200, "{cell:?}: {}", String::from_utf8_lossy(&answer.body));
        mics.insert(cell.id.clone(), sent.mic.clone());
        if cell.asks == Asks::Nothing || cell.asks.is_apart() {
            assert!(answer.body.is_empty(), "{cell:?}");
        } else {
            assert_eq!(answer.header("content-length"), Some(answer.body.len().to_string().as_str()));
            proves(&answer, cell, &sent.mic);
        }
    }
    let events = drain(&gateway.erp(), "erp", cells.len()).await;
    assert!(events.iter().all(|leased| leased.event.kind.contains("order_acknowledgement")));
    let apart = cells.iter().filter(|cell| cell.asks.is_apart());
    for cell in apart {
        let what = format!("the receipt of {}", cell.id);
        let said = wait_for(&what, async || came.receipts.lock().unwrap().get(&cell.id).cloned()).await;
        proves(&said, cell, &mics[&cell.id]);
    }

    // Out.
    for cell in &cells {
        let what = format!("the 997 of {}", cell.id);
        let opened = wait_for(&what, async || came.messages.lock().unwrap().get(&cell.id).cloned()).await;
        assert!(is_same(opened.form, cell.form), "{cell:?}: {opened:?}");
        assert!(String::from_utf8_lossy(&opened.document).contains("~AK1*PR*"), "{cell:?}");
        let what = format!("the delivery to {}", cell.id);
        let message = wait_for(&what, async || {
            let id = outgoing(&gateway.erp(), &cell.id).await.pop()?;
            let message = gateway.erp().message(&id).await.unwrap().json();
            (state(&message) == "delivered").then_some(message)
        })
        .await
        .to_string();
        assert_eq!(message.contains(&opened.mic), cell.asks != Asks::Nothing, "{cell:?}: {message}");
    }
    assert_eq!(came.messages.lock().unwrap().len(), cells.len());
});

/// Holds a receipt against what was sent.
fn proves(said: &Said, cell: &Cell, mic: &str) {
    let receipt = by_openssl::receipt(said, gangway());
    assert_eq!(receipt.disposition, "automatic-action/MDN-sent-automatically; processed", "{cell:?}");
    assert_eq!((receipt.is_signed, receipt.original), (cell.asks.is_signed(), format!("<{}@acme.example>", cell.id)));
    let (value, label) = receipt.mic.unwrap_or_else(|| panic!("{cell:?}: no MIC"));
    assert_eq!(value, mic, "{cell:?}");
    assert!(["sha256", "sha-256"].contains(&label.as_str()), "{label}");
}
