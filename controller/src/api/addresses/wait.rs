//! Waiting until it is known whether a held or claimed address can be relied on.

use super::address;
use crate::api::Api;
use crate::api::call::refuse;
use crate::api::sight::Sight;
use freehold_core::model::Phase;
use freehold_core::refusal::{Reason, Refusal};
use freehold_proto::v1::{Address, WaitAddressRequest};
use std::time::Duration;
use tonic::Status;

/// How long a wait is if the caller does not say.
const WAIT_DEFAULT: Duration = Duration::from_secs(30);
/// How long a wait is at most.
const WAIT_MAX: Duration = Duration::from_secs(600);

impl Api {
    pub(super) async fn settled(&self, sight: &Sight, message: &WaitAddressRequest) -> Result<Address, Status> {
        let name = address(sight, &self.engine.state(), &message.name)?;
        let wrong = || Refusal::new(Reason::InvalidValue, "a wait cannot end before it begins").at("timeout");
        let given = message.timeout.map_or(Ok(WAIT_DEFAULT), |limit| Duration::try_from(limit).map_err(|_| wrong()));
        let deadline = tokio::time::Instant::now() + given.map_err(refuse)?.min(WAIT_MAX);
        let mut revisions = self.engine.revisions();
        loop {
            revisions.mark_unchanged();
            let state = self.engine.state();
            let Some(now) = state.assignment(&name) else {
                let message = format!("{name} is neither held nor claimed");
                return Err(refuse(Refusal::new(Reason::AssignmentNotFound, message).at("name").about(&name)));
            };
            let waiting = now.phase == Phase::Pending;
            if !waiting || tokio::time::timeout_at(deadline, revisions.changed()).await.map_or(true, |on| on.is_err()) {
                return Ok(self.shown_address(&self.engine.state(), &self.leases.book(), &name));
            }
        }
    }
}
