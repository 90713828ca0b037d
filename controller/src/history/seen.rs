//! When somebody was last seen with an address.

use crate::trail::{self, Position, Trail, TrailError};
use freehold_core::Timestamp;
use freehold_core::model::SubnetId;
use std::net::IpAddr;

use super::ANY_TIME;

/// Events that are looked at: those of other spaces' leases of the same address lie between.
const LOOKED_AT: usize = 64;

/// When a client with the address last spoke to a DHCP server, by the newest event that may be of the subnet: one whose subnet is
/// that, or none that `other` says is another's. Blocks on the disk.
///
/// # Errors
/// If the trail cannot be read.
pub fn last_seen(
    trail: &Trail,
    address: IpAddr,
    subnet: Option<SubnetId>,
    other: impl Fn(SubnetId) -> bool,
) -> Result<Option<Timestamp>, TrailError> {
    for row in trail.leases.newest(trail::leased(address), Position::END, ANY_TIME, LOOKED_AT)? {
        let Some(batch) = trail::batch(&row)? else { continue };
        let Some(event) = batch.events.first().filter(|event| event.lease.address == address) else { continue };
        let id = SubnetId::new(event.lease.subnet_id);
        if id == subnet || id.is_none_or(|id| !other(id)) {
            return Ok(Some(event.lease.cltt));
        }
    }
    Ok(None)
}
