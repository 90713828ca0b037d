//! What is fuzzed, a file each. A target asserts what must hold for any bytes: it panics if it does not.

mod cidr;
mod csv;
mod filter;
mod hardware;

/// Something that reads text from outside.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// As it is named on the command line, and its folder in `corpus/`.
    pub name: &'static str,
    /// Panics where what must hold does not.
    pub check: fn(&[u8]),
    /// Words that mean something to it.
    pub dictionary: &'static [&'static str],
}

/// Every target.
pub const TARGETS: &[Target] = &[filter::TARGET, hardware::TARGET, cidr::TARGET, csv::TARGET];

/// The input as text; bytes that are none never reach a parser of text.
fn text(input: &[u8]) -> Option<&str> {
    std::str::from_utf8(input).ok()
}
