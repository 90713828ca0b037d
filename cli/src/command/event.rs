//! `freehold event`: the audit trail.

use crate::connect::Api;
use crate::error::Failure;
use crate::names;
use crate::output::{Screen, Shown, json, time};
use crate::page::{Limit, all};
use clap::{Args, Subcommand};
use freehold_proto::v1;
use serde_json::Value;

/// Fields that differ after every change and say nothing.
const ALWAYS_DIFFERENT: [&str; 2] = ["etag", "updateTime"];

/// Changes that a row names.
const SHOWN_MAX: usize = 20;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List events, the newest first
    List(List),
    /// Show an event: who, what, when, from where
    Show {
        /// Its revision
        #[arg(value_parser = names::event)]
        event: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only those that touched this, such as scopes/berlin-voice
    #[arg(long, value_parser = names::resource)]
    resource: Option<String>,
    /// Only what this caller did: alice, agents/berlin-1 or system
    #[arg(long, value_name = "WHO", value_parser = names::principal)]
    by: Option<String>,
    #[command(flatten)]
    limit: Limit,
}

pub(crate) async fn run(command: Command, api: &Api, screen: &mut Screen<'_>) -> Result<(), Failure> {
    match command {
        Command::List(list) => {
            let events = all(list.limit, async |page_size, page_token| {
                let request = list.request(page_size, page_token);
                let page = api.call(request, async |request| api.events().list_events(request).await).await?;
                Ok((page.events, page.next_page_token))
            });
            screen.list(&events.await?)
        }
        Command::Show { event } => {
            let request = v1::GetEventRequest { name: event };
            screen.one(&api.call(request, async |request| api.events().get_event(request).await).await?)
        }
    }
}

impl List {
    fn request(&self, page_size: i32, page_token: String) -> v1::ListEventsRequest {
        v1::ListEventsRequest {
            page_size,
            page_token,
            resource: self.resource.clone().unwrap_or_default(),
            principal: self.by.clone().unwrap_or_default(),
        }
    }
}

/// What happened to a resource, in a word.
pub(super) fn verb(change: &v1::ResourceChange) -> &'static str {
    match (&change.before, &change.after) {
        (None, Some(_)) => "created",
        (Some(_), None) => "deleted",
        (Some(_), Some(_)) => "changed",
        (None, None) => "touched",
    }
}

/// What became different in a resource, a line each: the first says what happened, the others the fields.
pub(super) fn lines(change: &v1::ResourceChange) -> Vec<String> {
    let mut lines = vec![format!("{} {}", verb(change), change.resource)];
    if let (Some(before), Some(after)) = (&change.before, &change.after) {
        let (before, after) = (fields(before), fields(after));
        let mut names: Vec<_> = before.iter().chain(&after).map(|(name, _)| name).collect();
        names.sort();
        names.dedup();
        let value =
            |of: &[(String, Value)], name| of.iter().find(|(n, _)| n == name).map(|(_, value)| value.to_string());
        for name in names {
            let (old, new) = (value(&before, name), value(&after, name));
            if old != new && !ALWAYS_DIFFERENT.contains(&name.as_str()) {
                let shown = |value: Option<String>| value.unwrap_or_else(|| "nothing".to_owned());
                lines.push(format!("  {name}: {} → {}", shown(old), shown(new)));
            }
        }
    }
    lines
}

/// The fields of the one resource in a snapshot, as JSON; a snapshot that cannot be read has none.
fn fields(snapshot: &v1::Snapshot) -> Vec<(String, Value)> {
    let Ok(Value::Object(kinds)) = json::message("freehold.v1.Snapshot", snapshot) else { return Vec::new() };
    kinds
        .into_iter()
        .flat_map(|(kind, value)| match value {
            Value::Object(fields) => fields.into_iter().collect(),
            other => vec![(kind, other)],
        })
        .collect()
}

impl Shown for v1::Event {
    const MESSAGE: &'static str = "freehold.v1.Event";
    const COLUMNS: &'static [&'static str] = &["REVISION", "TIME", "WHO", "METHOD", "WHAT"];

    fn row(&self) -> Vec<String> {
        let what = if self.refusal.is_empty() {
            let changes = self.changes.iter().take(SHOWN_MAX);
            let changes = changes.map(|change| format!("{} {}", verb(change), change.resource));
            let more = self.change_count.saturating_sub(SHOWN_MAX as u64);
            let more = (more > 0).then(|| format!("and {more} more"));
            changes.chain(more).collect::<Vec<_>>().join(", ")
        } else {
            format!("refused: {}", self.refusal)
        };
        let method = self.method.rsplit('/').next().unwrap_or_default().to_owned();
        vec![self.revision.to_string(), time(self.time.as_ref()), self.principal.clone(), method, what]
    }

    fn details(&self) -> Vec<(&'static str, String)> {
        let refused = match (self.refusal.as_str(), self.message.as_str()) {
            ("", _) => String::new(),
            (reason, "") => reason.to_owned(),
            (reason, message) => format!("{reason}: {message}"),
        };
        vec![
            ("revision", self.revision.to_string()),
            ("time", time(self.time.as_ref())),
            ("who", self.principal.clone()),
            ("certificate", self.certificate_serial.clone()),
            ("from", self.address.clone()),
            ("method", self.method.clone()),
            ("request id", self.request_id.clone()),
            ("refused", refused),
            ("changes", self.changes.iter().flat_map(lines).collect::<Vec<_>>().join("\n")),
            ("not shown", not_shown(self)),
        ]
    }
}

/// How many changes the controller left out; empty if none.
fn not_shown(event: &v1::Event) -> String {
    match event.change_count.saturating_sub(event.changes.len() as u64) {
        0 => String::new(),
        more => format!("{more} more changes; `freehold history` tells those of one address"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Command as Noun, testing};
    use super::*;
    use crate::output::table;
    use freehold_proto::v1::snapshot::Resource;

    fn space(title: &str, etag: &str) -> Option<v1::Snapshot> {
        let space =
            v1::Space { name: "spaces/lab".into(), title: title.into(), etag: etag.into(), ..Default::default() };
        Some(v1::Snapshot { resource: Some(Resource::Space(space)) })
    }

    #[test]
    fn an_event_tells_who_changed_what_from_what_to_what() {
        let event = v1::Event {
            name: "events/9".into(),
            revision: 9,
            time: Some(prost_types::Timestamp { seconds: 1_763_705_883, nanos: 0 }),
            principal: "operators/alice".into(),
            method: "/freehold.v1.SpaceService/UpdateSpace".into(),
            changes: vec![v1::ResourceChange {
                kind: "space".into(),
                resource: "spaces/lab".into(),
                before: space("", "7"),
                after: space("Lab", "9"),
            }],
            ..Default::default()
        };
        assert_eq!(
            table::list(v1::Event::COLUMNS, [event.row()].into_iter(), false),
            "REVISION  TIME                  WHO              METHOD       WHAT\n\
             9         2025-11-21 06:18:03Z  operators/alice  UpdateSpace  changed spaces/lab\n"
        );
        assert_eq!(lines(&event.changes[0]), ["changed spaces/lab", "  title: nothing → \"Lab\""]);
    }

    #[test]
    fn a_number_that_changed_is_shown_by_its_kind() {
        let number = |n| Some(v1::Snapshot { resource: Some(Resource::NextSubnetId(n)) });
        let change = v1::ResourceChange {
            kind: "next_subnet_id".into(),
            resource: "nextSubnetId".into(),
            before: number(3),
            after: number(4),
        };
        assert_eq!(lines(&change), ["changed nextSubnetId", "  nextSubnetId: 3 → 4"]);
    }

    #[test]
    fn a_list_is_filtered_by_whole_names() {
        let Noun::Event(Command::List(list)) = testing::parse("event list --resource scopes/x --by alice --limit 3")
        else {
            panic!("another command")
        };
        assert_eq!(
            list.request(3, String::new()),
            v1::ListEventsRequest {
                page_size: 3,
                page_token: String::new(),
                resource: "scopes/x".into(),
                principal: "operators/alice".into()
            }
        );
    }
}
