//! A partner's side of AS2: sends as its software would and holds our receipts against what it sent; takes what we send and
//! answers with receipts of its own.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::{Request as HttpRequest, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::post,
};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use jiff::Timestamp;
use tokio::{net::TcpListener, sync::Notify, task::JoinHandle};

use crate::{
    as2::{
        algorithm::{Cipher, Digest, Scheme, Spelling, Transport},
        certificate::Certificate,
        cms::SignatureRules,
        content::{Content, InMemory},
        disposition::Disposition,
        entropy::System,
        fault::Fault,
        headers::Request,
        key::OwnKey,
        mdn::{self, HttpMessage, Mdn},
        mime::Fields,
        receive::{self, Policy, Relation, Tools},
        send::{self, Compress, Document, Encryption, Outgoing, Quirks, Signing, Terms},
    },
    doors::as2::ring,
    net::{CallError, Egress, Manner, Reply, Trust},
};

/// The largest message that the partner's server takes.
const LARGEST: usize = 64 << 20;
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// A partner with a key of its own.
#[derive(Debug, Clone)]
pub struct As2Partner {
    /// Its AS2 name.
    pub name: String,
    /// Its key.
    pub own: OwnKey,
    /// Its certificate in PEM, for its file at the gateway.
    pub certificate: String,
    /// Who the gateway is to it.
    pub gateway: String,
    /// The gateway's certificates.
    pub gateway_certificates: Vec<Certificate>,
}

/// How a message is.
#[derive(Debug, Clone)]
pub struct As2Form {
    /// Whether it is signed, and with which digest.
    pub sign: Option<Digest>,
    /// Whether it is encrypted, and with which cipher.
    pub encrypt: Option<Cipher>,
    /// Whether and when it is compressed.
    pub compress: Compress,
    /// Whether a receipt is asked for, and a signed one.
    pub receipt: Option<bool>,
    /// Where the receipt should go, if not back with the answer.
    pub deliver_to: Option<String>,
}

impl Default for As2Form {
    /// Signed, encrypted, with a signed receipt: what most agree on.
    fn default() -> Self {
        Self {
            sign: Some(Digest::Sha256),
            encrypt: Some(Cipher::Aes256Cbc),
            compress: Compress::Never,
            receipt: Some(true),
            deliver_to: None,
        }
    }
}

/// A message that was sent, and its answer.
#[derive(Debug)]
pub struct As2Sent {
    /// What was sent.
    pub outgoing: Outgoing,
    /// The answer.
    pub reply: Reply,
    /// What the receipt in the answer proves; `None` where there is none.
    pub proof: Option<Result<Disposition, Fault>>,
}

/// A document that the partner's server took.
#[derive(Debug, Clone)]
pub struct As2Taken {
    /// Its bytes.
    pub bytes: Bytes,
    /// Its media type.
    pub content_type: String,
    /// The Message-ID that it came under.
    pub message_id: String,
    /// Whether it was signed by the gateway.
    pub is_signed: bool,
    /// Whether it was encrypted.
    pub is_encrypted: bool,
}

impl As2Partner {
    /// A partner with a key that was made just now.
    ///
    /// # Errors
    /// When no key can be made.
    pub fn make(name: &str, gateway: &str, gateway_certificates: Vec<Certificate>) -> Result<Self, String> {
        let (certificate, key) = ring::pair_in_pem(name, Timestamp::now()).map_err(|error| error.to_string())?;
        let read = Certificate::read_all(certificate.as_bytes()).map_err(|fault| fault.to_string())?;
        let read = read.into_iter().next().ok_or("no certificate was made")?;
        let own = OwnKey::from_pem(key.as_bytes(), read).map_err(|fault| fault.to_string())?;
        let (name, gateway) = (name.to_owned(), gateway.to_owned());
        Ok(Self { name, own, certificate, gateway, gateway_certificates })
    }

    /// A message, ready to be sent.
    ///
    /// # Errors
    /// When it cannot be built.
    pub fn message(&self, documents: &[Document<'_>], form: &As2Form) -> Result<Outgoing, Fault> {
        let tools = tools();
        let digests = [Digest::Sha256, Digest::Sha512];
        let terms = Terms {
            from: &self.name,
            to: &self.gateway,
            sign: form.sign.map(|digest| Signing { key: &self.own, digest, scheme: Scheme::RsaPkcs1 }),
            encrypt: form.encrypt.map(|cipher| Encryption {
                certificates: &self.gateway_certificates,
                cipher,
                transport: Transport::Pkcs1,
            }),
            compress: form.compress,
            receipt: form.receipt.map(|signed| send::ReceiptTerms {
                signed,
                digests: &digests,
                deliver_to: form.deliver_to.as_deref(),
                notify: &self.name,
            }),
            quirks: Quirks::default(),
        };
        send::build(documents, "EDI", &send::message_id("partner.example", tools), &terms, tools)
    }

    /// Sends an X12 document to `url`.
    ///
    /// # Errors
    /// When it cannot be built, or no answer comes.
    pub async fn send(&self, url: &str, x12: &[u8], form: &As2Form) -> Result<As2Sent, String> {
        let document = Document { content: x12, content_type: "application/edi-x12", filename: Some("message.edi") };
        let outgoing = self.message(&[document], form).map_err(|fault| fault.to_string())?;
        self.post(url, outgoing).await.map_err(|error| error.to_string())
    }

    /// Sends what was built before; the same again is a retry.
    ///
    /// # Errors
    /// When no answer comes.
    pub async fn post(&self, url: &str, outgoing: Outgoing) -> Result<As2Sent, CallError> {
        let reply = call(url, &outgoing.http).await?;
        let headers = fields(&reply.headers);
        let body = Content::Memory(reply.body.clone());
        let proof = mdn::is_receipt(&headers, &body)
            .then(|| self.read(&headers, body).and_then(|mdn| outgoing.expectation.check(&mdn)));
        Ok(As2Sent { outgoing, reply, proof })
    }

    /// Reads a receipt of the gateway.
    ///
    /// # Errors
    /// When it is none.
    pub fn read(&self, headers: &Fields, body: Content) -> Result<Mdn, Fault> {
        let rules =
            SignatureRules { weakest: Digest::Sha256, allow_weak: false, any_period: false, now: Timestamp::now() };
        mdn::read(headers, body, &self.gateway_certificates, &rules, &InMemory)
    }
}

/// The partner's own server.
pub struct As2Server {
    state: Arc<Serving>,
    address: SocketAddr,
    task: JoinHandle<()>,
}

struct Serving {
    partner: As2Partner,
    taken: Mutex<Vec<As2Taken>>,
    receipts: Mutex<Vec<(Fields, Bytes)>>,
    /// Statuses to answer with before anything is taken.
    moods: Mutex<Vec<u16>>,
    /// Receipts that should go on their own and are held back; `None` where they go at once.
    held: Mutex<Option<Vec<HttpMessage>>>,
    changed: Notify,
}

impl As2Server {
    /// Serves the partner on a port of its own.
    ///
    /// # Errors
    /// When it cannot listen.
    pub async fn start(partner: As2Partner) -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        Self::start_on(partner, listener)
    }

    /// Serves the partner on `listener`.
    ///
    /// # Errors
    /// When the listener has no address.
    pub fn start_on(partner: As2Partner, listener: TcpListener) -> std::io::Result<Self> {
        let address = listener.local_addr()?;
        let state = Arc::new(Serving {
            partner,
            taken: Mutex::default(),
            receipts: Mutex::default(),
            moods: Mutex::default(),
            held: Mutex::default(),
            changed: Notify::new(),
        });
        let router = Router::new().route("/as2", post(serve)).with_state(Arc::clone(&state));
        let task = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { state, address, task })
    }

    /// Where it is reached.
    pub fn url(&self) -> String {
        format!("http://{}/as2", self.address)
    }

    /// Has the next requests answered with these statuses, and nothing taken.
    pub fn refuse(&self, statuses: &[u16]) {
        lock(&self.state.moods).extend_from_slice(statuses);
    }

    /// Has it take messages again, whatever was still to be refused.
    pub fn recover(&self) {
        lock(&self.state.moods).clear();
    }

    /// The statuses that are still to be answered.
    pub fn refusals_left(&self) -> usize {
        lock(&self.state.moods).len()
    }

    /// Holds receipts back that should go on their own.
    pub fn hold_receipts(&self) {
        lock(&self.state.held).get_or_insert_default();
    }

    /// How many receipts are held back.
    pub fn held(&self) -> usize {
        lock(&self.state.held).as_ref().map_or(0, Vec::len)
    }

    /// Sends what was held back to `url`, wherever it should have gone, and gives the statuses of the answers.
    pub async fn release_receipts(&self, url: &str) -> Vec<u16> {
        let held = lock(&self.state.held).as_mut().map(std::mem::take).unwrap_or_default();
        let mut statuses = Vec::new();
        for receipt in held {
            statuses.push(call(url, &receipt).await.map_or(0, |reply| reply.status));
        }
        statuses
    }

    /// What it took so far.
    pub fn taken(&self) -> Vec<As2Taken> {
        lock(&self.state.taken).clone()
    }

    /// The gateway's receipts that came on their own so far: headers and body.
    pub fn receipts(&self) -> Vec<(Fields, Bytes)> {
        lock(&self.state.receipts).clone()
    }

    /// Waits until something more has come.
    pub async fn changed(&self) {
        let _ = tokio::time::timeout(Duration::from_millis(100), self.state.changed.notified()).await;
    }
}

impl Drop for As2Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(State(state): State<Arc<Serving>>, request: HttpRequest) -> Response {
    let (head, body) = request.into_parts();
    let mood = {
        let mut moods = lock(&state.moods);
        if moods.is_empty() { None } else { Some(moods.remove(0)) }
    };
    #[expect(clippy::disallowed_methods, reason = "`Limited` is the cap")]
    let body = match Limited::new(body, LARGEST).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) => return (StatusCode::BAD_REQUEST, error.to_string()).into_response(),
    };
    if let Some(status) = mood {
        return StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR).into_response();
    }
    let headers = fields(&head.headers);
    let content = Content::Memory(body.clone());
    if mdn::is_receipt(&headers, &content) {
        lock(&state.receipts).push((headers, body));
        state.changed.notify_waiters();
        return StatusCode::OK.into_response();
    }
    take(&state, headers, content)
        .await
        .unwrap_or_else(|fault| (StatusCode::BAD_REQUEST, fault.to_string()).into_response())
}

async fn take(state: &Arc<Serving>, headers: Fields, content: Content) -> Result<Response, Fault> {
    let request = Request::read(headers)?;
    let partner = &state.partner;
    let policy = Policy { must_sign: false, must_encrypt: false, ..Policy::default() };
    let keys = [partner.own.clone()];
    let relation = Relation { certificates: &partner.gateway_certificates, keys: &keys, policy: &policy };
    let received = receive::receive(&request, content, relation, tools());
    let (disposition, mic) = match received.outcome {
        Ok(accepted) => {
            let message_id = String::from_utf8_lossy(&request.message_id).into_owned();
            let mut taken = lock(&state.taken);
            for payload in &accepted.payloads {
                taken.push(As2Taken {
                    bytes: payload.content.bytes(LARGEST).map_err(Fault::Storage)?,
                    content_type: payload.content_type.clone(),
                    message_id: message_id.clone(),
                    is_signed: accepted.is_signed,
                    is_encrypted: accepted.is_encrypted,
                });
            }
            (Disposition::Processed, accepted.mic)
        }
        Err(fault) => (fault.disposition(), None),
    };
    state.changed.notify_waiters();
    let Some(wanted) = &request.receipt else { return Ok(StatusCode::OK.into_response()) };
    let terms = mdn::ReceiptTerms {
        key: Some(&partner.own),
        scheme: Scheme::RsaPkcs1,
        spelling: Spelling::Dashed,
        message_id: &send::message_id("partner.example", tools()),
        product: "A partner's AS2",
    };
    let receipt = mdn::write(&request, &disposition, mic.as_ref(), &terms, tools())?;
    match wanted.deliver_to.clone() {
        Some(url) => {
            match lock(&state.held).as_mut() {
                Some(held) => held.push(receipt),
                None => {
                    tokio::spawn(async move { call(&url, &receipt).await });
                }
            }
            Ok(StatusCode::OK.into_response())
        }
        None => {
            let mut response = Response::builder().status(StatusCode::OK);
            for (name, value) in &receipt.headers {
                response = response.header(name, value);
            }
            let body = Body::from(receipt.body);
            Ok(response.body(body).unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response()))
        }
    }
}

async fn call(url: &str, message: &HttpMessage) -> Result<Reply, CallError> {
    let manner = Manner { patience: PATIENCE, largest_answer: LARGEST, lower_case_headers: false };
    let body = Full::new(Bytes::copy_from_slice(&message.body));
    Egress::default().post(url, &message.headers, body, &Trust::default(), manner).await
}

fn fields(headers: &HeaderMap) -> Fields {
    let mut fields = Fields::default();
    for (name, value) in headers {
        fields.push(name.as_str(), value.as_bytes());
    }
    fields
}

fn tools() -> Tools<'static> {
    Tools { now: Timestamp::now(), scratch: &InMemory, entropy: &System }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
