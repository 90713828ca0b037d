//! Where a part of the store stands: a row of its own, written in one batch with the rows that it covers.
//!
//! The stored form, frozen, little endian: version 1 (1), store id (16), incarnation (8), frame (8), its hash (32), revision (8), number of
//! rows (8), digest of the rows (32), crc32 (IEEE) of all of these (4).

use freehold_journal::Hash;

use crate::ledger::Identity;
use crate::view::{Digest, Part, Point};

const BYTES: usize = 117;
const VERSION: u8 = 1;

/// Where a part stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Meta {
    pub(super) identity: Identity,
    pub(super) at: Point,
    pub(super) revision: u64,
    pub(super) rows: u64,
    pub(super) digest: Digest,
}

/// The key of the row; no row of a view starts with `m`.
pub(super) fn key(part: Part) -> Vec<u8> {
    [b"m", part.word().as_bytes()].concat()
}

impl Meta {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        bytes.extend(self.identity.store_id);
        bytes.extend(self.identity.incarnation.to_le_bytes());
        bytes.extend(self.at.seq.to_le_bytes());
        bytes.extend(self.at.hash.0);
        bytes.extend(self.revision.to_le_bytes());
        bytes.extend(self.rows.to_le_bytes());
        bytes.extend(self.digest.to_bytes());
        let crc = crc32fast::hash(&bytes);
        bytes.extend(crc.to_le_bytes());
        bytes
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; BYTES] = bytes.try_into().ok()?;
        let (body, crc) = bytes.split_last_chunk::<4>()?;
        if body[0] != VERSION || *crc != crc32fast::hash(body).to_le_bytes() {
            return None;
        }
        let number = |at: usize| u64::from_le_bytes(body[at..at + 8].try_into().expect("8 bytes"));
        let hash = |at: usize| -> [u8; 32] { body[at..at + 32].try_into().expect("32 bytes") };
        Some(Self {
            identity: Identity { store_id: body[1..17].try_into().expect("16 bytes"), incarnation: number(17) },
            at: Point { seq: number(25), hash: Hash(hash(33)) },
            revision: number(65),
            rows: number(73),
            digest: Digest::from_bytes(hash(81)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stored_form_is_frozen() {
        let meta = Meta {
            identity: Identity { store_id: *b"0123456789abcdef", incarnation: 2 },
            at: Point { seq: 3, hash: Hash([b'h'; 32]) },
            revision: 4,
            rows: 5,
            digest: Digest::from_bytes([b'd'; 32]),
        };
        let stored = b"\x010123456789abcdef\x02\0\0\0\0\0\0\0\x03\0\0\0\0\0\0\0hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh\
            \x04\0\0\0\0\0\0\0\x05\0\0\0\0\0\0\0dddddddddddddddddddddddddddddddd";
        let encoded = meta.encode();
        assert_eq!(encoded[..113], stored[..]);
        assert_eq!(encoded[113..], crc32fast::hash(stored).to_le_bytes());
        assert_eq!(Meta::decode(&encoded), Some(meta));
        for at in 0..encoded.len() {
            let mut changed = encoded.clone();
            changed[at] ^= 0x10;
            assert_eq!(Meta::decode(&changed), None, "byte {at}");
        }
    }
}
