//! Asking on the network whether somebody has an address: by the agent nearest to it.
//!
//! - [`nearest`]: which agent that is
//!
//! Nothing of it is kept. Every wait has a limit, so that an agent that falls silent holds nobody up.

pub mod nearest;

use crate::presence::Presence;
use crate::sync::service::Sync;
use freehold_core::State;
use freehold_core::client::HardwareAddress;
use freehold_core::name::{AddressName, AgentName};
use freehold_proto::sync::{ProbeMethod, ProbeResult, probe_result::Verdict};
use nearest::nearest;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

/// Addresses probed at once, at most: as many as an agent takes.
pub const ADDRESSES_MAX: usize = 64;

/// How an address answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// By ICMP echo.
    Ping,
    /// By ARP.
    Arp,
}

/// What came of asking about one address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// Somebody has it.
    Answered {
        /// How it answered.
        method: Method,
        /// Who, where that is known.
        hardware: Option<HardwareAddress>,
        /// After how long.
        took: Duration,
    },
    /// Nobody answered in time; what could not be tried, in words.
    Silent(String),
    /// Nobody could ask, and why.
    Unable(String),
}

/// One address, who asked about it, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// The address.
    pub name: AddressName,
    /// Who asked; `None` if nobody could.
    pub agent: Option<AgentName>,
    /// What came of it.
    pub finding: Finding,
}

impl Probe {
    /// Whether somebody has the address.
    pub fn answered(&self) -> bool {
        matches!(self.finding, Finding::Answered { .. })
    }
}

/// Asks about all of these, each within `timeout`, at once; the answers in the same order.
pub async fn probe(
    state: &State,
    presence: &Presence,
    sync: &Sync,
    names: &[AddressName],
    timeout: Duration,
) -> Vec<Probe> {
    let mut found: Vec<Option<Probe>> = vec![None; names.len()];
    let mut by_agent: BTreeMap<AgentName, Vec<usize>> = BTreeMap::new();
    for (number, name) in names.iter().enumerate() {
        match nearest(state, |agent| presence.reach(agent), name) {
            Ok(agent) => by_agent.entry(agent).or_default().push(number),
            Err(why) => found[number] = Some(Probe { name: name.clone(), agent: None, finding: Finding::Unable(why) }),
        }
    }
    let asked = by_agent.into_iter().map(|(agent, numbers)| async move {
        let addresses = numbers.iter().map(|number| names[*number].address.to_string()).collect();
        let probed = sync.probe(&agent, addresses, timeout).await;
        (agent, numbers, probed)
    });
    for (agent, numbers, probed) in futures_util::future::join_all(asked).await {
        for number in numbers {
            let name = names[number].clone();
            let finding = match &probed {
                Ok(results) => finding(results, name.address),
                Err(why) => Finding::Unable(why.clone()),
            };
            let agent = Some(agent.clone());
            found[number] = Some(Probe { name, agent, finding });
        }
    }
    found.into_iter().map(|probe| probe.expect("every address has an agent or a reason")).collect()
}

/// What an agent says of one address. Silence counts only if it says so.
fn finding(results: &[ProbeResult], address: IpAddr) -> Finding {
    let text = address.to_string();
    let Some(result) = results.iter().find(|result| result.address == text) else {
        return Finding::Unable("the agent said nothing about it".to_owned());
    };
    match (result.verdict(), result.method()) {
        (Verdict::Answered, method) => Finding::Answered {
            method: if method == ProbeMethod::Arp { Method::Arp } else { Method::Ping },
            hardware: HardwareAddress::from_bytes(&result.hardware).ok(),
            took: Duration::from_micros(result.round_trip_us),
        },
        (Verdict::Silent, _) => Finding::Silent(result.message.clone()),
        (Verdict::Unable, _) => Finding::Unable(result.message.clone()),
        (Verdict::Unspecified, _) => Finding::Unable("the agent says what this controller does not know".to_owned()),
    }
}
