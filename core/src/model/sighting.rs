use super::Stamp;
use crate::client::HardwareAddress;
use crate::name::{AddressName, AgentName};
use crate::time::Timestamp;

/// Somebody answers on an address that was to be given out.
///
/// It is not given out, unless it is asked for by name at the caller's risk, until somebody clears this, or until it is
/// over: whoever was seen then is taken to be gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// The address.
    pub name: AddressName,
    /// Who answered, where that is known.
    pub hardware: Option<HardwareAddress>,
    /// The agent that asked.
    pub agent: AgentName,
    /// When it is forgotten by itself.
    pub until: Timestamp,
    /// When it answered for the first and for the last time.
    pub stamp: Stamp,
}

impl Sighting {
    /// How long one is kept, in seconds: a week.
    pub const SECONDS: i64 = 7 * 24 * 3600;
}
