//! How limits are told over HTTP: `RateLimit-Policy` and `RateLimit` of draft-ietf-httpapi-ratelimit-headers-10, which are
//! lists of structured fields (RFC 9651).

use std::fmt::Write;

use super::Usage;

/// What the limits are: `"requests";q=600;w=60`, ….
pub fn policies(usage: &[Usage]) -> String {
    list(usage, |usage, out| {
        let _ = write!(out, "\"{}\";q={}", usage.policy, usage.quota);
        if usage.unit != usage.policy {
            let _ = write!(out, ";qu=\"{}\"", usage.unit);
        }
        if let Some(window) = usage.window_seconds {
            let _ = write!(out, ";w={window}");
        }
    })
}

/// How they stand: `"requests";r=412;t=23`, ….
pub fn standings(usage: &[Usage]) -> String {
    list(usage, |usage, out| {
        let _ = write!(out, "\"{}\";r={};t={}", usage.policy, usage.remaining, usage.reset_seconds);
    })
}

/// Writing to a text cannot fail, so that nothing is made of its results.
fn list(usage: &[Usage], one: impl Fn(&Usage, &mut String)) -> String {
    let mut out = String::with_capacity(usage.len() * 40);
    for usage in usage {
        if !out.is_empty() {
            out.push_str(", ");
        }
        one(usage, &mut out);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_headers_are_those_of_the_draft() {
        let bytes = Usage {
            policy: "bytes",
            unit: "content-bytes",
            quota: 1000,
            window_seconds: Some(3600),
            remaining: 7,
            reset_seconds: 12,
        };
        let calls = Usage { policy: "requests", unit: "requests", quota: 600, window_seconds: Some(60), ..bytes };
        assert_eq!(policies(&[calls, bytes]), r#""requests";q=600;w=60, "bytes";q=1000;qu="content-bytes";w=3600"#);
        assert_eq!(standings(&[calls, bytes]), r#""requests";r=7;t=12, "bytes";r=7;t=12"#);
    }
}
