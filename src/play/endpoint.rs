//! A supplier's own endpoint, to which orders are posted: it notes what came, and answers as it is told to, or leaves its
//! callers waiting.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, StatusCode},
    response::Response,
    routing::post,
};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

/// One call that came.
#[derive(Debug, Clone)]
pub struct Call {
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
    /// What it was answered.
    pub answered: StatusCode,
}

/// The endpoint, on a port of its own.
#[derive(Debug)]
pub struct Endpoint {
    /// Where it listens.
    pub address: SocketAddr,
    shared: Arc<Shared>,
    serving: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    calls: Mutex<Vec<Call>>,
    /// Nothing where callers are left waiting.
    answer: watch::Sender<Option<(StatusCode, Bytes)>>,
}

impl Endpoint {
    /// Starts one that says 204 to everything.
    ///
    /// # Errors
    /// When there is no port to listen on.
    pub async fn start() -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            calls: Mutex::default(),
            answer: watch::Sender::new(Some((StatusCode::NO_CONTENT, Bytes::new()))),
        });
        let router = Router::new().route("/orders", post(take)).with_state(Arc::clone(&shared));
        let serving = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { address, shared, serving })
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("http://{}/orders", self.address)
    }

    /// Has it answer this from now on.
    pub fn answer(&self, status: StatusCode) {
        self.say(status, "");
    }

    /// Has it answer this, with a body.
    pub fn say(&self, status: StatusCode, body: &str) {
        self.shared.answer.send_replace(Some((status, Bytes::copy_from_slice(body.as_bytes()))));
    }

    /// Has it take calls and say nothing, until it is told what to answer.
    pub fn say_nothing(&self) {
        self.shared.answer.send_replace(None);
    }

    /// What came so far.
    pub fn calls(&self) -> Vec<Call> {
        self.shared.calls.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What came so far and was taken.
    pub fn taken(&self) -> Vec<Call> {
        self.calls().into_iter().filter(|call| call.answered.is_success()).collect()
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn take(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    let mut answer = shared.answer.subscribe();
    let Ok(Some((answered, said))) = answer.wait_for(Option::is_some).await.map(|answer| answer.clone()) else {
        return Response::new(Body::empty());
    };
    shared.calls.lock().unwrap_or_else(PoisonError::into_inner).push(Call { headers, body, answered });
    let mut response = Response::new(Body::from(said));
    *response.status_mut() = answered;
    response
}
