use super::{Planner, Want};
use crate::exchange::LeaseRow;
use crate::refusal::{Reason, Refusal};

impl Planner {
    /// A lease is the server's to say: one that is there is let be, any other is refused.
    pub(super) fn lease(&self, row: &LeaseRow) -> Result<Want, Refusal> {
        let there = self.leases.of(&row.server).and_then(|leases| leases.leases.get(&row.lease.address));
        if there.is_some_and(|there| **there == row.lease) {
            return Ok(Want::Nothing);
        }
        let message = "a lease is what a DHCP server granted, and this one is not there so; leases are exported, not imported: make \
                       a reservation or a claim of it";
        Err(Refusal::new(Reason::NotImportable, message).at("address"))
    }
}
