//! SFTP: packets and paths as clients send them once they are logged in.

use gangway::doors::sftp::{canonical_path, packet_in_words};
use gangway::partner::NamePattern;

/// A packet is understood or refused.
pub fn packet(bytes: &[u8]) {
    let _ = packet_in_words(bytes.to_vec().into());
}

/// A path leads to one place below the root, and says so again when it is asked for that.
pub fn path(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Some(canonical) = canonical_path(&text) {
        assert!(canonical.starts_with('/') && !canonical.contains('\0'), "{canonical:?}");
        assert!(canonical.split('/').all(|part| part != ".." && part != "."), "{canonical:?}");
        assert_eq!(canonical_path(&canonical).as_deref(), Some(&*canonical));
    }
    if let Ok(pattern) = text.parse::<NamePattern>() {
        let name = pattern.name(|field| field.to_owned());
        assert!(!name.contains('/') && !name.contains('\0'), "{name:?} by {text:?}");
    }
}
