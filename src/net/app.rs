//! A router with what every answer of ours has: a request id, a problem+json body where it failed, and somebody who
//! counts it.

use std::{
    fmt::Write,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::Arc,
    task::Poll,
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::Body,
    extract::{MatchedPath, Path, Request},
    http::{
        HeaderName, HeaderValue, Method, StatusCode,
        header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS},
    },
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};
use tower_service::Service;

use super::{
    problem::{ADDRESS_FORM, INTERNAL, METHOD, NOT_FOUND, Problem},
    request::{Context, RequestId},
};
use crate::error::Page;

/// The header that carries a request's id.
const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");
/// The header that tells a caller which span of its trace was ours.
const TRACE_RESPONSE: HeaderName = HeaderName::from_static("traceresponse");

/// What is known of a request once it is answered.
#[derive(Debug)]
pub struct Served<'a> {
    /// Which listener it came to, in a word.
    pub listener: &'static str,
    /// Its method.
    pub method: &'a Method,
    /// The route that took it, with its parameters' names; `None` where none did.
    pub route: Option<&'a str>,
    /// The answer's status.
    pub status: StatusCode,
    /// From its head to the answer's head.
    pub elapsed: Duration,
    /// Its id.
    pub id: RequestId,
    /// Why it failed, where it did.
    pub problem: Option<&'a Problem>,
}

type Watcher = Arc<dyn Fn(&Served<'_>) + Send + Sync>;

/// Routes, and what surrounds them. Cheap to clone.
#[derive(Clone)]
pub struct App {
    listener: &'static str,
    router: Router,
    watcher: Option<Watcher>,
}

impl App {
    /// Surrounds a router that has all of its routes and no fallback.
    pub fn new(listener: &'static str, router: Router) -> Self {
        let router = router
            .fallback(|request: Request| async move { not_found(request.uri().path()) })
            .method_not_allowed_fallback(|request: Request| async move {
                METHOD.because(format!("{} is not a method of this path.", request.method()))
            })
            .layer(middleware::from_fn(name_route));
        Self { listener, router, watcher: None }
    }

    /// Has every answer shown to `watcher`, which must be quick.
    pub fn watched(self, watcher: impl Fn(&Served<'_>) + Send + Sync + 'static) -> Self {
        Self { watcher: Some(Arc::new(watcher)), ..self }
    }

    /// Answers one request, whatever happens inside.
    pub async fn answer(&self, mut request: Request<Body>, context: Context) -> Response {
        let started = Instant::now();
        let method = request.method().clone();
        let uri = request.uri().clone();
        request.extensions_mut().insert(context);
        let mut router = self.router.clone();
        let mut routed = pin!(router.call(request));
        // A panic costs the one request that caused it, and not the others of its connection.
        let answered = std::future::poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| routed.as_mut().poll(cx))) {
            Ok(poll) => poll.map(Some),
            Err(_) => Poll::Ready(None),
        })
        .await;
        let mut response = match answered {
            Some(Ok(response)) => response,
            None => INTERNAL.because("This request could not be served.").into_response(),
        };
        let route = response.extensions_mut().remove::<MatchedPath>();
        // The router itself refuses a path that is not text, in words of its own. What is JSON is a room's own answer, as
        // that of OAuth2 is.
        let is_text = response.headers().get(CONTENT_TYPE).is_none_or(|kind| kind != "application/json");
        let refused = response.status() == StatusCode::BAD_REQUEST && is_text;
        if refused && response.extensions().get::<Problem>().is_none() {
            response = ADDRESS_FORM.because("The path is not UTF-8.").into_response();
        }
        let problem = response.extensions_mut().remove::<Problem>();
        if let Some(problem) = &problem {
            *response.body_mut() = Body::from(problem.body(Some(&context.id.to_string()), Some(uri.path())));
            // The router has set that of the first body.
            response.headers_mut().remove(CONTENT_LENGTH);
        }
        let headers = response.headers_mut();
        headers.insert(REQUEST_ID, context.id.header());
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
        if let Some(trace) = context.trace
            && let Ok(value) = HeaderValue::try_from(trace.to_string())
        {
            headers.insert(TRACE_RESPONSE, value);
        }
        if let Some(watcher) = &self.watcher {
            watcher(&Served {
                listener: self.listener,
                method: &method,
                route: route.as_ref().map(MatchedPath::as_str),
                status: response.status(),
                elapsed: started.elapsed(),
                id: context.id,
                problem: problem.as_ref(),
            });
        }
        response
    }
}

/// `GET /errors/{code}`: the page that a problem's `type` points to, as plain text.
pub fn pages(find: fn(&str) -> Option<Page>) -> Router {
    let page = move |Path(code): Path<String>| async move {
        let Some(page) = find(&code) else { return Err(not_found(&format!("/errors/{code}"))) };
        let mut text = String::with_capacity(page.body.len() + 80);
        // Writing to a String cannot fail.
        let _ = write!(text, "{} {}\n\n{}\n", page.code, page.title, page.body);
        Ok(([(CONTENT_TYPE, "text/plain; charset=utf-8"), (CACHE_CONTROL, "max-age=3600")], text))
    };
    Router::new().route("/errors/{code}", get(page))
}

fn not_found(path: &str) -> Problem {
    // The path comes back as JSON text, and is cut: it is whatever somebody sent.
    let shown: String = path.chars().take(200).collect();
    NOT_FOUND.because(format!("{shown} is no address of this listener."))
}

/// Tells the app which route took the request.
async fn name_route(request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().cloned();
    let mut response = next.run(request).await;
    if let Some(route) = route {
        response.extensions_mut().insert(route);
    }
    response
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use axum::http::{HeaderMap, header::ALLOW};
    use http_body_util::{BodyExt, Limited};

    use super::*;

    async fn fail() -> Response {
        panic!("as asked")
    }

    async fn ask(app: &App, method: &str, path: &str) -> (StatusCode, HeaderMap, serde_json::Value) {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
            .body(Body::empty())
            .unwrap();
        let context = Context::new(request.headers(), None);
        let (head, body) = app.answer(request, context).await.into_parts();
        #[allow(clippy::disallowed_methods, reason = "capped")]
        let body = Limited::new(body, 1 << 20).collect().await.unwrap().to_bytes();
        (head.status, head.headers, serde_json::from_slice(&body).unwrap_or_default())
    }

    fn app(seen: &Arc<Mutex<Vec<String>>>) -> App {
        let seen = Arc::clone(seen);
        let router = Router::new()
            .route("/v1/messages/{id}", get(|Path(_): Path<String>| async { "fine" }).post(fail))
            .merge(pages(|code| crate::error::pages(crate::net::EXPLAIN).find(|page| page.code == code)));
        App::new("public", router).watched(move |served| {
            let line = format!("{} {} {:?} {}", served.listener, served.method, served.route, served.status.as_u16());
            seen.lock().unwrap().push(line);
        })
    }

    #[tokio::test]
    async fn every_answer_has_an_id_and_is_seen_under_its_route() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let app = app(&seen);
        let (status, headers, _) = ask(&app, "GET", "/v1/messages/1").await;
        assert_eq!(status, 200);
        assert!(headers["request-id"].to_str().unwrap().starts_with("req_"));
        assert!(headers["traceresponse"].to_str().unwrap().starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-"));
        let (status, _, problem) = ask(&app, "GET", "/v2").await;
        assert_eq!((status.as_u16(), problem["code"].as_str()), (404, Some("NET-0101")));
        assert!(problem["request_id"].as_str().unwrap().starts_with("req_"));
        assert_eq!(problem["instance"], "/v2");
        let (status, _, problem) = ask(&app, "GET", "/v1/messages/%FF").await;
        assert_eq!((status.as_u16(), problem["code"].as_str()), (400, Some("NET-0112")));
        let (status, headers, problem) = ask(&app, "DELETE", "/v1/messages/1").await;
        assert_eq!((status.as_u16(), problem["code"].as_str()), (405, Some("NET-0102")));
        assert_eq!(headers[ALLOW], "GET,HEAD,POST");
        assert_eq!(
            *seen.lock().unwrap(),
            [
                "public GET Some(\"/v1/messages/{id}\") 200",
                "public GET None 404",
                "public GET Some(\"/v1/messages/{id}\") 400",
                "public DELETE Some(\"/v1/messages/{id}\") 405"
            ]
        );
    }

    #[tokio::test]
    async fn a_panic_is_a_500_with_an_id() {
        let (status, _, problem) = ask(&app(&Arc::default()), "POST", "/v1/messages/1").await;
        assert_eq!((status.as_u16(), problem["code"].as_str()), (500, Some("NET-0111")));
    }

    #[tokio::test]
    async fn a_problems_type_leads_to_its_page() {
        let app = app(&Arc::default());
        let (_, _, problem) = ask(&app, "GET", "/v2").await;
        let (status, headers, _) = ask(&app, "GET", problem["type"].as_str().unwrap()).await;
        assert_eq!((status.as_u16(), headers[CONTENT_TYPE].to_str().unwrap()), (200, "text/plain; charset=utf-8"));
        assert_eq!(ask(&app, "GET", "/errors/NOPE").await.0, 404);
    }
}
