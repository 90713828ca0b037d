//! Several commands as one change.

use super::decide;
use crate::change::{Change, RecordKey};
use crate::command::Command;
use crate::refusal::Refusal;
use crate::state::State;
use crate::time::Timestamp;
use std::collections::HashMap;

/// The changes of all commands, at most one a record. A refusal names the command as `requests[i]`.
pub(super) fn decide_all(state: &State, commands: &[Command], now: Timestamp) -> Result<Vec<Change>, Refusal> {
    let mut state = state.clone();
    let mut folded = Folded::default();
    for (number, command) in commands.iter().enumerate() {
        let changes = decide(&state, command, now).map_err(|refusal| refusal.under(&format!("requests[{number}]")))?;
        state.apply_changes(&changes);
        folded.extend(changes);
    }
    Ok(folded.into_changes())
}

/// Changes in the order of their records' first change, each record from its first before to its last after.
#[derive(Debug, Default)]
pub(crate) struct Folded {
    changes: Vec<Option<Change>>,
    places: HashMap<RecordKey, usize>,
}

impl Folded {
    pub(crate) fn extend(&mut self, changes: Vec<Change>) {
        for change in changes {
            let place = *self.places.entry(change.key()).or_insert_with(|| {
                self.changes.push(None);
                self.changes.len() - 1
            });
            self.changes[place] = match self.changes[place].take() {
                None => Some(change),
                Some(first) => first.then(change),
            };
        }
    }

    pub(crate) fn into_changes(self) -> Vec<Change> {
        self.changes.into_iter().flatten().collect()
    }
}
