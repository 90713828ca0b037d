//! Which agent asks on the network about an address.
//!
//! The nearest is one whose host has an interface in the address's network, for only it can use ARP; else the agent of the
//! server that serves the network, which has a way there. Spaces may overlap: an agent that serves scopes of other spaces
//! only would ask somebody else's host, so it is left out; one that serves none is in the default space.

use crate::presence::Reach;
use freehold_core::State;
use freehold_core::model::AgentState;
use freehold_core::name::{AddressName, AgentName};

/// The agent to ask about `name`, or why there is none. Costs a look at every agent.
pub fn nearest(state: &State, reach: impl Fn(&AgentName) -> Reach, name: &AddressName) -> Result<AgentName, String> {
    let serves = state.scope_at(&name.space, name.address).and_then(|scope| scope.server.as_ref()).map(|s| s.agent());
    let agents = state.agents().values().filter(|agent| agent.state == AgentState::Active).map(|agent| &agent.name);
    let on_link = agents.filter_map(|agent| match reach(agent) {
        Reach::In(networks) => {
            let narrowest =
                networks.iter().filter(|network| network.contains(name.address)).map(|n| n.prefix_len()).max();
            narrowest.filter(|_| is_in_space(state, agent, name)).map(|length| (length, Some(agent) == serves, agent))
        }
        Reach::Away | Reach::TooOld => None,
    });
    // Of several that are as near the one that serves it is asked, and then the first by name.
    if let Some((_, _, agent)) =
        on_link.max_by_key(|(length, serves, agent)| (*length, *serves, std::cmp::Reverse(*agent)))
    {
        return Ok(agent.clone());
    }
    let Some(agent) = serves else {
        return Err(format!(
            "no connected agent has an interface in the network of {}, and no server serves it",
            name.address
        ));
    };
    match reach(agent) {
        Reach::In(_) => Ok(agent.clone()),
        Reach::TooOld => Err(format!("{agent} is too old to probe; update it")),
        Reach::Away => Err(format!(
            "{agent} is not connected, and no other agent has an interface in the network of {}",
            name.address
        )),
    }
}

fn is_in_space(state: &State, agent: &AgentName, name: &AddressName) -> bool {
    let mut spaces = state.servers_of(agent).flat_map(|server| state.scopes_of(&server.name)).map(|scope| &scope.space);
    match spaces.next() {
        None => name.space.is_default(),
        Some(first) => *first == name.space || spaces.any(|space| *space == name.space),
    }
}
