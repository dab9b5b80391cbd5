//! The digests by which the hub names files, computed while they come.

use sha1::{Digest as _, Sha1};
use shared::digest::Digest;

/// How a digest is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// SHA-256 of the bytes: large files.
    Sha256,
    /// SHA-1 of a header with the length, and the bytes: git's name of a file (git-hash-object(1)), for small files.
    Git,
}

impl Kind {
    /// What the hub's name of a file is; nothing when it is no digest.
    pub(super) fn of(etag: &str) -> Option<Self> {
        match etag.len() {
            _ if !etag.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) => None,
            64 => Some(Self::Sha256),
            40 => Some(Self::Git),
            _ => None,
        }
    }

    /// For messages.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "SHA-256",
            Self::Git => "git digest",
        }
    }
}

/// A digest that is being computed.
pub(super) enum Sum {
    /// Of the bytes alone.
    Sha256(Digest),
    /// Of git's header and the bytes.
    Git(Sha1),
}

impl Sum {
    /// That of a file of `bytes` bytes, none of which is there yet.
    pub(super) fn new(kind: Kind, bytes: u64) -> Self {
        match kind {
            Kind::Sha256 => Self::Sha256(Digest::new()),
            Kind::Git => Self::Git(Sha1::new_with_prefix(format!("blob {bytes}\0"))),
        }
    }

    /// Takes the next bytes in.
    pub(super) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(digest) => digest.update(bytes),
            Self::Git(digest) => digest.update(bytes),
        }
    }

    /// The digest in hexadecimal digits.
    pub(super) fn hex(&self) -> String {
        match self {
            Self::Sha256(digest) => digest.clone().hex(),
            Self::Git(digest) => format!("{:x}", digest.clone().finalize()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_those_of_git_and_sha256sum() {
        let hex = |kind| {
            let mut sum = Sum::new(kind, 6);
            sum.update(b"hel");
            sum.update(b"lo\n");
            sum.hex()
        };
        // `printf 'hello\n' | git hash-object --stdin` and `| sha256sum`
        assert_eq!(hex(Kind::Git), "ce013625030ba8dba906f756967f9e9ca394464a");
        assert_eq!(hex(Kind::Sha256), "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03");
        for kind in [Kind::Git, Kind::Sha256] {
            assert_eq!(Kind::of(&hex(kind)), Some(kind));
        }
        for name in ["", "ce013625", "d41d8cd98f00b204e9800998ecf8427e", &"g".repeat(40), &"A".repeat(64)] {
            assert_eq!(Kind::of(name), None, "{name}");
        }
    }
}
