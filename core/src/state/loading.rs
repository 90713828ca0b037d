//! A state that is put together from its records and remembered requests.

use super::packed::Packed;
use super::{RememberedRequest, State};
use crate::change::Record;
use crate::time::Revision;

/// A state that is being put together. What is held and claimed is sorted at the end, all of it at once: that makes sets of half the
/// memory, and of memory that lies together, whatever else is allocated while the records are read.
#[derive(Debug, Default)]
pub struct Loading {
    state: State,
    assigned: Vec<Packed>,
}

impl Loading {
    /// Puts a record where it was; no record twice.
    pub fn record(&mut self, record: Record) {
        match record {
            Record::Address(assignment) => {
                self.state.count_fields_in(assignment.labels());
                self.assigned.push(Packed::new(&assignment));
            }
            record => self.state.put(record, false),
        }
    }

    /// Remembers a request.
    pub fn request(&mut self, principal: String, id: String, request: RememberedRequest) {
        self.state.remember(principal, id, request);
    }

    /// The state, which is as of this entry.
    pub fn done(self, revision: Revision) -> State {
        let Self { mut state, assigned } = self;
        state.addresses.fill(assigned);
        state.revision = revision;
        state
    }
}
