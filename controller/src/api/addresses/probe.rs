//! Asking on the network whether somebody has an address.

use super::address;
use crate::api::Api;
use crate::api::call::refuse;
use crate::api::sight::Sight;
use crate::probe::{Finding, Method, Probe, probe};
use freehold_core::refusal::{Reason, Refusal};
use freehold_proto::v1::address_probe::{Method as Way, Outcome};
use freehold_proto::v1::{AddressProbe, ProbeAddressRequest, ProbeAddressResponse};
use prost_types::Duration as Span;
use std::time::Duration;
use tonic::Status;

/// How long an answer is waited for if the caller does not say.
pub(super) const TIMEOUT_DEFAULT: Duration = Duration::from_millis(500);
/// How long it is waited for at least.
const TIMEOUT_MIN: Duration = Duration::from_millis(50);
/// How long it is waited for at most.
const TIMEOUT_MAX: Duration = Duration::from_secs(5);

fn timeout(given: Option<Span>) -> Result<Duration, Refusal> {
    match given.map(Duration::try_from) {
        None => Ok(TIMEOUT_DEFAULT),
        Some(Ok(timeout)) if (TIMEOUT_MIN..=TIMEOUT_MAX).contains(&timeout) => Ok(timeout),
        Some(_) => Err(Refusal::new(Reason::InvalidValue, "an answer is waited for 50 ms to 5 seconds").at("timeout")),
    }
}

impl Api {
    pub(super) async fn probe_one(
        &self,
        sight: &Sight,
        message: &ProbeAddressRequest,
    ) -> Result<ProbeAddressResponse, Status> {
        let timeout = timeout(message.timeout).map_err(refuse)?;
        let state = self.engine.state();
        let name = address(sight, &state, &message.name)?;
        let probes = probe(&state, &self.presence, &self.sync, &[name], timeout).await;
        Ok(ProbeAddressResponse { probe: probes.first().map(shown) })
    }
}

/// What came of asking, as callers see it.
pub(super) fn shown(probe: &Probe) -> AddressProbe {
    let shown = AddressProbe {
        name: probe.name.to_string(),
        agent: probe.agent.as_ref().map(ToString::to_string).unwrap_or_default(),
        ..AddressProbe::default()
    };
    match &probe.finding {
        Finding::Answered { method, hardware, took } => AddressProbe {
            outcome: Outcome::Answered.into(),
            method: match method {
                Method::Ping => Way::Ping.into(),
                Method::Arp => Way::Arp.into(),
            },
            hardware_address: hardware.as_ref().map(ToString::to_string).unwrap_or_default(),
            round_trip: Span::try_from(*took).ok(),
            ..shown
        },
        Finding::Silent(message) => AddressProbe { outcome: Outcome::Silent.into(), message: message.clone(), ..shown },
        Finding::Unable(message) => AddressProbe { outcome: Outcome::Unable.into(), message: message.clone(), ..shown },
    }
}
