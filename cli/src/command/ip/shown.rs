//! Addresses on the screen.

use crate::command::labels::{field_lines, tag_lines};
use crate::names;
use crate::output::{Shown, state as server_state, time, word, yes};
use freehold_proto::v1;
use freehold_proto::v1::address_reason::Detail;

/// The hold or claim of an address.
pub(super) fn assignment(address: &v1::Address) -> Option<&v1::Assignment> {
    address.reasons.iter().find_map(|reason| match &reason.detail {
        Some(Detail::Assignment(assignment)) => Some(assignment),
        _ => None,
    })
}

fn state(address: &v1::Address) -> String {
    let state = word(address.state().as_str_name(), "STATE_");
    match assignment(address).map(v1::Assignment::phase) {
        Some(v1::assignment::Phase::Pending) => format!("{state}, pending"),
        Some(v1::assignment::Phase::Conflict) => format!("{state}, in conflict"),
        _ => state,
    }
}

/// A reason in one line, with since and until when.
fn line(reason: &v1::AddressReason) -> String {
    let mut text = reason.message.clone();
    for (word, at) in [("since", &reason.start_time), ("until", &reason.end_time)] {
        if at.is_some() {
            text += &format!(", {word} {}", time(at.as_ref()));
        }
    }
    text
}

impl Shown for v1::Address {
    const MESSAGE: &'static str = "freehold.v1.Address";
    const COLUMNS: &'static [&'static str] = &["ADDRESS", "STATE", "WHY", "UNTIL", "HOST NAME"];

    fn row(&self) -> Vec<String> {
        let first = self.reasons.first();
        vec![
            self.address.clone(),
            state(self),
            first.map(|reason| reason.message.clone()).unwrap_or_default(),
            first.map(|reason| time(reason.end_time.as_ref())).unwrap_or_default(),
            self.host_names.join(" "),
        ]
    }

    fn details(&self) -> Vec<(&'static str, String)> {
        let held = assignment(self).cloned().unwrap_or_default();
        let source = self.reasons.first().map(|reason| reason.resource.as_str()).unwrap_or_default();
        let waits = self.wait.as_ref().map(|wait| {
            let server = wait.server.as_ref().map(|on| format!(" ({})", server_state(on))).unwrap_or_default();
            format!("{}{server}", wait.message)
        });
        vec![
            ("name", self.name.clone()),
            ("address", self.address.clone()),
            ("state", state(self)),
            ("why", self.reasons.iter().map(line).collect::<Vec<_>>().join("\n")),
            ("waits for", waits.unwrap_or_default()),
            ("conflict", held.conflict),
            ("comment", held.comment),
            ("owner", held.owner),
            ("tags", tag_lines(&self.effective_tags, source)),
            ("fields", field_lines(&self.effective_fields, source)),
            ("host names", self.host_names.join("\n")),
            ("network", names::short(&self.network).to_owned()),
            ("scope", names::short(&self.scope).to_owned()),
            ("in a pool", yes(self.in_pool)),
            ("etag", self.etag.clone()),
        ]
    }
}

impl Shown for v1::AddressRow {
    const MESSAGE: &'static str = "freehold.v1.AddressRow";
    const COLUMNS: &'static [&'static str] = v1::Address::COLUMNS;

    fn row(&self) -> Vec<String> {
        match &self.row {
            Some(v1::address_row::Row::Address(address)) => address.row(),
            Some(v1::address_row::Row::Gap(gap)) => vec![
                format!("{} - {}", gap.start, gap.end),
                word(gap.state().as_str_name(), "STATE_"),
                format!("{} addresses", gap.size),
                String::new(),
                String::new(),
            ],
            None => vec![String::new(); Self::COLUMNS.len()],
        }
    }

    fn details(&self) -> Vec<(&'static str, String)> {
        Self::COLUMNS.iter().copied().zip(self.row()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::table;

    #[test]
    fn a_list_shows_addresses_and_gaps() {
        let held = v1::Address {
            address: "10.1.2.3".into(),
            state: v1::address::State::Held.into(),
            reasons: vec![v1::AddressReason {
                message: "held by operators/alice".into(),
                end_time: Some(prost_types::Timestamp { seconds: 1_763_705_883, nanos: 0 }),
                detail: Some(Detail::Assignment(v1::Assignment {
                    phase: v1::assignment::Phase::Pending.into(),
                    ..Default::default()
                })),
                ..Default::default()
            }],
            ..Default::default()
        };
        let gap = v1::AddressGap {
            start: "10.1.2.4".into(),
            end: "10.1.2.254".into(),
            state: v1::address::State::Available.into(),
            size: "251".into(),
        };
        let rows = [v1::address_row::Row::Address(held), v1::address_row::Row::Gap(gap)]
            .map(|row| v1::AddressRow { row: Some(row) }.row());
        assert_eq!(
            table::list(v1::AddressRow::COLUMNS, rows.into_iter(), false),
            "ADDRESS                STATE          WHY                      UNTIL                 HOST NAME\n\
             10.1.2.3               held, pending  held by operators/alice  2025-11-21 06:18:03Z\n\
             10.1.2.4 - 10.1.2.254  available      251 addresses\n"
        );
    }
}
