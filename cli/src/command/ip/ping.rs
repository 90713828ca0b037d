//! `freehold ip ping`: whether somebody has an address, asked on the network.

use super::Which;
use crate::connect::Api;
use crate::duration;
use crate::error::Failure;
use crate::names;
use crate::output::{Screen, Shown, word};
use clap::Args;
use freehold_proto::v1;
use std::time::Duration;

#[derive(Debug, Args)]
pub(crate) struct Ping {
    #[command(flatten)]
    which: Which,
    /// How long to wait for an answer, up to 5s; 500ms if not given
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    timeout: Option<Duration>,
}

pub(super) async fn run(ping: Ping, api: &Api, screen: &mut Screen<'_>) -> Result<(), Failure> {
    let timeout = ping.timeout.and_then(|timeout| timeout.try_into().ok());
    let request = v1::ProbeAddressRequest { name: ping.which.name()?, timeout };
    let answer = api.call(request, async |request| api.addresses().probe_address(request).await).await?;
    screen.one(&answer.probe.unwrap_or_default())
}

/// Says what is worth knowing of probes before addresses were given out: who was passed over, and what could not be asked.
pub(super) fn remark(probes: &[v1::AddressProbe], screen: &mut Screen<'_>) -> Result<(), Failure> {
    for probe in probes {
        let address = probe.name.rsplit('/').next().unwrap_or_default();
        match probe.outcome() {
            v1::address_probe::Outcome::Answered => {
                let who = if probe.hardware_address.is_empty() { "somebody" } else { &probe.hardware_address };
                screen.note(&format!("{address} is passed over: {who} answers on it"))?;
            }
            v1::address_probe::Outcome::Unable => {
                screen.note(&format!("{address} was not probed: {}", probe.message))?
            }
            _ if !probe.message.is_empty() => screen.note(&format!("{address}: {}", probe.message))?,
            _ => {}
        }
    }
    Ok(())
}

/// How it answered, in words.
fn answer(probe: &v1::AddressProbe) -> String {
    if probe.outcome() != v1::address_probe::Outcome::Answered {
        return String::new();
    }
    let took = probe.round_trip.and_then(|took| Duration::try_from(took).ok()).unwrap_or_default();
    format!("by {}, after {:.3} ms", word(probe.method().as_str_name(), "METHOD_"), took.as_secs_f64() * 1000.0)
}

impl Shown for v1::AddressProbe {
    const MESSAGE: &'static str = "freehold.v1.AddressProbe";
    const COLUMNS: &'static [&'static str] = &["ADDRESS", "OUTCOME", "ANSWER", "HARDWARE", "AGENT", "REMARK"];

    fn row(&self) -> Vec<String> {
        vec![
            self.name.rsplit('/').next().unwrap_or_default().to_owned(),
            word(self.outcome().as_str_name(), "OUTCOME_"),
            answer(self),
            self.hardware_address.clone(),
            names::short(&self.agent).to_owned(),
            self.message.clone(),
        ]
    }

    fn details(&self) -> Vec<(&'static str, String)> {
        ["address", "outcome", "answer", "hardware", "agent", "remark"].into_iter().zip(self.row()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_says_how_and_how_fast() {
        let probe = v1::AddressProbe {
            name: "spaces/default/addresses/10.1.2.3".into(),
            agent: "agents/berlin-1".into(),
            outcome: v1::address_probe::Outcome::Answered.into(),
            method: v1::address_probe::Method::Arp.into(),
            hardware_address: "02:00:00:00:00:07".into(),
            round_trip: Some(prost_types::Duration { seconds: 0, nanos: 250_000 }),
            message: String::new(),
        };
        assert_eq!(
            probe.row(),
            ["10.1.2.3", "answered", "by arp, after 0.250 ms", "02:00:00:00:00:07", "berlin-1", ""]
        );
        let silent = v1::AddressProbe { outcome: v1::address_probe::Outcome::Silent.into(), ..probe };
        assert_eq!(silent.row()[1..3], ["silent", ""]);
    }
}
