//! Tokens of an issuer outside, for suppliers that have one for all they call: JWT access tokens (RFC 9068), verified with
//! the issuer's published keys (RFC 7517). Keys are fetched beforehand and again once in a while, and sooner when a token
//! names one that nobody has seen; no request ever waits for them.

mod jwt;

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;
use bytes::Bytes;
use jiff::Timestamp;
use serde_json::Value;
use tokio::{sync::Notify, task::JoinHandle};

use self::jwt::{KeySet, Unverified};
use crate::{
    config::Settings,
    document::Mode,
    net::{Egress, Manner, Trust},
    partner::{ApiAccess, Directory},
};

/// How often keys are fetched again.
const EVERY: Duration = Duration::from_secs(600);
/// … and not more often than this, whatever tokens name.
const BREATH: Duration = Duration::from_secs(5);
/// The largest set of keys.
const LARGEST: usize = 256 << 10;
/// For fetching it.
const PATIENCE: Duration = Duration::from_secs(10);
/// Clocks may differ by so many seconds.
const LEEWAY: f64 = 60.0;

/// An issuer whose tokens are taken.
pub struct Issuer {
    name: String,
    audience: String,
    claim: String,
    source: Source,
    keys: ArcSwap<KeySet>,
    /// A token named a key that is not here.
    missed: Notify,
}

/// Where the keys are.
enum Source {
    File(PathBuf),
    Url(String, Egress),
}

impl Issuer {
    /// The one that the settings name, without its keys yet.
    pub fn of(settings: &Settings) -> Option<Arc<Self>> {
        let (name, keys) = (settings.oauth.issuer.as_ref()?, settings.oauth.keys.as_ref()?);
        let is_url = keys.value.starts_with("https://") || keys.value.starts_with("http://");
        Some(Arc::new(Self {
            name: name.value.clone(),
            audience: settings.oauth.audience.clone(),
            claim: settings.oauth.client_claim.clone(),
            source: match is_url {
                true => Source::Url(keys.value.clone(), Egress::new(settings.calls.reach())),
                false => Source::File(settings.root.join(&keys.value)),
            },
            keys: ArcSwap::default(),
            missed: Notify::new(),
        }))
    }

    /// Fetches the keys now and again and again, until the task is aborted.
    pub fn spawn(self: &Arc<Self>) -> JoinHandle<()> {
        let issuer = Arc::clone(self);
        tokio::spawn(async move {
            loop {
                let begun = Instant::now();
                match issuer.fetch().await {
                    Ok(keys) => issuer.keys.store(Arc::new(keys)),
                    Err(reason) => {
                        tracing::warn!(
                            issuer = issuer.name,
                            reason,
                            "The issuer's keys cannot be had; known ones stay."
                        );
                    }
                }
                tokio::select! {
                    () = tokio::time::sleep(EVERY) => {}
                    () = issuer.missed.notified() => tokio::time::sleep(BREATH.saturating_sub(begun.elapsed())).await,
                }
            }
        })
    }

    async fn fetch(&self) -> Result<KeySet, String> {
        let bytes = match &self.source {
            Source::File(path) => {
                let path = path.clone();
                let read = tokio::task::spawn_blocking(move || std::fs::read(path)).await;
                Bytes::from(read.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?)
            }
            Source::Url(url, egress) => {
                let manner = Manner { patience: PATIENCE, largest_answer: LARGEST, lower_case_headers: true };
                let accept = [("accept".to_owned(), "application/jwk-set+json, application/json".to_owned())];
                let reply = egress.get(url, &accept, &Trust::default(), manner).await;
                let reply = reply.map_err(|error| error.to_string())?;
                match reply.status {
                    200 => reply.body,
                    other => return Err(format!("{url} answered {other}")),
                }
            }
        };
        KeySet::read(&bytes)
    }

    /// Whose token this is, if it is one of this issuer's for us, and holds now.
    pub(super) fn open(&self, token: &str, directory: &Directory, now: Timestamp) -> Option<ApiAccess> {
        let claims = match self.keys.load().verify(token) {
            Ok(claims) => claims,
            Err(Unverified::UnknownKey) => {
                self.missed.notify_one();
                return None;
            }
            Err(Unverified::Wrong) => return None,
        };
        let client = self.client(&claims, now)?;
        let partner = Arc::clone(directory.by_oauth_client(client)?);
        Some(ApiAccess { partner, mode: Mode::Live })
    }

    /// Who the token was issued to, if it is for us and holds now (RFC 9068, section 4).
    fn client<'c>(&self, claims: &'c Value, now: Timestamp) -> Option<&'c str> {
        let now = now.as_second() as f64;
        let number = |name: &str| claims.get(name).map(|value| value.as_f64());
        let for_us = match claims.get("aud")? {
            Value::String(one) => *one == self.audience,
            Value::Array(all) => all.iter().any(|one| one.as_str() == Some(&self.audience)),
            _ => false,
        };
        let by_them = claims.get("iss")?.as_str()? == self.name;
        // A token without an end is none; a beginning that cannot be read is not a beginning.
        let holds = number("exp")?? + LEEWAY > now && number("nbf").unwrap_or(Some(0.0))? <= now + LEEWAY;
        (for_us && by_them && holds).then(|| claims.get(&self.claim)?.as_str()).flatten()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_token_is_for_us_from_them_and_holds_now() {
        let issuer = Issuer {
            name: "https://login.example".into(),
            audience: "gangway".into(),
            claim: "client_id".into(),
            source: Source::File(PathBuf::new()),
            keys: ArcSwap::default(),
            missed: Notify::new(),
        };
        let now = Timestamp::from_second(10_000).unwrap();
        let good =
            json!({ "iss": "https://login.example", "aud": ["x", "gangway"], "exp": 10_001, "client_id": "acme" });
        assert_eq!(issuer.client(&good, now), Some("acme"));
        for (name, wrong) in [
            ("iss", json!("https://other.example")),
            ("iss", json!(null)),
            ("aud", json!("other")),
            ("aud", json!(null)),
            ("exp", json!(9_900)),
            ("exp", json!("10001")),
            ("exp", json!(null)),
            ("nbf", json!(10_100)),
            ("nbf", json!("x")),
            ("client_id", json!(7)),
        ] {
            let mut claims = good.clone();
            claims[name] = wrong.clone();
            assert_eq!(issuer.client(&claims, now), None, "{name}: {wrong}");
        }
    }
}
