//! Which ledger this is, kept in a small file beside its segments.
//!
//! The stored form, frozen, little endian: magic `FhIdent1` (8), store id (16), incarnation (8), crc32 (IEEE) of all of
//! these (4). It is replaced atomically, so a crash leaves the old identity or the new one.

use std::io;

use freehold_core::Timestamp;
use freehold_journal::{Access, Disk, write_atomically};

use super::LedgerError;

const FILE: &str = "identity";
const MAGIC: &[u8; 8] = b"FhIdent1";
const BYTES: usize = 36;

/// Tells one ledger, and one line of its history, from every other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// Random, made once.
    pub store_id: [u8; 16],
    /// Starts at 1; higher with every restore, by as much as it takes to be the second of that, since 1970. Never on a plain restart.
    pub incarnation: u64,
}

impl Identity {
    /// Reads the identity of the ledger in this directory; `None` if there is no such file.
    ///
    /// # Errors
    /// `Identity`, `IdentityDamaged`.
    pub fn load(disk: &dyn Disk) -> Result<Option<Self>, LedgerError> {
        let failed = |source| LedgerError::Identity { action: "read", source };
        let file = match disk.open(FILE) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(failed)?,
        };
        let mut bytes = [0; BYTES + 1];
        let read = file.read_up_to(&mut bytes, 0).map_err(failed)?;
        Self::decode(&bytes[..read]).map_err(LedgerError::IdentityDamaged).map(Some)
    }

    /// Makes this the identity of the ledger in this directory, durably.
    ///
    /// # Errors
    /// `Identity`; the old one or the new one is then there.
    pub fn store(&self, disk: &dyn Disk) -> Result<(), LedgerError> {
        write_atomically(disk, FILE, &self.encode(), Access::Private)
            .map_err(|source| LedgerError::Identity { action: "write", source })
    }

    /// The identity of a history that begins at the time `now` where one of this identity ends.
    ///
    /// Two restores of one backup are two histories and neither knows of the other; only the clock can tell them apart. A
    /// clock that is behind still gives the next incarnation.
    #[must_use]
    pub fn reborn(self, now: Timestamp) -> Self {
        self.reborn_above(self.incarnation, now)
    }

    /// The same, above an incarnation that is known of elsewhere.
    #[must_use]
    pub fn reborn_above(self, known: u64, now: Timestamp) -> Self {
        let second = u64::try_from(now.0 / 1000).unwrap_or(0);
        Self { incarnation: (self.incarnation.max(known) + 1).max(second), ..self }
    }

    fn encode(self) -> [u8; BYTES] {
        let mut bytes = [0; BYTES];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8..24].copy_from_slice(&self.store_id);
        bytes[24..32].copy_from_slice(&self.incarnation.to_le_bytes());
        let crc = crc32fast::hash(&bytes[..32]);
        bytes[32..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    fn decode(bytes: &[u8]) -> Result<Self, &'static str> {
        let bytes: &[u8; BYTES] = bytes.try_into().map_err(|_| "it has another length")?;
        if !bytes.starts_with(MAGIC) {
            return Err("it starts with something else");
        }
        if bytes[32..] != crc32fast::hash(&bytes[..32]).to_le_bytes() {
            return Err("its checksum does not match");
        }
        Ok(Self {
            store_id: bytes[8..24].try_into().expect("16 bytes"),
            incarnation: u64::from_le_bytes(bytes[24..32].try_into().expect("8 bytes")),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use freehold_journal::sim::SimDisk;

    const IDENTITY: Identity = Identity { store_id: *b"0123456789abcdef", incarnation: 0x0102 };
    const STORED: &[u8; BYTES] = b"FhIdent10123456789abcdef\x02\x01\0\0\0\0\0\0\x0a\xbf\x9d\x65";

    #[test]
    fn the_stored_form_is_frozen() {
        let disk = SimDisk::new();
        assert_eq!(Identity::load(&disk).expect("a sound disk"), None);
        IDENTITY.store(&disk).expect("a sound disk");
        assert_eq!(disk.bytes(FILE).expect("just written"), STORED);
        assert_eq!(Identity::load(&disk).expect("a sound disk"), Some(IDENTITY));
    }

    #[test]
    fn a_changed_byte_or_length_is_damage() {
        let changed = (0..BYTES).map(|at| {
            let mut bytes = STORED.to_vec();
            bytes[at] ^= 0x40;
            bytes
        });
        let lengths = [STORED[..BYTES - 1].to_vec(), [&STORED[..], &[0]].concat(), Vec::new()];
        for bytes in changed.chain(lengths) {
            let disk = SimDisk::new();
            disk.put(FILE, bytes.clone());
            assert!(matches!(Identity::load(&disk), Err(LedgerError::IdentityDamaged(_))), "{bytes:x?}");
        }
    }
}
