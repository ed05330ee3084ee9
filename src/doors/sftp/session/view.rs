//! What a session sees: the folders, the files in them, and what is told of each. Files of ours are looked for in the record;
//! those of the partner are as the home knows them.

use jiff::Timestamp;

use super::{Session, spot, unavailable};
use crate::{
    doors::sftp::{
        home::Failed,
        outbox::Offer,
        path::{Place, Wrong},
        protocol::{Listed, Stat},
        report::report,
        shelf::{Refusal, Spot},
        taken::Taken,
    },
    partner::Folder,
};

impl Session {
    pub(super) async fn stat(&self, path: &str) -> Result<Stat, Failed> {
        match self.folders.place(path) {
            Ok(Place::Hall(_)) => Ok(stat_folder(false)),
            Ok(Place::Folder(folder)) => Ok(stat_folder(matches!(folder, Folder::Inbound | Folder::Staging))),
            Ok(Place::File(folder, name)) => {
                if let Some(spot) = spot(folder, &name) {
                    return self.stat_spot(&spot).ok_or_else(|| Refusal::NotFound.into());
                }
                if let Some(offer) = self.offer(folder, &name).await? {
                    return Ok(stat_file(offer.size, offer.at, false));
                }
                let (taken, text) = self.report(folder, &name).await?.ok_or(Refusal::NotFound)?;
                Ok(stat_file(text.len() as u64, taken.at, false))
            }
            Err(Wrong::NoFolder) => Err(Refusal::NotFound.into()),
            Err(wrong) => Err(Failed::Told(wrong.to_string())),
        }
    }

    /// The files of a folder.
    pub(super) async fn files(&self, folder: Folder) -> Result<Vec<Listed>, Failed> {
        if matches!(folder, Folder::Inbound | Folder::Staging) {
            let staging = folder == Folder::Staging;
            let mut spots: Vec<_> = self
                .home
                .shelf()
                .iter()
                .filter(|(spot, _)| spot.staging == staging)
                .map(|(spot, _)| spot.clone())
                .collect();
            if !staging {
                // A file that is sent again stands for the one that was taken.
                spots.extend(self.home.taken().names().map(|name| Spot { staging, name: name.clone() }));
            }
            spots.sort();
            spots.dedup();
            let stats = spots.into_iter().filter_map(|spot| Some((self.stat_spot(&spot)?, spot.name)));
            return Ok(stats.map(|(stat, name)| self.listed(name, stat)).collect());
        }
        self.refresh().await?;
        let mut listed = Vec::new();
        {
            let outbox = self.home.outbox.lock().await;
            let own = self.fetched.iter().filter_map(|message| outbox.by_message(*message));
            for offer in outbox.list(folder).chain(own.filter(|offer| offer.folder == folder)) {
                listed.push(self.listed(offer.name.clone(), stat_file(offer.size, offer.at, false)));
            }
        }
        if folder == Folder::Receipts {
            let reports: Vec<_> = self.home.taken().reports().map(|(name, _)| name.clone()).collect();
            for name in reports {
                if let Some((taken, text)) = self.report(folder, &name).await? {
                    listed.push(self.listed(name, stat_file(text.len() as u64, taken.at, false)));
                }
            }
        }
        listed.sort_by(|a, b| a.name.cmp(&b.name));
        listed.dedup_by(|a, b| a.name == b.name);
        Ok(listed)
    }

    pub(super) fn stat_spot(&self, spot: &Spot) -> Option<Stat> {
        if let Some(file) = self.home.shelf().get(spot) {
            let mtime = file.mtime.unwrap_or_else(|| seconds(file.touched));
            return Some(Stat { folder: false, writable: true, size: file.size(), mtime });
        }
        let taken = self.home.taken();
        taken.get(&spot.name).filter(|_| !spot.staging).map(stat_taken)
    }

    /// The report of a name in receipts.
    pub(super) async fn report(&self, folder: Folder, name: &str) -> Result<Option<(Taken, String)>, Failed> {
        let taken = self.home.taken().report(name).cloned().filter(|_| folder == Folder::Receipts);
        let Some(taken) = taken else { return Ok(None) };
        let message = self.door.ledger.message(taken.message).await.map_err(unavailable)?;
        let documents = self.door.ledger.documents(taken.message, 0, 200).await.map_err(unavailable)?;
        let text = report(&taken, message.as_ref(), &documents);
        Ok(Some((taken, text)))
    }

    /// A file of ours by its name, looked for in the record where it is not known yet.
    pub(super) async fn offer(&self, folder: Folder, name: &str) -> Result<Option<Offer>, Failed> {
        let known = self.home.outbox.lock().await.get(folder, name).cloned();
        if known.is_some() {
            return Ok(known);
        }
        self.refresh().await?;
        Ok(self.home.outbox.lock().await.get(folder, name).cloned())
    }

    async fn refresh(&self) -> Result<(), Failed> {
        let directory = self.door.directory.load();
        let partners: Vec<_> = directory
            .partners()
            .filter(|partner| directory.speaks_for(&self.partner, partner))
            .map(|partner| partner.id.clone())
            .collect();
        let mut outbox = self.home.outbox.lock().await;
        outbox.refresh(&*self.door.ledger, &partners, &self.terms, self.door.limits.visible).await.map_err(unavailable)
    }

    pub(super) fn listed(&self, name: String, stat: Stat) -> Listed {
        let kind = if stat.folder { 'd' } else { '-' };
        let mode = match (stat.folder, stat.writable) {
            (true, true) => "rwxr-xr-x",
            (true, false) => "r-xr-xr-x",
            (false, true) => "rw-r--r--",
            (false, false) => "r--r--r--",
        };
        let at = Timestamp::from_second(i64::from(stat.mtime)).unwrap_or(Timestamp::UNIX_EPOCH);
        let half_year = 182 * 86_400;
        let recent = Timestamp::now().as_second() - i64::from(stat.mtime) < half_year;
        let date = at.strftime(if recent { "%b %e %H:%M" } else { "%b %e  %Y" });
        let long = format!("{kind}{mode}    1 gangway  gangway  {:>10} {date} {name}", stat.size);
        Listed { name, long, stat }
    }
}

pub(super) fn stat_taken(taken: &Taken) -> Stat {
    Stat { folder: false, writable: true, size: taken.size, mtime: taken.mtime.unwrap_or_else(|| seconds(taken.at)) }
}

pub(super) fn stat_file(size: u64, at: Timestamp, writable: bool) -> Stat {
    Stat { folder: false, writable, size, mtime: seconds(at) }
}

pub(super) fn stat_folder(writable: bool) -> Stat {
    Stat { folder: true, writable, size: 0, mtime: seconds(Timestamp::now()) }
}

fn seconds(at: Timestamp) -> u32 {
    u32::try_from(at.as_second()).unwrap_or_default()
}
