//! `freehold plan COMMAND`: what a change would make of the plan, of each server in the server's own terms, and who is hit.
//!
//! The command runs as it would with `--validate-only`; its answer names the preview, which is told then.

use super::event;
use crate::connect::Api;
use crate::error::Failure;
use crate::names;
use crate::output::{Screen, Shown, word};
use freehold_proto::v1;
use freehold_proto::v1::preview_response::Part;
use freehold_proto::v1::server_preview::{Outcome, Way};
use similar::{ChangeTag, TextDiff};

/// Lines around a difference.
const AROUND: usize = 2;

/// Say what a change would make of the plan, of each server in its own terms, and of whom they serve; change nothing
#[derive(Debug, clap::Args)]
pub(crate) struct Plan {
    /// The command that would change something, such as: scope update berlin-voice --lease-time 2h
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_name = "COMMAND")]
    pub(super) words: Vec<String>,
}

/// Tells the preview that a command just made.
pub(super) async fn tell(api: &Api, screen: &mut Screen<'_>) -> Result<(), Failure> {
    let Some(name) = api.preview() else {
        let what = "the command changes nothing of the plan, or the controller is too old to say what would come of it";
        return Err(Failure::Usage(what.to_owned()));
    };
    let request = v1::PreviewRequest { name };
    let mut stream = api.call(request, async |request| api.previews().preview(request).await).await?;
    let mut refused = 0;
    loop {
        match stream.message().await {
            Ok(Some(answer)) => {
                if let Some(Part::Server(server)) = &answer.part
                    && server.outcome() == Outcome::Refused
                {
                    refused += 1;
                }
                let lines = lines(&answer);
                screen.next(&answer, &lines)?;
            }
            Ok(None) => break,
            Err(status) => return Err(api.failure(status, 1).await),
        }
    }
    screen.note("nothing was changed")?;
    if refused == 0 { Ok(()) } else { Err(Failure::WouldRefuse(refused)) }
}

fn lines(answer: &v1::PreviewResponse) -> Vec<String> {
    match &answer.part {
        None => Vec::new(),
        Some(Part::Summary(summary)) => summed(summary),
        Some(Part::Change(change)) => event::lines(change),
        Some(Part::Server(server)) => server_lines(server),
        Some(Part::Difference(difference)) => difference_lines(difference),
        Some(Part::Hit(hit)) => vec![hit_line(hit)],
    }
}

fn count(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

fn summed(summary: &v1::PreviewSummary) -> Vec<String> {
    let changes = count(summary.change_count, "change", "changes");
    let servers = count(summary.server_count.into(), "server", "servers");
    let mut lines = vec![format!("{changes} of the plan, for {servers}")];
    if !summary.current {
        lines.push("the plan was changed meanwhile: it may come out otherwise".to_owned());
    }
    lines
}

fn server_lines(server: &v1::ServerPreview) -> Vec<String> {
    let name = names::short(&server.server);
    let way = match server.way() {
        Way::Nothing => "nothing to do".to_owned(),
        Way::Commands => {
            format!("by {}, while it serves", count(server.command_count.into(), "command", "commands"))
        }
        Way::Configuration => "by a new configuration: it is deaf while it takes it".to_owned(),
        Way::Unspecified => String::new(),
    };
    let first = match server.outcome() {
        Outcome::Accepted if !server.message.is_empty() => format!("{name}: {}", server.message),
        Outcome::Accepted if server.way() == Way::Nothing => format!("{name}: {way}"),
        Outcome::Accepted => format!("{name} takes it (tested in {} ms), {way}", server.test_ms),
        Outcome::Refused => format!("{name} REFUSES it: {}", server.message),
        Outcome::Unknown => format!("{name} was not asked: {}", server.message),
        Outcome::Unspecified => format!("{name}: {}", word(server.outcome().as_str_name(), "OUTCOME_")),
    };
    let mut lines = vec![String::new(), first];
    for fault in &server.faults {
        let field = if fault.field.is_empty() { String::new() } else { format!(" {}", fault.field) };
        let words = if fault.message == server.message { String::new() } else { format!(": {}", fault.message) };
        lines.push(format!("  {}{field}{words}", names::short(&fault.resource)));
    }
    let hidden = u64::from(server.command_count).saturating_sub(server.commands.len() as u64);
    lines.extend(server.commands.iter().map(|command| format!("  {command}")));
    if hidden > 0 {
        lines.push(format!("  and {hidden} more"));
    }
    if server.leases_lost > 0 {
        lines.push(format!("  {} lost", count(server.leases_lost, "live lease is", "live leases are")));
    }
    if server.leases_renewed > 0 {
        let leases = count(server.leases_renewed, "live lease gets", "live leases get");
        lines.push(format!("  {leases} other options or times when renewed"));
    }
    lines
}

fn difference_lines(difference: &v1::ServerDifference) -> Vec<String> {
    let (server, resource) = (names::short(&difference.server), names::short(&difference.resource));
    let what = match (difference.before.is_empty(), difference.after.is_empty()) {
        (true, _) => "comes to",
        (_, true) => "goes from",
        (false, false) => "is another on",
    };
    let mut lines = vec![format!("{resource} {what} {server}")];
    let diff = TextDiff::from_lines(&difference.before, &difference.after);
    for (number, group) in diff.grouped_ops(AROUND).iter().enumerate() {
        if number > 0 {
            lines.push("    …".to_owned());
        }
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let sign = match change.tag() {
                ChangeTag::Delete => '-',
                ChangeTag::Insert => '+',
                ChangeTag::Equal => ' ',
            };
            lines.push(format!("  {sign} {}", change.value().trim_end_matches('\n')));
        }
    }
    lines
}

fn hit_line(hit: &v1::PreviewHit) -> String {
    let lease = hit.lease.clone().unwrap_or_default();
    let what = [&lease.delegated_prefix, &lease.address].into_iter().find(|text| !text.is_empty());
    let who = [&lease.hardware_address, &lease.duid, &lease.client_id].into_iter().find(|text| !text.is_empty());
    let named = if lease.host_name.is_empty() { String::new() } else { format!(" ({})", lease.host_name) };
    let (what, who) = (what.cloned().unwrap_or_default(), who.cloned().unwrap_or_default());
    format!("  {who}{named} loses {what}: {}", hit.message)
}

impl Shown for v1::PreviewResponse {
    const MESSAGE: &'static str = "freehold.v1.PreviewResponse";
    const COLUMNS: &'static [&'static str] = &["PREVIEW"];

    fn row(&self) -> Vec<String> {
        vec![lines(self).join(", ")]
    }

    fn details(&self) -> Vec<(&'static str, String)> {
        Self::COLUMNS.iter().copied().zip(self.row()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(part: Part) -> Vec<String> {
        lines(&v1::PreviewResponse { part: Some(part) })
    }

    #[test]
    fn a_server_says_whether_and_how() {
        let server = v1::ServerPreview {
            server: "servers/berlin-1/kea4".into(),
            outcome: Outcome::Accepted.into(),
            way: Way::Commands.into(),
            commands: vec!["subnet-update 7 10.1.0.10-10.1.0.99".into()],
            command_count: 3,
            test_ms: 12,
            leases_lost: 1,
            leases_renewed: 41,
            ..v1::ServerPreview::default()
        };
        assert_eq!(
            told(Part::Server(server.clone())),
            [
                "",
                "berlin-1/kea4 takes it (tested in 12 ms), by 3 commands, while it serves",
                "  subnet-update 7 10.1.0.10-10.1.0.99",
                "  and 2 more",
                "  1 live lease is lost",
                "  41 live leases get other options or times when renewed",
            ]
        );
        let fault = v1::PreviewFault {
            resource: "scopes/hall".into(),
            field: "network".into(),
            message: "overlaps subnet 10.2.0.0/16".into(),
        };
        let refused = v1::ServerPreview {
            server: server.server,
            outcome: Outcome::Refused.into(),
            message: "no".into(),
            faults: vec![fault],
            ..v1::ServerPreview::default()
        };
        assert_eq!(
            told(Part::Server(refused)),
            ["", "berlin-1/kea4 REFUSES it: no", "  hall network: overlaps subnet 10.2.0.0/16"]
        );
    }

    #[test]
    fn a_difference_is_shown_with_what_is_around_it() {
        let text = |valid: u32| format!("{{\n  \"a\": 1,\n  \"b\": 2,\n  \"c\": 3,\n  \"valid-lifetime\": {valid}\n}}");
        let difference = v1::ServerDifference {
            server: "servers/berlin-1/kea4".into(),
            resource: "scopes/hall".into(),
            before: text(600),
            after: text(700),
        };
        assert_eq!(
            told(Part::Difference(difference)),
            [
                "hall is another on berlin-1/kea4",
                "      \"b\": 2,",
                "      \"c\": 3,",
                "  -   \"valid-lifetime\": 600",
                "  +   \"valid-lifetime\": 700",
                "    }",
            ]
        );
    }

    #[test]
    fn a_client_that_is_hit_is_told_with_what_it_loses() {
        let lease = v1::Lease {
            address: "10.1.0.20".into(),
            hardware_address: "02:00:00:00:00:01".into(),
            host_name: "ward-3".into(),
            ..v1::Lease::default()
        };
        let hit = v1::PreviewHit { lease: Some(lease), message: "it is in no pool any more".into() };
        assert_eq!(told(Part::Hit(hit)), ["  02:00:00:00:00:01 (ward-3) loses 10.1.0.20: it is in no pool any more"]);
    }
}
