//! What an agent is asked to find out: who answers on its network, and what a server of its would make of a change.

use super::follower::Follower;
use super::{Output, Session, Stage, push};
use freehold_core::bundle::Bundle;
use freehold_core::name::ServerName;
use freehold_proto::sync::{PreviewAnswer, PreviewRequest, ProbeRequest, session_response};
use prost::Message as _;

/// Answers to previews that may be under way.
const PREVIEWED_MAX: usize = 64;
/// What an agent may say of one preview, in bytes.
const PREVIEWED_BYTES_MAX: usize = 32 << 20;

/// The answer to a preview as far as it came.
#[derive(Debug, Default)]
pub(super) struct Previewed {
    answer: Option<PreviewAnswer>,
    bytes: usize,
}

impl Session {
    /// Asks the agent who answers on some addresses; answered by [`Output::Probed`], if the session lives so long.
    pub fn probe(&mut self, probe_id: u64, addresses: Vec<String>, timeout_ms: u32) {
        let why = match self.stage {
            Stage::Open if self.probes => {
                let request = ProbeRequest { probe_id, addresses, timeout_ms };
                return self.context.send(session_response::Message::Probe(request));
            }
            Stage::Open => format!("{} is too old to probe; update it", self.agent),
            _ => format!("{} is not connected", self.agent),
        };
        self.context.out.push_back(Output::Probed(probe_id, Err(why)));
    }

    /// Asks the agent what a server that runs `from` would make of `to`; answered by [`Output::Previewed`], if the session lives so long.
    pub fn preview(&mut self, preview_id: u64, server: &ServerName, from: &Bundle, to: &Bundle) {
        let why = match (&self.stage, self.context.point) {
            (Stage::Open, Some(target)) if self.previews => {
                // Numbers ascend, and nobody waits for more answers than this: the oldest has nobody left.
                if self.previewed.len() >= PREVIEWED_MAX {
                    self.previewed.pop_first();
                }
                self.previewed.insert(preview_id, Previewed::default());
                // What it holds may be behind what the plan was, where something waits or was refused.
                let held = self.followers.get(server.daemon()).and_then(Follower::held_bundle);
                let from = held.as_ref().map_or(from, |(_, held)| held);
                let header = push::Header {
                    server,
                    change_id: preview_id,
                    fence: self.context.fence,
                    target,
                    to: to.digest(),
                    confirm_seconds: 0,
                };
                // What runs nothing of Freehold's may never have been told anything.
                let parts = match from.resources().is_empty() {
                    true => push::snapshot(&header, to),
                    false => push::from_bundle(&header, from.digest(), from, to),
                };
                for part in parts {
                    self.context.send(session_response::Message::Preview(PreviewRequest { change: Some(part) }));
                }
                return;
            }
            (Stage::Open, _) => {
                format!("{} is too old to say what its servers would make of it; update it", self.agent)
            }
            _ => format!("{} is not connected", self.agent),
        };
        self.context.out.push_back(Output::Previewed(preview_id, Err(why)));
    }

    /// A part of the answer to a preview.
    pub(super) fn previewed(&mut self, part: PreviewAnswer) {
        let id = part.preview_id;
        let Some(previewed) = self.previewed.get_mut(&id) else { return };
        previewed.bytes += part.encoded_len();
        if previewed.bytes > PREVIEWED_BYTES_MAX {
            self.previewed.remove(&id);
            let why = format!("{} says more of it than {PREVIEWED_BYTES_MAX} bytes", self.agent);
            return self.context.out.push_back(Output::Previewed(id, Err(why)));
        }
        let last = part.last;
        match &mut previewed.answer {
            None => previewed.answer = Some(part),
            Some(answer) => answer.differences.extend(part.differences),
        }
        if last && let Some(answer) = self.previewed.remove(&id).and_then(|previewed| previewed.answer) {
            self.context.out.push_back(Output::Previewed(id, Ok(Box::new(answer))));
        }
    }
}
