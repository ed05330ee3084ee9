//! `/`: a small page that says what runs. Nothing on it comes from elsewhere, and its policy allows nothing to.

use std::{
    fmt::Write,
    sync::{Arc, LazyLock},
};

use aws_lc_rs::digest::{SHA256, digest};
use axum::{
    extract::State,
    http::{
        HeaderValue,
        header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY},
    },
    response::{IntoResponse, Response},
};
use base64::{Engine, prelude::BASE64_STANDARD};

use super::Console;

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;margin:3rem auto;max-width:44rem;padding:0 1rem}\
    table{border-collapse:collapse}td,th{padding:.2rem 1.5rem .2rem 0;text-align:left;font-weight:normal}\
    th{opacity:.7}code{font-size:.95em}";

/// Only our own style, known by its digest (CSP level 3, section 8.4).
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let style = BASE64_STANDARD.encode(digest(&SHA256, STYLE.as_bytes()));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
});

pub(super) async fn home(State(console): State<Arc<Console>>) -> Response {
    let (up, paused) = (console.started.elapsed().as_secs(), console.paused().await);
    let hindrances = Hindrances { no_room: console.no_room(), paused, stale: (console.stale)() };
    let page = page(&console.listeners, up, &hindrances);
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (CONTENT_SECURITY_POLICY, POLICY.clone()),
        (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ];
    (headers, page).into_response()
}

/// What a person has to see to.
struct Hindrances {
    no_room: Option<String>,
    paused: Option<String>,
    stale: Vec<String>,
}

fn page(listeners: &[(String, String)], up: u64, hindrances: &Hindrances) -> String {
    let Hindrances { no_room, paused, stale } = hindrances;
    let mut page = String::with_capacity(2048);
    let mut line = |text: std::fmt::Arguments<'_>| {
        // Writing to a String cannot fail.
        let _ = writeln!(page, "{text}");
    };
    line(format_args!("<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>Gangway</title>"));
    line(format_args!("<style>{STYLE}</style>\n<h1>Gangway</h1>"));
    line(format_args!(
        "<p>Version {}, up for {}. This is the private side: the ERP and operators.</p>",
        env!("CARGO_PKG_VERSION"),
        duration(up)
    ));
    line(format_args!("<table>"));
    for (name, address) in listeners {
        line(format_args!("<tr><th scope=\"row\">{}<td><code>{}</code>", escape(name), escape(address)));
    }
    line(format_args!("</table>"));
    if let Some(why) = no_room {
        line(format_args!("<p>Nothing is taken until there is room again: {}.</p>", escape(why)));
    }
    if let Some(why) = paused {
        line(format_args!(
            "<p>Nothing is delivered to partners until <code>gangway restore --resume --reason \"…\"</code>: {}. \
             <code>gangway deliveries list</code> has what waits.</p>",
            escape(why)
        ));
    }
    if !stale.is_empty() {
        let names: Vec<_> = stale.iter().map(|name| escape(name)).collect();
        line(format_args!(
            "<p>These partners run on an earlier version of their file, because the present one has mistakes \
             (<code>gangway check</code> tells which): {}.</p>",
            names.join(", ")
        ));
    }
    line(format_args!(
        "<p><a href=\"/readyz\">Is it ready?</a> · <a href=\"/healthz\">Is it up?</a> · <a href=\"/metrics\">Metrics</a></p>"
    ));
    line(format_args!("<p>The ERP's API is at <code>/erp/v1/</code> and wants its token.</p>"));
    page
}

fn duration(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min"),
        (0, _, _) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for sign in text.chars() {
        match sign {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_says_what_runs_and_escapes_it() {
        let listeners = [("public http".to_owned(), "127.0.0.1:8080".to_owned())];
        let hindrances = Hindrances {
            no_room: Some("no room left for the record: <i>".into()),
            paused: Some("restored from <b>".into()),
            stale: vec!["<b>acme</b>".into()],
        };
        let page = page(&listeners, 3700, &hindrances);
        let page = page.replace(env!("CARGO_PKG_VERSION"), "VERSION");
        let body = page.split_once("</style>").unwrap().1;
        insta::assert_snapshot!(body);
        assert!(!page.contains("http:") && !page.contains("https:") && !page.contains("<script"), "no outside assets");
    }

    #[test]
    fn times_are_short() {
        assert_eq!([5, 65, 3700, 90_000].map(duration), ["5 s", "1 min", "1 h 1 min", "1 d 1 h"]);
    }
}
