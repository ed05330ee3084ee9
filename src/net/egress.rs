//! Calls from us to partners: one HTTP/1.1 request on a connection of its own, over TLS that we trust, and never to where
//! nobody should be sent.
//!
//! A partner may choose what its host names resolve to. So a name never leads into our own networks, unless the
//! settings say that it may; an address that a person wrote into a partner's file does. Link-local addresses, where
//! clouds keep their secrets, are called for nobody.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::{Arc, OnceLock},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};
use http_body_util::{BodyExt, Empty};
use hyper::body::{Body, Incoming};
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, lookup_host},
    time::timeout,
};
use tokio_rustls::TlsConnector;

/// Until a connection stands, its TLS included.
const CONNECT: Duration = Duration::from_secs(30);

/// Why a call came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// Nothing may be sent there.
    #[error("nothing is sent to {0}")]
    Forbidden(String),
    /// The URL or a header cannot be used.
    #[error("{0}")]
    Unusable(String),
    /// The host's name is not known, or nobody listens.
    #[error("{host} cannot be reached: {error}")]
    Unreachable {
        /// The host and port.
        host: String,
        /// Why.
        error: io::Error,
    },
    /// TLS failed.
    #[error("TLS with {host} failed: {error}")]
    Tls {
        /// The host and port.
        host: String,
        /// Why.
        error: String,
    },
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Broken(String),
    /// It took too long.
    #[error("no answer within {} s", .0.as_secs())]
    TimedOut(Duration),
    /// The answer is larger than it may be.
    #[error("the answer is larger than {0} bytes")]
    TooLarge(usize),
}

impl CallError {
    /// Whether it would be the same the next time, whatever the other side does.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Forbidden(_) | Self::Unusable(_))
    }
}

/// Whom the other side must prove to be, and who we say that we are.
#[derive(Debug, Clone, Default)]
pub struct Trust {
    /// Its certificate, or the authority behind it, in DER; none means what browsers trust.
    pub pinned: Vec<Vec<u8>>,
    /// Our own certificate with its chain, in DER, and its private key as PKCS#8 DER.
    pub own: Option<(Vec<Vec<u8>>, Vec<u8>)>,
}

/// How a call is made.
#[derive(Debug, Clone, Copy)]
pub struct Manner {
    /// For all of it, from the connection to the answer's last byte.
    pub patience: Duration,
    /// The largest answer.
    pub largest_answer: usize,
    /// Names of headers in lower case, instead of `Title-Case`.
    pub lower_case_headers: bool,
}

/// An answer, read whole.
#[derive(Debug, Clone)]
pub struct Reply {
    /// Its status.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

impl Reply {
    /// `Retry-After` in seconds, where it has one.
    pub fn retry_after(&self) -> Option<Duration> {
        let text = self.headers.get(http::header::RETRY_AFTER)?.to_str().ok()?;
        text.trim().parse().ok().map(Duration::from_secs)
    }
}

/// Makes calls.
#[derive(Clone)]
pub struct Egress {
    /// Whether a host's name may lead to this address of our own networks.
    inside: Arc<dyn Fn(IpAddr) -> bool + Send + Sync>,
    /// Whether URLs come from people whom we do not know.
    of_strangers: bool,
}

impl Default for Egress {
    fn default() -> Self {
        Self::new(|_| false)
    }
}

impl std::fmt::Debug for Egress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Egress")
    }
}

impl Egress {
    /// One whose calls may be led by a host's name to those addresses of our own networks that `inside` allows.
    pub fn new(inside: impl Fn(IpAddr) -> bool + Send + Sync + 'static) -> Self {
        Self { inside: Arc::new(inside), of_strangers: false }
    }

    /// The same for URLs that somebody outside wrote: an address in one counts no more than a name that leads to it.
    pub fn for_strangers(self) -> Self {
        Self { of_strangers: true, ..self }
    }

    /// Whether a stranger's URL may be called at all, as far as it can be told before its name is looked up: over TLS, or
    /// plainly to an address in a network that is allowed.
    pub fn may_call(&self, url: &str) -> bool {
        let Ok(uri) = url.parse::<Uri>() else { return false };
        let host = bare_host(&uri);
        match (host.parse::<IpAddr>(), uri.scheme_str()) {
            (Ok(address), Some("https")) => self.allows(host, address, true),
            (Ok(address), Some("http")) => !is_never(address.to_canonical()) && (self.inside)(address.to_canonical()),
            (Err(_), Some("https")) => true,
            _ => false,
        }
    }

    /// Posts `body`.
    ///
    /// # Errors
    /// When no whole answer came.
    pub async fn post<B>(
        &self,
        url: &str,
        headers: &[(String, String)],
        body: B,
        trust: &Trust,
        manner: Manner,
    ) -> Result<Reply, CallError>
    where
        B: Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        self.call(Method::POST, url, headers, body, trust, manner).await
    }

    async fn call<B>(
        &self,
        method: Method,
        url: &str,
        headers: &[(String, String)],
        body: B,
        trust: &Trust,
        manner: Manner,
    ) -> Result<Reply, CallError>
    where
        B: Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let uri: Uri = url.parse().map_err(|_| CallError::Unusable(format!("{url:?} is not a URL")))?;
        let request = request(method, &uri, headers, body)?;
        let call = async {
            let (stream, host) =
                timeout(CONNECT, self.connect(&uri)).await.map_err(|_| CallError::TimedOut(CONNECT))??;
            if uri.scheme_str() == Some("https") {
                let config = client_config(trust)?;
                let name = ServerName::try_from(bare_host(&uri).to_owned())
                    .map_err(|_| CallError::Unusable(format!("{host} is no name that a certificate could have")))?;
                let secured = timeout(CONNECT, TlsConnector::from(config).connect(name, stream)).await;
                let secured = secured.map_err(|_| CallError::TimedOut(CONNECT))?;
                let secured = secured.map_err(|error| CallError::Tls { host, error: error.to_string() })?;
                exchange(secured, request, manner).await
            } else {
                exchange(stream, request, manner).await
            }
        };
        timeout(manner.patience, call).await.map_err(|_| CallError::TimedOut(manner.patience))?
    }

    /// Gets what is at `url`.
    ///
    /// # Errors
    /// When no whole answer came.
    pub async fn get(
        &self,
        url: &str,
        headers: &[(String, String)],
        trust: &Trust,
        manner: Manner,
    ) -> Result<Reply, CallError> {
        self.call(Method::GET, url, headers, Empty::new(), trust, manner).await
    }

    /// Connects to a URL's host and proves who it is, and sends nothing.
    ///
    /// # Errors
    /// When it may not be called, is not reached, or is somebody else.
    pub async fn probe(&self, url: &str, trust: &Trust) -> Result<(), CallError> {
        let uri: Uri = url.parse().map_err(|_| CallError::Unusable(format!("{url:?} is not a URL")))?;
        let (stream, host) = timeout(CONNECT, self.connect(&uri)).await.map_err(|_| CallError::TimedOut(CONNECT))??;
        if uri.scheme_str() != Some("https") {
            return Ok(());
        }
        let config = client_config(trust)?;
        let name = ServerName::try_from(bare_host(&uri).to_owned())
            .map_err(|_| CallError::Unusable(format!("{host} is no name that a certificate could have")))?;
        let secured = timeout(CONNECT, TlsConnector::from(config).connect(name, stream)).await;
        secured
            .map_err(|_| CallError::TimedOut(CONNECT))?
            .map(|_| ())
            .map_err(|error| CallError::Tls { host, error: error.to_string() })
    }

    /// Connects to a URL's host, at the first of its addresses that may be called and answers.
    async fn connect(&self, uri: &Uri) -> Result<(TcpStream, String), CallError> {
        let port = uri.port_u16().unwrap_or_else(|| if uri.scheme_str() == Some("https") { 443 } else { 80 });
        self.reach(bare_host(uri), port).await
    }

    /// Connects to a host, for a protocol that is not HTTP.
    ///
    /// # Errors
    /// When it may not be called, or is not reached.
    pub async fn dial(&self, name: &str, port: u16) -> Result<TcpStream, CallError> {
        let name = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
        let reached = timeout(CONNECT, self.reach(name, port)).await;
        reached.map_err(|_| CallError::TimedOut(CONNECT))?.map(|(stream, _)| stream)
    }

    /// Connects to the first of a host's addresses that may be called and answers.
    async fn reach(&self, name: &str, port: u16) -> Result<(TcpStream, String), CallError> {
        let host = format!("{name}:{port}");
        let addresses: Vec<SocketAddr> = match name.parse::<IpAddr>() {
            Ok(address) => vec![SocketAddr::new(address, port)],
            Err(_) => {
                let found = lookup_host((name, port)).await;
                found.map_err(|error| CallError::Unreachable { host: host.clone(), error })?.collect()
            }
        };
        let is_literal = name.parse::<IpAddr>().is_ok();
        let resolved = !addresses.is_empty();
        let mut allowed = addresses;
        allowed.retain(|address| self.allows(name, address.ip(), is_literal));
        if resolved && allowed.is_empty() {
            return Err(CallError::Forbidden(host));
        }
        let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        for address in allowed {
            match TcpStream::connect(address).await {
                Ok(stream) => {
                    let _ = stream.set_nodelay(true);
                    return Ok((stream, host));
                }
                Err(error) => last = error,
            }
        }
        Err(CallError::Unreachable { host, error: last })
    }

    fn allows(&self, name: &str, address: IpAddr, is_literal: bool) -> bool {
        let address = address.to_canonical();
        if is_never(address) {
            return false;
        }
        let is_own = name.eq_ignore_ascii_case("localhost") && address.is_loopback();
        let is_meant = (is_literal || is_own) && !self.of_strangers;
        is_meant || is_public(address) || (self.inside)(address)
    }
}

/// Where nothing is sent, whoever asks.
fn is_never(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_link_local() || v4.is_multicast() || v4.is_broadcast() || v4.is_unspecified(),
        IpAddr::V6(v6) => v6.is_unicast_link_local() || v6.is_multicast() || v6.is_unspecified(),
    }
}

/// Whether an address is on the public internet.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            let shared = a == 100 && (64..128).contains(&b);
            let reserved = a == 0 || a >= 240 || (a == 198 && (18..20).contains(&b)) || v4.octets()[..3] == [192, 0, 0];
            !(v4.is_private() || v4.is_loopback() || v4.is_documentation() || shared || reserved)
        }
        // Of IPv6, 2000::/3 is handed out; addresses in it that carry an IPv4 address count as that.
        IpAddr::V6(v6) => match embedded(v6) {
            Some(v4) => is_public(IpAddr::V4(v4)) && !is_never(IpAddr::V4(v4)),
            None => v6.segments()[0] & 0xe000 == 0x2000 && !(v6.segments()[0] == 0x2001 && v6.segments()[1] == 0xdb8),
        },
    }
}

/// The IPv4 address in a 6to4 or NAT64 address.
fn embedded(v6: Ipv6Addr) -> Option<Ipv4Addr> {
    let [a, b, c, d, .., y, z] = v6.segments();
    let of = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match (a, b, c, d) {
        (0x2002, high, low, _) => Some(of(high, low)),
        (0x0064, 0xff9b, 0, 0) => Some(of(y, z)),
        _ => None,
    }
}

/// The host of a URL, without the brackets of an IPv6 address.
fn bare_host(uri: &Uri) -> &str {
    let host = uri.host().unwrap_or_default();
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

fn request<B>(method: Method, uri: &Uri, headers: &[(String, String)], body: B) -> Result<Request<B>, CallError> {
    let authority = uri.authority().ok_or_else(|| CallError::Unusable(format!("{uri} has no host")))?;
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let mut request = Request::builder().method(method).uri(path).header(http::header::HOST, authority.as_str());
    for (name, value) in headers {
        let unusable = || CallError::Unusable(format!("{name} cannot be a header"));
        let name = HeaderName::try_from(name.as_str()).map_err(|_| unusable())?;
        request = request.header(name, HeaderValue::try_from(value.as_str()).map_err(|_| unusable())?);
    }
    // One message, one connection: nothing is ever lost to a connection that the other side was just about to close.
    let request = request.header(http::header::CONNECTION, "close").body(body);
    request.map_err(|error| CallError::Unusable(error.to_string()))
}

async fn exchange<S, B>(stream: S, request: Request<B>, manner: Manner) -> Result<Reply, CallError>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let broken = |error: hyper::Error| CallError::Broken(chain(&error));
    let (mut sender, connection) = hyper::client::conn::http1::Builder::new()
        .title_case_headers(!manner.lower_case_headers)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(broken)?;
    let driver = tokio::spawn(connection);
    let answered = async {
        let response = sender.send_request(request).await.map_err(broken)?;
        let (head, body) = response.into_parts();
        let body = read(body, manner.largest_answer).await?;
        Ok(Reply { status: head.status.as_u16(), headers: head.headers, body })
    }
    .await;
    driver.abort();
    answered
}

async fn read(mut body: Incoming, most: usize) -> Result<Bytes, CallError> {
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| CallError::Broken(chain(&error)))?;
        if let Ok(piece) = frame.into_data() {
            if whole.len() + piece.len() > most {
                return Err(CallError::TooLarge(most));
            }
            whole.extend_from_slice(&piece);
        }
    }
    Ok(whole.freeze())
}

/// An error with everything behind it, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

fn client_config(trust: &Trust) -> Result<Arc<ClientConfig>, CallError> {
    // The usual case is the same for everybody.
    static PUBLIC: OnceLock<Arc<ClientConfig>> = OnceLock::new();
    if trust.pinned.is_empty() && trust.own.is_none() {
        if let Some(config) = PUBLIC.get() {
            return Ok(Arc::clone(config));
        }
        let config = build_config(trust)?;
        return Ok(Arc::clone(PUBLIC.get_or_init(|| config)));
    }
    build_config(trust)
}

fn build_config(trust: &Trust) -> Result<Arc<ClientConfig>, CallError> {
    let unusable = |error: rustls::Error| CallError::Unusable(format!("TLS cannot be set up: {error}"));
    let mut roots = RootCertStore::empty();
    if trust.pinned.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    for der in &trust.pinned {
        roots.add(CertificateDer::from(der.clone())).map_err(unusable)?;
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(unusable)?;
    let config = if trust.pinned.is_empty() {
        builder.with_root_certificates(roots)
    } else {
        let verifier = super::pinned::Pinned::new(&trust.pinned, roots).map_err(CallError::Unusable)?;
        builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier))
    };
    let config = match &trust.own {
        None => config.with_no_client_auth(),
        Some((chain, key)) => {
            let chain = chain.iter().map(|der| CertificateDer::from(der.clone())).collect();
            let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.clone()));
            config.with_client_auth_cert(chain, key).map_err(unusable)?
        }
    };
    Ok(Arc::new(config))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(egress: &Egress, name: &str, address: &str) -> bool {
        egress.allows(name, address.parse().unwrap(), name.parse::<IpAddr>().is_ok())
    }

    #[test]
    fn a_name_leads_to_the_internet_only() {
        let egress = Egress::default();
        for public in ["93.184.216.34", "2606:2800:220:1::1", "2002:5db8:d822::1"] {
            assert!(allows(&egress, "as2.acme.example", public), "{public}");
        }
        for own in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "100.64.0.1",
            "0.0.0.0",
            "::1",
            "fd00::1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
            "2002:a00:1::1",
            "240.0.0.1",
            "198.18.0.1",
        ] {
            assert!(!allows(&egress, "as2.acme.example", own), "{own}");
        }
    }

    #[test]
    fn an_address_that_somebody_wrote_is_meant_and_a_network_that_is_named_too() {
        let egress = Egress::new(|address| matches!(address, IpAddr::V4(v4) if v4.octets()[0] == 10));
        assert!(allows(&egress, "192.168.1.1", "192.168.1.1") && allows(&egress, "localhost", "127.0.0.1"));
        assert!(allows(&egress, "as2.acme.example", "10.1.2.3") && !allows(&egress, "as2.acme.example", "192.168.1.1"));
    }

    #[test]
    fn an_address_that_a_stranger_wrote_is_not_meant() {
        let egress = Egress::new(|address| matches!(address, IpAddr::V4(v4) if v4.octets()[0] == 10)).for_strangers();
        assert!(!allows(&egress, "127.0.0.1", "127.0.0.1") && !allows(&egress, "localhost", "127.0.0.1"));
        assert!(!allows(&egress, "::ffff:192.168.1.1", "::ffff:192.168.1.1"));
        assert!(allows(&egress, "10.1.2.3", "10.1.2.3") && allows(&egress, "93.184.216.34", "93.184.216.34"));
    }

    #[test]
    fn a_strangers_url_is_plain_only_where_that_was_allowed() {
        let egress = Egress::new(|address| matches!(address, IpAddr::V4(v4) if v4.octets()[0] == 10)).for_strangers();
        for good in
            ["https://supplier.example/x", "https://93.184.216.34/", "http://10.0.0.1:8080/x", "https://10.0.0.1/"]
        {
            assert!(egress.may_call(good), "{good}");
        }
        for bad in [
            "http://supplier.example/x",
            "https://127.0.0.1/",
            "https://[::1]/",
            "https://[::ffff:127.0.0.1]/",
            "http://93.184.216.34/",
            "https://169.254.169.254/",
            "ftp://supplier.example/",
            "/x",
        ] {
            assert!(!egress.may_call(bad), "{bad}");
        }
    }

    #[test]
    fn link_local_is_for_nobody() {
        let egress = Egress::new(|_| true);
        for address in ["169.254.169.254", "fe80::1", "::ffff:169.254.169.254", "224.0.0.1", "255.255.255.255"] {
            assert!(!allows(&egress, address, address) && !allows(&egress, "x.example", address), "{address}");
        }
    }
}
