//! `gangway check --online`: the other side of what the files say. Partners' AS2 addresses are called up to the end of the
//! TLS handshake, their SFTP servers up to the host key; nothing is sent, and nobody is logged in.

use std::{sync::Arc, time::Duration};

use tokio::{
    task::{JoinSet, LocalSet},
    time::timeout,
};

use crate::{
    config::{Diagnostic, Origin, Settings},
    net::{Egress, Trust},
    partner::{Directory, Files, Partner, codes, effective},
    play::host_key_of,
};

/// How long one server may take.
const PATIENCE: Duration = Duration::from_secs(15);
/// How many are tried at one time.
const AT_ONCE: usize = 16;

/// One server that is tried.
#[derive(Debug, Clone, Copy)]
enum What {
    As2,
    Webhook,
    Cxml,
    SftpPush,
}

/// Tries every partner's servers, and tells what does not answer as its file says.
pub(super) fn try_out(settings: &Settings, files: &Files, directory: &Directory) -> anyhow::Result<Vec<Diagnostic>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let egress = Egress::new(settings.calls.reach());
    let mut waiting: Vec<(Arc<Partner>, What)> = Vec::new();
    for partner in directory.partners() {
        let has = [
            (What::As2, partner.as2.as_ref().is_some_and(|as2| as2.url.is_some())),
            (What::Webhook, partner.webhook.is_some()),
            (What::Cxml, partner.cxml.as_ref().is_some_and(|cxml| cxml.url.is_some())),
            (What::SftpPush, partner.sftp_push.is_some()),
        ];
        waiting.extend(has.into_iter().filter(|(_, has)| *has).map(|(what, _)| (Arc::clone(partner), what)));
    }
    let failed = LocalSet::new().block_on(&runtime, async {
        let mut failed = Vec::new();
        for part in waiting.chunks(AT_ONCE) {
            let mut trying = JoinSet::new();
            for (partner, what) in part {
                let (partner, what, egress) = (Arc::clone(partner), *what, egress.clone());
                trying.spawn_local(async move {
                    let tried = timeout(PATIENCE, attempt(egress, Arc::clone(&partner), what)).await;
                    let tried = tried
                        .unwrap_or_else(|_| Err(Fault::Silent(format!("no answer within {} s", PATIENCE.as_secs()))));
                    (partner, what, tried.err())
                });
            }
            failed.extend(trying.join_all().await);
        }
        failed
    });
    let told = failed.into_iter().filter_map(|(partner, what, fault)| Some(tell(files, &partner, what, fault?)));
    Ok(told.collect())
}

/// What was wrong with a server.
enum Fault {
    /// It does not answer, or not as it should.
    Silent(String),
    /// It is another one: this is the fingerprint that it shows.
    Stranger(String),
}

async fn attempt(egress: Egress, partner: Arc<Partner>, what: What) -> Result<(), Fault> {
    match what {
        What::As2 => {
            let Some((as2, url)) = partner.as2.as_ref().and_then(|as2| Some((as2, as2.url.as_ref()?))) else {
                return Ok(());
            };
            let trust = Trust { pinned: as2.sending.trust.clone(), own: None };
            egress.probe(url.as_str(), &trust).await.map_err(silent)
        }
        What::Webhook => match &partner.webhook {
            Some(hook) => egress.probe(hook.url.as_str(), &Trust::default()).await.map_err(silent),
            None => Ok(()),
        },
        What::Cxml => match partner.cxml.as_ref().and_then(|cxml| cxml.url.as_ref()) {
            Some(url) => egress.probe(url.as_str(), &Trust::default()).await.map_err(silent),
            None => Ok(()),
        },
        What::SftpPush => {
            let Some(push) = &partner.sftp_push else { return Ok(()) };
            let shown = host_key_of(&push.server.host, push.server.port).await.map_err(silent)?;
            let known = push.host_keys.is_empty() || push.host_keys.iter().any(|key| key.fingerprint() == shown);
            if known { Ok(()) } else { Err(Fault::Stranger(shown)) }
        }
    }
}

fn silent(error: impl std::fmt::Display) -> Fault {
    Fault::Silent(error.to_string())
}

fn tell(files: &Files, partner: &Partner, what: What, fault: Fault) -> Diagnostic {
    let (path, name) = match what {
        What::As2 => ("as2.url", "the AS2 server"),
        What::Webhook => ("webhook.url", "the webhook's server"),
        What::Cxml => ("cxml.url", "the cXML server"),
        What::SftpPush => ("sftp_push.server", "the SFTP server"),
    };
    let path = if matches!(fault, Fault::Stranger(_)) { "sftp_push.host_keys" } else { path };
    let values = effective(files, &partner.id).unwrap_or_default();
    let place = values.into_iter().find(|value| value.path == path).map(|value| value.origin);
    let place = place.or_else(|| files.partners.get(&partner.id).map(Origin::start_of)).unwrap_or_default();
    match fault {
        Fault::Silent(why) => {
            let told = Diagnostic::error(codes::NOT_REACHED, format!("{name} of {} is not reached: {why}", partner.id));
            told.at(&place, "").hint("tried from this machine; a firewall on the way is the usual cause")
        }
        Fault::Stranger(shown) => {
            let message = format!("{name} of {} shows another host key: {shown}", partner.id);
            let told = Diagnostic::error(codes::STRANGE_HOST_KEY, message).at(&place, "");
            told.hint("ask its operator by another way than this connection before you trust the new key")
        }
    }
}
