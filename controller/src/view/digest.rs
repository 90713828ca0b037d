//! A digest of a set of rows that does not depend on their order and is brought up to date row by row.
//!
//! It is the sum, modulo 2^256, of SHA-256(length of the key (4, little endian) ‖ key ‖ value) over all rows. It finds accidents: lost,
//! doubled, changed and mixed-up rows. Against somebody who may write the files it proves nothing; the ledger's hash chain does that.

use std::fmt;

use sha2::{Digest as _, Sha256};

/// A sum of hashes; zero is no rows.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Digest([u64; 4]);

impl Digest {
    /// A row is there.
    pub fn add(&mut self, key: &[u8], value: &[u8]) {
        let mut carry = false;
        for (limb, more) in self.0.iter_mut().zip(hash(key, value)) {
            let (sum, over) = limb.overflowing_add(more);
            let (sum, over_again) = sum.overflowing_add(carry.into());
            (*limb, carry) = (sum, over || over_again);
        }
    }

    /// A row that was there is gone.
    pub fn remove(&mut self, key: &[u8], value: &[u8]) {
        let mut borrow = false;
        for (limb, less) in self.0.iter_mut().zip(hash(key, value)) {
            let (rest, under) = limb.overflowing_sub(less);
            let (rest, under_again) = rest.overflowing_sub(borrow.into());
            (*limb, borrow) = (rest, under || under_again);
        }
    }

    /// Its stored form, little endian.
    pub fn to_bytes(self) -> [u8; 32] {
        let mut bytes = [0; 32];
        for (chunk, limb) in bytes.chunks_exact_mut(8).zip(self.0) {
            chunk.copy_from_slice(&limb.to_le_bytes());
        }
        bytes
    }

    /// Out of its stored form.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(limbs(&bytes))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_bytes().iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

fn hash(key: &[u8], value: &[u8]) -> [u64; 4] {
    let length = u32::try_from(key.len()).expect("a key is smaller than 4 GiB");
    let hash = Sha256::new().chain_update(length.to_le_bytes()).chain_update(key).chain_update(value).finalize();
    limbs(&hash.into())
}

fn limbs(bytes: &[u8; 32]) -> [u64; 4] {
    std::array::from_fn(|limb| u64::from_le_bytes(bytes[limb * 8..limb * 8 + 8].try_into().expect("8 bytes")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    proptest! {
        /// In whatever order rows come and go, what is left decides.
        #[test]
        fn what_is_there_decides(rows in vec((vec(any::<u8>(), 0..3), vec(any::<u8>(), 0..3)), 0..20), gone in 0usize..20) {
            let of = |rows: &mut dyn Iterator<Item = &(Vec<u8>, Vec<u8>)>| {
                let mut digest = Digest::default();
                rows.for_each(|(key, value)| digest.add(key, value));
                digest
            };
            let all = of(&mut rows.iter());
            prop_assert_eq!(all, of(&mut rows.iter().rev()));
            prop_assert_eq!(Digest::from_bytes(all.to_bytes()), all);
            let gone = gone.min(rows.len());
            let mut less = all;
            rows[..gone].iter().for_each(|(key, value)| less.remove(key, value));
            prop_assert_eq!(less, of(&mut rows[gone..].iter()));
        }
    }

    #[test]
    fn a_byte_belongs_to_the_key_or_to_the_value() {
        let of = |key: &[u8], value: &[u8]| {
            let mut digest = Digest::default();
            digest.add(key, value);
            digest
        };
        assert_ne!(of(b"ab", b"c"), of(b"a", b"bc"));
        assert_eq!(
            of(b"key", b"value").to_string(),
            "1643ae8018665d5ec7d43841f32a7d2244d2e19a9c3bce8237f3706f1cac1823"
        );
    }
}
