//! The stored form of a frame of the spool, frozen: a change needs a new first byte and must still read this one.
//!
//! Little endian.
//!
//! ```text
//!  offset  bytes
//!       0      1  version, 1
//!       1      1  1 if this is a part of a fold that later frames finish, else 0
//!       2     16  epoch
//!      18      8  the journal frame with which the epoch begins
//!      26      8  number of the first event in this frame, or of the next one if it has none
//!      34      8  the last event that the controller had acknowledged
//!      42      8  events lost since the spool was made
//!      50      8  renewals folded since the spool was made
//!      58      8  when it was appended, milliseconds since 1970
//!      66      4  bytes of the position in the server's lease file
//!      70      …  the position
//!              4  number of events
//!                 the events, each: 4 bytes of length, then a freehold.sync.v1.LeaseEvent
//! ```

use freehold_proto::sync::LeaseEvent;
use prost::Message;

/// Bytes of a frame besides its position and events.
const FIXED: usize = 74;
const VERSION: u8 = 1;

/// What every frame says besides its events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Whether later frames finish what this one is a part of.
    pub folding: bool,
    /// The epoch of its events.
    pub epoch: [u8; 16],
    /// The journal frame with which the epoch begins.
    pub epoch_frame: u64,
    /// Number of the first event in it, or of the next one if it has none.
    pub first_seq: u64,
    /// The last event that the controller had acknowledged.
    pub acked_seq: u64,
    /// Events lost since the spool was made.
    pub lost: u64,
    /// Renewals folded since the spool was made.
    pub folded: u64,
    /// When it was appended, milliseconds since 1970.
    pub at_ms: i64,
    /// How far the server's lease file was read.
    pub position: Vec<u8>,
}

/// A frame taken apart.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    /// What it says.
    pub header: Header,
    /// Its events.
    pub events: Vec<LeaseEvent>,
}

impl Frame {
    /// Number of the event after its last one.
    pub fn next_seq(&self) -> u64 {
        self.header.first_seq + self.events.len() as u64
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// What is wrong with these bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, &'static str> {
        let mut rest = Bytes(bytes);
        if rest.array()? != [VERSION] {
            return Err("it is of another version");
        }
        let header = Header {
            folding: match rest.array()? {
                [0] => false,
                [1] => true,
                _ => return Err("it is neither whole nor a part of a fold"),
            },
            epoch: rest.array()?,
            epoch_frame: rest.number()?,
            first_seq: rest.number()?,
            acked_seq: rest.number()?,
            lost: rest.number()?,
            folded: rest.number()?,
            at_ms: i64::from_le_bytes(rest.array()?),
            position: rest.sized()?.to_vec(),
        };
        let count = u32::from_le_bytes(rest.array()?);
        let event = |_| LeaseEvent::decode(rest.sized()?).map_err(|_| "an event in it is no lease event");
        let events = (0..count).map(event).collect::<Result<_, _>>()?;
        if rest.0.is_empty() { Ok(Self { header, events }) } else { Err("there is something behind its last event") }
    }
}

/// Writes the stored form of a frame of these events, each already in its bytes.
pub fn encode(header: &Header, events: &[Vec<u8>]) -> Vec<u8> {
    let bytes = FIXED + header.position.len() + events.iter().map(|event| stored_bytes(event)).sum::<usize>();
    let mut out = Vec::with_capacity(bytes);
    out.extend([VERSION, header.folding.into()]);
    out.extend(header.epoch);
    for number in [header.epoch_frame, header.first_seq, header.acked_seq, header.lost, header.folded] {
        out.extend(number.to_le_bytes());
    }
    out.extend(header.at_ms.to_le_bytes());
    sized(&header.position, &mut out);
    out.extend(length(events.len()).to_le_bytes());
    events.iter().for_each(|event| sized(event, &mut out));
    out
}

/// What an event takes up in a frame, in bytes.
pub fn stored_bytes(event: &[u8]) -> usize {
    4 + event.len()
}

fn sized(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend(length(bytes.len()).to_le_bytes());
    out.extend(bytes);
}

fn length(count: usize) -> u32 {
    u32::try_from(count).expect("a frame is smaller than 4 GiB")
}

struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], &'static str> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or("it ends too early")?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], &'static str> {
        self.take(N).map(|bytes| bytes.try_into().expect("as many bytes as asked for"))
    }

    fn number(&mut self) -> Result<u64, &'static str> {
        self.array().map(u64::from_le_bytes)
    }

    fn sized(&mut self) -> Result<&'a [u8], &'static str> {
        let count = u32::from_le_bytes(self.array()?);
        self.take(count as usize)
    }
}
