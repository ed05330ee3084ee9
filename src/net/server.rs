//! Listeners: an accept loop that outlives what the system runs out of, connections that are watched, and an end that
//! finishes what is in flight.

use std::{io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use aws_lc_rs::digest::{SHA256, digest};
use axum::{body::Body, http::Request};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto::Builder,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{Semaphore, oneshot},
    task::{JoinHandle, JoinSet},
    time::{sleep, timeout},
};

use super::{
    app::App,
    balancer::{Balancers, NoOrigin},
    linger::Lingering,
    request::Context,
    stop::Stop,
    tls::Tls,
    unfold::Unfolding,
    watch::{Answer, Answered, Connection, Judgement, Paced},
};

/// What a listener bears.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// Connections at once; more wait to be accepted.
    pub connections: usize,
    /// For the TLS handshake.
    pub handshake: Duration,
    /// Until the first request's head has come whole.
    pub first_request: Duration,
    /// Between one answer and the next request's whole head.
    pub idle: Duration,
    /// The same two, when every connection is taken.
    pub crowded_idle: Duration,
    /// Without any progress of the requests in flight. Longer than the longest poll.
    pub stall: Duration,
    /// Between two pieces of a request's body.
    pub body_idle: Duration,
    /// A body may lag this far behind `body_rate`.
    pub body_grace: Duration,
    /// Bytes per second that a body must come with on the whole.
    pub body_rate: u64,
    /// A request's head in bytes, about.
    pub head: usize,
    /// Streams at once on an HTTP/2 connection.
    pub streams: u32,
    /// For the peer to take the last answer before the socket is closed.
    pub linger: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 8192,
            handshake: Duration::from_secs(10),
            first_request: Duration::from_secs(20),
            idle: Duration::from_secs(75),
            crowded_idle: Duration::from_secs(3),
            stall: Duration::from_secs(180),
            body_idle: Duration::from_secs(30),
            body_grace: Duration::from_secs(30),
            body_rate: 1024,
            head: 64 << 10,
            streams: 128,
            linger: Duration::from_secs(2),
        }
    }
}

/// A socket that listens at `address`; port 0 takes a free one, which [`Serving::address`] tells.
pub async fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {address}: {error}", super::codes::ADDRESS)))
}

/// A listener at work.
#[derive(Debug)]
pub struct Serving {
    address: SocketAddr,
    cut: oneshot::Sender<()>,
    task: JoinHandle<Drained>,
}

/// How a listener ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Drained {
    /// Connections that were cut when the time was over.
    pub cut: usize,
}

impl Serving {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits for what is in flight, at most `grace` long, and cuts the rest. Says nothing to anybody: call
    /// [`Stop::stop`] first.
    pub async fn finish(self, grace: Duration) -> Drained {
        let Self { cut, mut task, .. } = self;
        if let Ok(done) = timeout(grace, &mut task).await {
            return done.unwrap_or_default();
        }
        // An error means that it ended by itself just now.
        let _ = cut.send(());
        task.await.unwrap_or_default()
    }
}

/// Serves `app` on `listener`, with TLS where it is given, until `stop`.
pub fn serve(listener: TcpListener, app: App, tls: Option<Tls>, limits: Limits, stop: Stop) -> io::Result<Serving> {
    serve_behind(listener, app, tls, limits, Balancers::none(), stop)
}

/// The same behind `balancers`, who say of each connection whose it is.
pub fn serve_behind(
    listener: TcpListener,
    app: App,
    tls: Option<Tls>,
    limits: Limits,
    balancers: Balancers,
    stop: Stop,
) -> io::Result<Serving> {
    let places = Arc::new(Semaphore::new(limits.connections));
    let shared = Arc::new(Shared { app, tls, places: Arc::clone(&places), limits, balancers, stop: stop.clone() });
    begin(listener, places, stop, move |stream, peer| {
        let shared = Arc::clone(&shared);
        async move { connection(stream, peer, &shared).await }
    })
}

/// Serves a protocol of the caller's own on `listener`, on so many connections at once, until `stop`. `connection` serves
/// one of them to its end; it hears of `stop` by itself.
pub fn serve_with<C, F>(listener: TcpListener, connections: usize, stop: Stop, connection: C) -> io::Result<Serving>
where
    C: Fn(TcpStream, SocketAddr) -> F + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    begin(listener, Arc::new(Semaphore::new(connections)), stop, connection)
}

fn begin<C, F>(listener: TcpListener, places: Arc<Semaphore>, stop: Stop, connection: C) -> io::Result<Serving>
where
    C: Fn(TcpStream, SocketAddr) -> F + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let address = listener.local_addr()?;
    let (cut, told) = oneshot::channel();
    let task = tokio::spawn(accept(listener, places, stop, connection, told));
    Ok(Serving { address, cut, task })
}

/// What all connections of a listener share.
struct Shared {
    app: App,
    tls: Option<Tls>,
    places: Arc<Semaphore>,
    limits: Limits,
    balancers: Balancers,
    stop: Stop,
}

async fn accept<C, F>(
    listener: TcpListener,
    places: Arc<Semaphore>,
    stop: Stop,
    connection: C,
    mut cut: oneshot::Receiver<()>,
) -> Drained
where
    C: Fn(TcpStream, SocketAddr) -> F,
    F: Future<Output = ()> + Send + 'static,
{
    let mut connections = JoinSet::new();
    let mut failures = 0;
    {
        let mut stopped = pin!(stop.stopped());
        loop {
            let next = async {
                let place = Arc::clone(&places).acquire_owned().await;
                (place, listener.accept().await)
            };
            tokio::select! {
                () = &mut stopped => break,
                Some(_) = connections.join_next(), if !connections.is_empty() => {}
                (place, accepted) = next => match accepted {
                    Ok((stream, peer)) => {
                        failures = 0;
                        let served = connection(stream, peer);
                        connections.spawn(async move {
                            served.await;
                            drop(place);
                        });
                    }
                    Err(error) => {
                        if let Some(pause) = pause_after(&error, &mut failures) {
                            tracing::warn!(%error, ?pause, "A connection could not be accepted; the listener goes on.");
                            tokio::select! {
                                () = &mut stopped => break,
                                () = sleep(pause) => {}
                            }
                        }
                    }
                },
            }
        }
    }
    drop(listener);
    let all_done = async { while connections.join_next().await.is_some() {} };
    tokio::select! {
        () = all_done => return Drained { cut: 0 },
        // The other end goes away only with whoever would have waited.
        _ = &mut cut => {}
    }
    let left = connections.len();
    connections.shutdown().await;
    Drained { cut: left }
}

/// How long to wait after a failed accept. `None` where only the one connection failed: the next is not affected.
fn pause_after(error: &io::Error, failures: &mut u32) -> Option<Duration> {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    if matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted) {
        return None;
    }
    // Out of file descriptors or memory, most likely: accepting at once would fail at once, and burn a core.
    let pause = Duration::from_millis(10 << (*failures).min(7));
    *failures += 1;
    Some(pause.min(Duration::from_secs(1)))
}

async fn connection(mut stream: TcpStream, peer: SocketAddr, shared: &Arc<Shared>) {
    // Answers are written whole; waiting for more to send would only delay them.
    let _ = stream.set_nodelay(true);
    let peer = match shared.balancers.origin(&mut stream, peer).await {
        Ok(origin) => origin,
        // A balancer that only looks whether the port is open says nothing, and closes.
        Err(NoOrigin::Read(error)) => return tracing::debug!(%peer, %error, "A balancer's connection said nothing."),
        Err(error) => return tracing::warn!(%peer, %error, "A balancer's connection is closed."),
    };
    let stream = Lingering::new(stream, shared.limits.linger);
    let Some(tls) = &shared.tls else { return converse(stream, peer, None, shared).await };
    match timeout(shared.limits.handshake, tls.acceptor().accept(stream)).await {
        Ok(Ok(stream)) => {
            let shown = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
            let certificate = shown.and_then(|shown| digest(&SHA256, shown).as_ref().try_into().ok());
            converse(stream, peer, certificate, shared).await;
        }
        Ok(Err(error)) => tracing::debug!(%peer, %error, "A TLS handshake failed."),
        Err(_) => tracing::debug!(%peer, "A TLS handshake took too long."),
    }
}

async fn converse<S>(stream: S, peer: SocketAddr, certificate: Option<[u8; 32]>, shared: &Arc<Shared>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let limits = &shared.limits;
    let watched = Connection::new();
    let service = service_fn(|request: Request<Incoming>| {
        let context = Context { certificate, ..Context::new(request.headers(), Some(peer)) };
        answer(request, context, Arc::clone(shared), Arc::clone(&watched))
    });
    let builder = http(limits);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(Unfolding::new(stream)), service));
    let mut stopped = pin!(shared.stop.stopped());
    let mut ending = false;
    let tick = limits.crowded_idle.min(limits.idle).min(limits.first_request).clamp(MIN_TICK, MAX_TICK);
    let mut clock = pin!(sleep(tick));
    loop {
        tokio::select! {
            done = connection.as_mut() => {
                if let Err(error) = done {
                    tracing::debug!(%peer, %error, "A connection ended with an error.");
                }
                return;
            }
            () = &mut stopped, if !ending => {
                ending = true;
                connection.as_mut().graceful_shutdown();
            }
            () = &mut clock => {
                match watched.judge(limits, shared.places.available_permits() == 0) {
                    Judgement::Fine => {}
                    Judgement::Idle if !ending => {
                        ending = true;
                        connection.as_mut().graceful_shutdown();
                    }
                    // Asked politely already, and still here: half a request, or a peer that never closes.
                    Judgement::Idle | Judgement::Stuck => {
                        tracing::debug!(%peer, "A connection without progress was cut.");
                        return;
                    }
                }
                clock.as_mut().reset(tokio::time::Instant::now() + tick);
            }
        }
    }
}

/// How often connections are judged.
const MIN_TICK: Duration = Duration::from_millis(20);
const MAX_TICK: Duration = Duration::from_secs(5);

async fn answer(
    request: Request<Incoming>,
    context: Context,
    shared: Arc<Shared>,
    watched: Arc<Connection>,
) -> Answered {
    let in_flight = watched.begin();
    let request = request.map(|body| Body::new(Paced::new(body, watched, &shared.limits)));
    let response = shared.app.answer(request, context).await;
    Ok(response.map(|body| Answer::new(body, in_flight)))
}

fn http(limits: &Limits) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    // The watch judges how long a head may take, at no cost per request.
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(None)
        .max_buf_size(limits.head.max(8 << 10))
        .max_headers(64);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.streams)
        .max_header_list_size(u32::try_from(limits.head).unwrap_or(u32::MAX))
        .initial_stream_window_size(1 << 20)
        .initial_connection_window_size(4 << 20)
        .keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(Duration::from_secs(20));
    builder
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn running_out_of_descriptors_pauses_longer_and_longer_but_never_ends_the_loop() {
        let mut failures = 0;
        let emfile = io::Error::from_raw_os_error(24);
        let pauses: Vec<_> = (0..9).filter_map(|_| pause_after(&emfile, &mut failures)).collect();
        assert_eq!(pauses.len(), 9);
        assert_eq!((pauses[0], pauses[8]), (Duration::from_millis(10), Duration::from_secs(1)));
        assert!(pauses.is_sorted());
        assert_eq!(pause_after(&io::ErrorKind::ConnectionAborted.into(), &mut failures), None);
    }

    #[tokio::test]
    async fn an_address_that_is_taken_is_told_with_its_code() {
        let taken = bind(([127, 0, 0, 1], 0).into()).await.unwrap();
        let error = bind(taken.local_addr().unwrap()).await.unwrap_err().to_string();
        assert!(error.starts_with("NET-0001: 127.0.0.1:"), "{error}");
    }
}
