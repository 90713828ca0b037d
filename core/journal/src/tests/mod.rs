//! The two promises that need seeded bugs to be believed: nothing acknowledged is lost, nothing changed is accepted.

mod damage;
mod power_loss;

use std::sync::Arc;

use crate::sim::{SimDisk, SimRng};
use crate::{Journal, JournalError, Options};

fn open(disk: &SimDisk, segment_bytes: u64) -> Result<Journal, JournalError> {
    Journal::open(Arc::new(disk.clone()), Options { segment_bytes, restore: "restore".to_owned() })
}

fn payloads(journal: &Journal) -> Result<Vec<Vec<u8>>, JournalError> {
    let reader = journal.reader();
    reader.read(reader.first_seq())?.map(|frame| frame.map(|frame| frame.payload)).collect()
}

/// A payload: mostly short, sometimes long, sometimes with sectors of zeros.
fn payload(rng: &mut SimRng) -> Vec<u8> {
    let length = match rng.below(8) {
        0 => rng.below(4),
        1 => rng.below(9000),
        _ => rng.below(400),
    };
    let zeros = rng.below(4) == 0;
    (0..length).map(|_| if zeros { 0 } else { rng.draw() as u8 }).collect()
}
