//! Questions that sessions carry to agents and back: probes, and previews.
//!
//! Whoever asks waits with a limit of its own, so nothing here has a clock: a session that ends drops what it was asked, and
//! whoever waits for it hears that at once.

use freehold_core::bundle::Bundle;
use freehold_core::name::{AgentName, ServerName};
use freehold_proto::sync::{PreviewAnswer, ProbeResult};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::oneshot;

/// Questions of a kind under way in one session, at most.
pub(super) const UNDER_WAY_MAX: usize = 16;

/// What came of a probe, or why the agent could not be asked.
pub type Probed = Result<Vec<ProbeResult>, String>;
/// What came of a preview, all parts in one, or why the agent could not be asked.
pub type Previewed = Result<PreviewAnswer, String>;

/// Addresses to probe, and who waits for the answer.
#[derive(Debug)]
pub(super) struct ProbeOrder {
    pub(super) id: u64,
    pub(super) addresses: Vec<String>,
    pub(super) timeout_ms: u32,
    pub(super) answer: oneshot::Sender<Probed>,
}

/// What a server would run instead of what it runs, and who waits for what it says of that.
#[derive(Debug)]
pub(super) struct PreviewOrder {
    pub(super) id: u64,
    pub(super) server: ServerName,
    pub(super) from: Arc<Bundle>,
    pub(super) to: Arc<Bundle>,
    pub(super) answer: oneshot::Sender<Previewed>,
}

/// Who waits for an answer of one agent.
#[derive(Debug)]
pub(super) struct Waiting<T>(BTreeMap<u64, oneshot::Sender<Result<T, String>>>);

impl<T> Default for Waiting<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<T> Waiting<T> {
    /// Takes note of who waits for an answer; `false`, and an answer, if too many do.
    pub(super) fn put(&mut self, agent: &AgentName, id: u64, answer: oneshot::Sender<Result<T, String>>) -> bool {
        self.0.retain(|_, waiting| !waiting.is_closed());
        if self.0.len() >= UNDER_WAY_MAX {
            tell(answer, Err(too_many(agent)));
            return false;
        }
        self.0.insert(id, answer);
        true
    }

    /// Tells whoever still waits what came of it.
    pub(super) fn done(&mut self, id: u64, answer: Result<T, String>) {
        if let Some(waiting) = self.0.remove(&id) {
            tell(waiting, answer);
        }
    }
}

/// Why an agent is not asked that has enough to do.
pub(super) fn too_many(agent: &AgentName) -> String {
    format!("{agent} has {UNDER_WAY_MAX} such questions under way; ask again in a moment")
}

fn tell<T>(waiting: oneshot::Sender<Result<T, String>>, answer: Result<T, String>) {
    if waiting.send(answer).is_err() {
        tracing::debug!("an answer came after whoever asked had gone");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_has_so_many_probes_under_way_and_no_more() {
        let agent = AgentName::from_id("berlin-1").expect("a name");
        let mut waiting = Waiting::<Vec<ProbeResult>>::default();
        let mut answers: Vec<_> = (0..=UNDER_WAY_MAX as u64)
            .map(|id| {
                let (answer, answered) = oneshot::channel();
                (waiting.put(&agent, id, answer), answered)
            })
            .collect();
        let (taken, mut last) = answers.pop().expect("the last");
        assert!(!taken && answers.iter().all(|(taken, _)| *taken));
        assert_eq!(last.try_recv().expect("an answer"), Err(too_many(&agent)));

        waiting.done(3, Ok(Vec::new()));
        assert_eq!(answers[3].1.try_recv().expect("an answer"), Ok(Vec::new()));
        waiting.done(3, Ok(Vec::new()));
        let (answer, mut answered) = oneshot::channel();
        assert!(waiting.put(&agent, 99, answer), "there is room again");
        drop(waiting);
        answered.try_recv().expect_err("the session ended");
    }
}
