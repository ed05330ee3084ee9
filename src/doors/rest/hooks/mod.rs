//! `/v1/webhook_endpoints`: addresses of their own that suppliers want to be told at, where their files do not forbid it.
//! The secret that signs is shown when it is made and never again. Such an address was written by somebody outside, so that
//! it leads to the public internet only, or where the operator allowed it.

mod push;
mod shelf;

use std::sync::{Arc, Mutex};

use axum::{
    Extension,
    body::Body,
    extract::{FromRequestParts, Path, Request, State as Shared},
    http::{
        HeaderMap, HeaderName, HeaderValue, StatusCode,
        header::{CACHE_CONTROL, ETAG, IF_MATCH, LOCATION},
        request::Parts,
    },
    response::Response,
    routing::{MethodRouter, get, post},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use self::{
    push::{Bells, Crier},
    shelf::{Asked, Endpoint, Held, MOST, Shelf, State},
};
use super::{Rest, feed, problems, submit};
use crate::{
    document::CloudEvent,
    keys,
    ledger::{LedgerError, SharedLedger},
    net::{self, Egress, Fields, Problem, problem::FIELDS, webhook::Posted},
    partner::{ApiAccess, HttpUrl, Partner},
};

/// The largest body.
const MAX_BODY: usize = 16 << 10;
/// How long an old secret signs beside a new one: at most, and if nothing is said.
const OVERLAP: u32 = 7 * 86_400;
const OVERLAP_USUAL: u32 = 86_400;
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// The endpoints and who tells them.
pub struct Hooks {
    shelf: Arc<Shelf>,
    egress: Arc<Egress>,
    crier: Arc<Crier>,
    bells: Arc<Bells>,
}

impl Hooks {
    /// Those that the ledger remembers, called by `egress`.
    ///
    /// # Errors
    /// When the ledger does not answer.
    pub async fn open(ledger: SharedLedger, egress: Egress) -> Result<Self, LedgerError> {
        let (shelf, egress) = (Arc::new(Shelf::open(ledger).await?), Arc::new(egress.for_strangers()));
        let bells = Arc::new(Bells::default());
        let begun = Mutex::default();
        let crier = Crier { shelf: Arc::clone(&shelf), egress: Arc::clone(&egress), bells: Arc::clone(&bells), begun };
        Ok(Self { shelf, egress, crier: Arc::new(crier), bells })
    }
}

/// Tells the endpoints of all suppliers, until the task is aborted.
pub(super) fn spawn(rest: &Arc<Rest>) -> Option<JoinHandle<()>> {
    let crier = Arc::clone(&rest.hooks.as_ref()?.crier);
    let rest = Arc::clone(rest);
    Some(tokio::spawn(async move {
        let (follows, keeps_up) = (Arc::clone(&crier).follow(Arc::clone(&rest)), crier.keep_up(rest));
        tokio::join!(follows, keeps_up);
    }))
}

/// Whether a partner may have endpoints of its own.
fn may_have(partner: &Partner) -> bool {
    partner.rest.as_ref().is_some_and(|rest| rest.webhook_endpoints)
}

pub(super) fn collection() -> MethodRouter<Arc<Rest>> {
    get(list).post(create)
}

pub(super) fn member() -> MethodRouter<Arc<Rest>> {
    get(one).patch(change).delete(delete)
}

pub(super) fn rotation() -> MethodRouter<Arc<Rest>> {
    post(rotate)
}

pub(super) fn test() -> MethodRouter<Arc<Rest>> {
    post(try_out)
}

/// What is told of an endpoint: everything but what signs.
fn view(endpoint: &Endpoint) -> Value {
    json!({
        "id": endpoint.id,
        "url": endpoint.url,
        "types": endpoint.types,
        "mode": endpoint.mode,
        "state": endpoint.state,
        "created_at": endpoint.created_at,
        "failed_attempts": endpoint.attempts,
        "next_attempt_at": endpoint.due,
        "detail": endpoint.detail,
    })
}

fn etag(endpoint: &Endpoint) -> String {
    format!("\"{}-{}\"", endpoint.id, endpoint.revision)
}

/// An answer about one endpoint; with the secret that was made for it, nobody keeps it on the way.
fn answer(status: StatusCode, endpoint: &Endpoint, secret: Option<&str>) -> Response {
    let mut body = view(endpoint);
    if let (Some(secret), Some(body)) = (secret, body.as_object_mut()) {
        body.insert("secret".into(), secret.into());
    }
    let mut response = net::json(status, &body);
    let headers = response.headers_mut();
    if let Ok(etag) = HeaderValue::try_from(etag(endpoint)) {
        headers.insert(ETAG, etag);
    }
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// The endpoints, where this partner may have any.
fn hooks<'r>(rest: &'r Rest, access: &ApiAccess) -> Result<&'r Hooks, Problem> {
    let hooks = rest.hooks.as_ref().filter(|_| may_have(&access.partner));
    hooks.ok_or_else(|| problems::NO_HOOKS.because("Ask the buyer: the partner's file does not allow it."))
}

/// The caller's endpoint that a path names.
struct Named {
    rest: Arc<Rest>,
    access: ApiAccess,
    endpoint: Endpoint,
}

impl FromRequestParts<Arc<Rest>> for Named {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, rest: &Arc<Rest>) -> Result<Self, Problem> {
        let access = parts.extensions.get::<ApiAccess>().cloned();
        let access = access.ok_or_else(|| net::problem::INTERNAL.because("Nobody asked who it is."))?;
        let hooks = hooks(rest, &access)?;
        let Ok(Path(id)) = Path::<String>::from_request_parts(parts, rest).await else { return Err(no_endpoint()) };
        let own = hooks.shelf.of(&access.partner.id).into_iter().find(|one| one.id == id && one.mode == access.mode);
        Ok(Self { rest: Arc::clone(rest), endpoint: own.ok_or_else(no_endpoint)?, access })
    }
}

impl Named {
    fn hooks(&self) -> Result<&Hooks, Problem> {
        hooks(&self.rest, &self.access)
    }

    /// Has its owner change it, and gives it as it is then.
    async fn change(
        &self,
        change: impl FnOnce(&mut Endpoint) -> Result<(), Problem> + Send + 'static,
    ) -> Result<Endpoint, Problem> {
        let id = self.endpoint.id.clone();
        let changed = shelve(self.hooks()?, &self.access.partner.id, move |own| {
            let own = own.iter_mut().find(|one| one.id == id && !one.deleted).ok_or_else(no_endpoint)?;
            let before = own.clone();
            change(own)?;
            own.revision += u64::from(*own != before);
            Ok(own.clone())
        });
        changed.await?
    }
}

fn no_endpoint() -> Problem {
    problems::NO_ENDPOINT.because("There is no endpoint with this id.")
}

/// Changes a partner's endpoints, to the end even if the caller goes away.
async fn shelve<T: Send + 'static>(
    hooks: &Hooks,
    partner: &str,
    change: impl FnOnce(&mut Vec<Endpoint>) -> T + Send + 'static,
) -> Result<T, Problem> {
    let (shelf, of) = (Arc::clone(&hooks.shelf), partner.to_owned());
    let changed = tokio::spawn(async move { shelf.change(&of, change).await }).await;
    let changed = changed.map_err(|error| LedgerError::Unavailable(error.to_string())).and_then(|changed| changed);
    let changed = changed.map_err(|error| {
        tracing::error!(partner, %error, "Webhook endpoints cannot be written.");
        problems::UNAVAILABLE.because("Nothing was changed; come again.").retry_after(problems::UNAVAILABLE_SECONDS)
    });
    hooks.bells.ring(partner);
    changed
}

async fn list(Shared(rest): Shared<Arc<Rest>>, Extension(access): Extension<ApiAccess>) -> Result<Response, Problem> {
    let own = hooks(&rest, &access)?.shelf.of(&access.partner.id);
    let data: Vec<_> = own.iter().filter(|one| one.mode == access.mode).map(view).collect();
    Ok(net::json(StatusCode::OK, &json!({ "data": data, "next": null })))
}

async fn one(named: Named) -> Response {
    answer(StatusCode::OK, &named.endpoint, None)
}

/// Names an endpoint. The same key again gets the same answer, whatever became of the endpoint since; but its secret is not
/// shown twice.
async fn create(
    Shared(rest): Shared<Arc<Rest>>,
    Extension(access): Extension<ApiAccess>,
    request: Request,
) -> Result<Response, Problem> {
    let hooks = hooks(&rest, &access)?;
    let (head, body) = request.into_parts();
    let key = submit::idempotency_key(&head.headers)?;
    let mut fields = Fields::read(&head.headers, body, MAX_BODY).await?;
    let url = fields.parsed("url", "an address that may be called, like https://supplier.example/events", |text| {
        usable(hooks, text)
    });
    let types = types(&mut fields).unwrap_or_default();
    fields.finish()?;
    let Some(url) = url else { return Err(FIELDS.because("There is no url.")) };
    let position = rest.ledger.head().await.map_err(problems::from_ledger)?;
    let digest = keys::sha256_hex(format!("{}/{}/{key}", access.partner.id, access.mode.as_str()).as_bytes());
    let (mode, secret, now) = (access.mode, secret(), Timestamp::now());
    let new = Endpoint {
        id: format!("we_{}", digest.get(..26).unwrap_or_default()),
        asked: Some(Asked { url: url.clone(), types: types.clone() }),
        url,
        types,
        mode,
        state: State::Enabled,
        detail: None,
        created_at: now,
        secrets: vec![Held { secret: secret.clone(), until: None, key: None }],
        position,
        attempts: 0,
        due: None,
        revision: 0,
        deleted: false,
    };
    let wanted = new.clone();
    let before = shelve(hooks, &access.partner.id, move |own| match own.iter().find(|one| one.id == new.id) {
        Some(before) => Ok(Some(before.as_it_was_named())),
        None if own.iter().filter(|one| one.mode == mode && !one.deleted).count() >= MOST => Err(()),
        None => {
            own.push(new);
            Ok(None)
        }
    });
    let (endpoint, secret) = match before.await? {
        Err(()) => {
            return Err(
                problems::TOO_MANY_HOOKS.because(format!("A partner may have {MOST} endpoints; delete one first."))
            );
        }
        Ok(Some(before)) if before.url != wanted.url || before.types != wanted.types => {
            return Err(problems::KEY_REUSED.because("This key named another endpoint before."));
        }
        Ok(Some(before)) => (before, None),
        Ok(None) => (wanted, Some(secret)),
    };
    let mut response = answer(StatusCode::CREATED, &endpoint, secret.as_deref());
    if let Ok(location) = HeaderValue::try_from(format!("/v1/webhook_endpoints/{}", endpoint.id)) {
        response.headers_mut().insert(LOCATION, location);
    }
    match secret {
        Some(_) => hooks.crier.begin(&rest, access.partner.id.clone(), endpoint.id),
        None => drop(response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"))),
    }
    Ok(response)
}

async fn change(named: Named, request: Request) -> Result<Response, Problem> {
    let hooks = named.hooks()?;
    let (head, body) = request.into_parts();
    let mut fields = Fields::read(&head.headers, body, MAX_BODY).await?;
    let expected = "an address that may be called, like https://supplier.example/events";
    let url = fields.optional("url", expected, |value| usable(hooks, value.as_str()?));
    let types = types(&mut fields);
    let state = fields.optional("state", "enabled or disabled", |value| serde_json::from_value(value.clone()).ok());
    fields.finish()?;
    let condition = Condition::of(&head.headers);
    condition.holds(&named.endpoint)?;
    let changed = named.change(move |own| {
        condition.holds(own)?;
        if let Some(state) = state {
            // Whoever enables it wants to be told now.
            (own.state, own.attempts, own.due, own.detail) = (state, 0, None, None);
        }
        if let Some(url) = url.filter(|url| *url != own.url) {
            // What failed was the address before.
            (own.url, own.attempts, own.due, own.detail) = (url, 0, None, None);
        }
        own.types = types.unwrap_or_else(|| own.types.clone());
        Ok(())
    });
    Ok(answer(StatusCode::OK, &changed.await?, None))
}

async fn delete(named: Named, headers: HeaderMap) -> Result<Response, Problem> {
    Condition::of(&headers).holds(&named.endpoint)?;
    let id = named.endpoint.id.clone();
    shelve(named.hooks()?, &named.access.partner.id, move |own| shelf::take_back(own, &id)).await?;
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    Ok(response)
}

/// Makes a new secret; the one before signs beside it for a while. With a key, a repetition makes no other.
async fn rotate(named: Named, request: Request) -> Result<Response, Problem> {
    let (head, body) = request.into_parts();
    let key = submit::read_key(&head.headers)?;
    let mut fields = Fields::read(&head.headers, body, MAX_BODY).await?;
    let overlap = fields.number("overlap_secs", 0..=OVERLAP, OVERLAP_USUAL);
    fields.finish()?;
    let (made, now) = (secret(), Timestamp::now());
    let new = made.clone();
    let changed = named.change(move |own| {
        let until = now.saturating_add(SignedDuration::from_secs(overlap.into())).unwrap_or(now);
        if key.is_none() || own.secrets.iter().all(|held| held.key != key) {
            own.rotate(Held { secret: new, until: None, key }, until, now);
        }
        Ok(())
    });
    let changed = changed.await?;
    if changed.secrets.iter().any(|held| held.secret == made) {
        return Ok(answer(StatusCode::OK, &changed, Some(&made)));
    }
    let mut response = answer(StatusCode::OK, &changed, None);
    response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    Ok(response)
}

/// Posts an event that says it is a test, and tells what the endpoint made of it.
async fn try_out(named: Named) -> Result<Response, Problem> {
    let (hooks, Named { access, endpoint, .. }) = (named.hooks()?, &named);
    let event = format!("test_{}", keys::sha256_hex(&keys::random::<16>()).get(..26).unwrap_or_default());
    let body = json!({
        "specversion": CloudEvent::SPECVERSION,
        "id": event,
        "source": CloudEvent::source_of(&access.partner.id),
        "type": "gangway.webhook_endpoint.test.v1",
        "time": Timestamp::now(),
        "data": { "endpoint": endpoint.id },
    });
    let posted = hooks.crier.post_body(endpoint, &event, body.to_string().into()).await;
    let (delivered, detail) = match posted {
        Posted::Taken => (true, "The endpoint took it.".to_owned()),
        Posted::Later { detail, .. } | Posted::Refused(detail) => (false, format!("{detail}.")),
        Posted::Gone => (false, "The endpoint says that it is gone (410).".to_owned()),
    };
    Ok(net::json(StatusCode::OK, &json!({ "event": event, "delivered": delivered, "detail": detail })))
}

/// The types of events that are wanted, where the body says so; each has to be one that suppliers are told of.
fn types(fields: &mut Fields) -> Option<Vec<String>> {
    let told = feed::types();
    let expected = format!("a list of types of events that suppliers are told of, which are {}", told.join(", "));
    fields.optional("types", &expected, |value| {
        let of =
            |value: &Value| value.as_str().filter(|kind| told.iter().any(|one| one == kind)).map(ToOwned::to_owned);
        value.as_array().filter(|all| all.len() <= 50)?.iter().map(of).collect()
    })
}

/// An address that may be called: over TLS, unless the operator allowed the very network that it is in.
fn usable(hooks: &Hooks, text: &str) -> Option<String> {
    let url: HttpUrl = text.parse().ok()?;
    hooks.egress.may_call(url.as_str()).then(|| text.to_owned())
}

/// A secret by Standard Webhooks.
fn secret() -> String {
    format!("whsec_{}", BASE64_STANDARD.encode(keys::random::<32>()))
}

/// What `If-Match` says.
#[derive(Clone)]
struct Condition(Option<String>);

impl Condition {
    fn of(headers: &HeaderMap) -> Self {
        Self(headers.get(IF_MATCH).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()))
    }

    fn holds(&self, endpoint: &Endpoint) -> Result<(), Problem> {
        let own = etag(endpoint);
        match &self.0 {
            Some(wanted) if wanted.trim() != "*" && !wanted.split(',').any(|one| one.trim() == own) => {
                Err(problems::STALE.because("The endpoint was changed since."))
            }
            _ => Ok(()),
        }
    }
}
