//! Previews: what a server would make of a change. Nothing of them is obeyed, staged durably, or remembered after the line breaks.

use super::{Machine, Output, Preview};
use crate::session::staging::{Part, Staging};
use freehold_core::time::Now;
use freehold_proto::sync::preview_answer::Outcome;
use freehold_proto::sync::{PreviewAnswer, PreviewRequest, session_request};
use std::sync::Arc;

impl Machine {
    /// A part of a preview arrived.
    pub(super) fn preview(&mut self, now: Now, request: &PreviewRequest) {
        let Some(change) = &request.change else { return };
        let id = change.server_id.as_str();
        let applied = self.memory.servers.get(id).and_then(|memory| memory.applied.as_ref());
        let Some(server) = self.servers.get_mut(id) else {
            return self.cannot_preview(change.change_id, format!("there is no server {id:?} on this host"));
        };
        if server.previewing.as_ref().is_none_or(|staging| staging.change_id != change.change_id) {
            if change.part != 0 {
                // The rest of one that was answered already.
                return;
            }
            server.previewing = Staging::begin(change, applied);
        }
        let part = server.previewing.as_mut().map_or(Part::Misfit, |staging| staging.take(change, true));
        match part {
            Part::More | Part::Known => return,
            Part::Misfit => {
                let message = "the server does not run yet what the preview starts from; ask again when it does";
                self.cannot_preview(change.change_id, message.to_owned());
            }
            Part::Unsupported(results) => self.previewed(PreviewAnswer {
                preview_id: change.change_id,
                outcome: Outcome::Refused.into(),
                message: results.first().map(|result| result.message.clone()).unwrap_or_default(),
                results,
                last: true,
                ..PreviewAnswer::default()
            }),
            Part::Whole(held) => self.out.push_back(Output::Preview(Preview {
                server: id.to_owned(),
                preview_id: change.change_id,
                bundle: Arc::clone(&held.bundle),
                asked: now.ticks,
            })),
        }
        if let Some(server) = self.servers.get_mut(id) {
            server.previewing = None;
        }
    }

    /// A part of what came of an [`Output::Preview`]. While nobody is there to hear it, it is forgotten.
    pub fn previewed(&mut self, answer: PreviewAnswer) {
        if self.is_up() {
            self.send(session_request::Message::Preview(answer));
        }
    }

    /// A preview cannot be made, and why.
    pub fn cannot_preview(&mut self, preview_id: u64, message: String) {
        let outcome = Outcome::Unable.into();
        self.previewed(PreviewAnswer { preview_id, outcome, message, last: true, ..PreviewAnswer::default() });
    }
}
