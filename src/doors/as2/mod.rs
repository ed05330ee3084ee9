//! AS2, `POST /as2` on the public listener (RFC 4130, draft-ietf-ediint-rfc4130bis), and the courier for the way out.
//!
//! What comes is spooled, taken apart away from the async threads, and handed to the exchange together with the receipt
//! that it earns; the receipt leaves only when both are durable. What the transport thinks of a message is said by the
//! receipt; whether its content is any good is said by a 997.
//!
//! # Life of a message
//!
//! names → partner, its network, its status → limits → body into the spool → receipt of ours? → layers, certificates,
//! policy → receipt written → commit of documents and receipt → answer, or a receipt on a connection of its own.

mod caller;
pub mod codes;
mod courier;
mod events;
mod evidence;
mod expiry;
mod layers;
mod limits;
mod problems;
mod receipts;
pub mod ring;
mod sent;
mod stored;
mod stranger;
mod take;

use std::{
    collections::HashMap,
    net::IpAddr,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use arc_swap::ArcSwap;
use axum::{
    Extension, Router,
    body::Body,
    extract::{Request as HttpRequest, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode},
    response::{IntoResponse, Response},
    routing::post,
};
use hyper::body::Body as _;
use jiff::Timestamp;
use tokio::sync::Semaphore;

pub use caller::Caller;
pub use courier::{As2Courier, Carrying, compose};
pub use evidence::evidence;
pub use expiry::{Nearing, inspect, nearing, watch};
pub use layers::Layers;
pub use receipts::Receipts;
pub use ring::{Own, Ring, RingError};

use crate::{
    as2::{headers::Request, mdn::HttpMessage, mime::Fields},
    config::{Network, Settings},
    exchange::Intake,
    limits::Limiter,
    net::{Context, Problem},
    observe::Metrics,
    partner::{Directory, Partner, Status},
    spool::Spool,
};

/// The pages of this room's codes.
pub const EXPLAIN: &str = include_str!("explain.md");

/// What receipts say wrote them.
pub(crate) const PRODUCT: &str = concat!("Gangway ", env!("CARGO_PKG_VERSION"));

/// What the AS2 door works with.
pub struct As2 {
    directory: Arc<ArcSwap<Directory>>,
    intake: Arc<dyn Intake>,
    spool: Arc<Spool>,
    ring: Arc<ArcSwap<Ring>>,
    receipts: Arc<Receipts>,
    carrying: Option<Arc<dyn Carrying>>,
    metrics: Arc<Metrics>,
    telemetry: events::Telemetry,
    identity: Identity,
    layers: Layers,
    /// Where refused messages are kept, to be looked at.
    refused: PathBuf,
    limits: limits::Limits,
    work: Turns,
}

/// Who we are, and whom we believe about where something came from.
#[derive(Debug, Clone)]
pub(super) struct Identity {
    /// Our AS2 name, unless a partner knows us by another.
    name: String,
    /// The host in our Message-IDs.
    host: String,
    /// Our own balancers.
    proxies: Vec<Network>,
}

impl Identity {
    fn of(settings: &Settings) -> Self {
        let url = settings.as2.url.as_ref().and_then(|url| url.value.parse::<http::Uri>().ok());
        let host = url.and_then(|url| url.host().map(str::to_owned));
        Self {
            name: settings.as2.id.value.clone(),
            host: host.unwrap_or_else(|| "gangway".into()),
            proxies: settings.public.trusted_proxies.clone(),
        }
    }

    /// Who we are to a partner.
    fn to<'a>(&'a self, partner: &'a Partner) -> &'a str {
        let own = partner.as2.as_ref().and_then(|as2| as2.ours.as_ref());
        own.map_or(self.name.as_str(), |own| own.as_str())
    }
}

/// Work in turns: so many at one time, and of one partner no more than that wait in front of others.
struct Turns {
    each: usize,
    all: Arc<Semaphore>,
    partners: Mutex<HashMap<String, Arc<Semaphore>>>,
}

impl Turns {
    fn new(each: usize) -> Self {
        Self { each, all: Arc::new(Semaphore::new(each)), partners: Mutex::default() }
    }

    fn of(&self, partner: &str) -> Arc<Semaphore> {
        let mut partners = self.partners.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(partners.entry(partner.to_owned()).or_insert_with(|| Arc::new(Semaphore::new(self.each))))
    }
}

impl As2 {
    /// Over these.
    ///
    /// # Errors
    /// When its folders cannot be made.
    pub fn new(
        settings: &Settings,
        directory: Arc<ArcSwap<Directory>>,
        intake: Arc<dyn Intake>,
        spool: Arc<Spool>,
        ring: Arc<ArcSwap<Ring>>,
        receipts: Arc<Receipts>,
        metrics: Arc<Metrics>,
    ) -> std::io::Result<Self> {
        let workers = match settings.limits.workers {
            0 => std::thread::available_parallelism().map_or(2, usize::from),
            workers => workers as usize,
        };
        Ok(Self {
            directory,
            intake,
            layers: Layers::at(&settings.data.join("as2/layers"), spool.inline())?,
            refused: settings.data.join("as2/refused"),
            spool,
            ring,
            receipts,
            carrying: None,
            telemetry: events::Telemetry::new(&metrics),
            metrics,
            identity: Identity::of(settings),
            limits: limits::Limits::new(*settings.limits.uploads),
            work: Turns::new(workers),
        })
    }

    /// Tells `carrying` of receipts that come on their own.
    pub fn telling(self, carrying: Arc<dyn Carrying>) -> Self {
        Self { carrying: Some(carrying), ..self }
    }

    /// Counts what partners send on the accounts that all doors share.
    pub fn limited_by(self, limiter: Arc<Limiter>) -> Self {
        Self { limits: self.limits.proven_by(limiter), ..self }
    }

    /// Its route.
    pub fn router(self) -> Router {
        Router::new().route("/as2", post(answer)).with_state(Arc::new(self))
    }

    /// Where a request began: its peer, unless that is a balancer of ours which says for whom it speaks.
    fn source(&self, headers: &HeaderMap, context: &Context) -> Option<IpAddr> {
        let peer = context.peer?.ip().to_canonical();
        let is_ours = |address: IpAddr| self.identity.proxies.iter().any(|network| network.contains(address));
        if !is_ours(peer) {
            return Some(peer);
        }
        // From right to left, each was added by the one after it; the first that is not ours is as far as we believe.
        let told = headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
        let told: Vec<IpAddr> =
            told.flat_map(|value| value.split(',')).map_while(|text| text.trim().parse().ok()).collect();
        told.iter().rev().copied().find(|address| !is_ours(*address)).or(Some(peer))
    }

    /// Whom a message is from, where its names belong together, it comes from where it may, and its system has shown the
    /// certificate that it must.
    fn partner(&self, request: &Request, source: Option<IpAddr>, context: &Context) -> Option<Arc<Partner>> {
        let directory = self.directory.load();
        let partner = directory.by_as2_id(&request.from)?;
        let as2 = partner.as2.as_ref()?;
        let is_for_us = request.to == self.identity.to(partner);
        let from = as2.from.as_slice();
        let is_from_there =
            from.is_empty() || source.is_some_and(|source| from.iter().any(|network| network.contains(source)));
        let wanted = as2.tls_certificates.as_slice();
        let has_shown = wanted.is_empty() || context.certificate.is_some_and(|shown| wanted.contains(&shown));
        (is_for_us && is_from_there && has_shown).then(|| Arc::clone(partner))
    }
}

async fn answer(
    State(door): State<Arc<As2>>,
    Extension(context): Extension<Context>,
    request: HttpRequest,
) -> Response {
    take_in(door, &context, request).await.unwrap_or_else(IntoResponse::into_response)
}

/// From the headers to the body in the spool; everything that is refused without reading the body is refused here.
async fn take_in(door: Arc<As2>, context: &Context, http: HttpRequest) -> Result<Response, Problem> {
    let (head, body) = http.into_parts();
    let source = door.source(&head.headers, context);
    let request = Request::read(fields(&head.headers)).map_err(|fault| {
        events::Unreadable { source, why: &fault }.emit(&door.telemetry);
        problems::HEADERS.because(fault.to_string())
    })?;
    let Some(partner) = door.partner(&request, source, context) else {
        return stranger::answer(&door, &request, source);
    };
    if partner.status == Status::Suspended {
        return Err(problems::SUSPENDED
            .because("The exchange with this partner is suspended for now.")
            .retry_after(problems::SUSPENDED_SECONDS));
    }
    let cap = cap(&partner);
    if body.size_hint().lower() > cap {
        return Err(problems::too_large(partner.message_size));
    }
    let place = door.limits.admit(&partner, source, body.size_hint().exact());
    let _place = place.map_err(|exceeded| {
        events::PutOff { partner: &partner.id, source, policy: exceeded.policy }.emit(&door.telemetry);
        problems::over_limit(exceeded)
    })?;
    let body = door.spool.receive_undigested(body, cap).await.map_err(problems::from_spool)?;
    let arrived = take::Arrived {
        partner,
        request,
        body,
        source,
        at: Timestamp::now(),
        correlation: context.id.correlation(),
        trace: context.trace,
    };
    // What has come whole is decided on, whether or not its sender still waits.
    let decided = tokio::spawn(take::take(Arc::clone(&door), arrived));
    decided.await.unwrap_or_else(|_| Err(crate::net::problem::INTERNAL.because("The message could not be processed.")))
}

/// The most bytes that a message may have on the wire: base64 within base64 makes four bytes of two and a quarter.
fn cap(partner: &Partner) -> u64 {
    partner.message_size.saturating_mul(2).saturating_add(64 << 10)
}

/// HTTP's headers as the core reads them.
fn fields(headers: &HeaderMap) -> Fields {
    let mut fields = Fields::default();
    for (name, value) in headers {
        fields.push(name.as_str(), value.as_bytes());
    }
    fields
}

/// A receipt as an answer. Receipts say no with 200, too.
fn response(mdn: HttpMessage) -> Response {
    let mut response = Response::new(Body::from(mdn.body));
    *response.status_mut() = StatusCode::OK;
    for (name, value) in &mdn.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name.as_str()), HeaderValue::try_from(value.as_str())) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// What is answered where no receipt goes with the answer.
fn nothing() -> Response {
    StatusCode::OK.into_response()
}
