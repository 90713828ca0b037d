//! Bytes of a lease file to rows, whatever the pieces they come in. Pure, but for the proof that a position still fits its file.

use std::fs::File;
use std::io;

use sha2::{Digest, Sha256};

use super::super::memfile::{BadRow, Columns, LeaseRow};
use super::{read_at, seek};

/// A line longer than this is no line of a lease file (a user context may be a few KiB).
const LINE_BYTES_MAX: usize = 1024 * 1024;
/// How many bytes before an offset vouch for it: more than any header, so that at least one row of most files is among them.
const TAIL_BYTES: usize = 512;

/// Cuts bytes into lines and lines into rows, and knows how far it got.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    columns: Option<Columns>,
    /// Bytes in whole lines so far.
    offset: u64,
    /// The last [`TAIL_BYTES`] bytes before `offset`.
    tail: Vec<u8>,
    /// The beginning of a line whose end has not come.
    partial: Vec<u8>,
}

impl Decoder {
    /// A decoder that goes on at `offset` of `file`; `None` if the bytes before it are not those of `tail`.
    pub(super) fn resumed(file: &File, offset: u64, tail: u64) -> io::Result<Option<Result<Self, BadRow>>> {
        let length = usize::try_from(offset).unwrap_or(usize::MAX).min(TAIL_BYTES);
        let before = read_at(file, offset - length as u64, length)?;
        if digest(&before) != tail || before.last().is_some_and(|byte| *byte != b'\n') {
            return Ok(None);
        }
        let columns = match header(file, offset)?.as_deref().map(Columns::from_header).transpose() {
            Ok(columns) => columns,
            Err(row) => return Ok(Some(Err(row))),
        };
        seek(file, offset)?;
        Ok(Some(Ok(Self { columns, offset, tail: before, partial: Vec::new() })))
    }

    /// Bytes in whole lines.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Bytes taken, an unfinished line included.
    pub(super) fn read_to(&self) -> u64 {
        self.offset + self.partial.len() as u64
    }

    /// The digest that vouches for [`Decoder::offset`].
    pub(super) fn tail(&self) -> u64 {
        digest(&self.tail)
    }

    /// Takes the next bytes of the file. An error is a header that is none.
    pub(super) fn feed(&mut self, bytes: &[u8], rows: &mut Vec<LeaseRow>, bad: &mut Vec<BadRow>) -> Result<(), BadRow> {
        let mut rest = bytes;
        while let Some(at) = rest.iter().position(|byte| *byte == b'\n') {
            let (end, after) = rest.split_at(at + 1);
            self.partial.extend_from_slice(end);
            rest = after;
            let line = std::mem::take(&mut self.partial);
            self.line(&line, rows, bad)?;
        }
        self.partial.extend_from_slice(rest);
        Ok(())
    }

    /// What is left of a line at the end of a file that nobody writes to any more.
    pub(super) fn torn_end(&mut self) -> Option<BadRow> {
        let torn = std::mem::take(&mut self.partial);
        let line: String = String::from_utf8_lossy(&torn).chars().take(400).collect();
        (!torn.is_empty()).then(|| BadRow { line, what: "the file ends inside this line".into() })
    }

    fn line(&mut self, line: &[u8], rows: &mut Vec<LeaseRow>, bad: &mut Vec<BadRow>) -> Result<(), BadRow> {
        let text = String::from_utf8_lossy(line);
        let text = text.trim_end_matches(['\n', '\r']);
        match &self.columns {
            None => self.columns = Some(Columns::from_header(text)?),
            Some(_) if line.len() > LINE_BYTES_MAX => {
                let start = text.chars().take(400).collect();
                bad.push(BadRow { line: start, what: format!("longer than {LINE_BYTES_MAX} bytes") });
            }
            // Kea leaves an empty line out of account.
            Some(_) if text.is_empty() => {}
            Some(columns) => match columns.row(text) {
                Ok(row) => rows.push(row),
                Err(row) => bad.push(row),
            },
        }
        self.offset += line.len() as u64;
        self.tail.extend_from_slice(&line[line.len().saturating_sub(TAIL_BYTES)..]);
        self.tail.drain(..self.tail.len().saturating_sub(TAIL_BYTES));
        Ok(())
    }
}

/// The first line of `file`, if `offset` is behind it.
fn header(file: &File, offset: u64) -> io::Result<Option<String>> {
    let length = usize::try_from(offset).unwrap_or(usize::MAX).min(4096);
    let start = read_at(file, 0, length)?;
    let line = start.split(|byte| *byte == b'\n').next().filter(|_| offset > 0);
    Ok(line.map(|line| String::from_utf8_lossy(line).trim_end_matches('\r').to_owned()))
}

fn digest(bytes: &[u8]) -> u64 {
    let digest: [u8; 32] = Sha256::digest(bytes).into();
    u64::from_be_bytes(digest[..8].try_into().expect("eight of 32 bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FILE: &str = "address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname,state,user_context\n\
        10.0.0.1,02:00,,600,1600,7,0,0,a,0,\n\
        \n\
        10.0.0.2,02:01,,600,1700,7,0,0,b&#x2cb,0,{\"x\":1}\n\
        garbage\n\
        10.0.0.1,02:00,,600,1800,7,0,0,a,0,\n\
        10.0.0.3,02:0";

    fn whole() -> (Decoder, Vec<LeaseRow>, Vec<BadRow>) {
        let (mut decoder, mut rows, mut bad) = (Decoder::default(), vec![], vec![]);
        decoder.feed(FILE.as_bytes(), &mut rows, &mut bad).unwrap();
        (decoder, rows, bad)
    }

    #[test]
    fn an_unfinished_line_waits_and_a_strange_one_is_reported() {
        let (mut decoder, rows, bad) = whole();
        assert_eq!(rows.iter().map(|row| row.expire).collect::<Vec<_>>(), [1600, 1700, 1800]);
        assert_eq!(bad, [BadRow { line: "garbage".into(), what: "1 fields where the header has 11".into() }]);
        assert_eq!(decoder.offset() as usize, FILE.rfind('\n').unwrap() + 1);
        assert_eq!(decoder.read_to() as usize, FILE.len());
        assert_eq!(decoder.torn_end().unwrap().line, "10.0.0.3,02:0");
        assert_eq!(decoder.torn_end(), None);
    }

    #[test]
    fn a_file_that_is_no_lease_file_is_refused() {
        let error = Decoder::default().feed(b"hello\n", &mut vec![], &mut vec![]).unwrap_err();
        assert_eq!(error.what, "not the header of a DHCPv4 lease file: no column address");
    }

    proptest! {
        #[test]
        fn the_pieces_do_not_matter(cuts in prop::collection::vec(0..FILE.len(), 0..20)) {
            let mut cuts = cuts;
            cuts.extend([0, FILE.len()]);
            cuts.sort_unstable();
            let (mut decoder, mut rows, mut bad) = (Decoder::default(), vec![], vec![]);
            for pair in cuts.windows(2) {
                decoder.feed(&FILE.as_bytes()[pair[0]..pair[1]], &mut rows, &mut bad).unwrap();
            }
            let (expected, expected_rows, expected_bad) = whole();
            prop_assert_eq!((rows, bad), (expected_rows, expected_bad));
            prop_assert_eq!((decoder.offset(), decoder.tail()), (expected.offset(), expected.tail()));
        }
    }
}
