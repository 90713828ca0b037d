//! What a driver found out, as the controller is told it.

use freehold_proto::sync::preview_answer::{Outcome, Way};
use freehold_proto::sync::{ConfigurationDifference, PreviewAnswer, ResourceResult};
use serde_json::Value;

use crate::driver::kea::apply::ApplyError;
use crate::driver::kea::plan::Fault;
use crate::driver::kea::preview::{Difference, Preview};
use crate::server::keeper::chain;

/// Commands told of a preview, at most.
const COMMANDS_MAX: usize = 1000;
/// Bytes of differences in a part.
const PART_BYTES: usize = 1 << 20;
/// Bytes of one side of a difference, at most: two of them fit into a message of four mebibytes with a part beside them.
const TEXT_BYTES_MAX: usize = 1 << 20;
/// Resources at fault that a preview names, at most.
const FAULTS_MAX: usize = 1000;

/// What is wrong with resources.
pub(super) fn results(faults: &[Fault]) -> Vec<ResourceResult> {
    let result = |fault: &Fault| ResourceResult {
        kind: fault.key.kind.as_str().to_owned(),
        id: fault.key.id.clone(),
        code: fault.code.into(),
        runs: Vec::new(),
        field: fault.field.clone(),
        message: fault.message.clone(),
    };
    faults.iter().map(result).collect()
}

/// What came of a preview, in parts.
pub(super) fn previewed(preview_id: u64, made: Result<Preview, ApplyError>) -> Vec<PreviewAnswer> {
    let mut first = PreviewAnswer { preview_id, ..PreviewAnswer::default() };
    let differences = match made {
        Ok(Preview::Runs) => {
            first.set_outcome(Outcome::Accepted);
            first.set_way(Way::Nothing);
            Vec::new()
        }
        Ok(Preview::Accepted { commands, differences, test }) => {
            first.set_outcome(Outcome::Accepted);
            first.set_way(if commands.is_some() { Way::Commands } else { Way::Configuration });
            let mut commands = commands.unwrap_or_default();
            first.command_count = u32::try_from(commands.len()).unwrap_or(u32::MAX);
            commands.truncate(COMMANDS_MAX);
            first.commands = commands;
            first.test_ms = u64::try_from(test.as_millis()).unwrap_or(u64::MAX);
            differences
        }
        Ok(Preview::Refused { faults, message, differences }) => {
            first.set_outcome(Outcome::Refused);
            (first.results, first.message) = (results(&faults[..faults.len().min(FAULTS_MAX)]), message);
            differences
        }
        Ok(Preview::Unable { message }) => {
            first.set_outcome(Outcome::Unable);
            first.message = message;
            Vec::new()
        }
        Err(failure) => {
            first.set_outcome(Outcome::Unable);
            first.message = chain(&failure);
            Vec::new()
        }
    };
    let mut parts = vec![first];
    let mut bytes = 0;
    for difference in differences.iter().map(difference) {
        let size = difference.before.len() + difference.after.len();
        if bytes > 0 && bytes + size > PART_BYTES {
            parts.push(PreviewAnswer { preview_id, ..PreviewAnswer::default() });
            bytes = 0;
        }
        bytes += size;
        parts.last_mut().expect("there is a first part").differences.push(difference);
    }
    parts.last_mut().expect("there is a first part").last = true;
    parts
}

/// A text of which the end is left out where it is too long for a message.
fn cut(mut text: String) -> String {
    let end = text.floor_char_boundary(TEXT_BYTES_MAX);
    if end < text.len() {
        let left_out = text.len() - end;
        text.truncate(end);
        text.push_str(&format!("\n… and {left_out} bytes more"));
    }
    text
}

fn difference(difference: &Difference) -> ConfigurationDifference {
    let text = |value: &Option<Value>| value.as_ref().map(|value| cut(format!("{value:#}"))).unwrap_or_default();
    ConfigurationDifference {
        kind: difference.key.kind.as_str().to_owned(),
        id: difference.key.id.clone(),
        before: text(&difference.before),
        after: text(&difference.after),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use freehold_core::bundle::{ResourceKey, ResourceKind};
    use serde_json::json;
    use std::time::Duration;

    #[test]
    fn a_large_preview_comes_in_parts_and_the_last_says_so() {
        let difference = |n: u32| Difference {
            key: ResourceKey { kind: ResourceKind::Scope, id: format!("s{n}") },
            before: None,
            after: Some(json!({"comment": "x".repeat(PART_BYTES / 3)})),
        };
        let made = Preview::Accepted {
            commands: Some(vec!["c".to_owned(); COMMANDS_MAX + 5]),
            differences: (0..7).map(difference).collect(),
            test: Duration::from_millis(3),
        };
        let parts = previewed(9, Ok(made));
        assert_eq!(parts.iter().map(|part| part.differences.len()).collect::<Vec<_>>(), [2, 2, 2, 1]);
        assert!(parts.iter().all(|part| part.preview_id == 9));
        assert_eq!(parts.iter().map(|part| part.last).collect::<Vec<_>>(), [false, false, false, true]);
        let first = &parts[0];
        assert_eq!((first.outcome(), first.way(), first.test_ms), (Outcome::Accepted, Way::Commands, 3));
        assert_eq!((first.commands.len(), first.command_count), (COMMANDS_MAX, COMMANDS_MAX as u32 + 5));
        let nothing = previewed(1, Ok(Preview::Runs));
        assert_eq!((nothing.len(), nothing[0].way(), nothing[0].last), (1, Way::Nothing, true));
    }
}
