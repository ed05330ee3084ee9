//! The bytes of a message as somebody may see them: without the shared secrets of cXML. The record keeps them, since a
//! replay reads them again.

use std::{
    borrow::Cow,
    collections::VecDeque,
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    ops::Range,
    path::{Path, PathBuf},
};

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use tokio::{sync::Semaphore, task::spawn_blocking};

use super::detect::{DETECT_BYTES, Format, detect};
use crate::{
    ledger::Payload,
    net::FileBody,
    xml::{Limits, cxml},
};

/// So much of a file is read at once.
const READ_SIZE: u64 = 128 << 10;

/// A search holds a whole document in memory.
static SEARCHES: Semaphore = Semaphore::const_new(2);

/// A payload as a body that may be shown.
///
/// # Errors
/// When its file cannot be read.
pub async fn shown(payload: Payload) -> io::Result<Body> {
    let path = match payload {
        Payload::Inline(bytes) => {
            return Ok(match cxml::masked(&bytes) {
                Cow::Owned(masked) => masked.into(),
                Cow::Borrowed(_) => bytes.clone().into(),
            });
        }
        Payload::File(path) => path,
    };
    let (secrets, path) = {
        let _one = SEARCHES.acquire().await.map_err(io::Error::other)?;
        blocking(move || Ok((secrets(&path)?, path))).await?
    };
    if secrets.is_empty() {
        return Ok(Body::new(FileBody::open(path).await?));
    }
    let parts = blocking(move || Parts::open(path, secrets)).await?;
    let next = |mut parts: Parts| blocking(move || Ok(parts.next()?.map(|part| (part, parts))));
    Ok(Body::from_stream(stream::try_unfold(parts, next)))
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    spawn_blocking(work).await.map_err(io::Error::other)?
}

/// The secrets in a file: none where it is no XML. What is larger than any document that is read is searched as far.
#[expect(clippy::disallowed_methods, reason = "the `take` before each is the cap")]
fn secrets(path: &Path) -> io::Result<VecDeque<Range<u64>>> {
    let mut file = File::open(path)?;
    let mut bytes = Vec::new();
    file.by_ref().take(DETECT_BYTES as u64).read_to_end(&mut bytes)?;
    if detect(&bytes) != Format::Xml {
        return Ok(VecDeque::new());
    }
    file.take(Limits::default().bytes as u64).read_to_end(&mut bytes)?;
    Ok(cxml::secrets(&bytes).into_iter().map(|secret| secret.start as u64..secret.end as u64).collect())
}

/// A file that is read past its secrets.
struct Parts {
    file: File,
    at: u64,
    length: u64,
    secrets: VecDeque<Range<u64>>,
}

impl Parts {
    fn open(path: PathBuf, secrets: VecDeque<Range<u64>>) -> io::Result<Self> {
        let file = File::open(path)?;
        Ok(Self { at: 0, length: file.metadata()?.len(), file, secrets })
    }

    fn next(&mut self) -> io::Result<Option<Bytes>> {
        if let Some(secret) = self.secrets.pop_front_if(|secret| secret.start <= self.at) {
            self.at = self.file.seek(SeekFrom::Start(secret.end))?;
            return Ok(Some(Bytes::from_static(cxml::MASK.as_bytes())));
        }
        let until = self.secrets.front().map_or(self.length, |secret| secret.start);
        let size = until.saturating_sub(self.at).min(READ_SIZE);
        if size == 0 {
            return Ok(None);
        }
        let mut part = vec![0; size as usize];
        self.file.read_exact(&mut part)?;
        self.at += size;
        Ok(Some(part.into()))
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    async fn seen(payload: Payload) -> Vec<u8> {
        #[expect(clippy::disallowed_methods, reason = "a test's own file")]
        shown(payload).await.unwrap().collect().await.unwrap().to_bytes().to_vec()
    }

    #[tokio::test]
    async fn a_file_is_shown_without_its_secrets_and_all_else_of_it() {
        let filler = "é\n".repeat(READ_SIZE as usize / 2);
        let with = |secret: &str| {
            let secret = format!("<Credential><SharedSecret>{secret}</SharedSecret></Credential>");
            format!("<cXML><Header>{secret}{filler}{secret}</Header>{filler}</cXML>")
        };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("payload");
        std::fs::write(&path, with("geheim")).unwrap();
        let masked = with("****").into_bytes();
        assert!(seen(Payload::File(path.clone())).await == masked);
        assert!(seen(Payload::Inline(with("geheim").into())).await == masked);
        // It is still there.
        assert!(std::fs::read(&path).unwrap() == with("geheim").as_bytes());
        for other in [filler.clone(), with(""), format!("ISA*00*<SharedSecret>x</SharedSecret>{filler}")] {
            std::fs::write(&path, &other).unwrap();
            assert!(seen(Payload::File(path.clone())).await == other.as_bytes());
        }
    }
}
