//! The way out to a partner's own SFTP server: a temporary name until a file is whole there, then its own.
//!
//! A name that has the message's id in it stands for the same bytes always: what an earlier attempt left half-way is gone
//! on with, and what it had finished when the line broke is seen and not written twice.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use jiff::{Timestamp, tz::TimeZone};

use super::{
    lines::Lines,
    wire::{Fault, Line, ON_THE_WAY},
};
use crate::{
    exchange::{Carried, Courier, Parcel},
    ledger::Channel,
    partner::SftpPushTerms,
};

/// Takes parcels to partners' SFTP servers.
pub struct SftpCourier {
    lines: Arc<Lines>,
}

impl SftpCourier {
    /// Over these connections.
    pub fn new(lines: Arc<Lines>) -> Self {
        Self { lines }
    }
}

#[async_trait]
impl Courier for SftpCourier {
    fn channel(&self) -> Channel {
        Channel::SftpPush
    }

    async fn carry(&self, parcel: &Parcel) -> Carried {
        let line = match self.lines.to(&parcel.partner).await {
            Ok(line) => line,
            Err(error) if error.is_final() => return Carried::Refused { detail: format!("{error}.") },
            Err(error) => return Carried::TryAgain { detail: format!("{error}."), retry_after: None },
        };
        let Some(terms) = &parcel.partner.sftp_push else {
            return Carried::Refused { detail: "the partner's file has no [sftp_push].".to_owned() };
        };
        let spot = Spot::of(terms, parcel);
        let path = &spot.path;
        let payload = match parcel.bytes().await {
            Ok(payload) => payload,
            Err(error) => return Carried::TryAgain { detail: format!("{error}."), retry_after: None },
        };
        match line.unless_it_ends(put(&line, &spot, &payload, parcel.attempt > 1)).await {
            Ok(how) => Carried::Delivered { detail: format!("{} {how} {path}.", terms.server), receipt: None },
            Err(fault) => {
                Carried::TryAgain { detail: format!("{} and {path}: {fault}.", terms.server), retry_after: None }
            }
        }
    }
}

/// Where a parcel goes.
#[derive(Debug, PartialEq)]
struct Spot {
    path: String,
    /// Where it is until it is whole.
    begun: String,
    /// Whether only this message can be at `path`.
    own: bool,
}

impl Spot {
    fn of(terms: &SftpPushTerms, parcel: &Parcel) -> Self {
        let id = parcel.message.to_string();
        let path = below(&terms.folder, &name(terms, parcel));
        let own = path.contains(&id);
        let begun = match (terms.temporary.as_str(), own) {
            ("", _) => path.clone(),
            (ending, true) => format!("{path}{ending}"),
            (ending, false) => format!("{path}.{id}{ending}"),
        };
        Self { path, begun, own }
    }
}

/// Puts a file there. Answers how its server came to have it.
async fn put(line: &Line, spot: &Spot, payload: &Bytes, again: bool) -> Result<&'static str, Fault> {
    let Spot { path, begun, own } = spot;
    let len = payload.len() as u64;
    let mut from = 0;
    if again && *own && line.size(path).await? == Some(len) {
        return Ok("had already");
    }
    if again && (*own || begun != path) {
        let size = line.size(begun).await?.unwrap_or_default();
        // The last of what was on its way may have come with gaps.
        from = if size <= len { size.saturating_sub(ON_THE_WAY) } else { 0 };
    }
    line.write(begun, payload, from).await?;
    // Where the server does not tell a size, its answers to every piece have to do.
    if let Some(size) = line.size(begun).await?.filter(|size| *size != len) {
        return Err(Fault::Refused(format!("it has {size} bytes of a file of {len}")));
    }
    if begun != path
        && let Err(fault) = line.rename(begun, path).await
    {
        // A rename whose answer was lost, and that was done.
        return if *own && line.size(path).await? == Some(len) { Ok("has") } else { Err(fault) };
    }
    Ok(if from > 0 { "has the rest of" } else { "has" })
}

/// What a parcel's file is called there: the same at every attempt.
fn name(terms: &SftpPushTerms, parcel: &Parcel) -> String {
    let issued = i64::try_from(parcel.message.unix_millis()).unwrap_or_default();
    let issued = Timestamp::from_millisecond(issued).unwrap_or_default().to_zoned(TimeZone::UTC);
    terms.names.name(|field| match field {
        "document" => parcel.document.map_or_else(|| "document".to_owned(), |kind| kind.to_string()),
        "number" => parcel.number.as_ref().or(parcel.interchange.as_ref()).cloned().unwrap_or_else(|| "0".to_owned()),
        "interchange" => parcel.interchange.clone().unwrap_or_else(|| "0".to_owned()),
        "date" => issued.strftime("%Y%m%d").to_string(),
        "time" => issued.strftime("%H%M%S").to_string(),
        "id" => parcel.message.to_string(),
        _ => parcel.partner.id.clone(),
    })
}

/// A name in a folder.
pub(super) fn below(folder: &str, name: &str) -> String {
    format!("{}/{name}", folder.trim_end_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_put_below_its_folder() {
        assert_eq!(below("/", "a.edi"), "/a.edi");
        assert_eq!(below("/in/", "a.edi"), "/in/a.edi");
        assert_eq!(below("in", "a.edi"), "in/a.edi");
    }
}
