//! Files into rows and rows into files, through the public face.

mod any_bytes;
mod draws;
mod faults;
mod manual;
mod reading;
mod round_trip;
mod samples;

use freehold_core::exchange::{Asked, Item, Layout, Outcome, Reader, Row, Settings};
use freehold_core::name::SpaceName;

pub(crate) fn settings(layout: Option<&'static Layout>) -> Settings {
    let format = layout.map_or(Asked::Any, Asked::Exactly);
    Settings { space: SpaceName::from_id("default").expect("an id"), format }
}

/// Reads `text` in pieces of `piece` bytes.
pub(crate) fn read_in_pieces(text: &[u8], piece: usize, layout: Option<&'static Layout>) -> (Vec<Row>, Outcome) {
    let mut rows = Vec::new();
    let mut reader = Reader::new(settings(layout));
    for piece in text.chunks(piece.max(1)) {
        reader.feed(piece, &mut |row| rows.push(row));
    }
    let outcome = reader.finish(&mut |row| rows.push(row));
    (rows, outcome)
}

pub(crate) fn read(text: &str) -> (Vec<Row>, Outcome) {
    read_in_pieces(text.as_bytes(), usize::MAX, None)
}

/// The rows of a file without faults.
pub(crate) fn items(text: &str) -> Vec<Item> {
    let (rows, outcome) = read(text);
    assert_eq!(outcome.faults.kept(), [], "{text}");
    rows.into_iter().map(|row| row.item).collect()
}

/// The faults of a file, as they are told.
pub(crate) fn faults(text: &[u8]) -> Vec<String> {
    let (_, outcome) = read_in_pieces(text, usize::MAX, None);
    outcome.faults.kept().iter().map(ToString::to_string).collect()
}
