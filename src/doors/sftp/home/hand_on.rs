//! The way of a whole file into the exchange. Its bytes stay until that has answered. A name that comes again with the same
//! bytes is the same hand-over, and with others it is the next version.

use std::{io, sync::Arc, time::Instant};

use jiff::Timestamp;
use tokio::sync::Mutex as AsyncMutex;

use super::{Failed, Home, blocking};
use crate::{
    document::Mode,
    doors::sftp::{
        Door, codes,
        events::Unfinished,
        shelf::{Part, Rules, Spot},
        slip::{Clerk, Slip},
        taken::Taken,
    },
    exchange::{Arrival, Refused},
    keys,
    ledger::{Channel, Direction, MessageFilter},
    observe::Arrived,
    partner::{Partner, SameFile},
    spool::Body,
};

impl Home {
    /// Hands a file on, in a task of its own, so that a client who goes away does not end it half-way.
    pub(super) async fn hand_on(
        self: &Arc<Self>,
        door: &Arc<Door>,
        partner: &Arc<Partner>,
        rules: &Rules,
        spot: Spot,
        part: Part,
    ) -> Result<(), Failed> {
        let (home, door, partner, rules) = (Arc::clone(self), Arc::clone(door), Arc::clone(partner), rules.clone());
        let task = tokio::spawn(async move {
            let name = spot.name.clone();
            let given = home.give(&door, &partner, &name, part, &spot).await;
            let taken = given.is_ok();
            let back = home.shelf().left(&spot, taken, &rules);
            home.opened().remove(&part);
            match (given, back) {
                (Ok(()), _) => {
                    let _ = home.clear(part).await;
                    Ok(())
                }
                (Err((bytes, failed)), back) => {
                    let reason = failed.to_string();
                    Unfinished { code: codes::NOT_TAKEN, partner: &home.id, name: &name, bytes, reason: &reason }
                        .emit(&door.telemetry);
                    if let Some(back) = back {
                        home.rest(&back, part, Timestamp::now()).await?;
                    }
                    Err(failed)
                }
            }
        });
        task.await.map_err(|_| Failed::Told("the file could not be processed: come again".to_owned()))?
    }

    async fn give(
        self: &Arc<Self>,
        door: &Arc<Door>,
        partner: &Arc<Partner>,
        name: &str,
        part: Part,
        spot: &Spot,
    ) -> Result<(), (u64, Failed)> {
        let received = Instant::now();
        let (size, mtime) = self.shelf().get(spot).map_or((0, None), |file| (file.size(), file.mtime));
        let told = |failed: Failed| (size, failed);
        let digest = self.digest(part, size).await.map_err(told)?;
        let body = self.body(door, part, size, digest).await.map_err(|error| told(error.into()))?;
        let hex = keys::hex(&digest);
        let same = partner.sftp.as_ref().is_none_or(|terms| terms.same_file == SameFile::Duplicate);
        let version = match self.last_version(door, name).await.map_err(told)? {
            Some((version, last)) if same && last == hex => version,
            Some((version, _)) => version.saturating_add(1),
            None => 1,
        };
        let correlation = format!("sftp-{}-{}", Timestamp::now().as_microsecond(), hex.get(..8).unwrap_or_default());
        let arrival = Arrival {
            connection: Arc::clone(partner),
            channel: Channel::Sftp,
            mode: Mode::Live,
            transport_id: format!("inbound/{name};v{version}"),
            filename: Some(name.to_owned()),
            content_type: None,
            body,
            at: Timestamp::now(),
            correlation: correlation.clone(),
            declared: None,
        };
        let answer = door.intake.receive(arrival, Arc::new(Clerk)).await;
        let slip = answer.as_ref().ok().and_then(|receipt| serde_json::from_slice::<Slip>(&receipt.0).ok());
        let state = if answer.is_err() { "refused" } else { Slip::told(slip.as_ref(), &correlation) };
        Arrived {
            channel: "sftp",
            state,
            connection: &partner.id,
            message: slip.as_ref().map(|slip| slip.message),
            bytes: size,
            elapsed: received.elapsed(),
            trace: None,
            correlation: &correlation,
        }
        .emit(&door.metrics);
        answer.map_err(|refused| {
            let text = match refused {
                Refused::Busy(_) => "too much is waiting here: come again later",
                Refused::Unavailable(_) => "the gateway cannot store it now: come again later",
                // Only what comes over the supplier API is refused otherwise.
                Refused::KeyReused { .. } | Refused::NotCanonical(_) | Refused::Changed { .. } => {
                    "a file of this name was taken with other content: use another name"
                }
            };
            tracing::warn!(correlation, %refused, "A file was not taken.");
            told(Failed::Told(text.to_owned()))
        })?;
        if let Some(slip) = slip {
            let at = Timestamp::now();
            let taken = Taken { name: name.to_owned(), message: slip.message, version, size, digest: hex, at, mtime };
            if let Err(error) = self.taken().add(taken) {
                // The file is taken; only its name may not be seen again.
                tracing::warn!(%error, partner = self.id, "The journal of taken files could not be written.");
            }
        }
        Ok(())
    }

    async fn body(self: &Arc<Self>, door: &Door, part: Part, size: u64, digest: [u8; 32]) -> io::Result<Body> {
        let path = self.parts.path(part);
        if size <= door.spool.inline() as u64 {
            let bytes = blocking(move || std::fs::read(path)).await?;
            let mut receiving = door.spool.begin(size);
            receiving.push(bytes.into()).await.map_err(io::Error::other)?;
            return receiving.finish().await.map_err(io::Error::other);
        }
        let shared = self.opened().get(&part).cloned();
        let spool = Arc::clone(&door.spool);
        let file = match shared {
            Some(shared) => Some(shared.lock_owned().await),
            None => None,
        };
        blocking(move || {
            match &file {
                Some(file) => file.sync()?,
                None => std::fs::File::open(&path)?.sync_all()?,
            }
            spool.adopt(&path, size, digest)
        })
        .await
    }

    pub(super) async fn digest(self: &Arc<Self>, part: Part, len: u64) -> Result<[u8; 32], Failed> {
        let shared = self.opened().get(&part).cloned();
        let home = Arc::clone(self);
        let file = match shared {
            Some(shared) => shared,
            None => blocking(move || Ok(Arc::new(AsyncMutex::new(home.parts.resume(part, len)?)))).await?,
        };
        let mut file = file.lock_owned().await;
        Ok(blocking(move || file.digest(len)).await?)
    }

    /// The last version of a name that was taken, and its digest.
    async fn last_version(&self, door: &Door, name: &str) -> Result<Option<(u32, String)>, Failed> {
        if let Some(last) = self.taken().last(name) {
            return Ok(Some((last.version, last.digest.clone())));
        }
        let filter = MessageFilter {
            filename: Some(name.to_owned()),
            direction: Some(Direction::In),
            ..MessageFilter::default()
        };
        let begins = format!("inbound/{name};v");
        let mut before = None;
        // Other partners' files may have the same name; beyond some hundreds it is only a number that starts anew.
        for _ in 0..8 {
            let page = door.ledger.messages(filter.clone(), before, 100).await;
            let page = page.map_err(|error| Failed::Told(format!("the gateway cannot store it now: {error}")))?;
            for message in &page {
                let version = message.transport_id.as_deref().and_then(|id| id.strip_prefix(begins.as_str()));
                let version = version.and_then(|version| version.parse().ok());
                if let (Channel::Sftp, true, Some(version)) = (message.channel, message.connection == self.id, version)
                {
                    return Ok(Some((version, message.digest.clone())));
                }
            }
            let Some(last) = page.last() else { break };
            before = Some(last.id);
        }
        Ok(None)
    }
}
