//! Who is connected (P6). An agent has one live session; a newer one supersedes it. An agent's boot id is
//! random at each start, so one that comes back after another was seen proves that two hosts share an identity.

use freehold_core::name::AgentName;
use std::collections::{BTreeMap, VecDeque};

/// Boot ids remembered of an agent.
const BOOTS_REMEMBERED: usize = 4;

/// The live sessions.
#[derive(Debug, Clone, Default)]
pub struct Registry {
    agents: BTreeMap<AgentName, Presence>,
}

#[derive(Debug, Clone, Default)]
struct Presence {
    session: Option<u64>,
    /// The newest last, each once.
    boots: VecDeque<[u8; 16]>,
}

/// What the opening of a session means for others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opening {
    /// The session that it replaces and that must be ended.
    pub supersedes: Option<u64>,
    /// Two hosts run with the identity of this agent.
    pub cloned: bool,
}

impl Registry {
    /// Session `number` of `agent` opens.
    pub fn open(&mut self, agent: &AgentName, boot: [u8; 16], number: u64) -> Opening {
        let presence = self.agents.entry(agent.clone()).or_default();
        let cloned = presence.boots.back() != Some(&boot) && presence.boots.contains(&boot);
        presence.boots.retain(|seen| *seen != boot);
        presence.boots.push_back(boot);
        if presence.boots.len() > BOOTS_REMEMBERED {
            presence.boots.pop_front();
        }
        Opening { supersedes: presence.session.replace(number).filter(|before| *before != number), cloned }
    }

    /// Session `number` of `agent` is over.
    pub fn closed(&mut self, agent: &AgentName, number: u64) {
        if let Some(presence) = self.agents.get_mut(agent).filter(|presence| presence.session == Some(number)) {
            presence.session = None;
        }
    }

    /// The live session of `agent`.
    pub fn live(&self, agent: &AgentName) -> Option<u64> {
        self.agents.get(agent).and_then(|presence| presence.session)
    }

    /// Forgets an agent that was deleted.
    pub fn forget(&mut self, agent: &AgentName) {
        self.agents.remove(agent);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p6_a_newer_session_supersedes_and_alternating_boots_are_a_clone() {
        let mut registry = Registry::default();
        let agent = AgentName::from_id("berlin-1").expect("a name");
        let mut open = |boot: u8, number| registry.open(&agent, [boot; 16], number);
        let fine = |supersedes| Opening { supersedes, cloned: false };
        assert_eq!(open(1, 10), fine(None));
        assert_eq!(open(1, 11), fine(Some(10)), "the same process dials again");
        assert_eq!(open(2, 12), fine(Some(11)), "the agent was restarted");
        assert_eq!(open(1, 13), Opening { supersedes: Some(12), cloned: true });
        assert_eq!(open(2, 14), Opening { supersedes: Some(13), cloned: true });
    }

    #[test]
    fn p6_a_late_goodbye_of_a_superseded_session_ends_nothing() {
        let mut registry = Registry::default();
        let agent = AgentName::from_id("berlin-1").expect("a name");
        registry.open(&agent, [1; 16], 1);
        registry.open(&agent, [1; 16], 2);
        registry.closed(&agent, 1);
        assert_eq!(registry.live(&agent), Some(2));
        registry.closed(&agent, 2);
        assert_eq!(registry.live(&agent), None);
    }
}
