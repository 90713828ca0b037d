//! `freehold server`: the DHCP servers that agents found.

use super::{Change, Guard, mask};
use crate::connect::Api;
use crate::duration;
use crate::error::Failure;
use crate::names;
use crate::output::{Screen, Shown, time, word, yes};
use crate::page::{Limit, all};
use crate::wait::{Wait, then_show_anew};
use clap::{Args, Subcommand};
use freehold_core::name::ServerName;
use freehold_proto::v1;
use freehold_proto::v1::decide_drift_request::Action;
use freehold_proto::v1::server::Management;
use freehold_proto::v1::waiting::Kind;
use std::time::Duration;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List servers
    List(Limit),
    /// Show a server: what it runs, what it refused, how it does
    Show {
        /// Which, such as berlin-1/kea4
        #[arg(value_parser = names::server)]
        server: ServerName,
    },
    /// Say what a server can do of what the plan may ask of it, and in which translation
    Capabilities {
        /// Which, such as berlin-1/kea4
        #[arg(value_parser = names::server)]
        server: ServerName,
    },
    /// Let Freehold's parts of a server's configuration follow the plan
    Manage(Manage),
    /// Leave a server's configuration alone from now on
    Unmanage(Unmanage),
    /// Change what a server is described as
    Describe(Describe),
    /// Have each change undone that cuts the agent off from the controller
    Confirm(Confirm),
    /// Accept the store as it is after it went backwards: agents that obeyed a later state obey again
    AcceptHistory(Decide),
    /// Let a server lose what `server show` says it would lose
    ReleaseRemovals(Decide),
    /// Undo what somebody else changed on a server: put back what it was last proven to run
    Overwrite(Overwrite),
    /// Take what somebody else changed on a server into the plan
    Adopt(Overwrite),
    /// Close the leases that a full listing of a server's leases lacks
    AllowListing(Decide),
    /// Send a server again what it refused
    Retry(Decide),
    /// Forget a server that serves no scope
    Delete(Delete),
}

#[derive(Debug, Args)]
pub(crate) struct Manage {
    /// Which, such as berlin-1/kea4
    #[arg(value_parser = names::server)]
    server: ServerName,
    #[command(flatten)]
    guard: Guard,
    #[command(flatten)]
    change: Change,
    #[command(flatten)]
    wait: Wait,
}

#[derive(Debug, Args)]
pub(crate) struct Unmanage {
    /// Which, such as berlin-1/kea4
    #[arg(value_parser = names::server)]
    server: ServerName,
    #[command(flatten)]
    guard: Guard,
    #[command(flatten)]
    change: Change,
}

#[derive(Debug, Args)]
pub(crate) struct Describe {
    /// Which, such as berlin-1/kea4
    #[arg(value_parser = names::server)]
    server: ServerName,
    /// What it is for
    description: String,
    #[command(flatten)]
    guard: Guard,
    #[command(flatten)]
    change: Change,
}

#[derive(Debug, Args)]
pub(crate) struct Confirm {
    /// Which, such as berlin-1/kea4
    #[arg(value_parser = names::server)]
    server: ServerName,
    /// How long the controller has to confirm a change, 10s to 1h, or `off`
    #[arg(value_name = "DURATION|off", value_parser = window)]
    within: Window,
    #[command(flatten)]
    guard: Guard,
    #[command(flatten)]
    change: Change,
}

/// How long a confirmation may take; `None` if there is to be none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Window(Option<Duration>);

fn window(typed: &str) -> Result<Window, String> {
    if typed == "off" { Ok(Window(None)) } else { duration::parse(typed).map(|within| Window(Some(within))) }
}

#[derive(Debug, Args)]
pub(crate) struct Decide {
    /// Which, such as berlin-1/kea4
    #[arg(value_parser = names::server)]
    server: ServerName,
    #[command(flatten)]
    change: Change,
}

#[derive(Debug, Args)]
pub(crate) struct Overwrite {
    #[command(flatten)]
    decide: Decide,
    /// Only if the server runs just this, a digest that `server show --output json` has
    #[arg(long, value_name = "DIGEST", default_value = "")]
    observed: String,
}

#[derive(Debug, Args)]
pub(crate) struct Delete {
    /// Which, such as berlin-1/kea4
    #[arg(value_parser = names::server)]
    server: ServerName,
    #[command(flatten)]
    guard: Guard,
    #[command(flatten)]
    change: Change,
}

/// The request of a decision about a server.
macro_rules! decide {
    ($api:expr, $decide:expr, $request:path) => {{
        type Request = $request;
        Request {
            name: $decide.server.to_string(),
            request_id: $api.request_id(),
            validate_only: $decide.change.validate_only,
        }
    }};
}

pub(crate) async fn run(command: Command, api: &Api, screen: &mut Screen<'_>) -> Result<(), Failure> {
    match command {
        Command::List(limit) => {
            let servers = all(limit, async |page_size, page_token| {
                let request = v1::ListServersRequest { page_size, page_token };
                let page = api.call(request, async |request| api.servers().list_servers(request).await).await?;
                Ok((page.servers, page.next_page_token))
            });
            screen.list(&servers.await?)
        }
        Command::Show { server } => {
            let request = v1::GetServerRequest { name: server.to_string() };
            screen.one(&api.call(request, async |request| api.servers().get_server(request).await).await?)
        }
        Command::Capabilities { server } => {
            let request = v1::GetCapabilitiesRequest { name: server.to_string() };
            let answer = api.call(request, async |request| api.servers().get_capabilities(request).await).await?;
            screen.list(&answer.capabilities)
        }
        Command::Manage(Manage { server, guard, change, wait }) => {
            let server = send(api, management(&server, Management::Managed, &guard, change, api.request_id())).await?;
            let name = server.name.clone();
            let now = async || {
                let request = v1::GetServerRequest { name: name.clone() };
                api.call(request, async |request| api.servers().get_server(request).await).await
            };
            then_show_anew(api, screen, (wait, change), &name, server, now).await
        }
        Command::Unmanage(Unmanage { server, guard, change }) => {
            let request = management(&server, Management::Unmanaged, &guard, change, api.request_id());
            screen.changed(&send(api, request).await?, change.validate_only)
        }
        Command::Describe(describe) => {
            let server = send(api, describe.request(api.request_id())).await?;
            screen.changed(&server, describe.change.validate_only)
        }
        Command::Confirm(confirm) => {
            let server = send(api, confirm.request(api.request_id())).await?;
            screen.changed(&server, confirm.change.validate_only)
        }
        Command::AcceptHistory(decide) => {
            let request = decide!(api, decide, v1::AcceptHistoryRequest);
            let server = api.call(request, async |request| api.servers().accept_history(request).await).await?;
            screen.changed(&server, decide.change.validate_only)
        }
        Command::ReleaseRemovals(decide) => {
            let request = decide!(api, decide, v1::ReleaseRemovalsRequest);
            let server = api.call(request, async |request| api.servers().release_removals(request).await).await?;
            screen.changed(&server, decide.change.validate_only)
        }
        Command::Overwrite(overwrite) => {
            let request = overwrite.request(Action::Overwrite, api.request_id());
            let server = api.call(request, async |request| api.servers().decide_drift(request).await).await?;
            screen.changed(&server, overwrite.decide.change.validate_only)
        }
        Command::Adopt(adopt) => {
            let request = adopt.request(Action::Adopt, api.request_id());
            let server = api.call(request, async |request| api.servers().decide_drift(request).await).await?;
            screen.changed(&server, adopt.decide.change.validate_only)
        }
        Command::AllowListing(decide) => {
            let request = decide!(api, decide, v1::AllowListingRequest);
            let server = api.call(request, async |request| api.servers().allow_listing(request).await).await?;
            screen.changed(&server, decide.change.validate_only)
        }
        Command::Retry(decide) => {
            let request = decide!(api, decide, v1::RetryRefusedRequest);
            let server = api.call(request, async |request| api.servers().retry_refused(request).await).await?;
            screen.changed(&server, decide.change.validate_only)
        }
        Command::Delete(delete) => {
            let request = delete.request(api.request_id());
            api.call(request, async |request| api.servers().delete_server(request).await).await?;
            screen.deleted(&delete.server.to_string(), delete.change.validate_only)
        }
    }
}

async fn send(api: &Api, request: v1::UpdateServerRequest) -> Result<v1::Server, Failure> {
    api.call(request, async |request| api.servers().update_server(request).await).await
}

fn management(
    server: &ServerName,
    management: Management,
    guard: &Guard,
    change: Change,
    request_id: String,
) -> v1::UpdateServerRequest {
    v1::UpdateServerRequest {
        server: Some(v1::Server {
            name: server.to_string(),
            management: management.into(),
            etag: guard.text(),
            ..Default::default()
        }),
        update_mask: mask(vec!["management"]),
        request_id,
        validate_only: change.validate_only,
    }
}

impl Describe {
    fn request(&self, request_id: String) -> v1::UpdateServerRequest {
        v1::UpdateServerRequest {
            server: Some(v1::Server {
                name: self.server.to_string(),
                description: self.description.clone(),
                etag: self.guard.text(),
                ..Default::default()
            }),
            update_mask: mask(vec!["description"]),
            request_id,
            validate_only: self.change.validate_only,
        }
    }
}

impl Confirm {
    fn request(&self, request_id: String) -> v1::UpdateServerRequest {
        let seconds = self.within.0.map_or(0, |within| within.as_secs());
        v1::UpdateServerRequest {
            server: Some(v1::Server {
                name: self.server.to_string(),
                confirm_seconds: u32::try_from(seconds).unwrap_or(u32::MAX),
                etag: self.guard.text(),
                ..Default::default()
            }),
            update_mask: mask(vec!["confirm_seconds"]),
            request_id,
            validate_only: self.change.validate_only,
        }
    }
}

impl Overwrite {
    fn request(&self, action: Action, request_id: String) -> v1::DecideDriftRequest {
        v1::DecideDriftRequest {
            name: self.decide.server.to_string(),
            action: action.into(),
            observed_digest: self.observed.clone(),
            request_id,
            validate_only: self.decide.change.validate_only,
        }
    }
}

impl Delete {
    fn request(&self, request_id: String) -> v1::DeleteServerRequest {
        v1::DeleteServerRequest {
            name: self.server.to_string(),
            etag: self.guard.text(),
            request_id,
            validate_only: self.change.validate_only,
        }
    }
}

impl Shown for v1::Capability {
    const MESSAGE: &'static str = "freehold.v1.Capability";
    const COLUMNS: &'static [&'static str] = &["FEATURE", "SUPPORT", "HOW"];

    fn row(&self) -> Vec<String> {
        let support = match self.support() {
            v1::capability::Support::Unspecified => "unknown".to_owned(),
            support => word(support.as_str_name(), "SUPPORT_"),
        };
        vec![self.feature.clone(), support, self.detail.clone()]
    }

    fn details(&self) -> Vec<(&'static str, String)> {
        Self::COLUMNS.iter().copied().zip(self.row()).collect()
    }
}

impl Shown for v1::Server {
    const MESSAGE: &'static str = "freehold.v1.Server";
    const COLUMNS: &'static [&'static str] =
        &["NAME", "KIND", "VERSION", "MANAGEMENT", "CONNECTED", "SYNC", "LEASES", "SEEN"];

    fn row(&self) -> Vec<String> {
        let status = self.status.clone().unwrap_or_default();
        vec![
            names::short(&self.name).to_owned(),
            word(self.kind().as_str_name(), "KIND_"),
            self.version.clone(),
            word(self.management().as_str_name(), "MANAGEMENT_"),
            yes(status.connected),
            sync(self.management(), &status),
            status.leases.to_string(),
            time(status.seen_time.as_ref()),
        ]
    }

    fn details(&self) -> Vec<(&'static str, String)> {
        let status = self.status.clone().unwrap_or_default();
        let foreign = self.foreign_subnets.iter().map(|net| format!("{} (id {})", net.network, net.subnet_id));
        let mut gauges: Vec<_> = status.gauges.iter().map(|(name, value)| format!("{name}={value}")).collect();
        gauges.sort();
        let took = if status.took_ms > 0 { format!(" in {} ms", status.took_ms) } else { String::new() };
        let proven = match status.applied_revision {
            0 => String::new(),
            revision => format!("revision {revision} at {}{took}", time(status.applied_time.as_ref())),
        };
        vec![
            ("name", self.name.clone()),
            ("kind", word(self.kind().as_str_name(), "KIND_")),
            ("version", self.version.clone()),
            ("management", word(self.management().as_str_name(), "MANAGEMENT_")),
            ("description", self.description.clone()),
            (
                "confirm",
                if self.confirm_seconds > 0 { format!("within {} s", self.confirm_seconds) } else { String::new() },
            ),
            ("connected", yes(status.connected)),
            ("seen", time(status.seen_time.as_ref())),
            ("sync", sync(self.management(), &status)),
            (
                "waits for you",
                status.waiting.iter().map(|waiting| waits(&self.name, waiting)).collect::<Vec<_>>().join("\n"),
            ),
            ("proven to run", proven),
            ("refused", status.rejected.iter().map(rejected).collect::<Vec<_>>().join("\n")),
            ("last error", status.last_error.clone()),
            ("foreign subnets", foreign.collect::<Vec<_>>().join("\n")),
            ("leases", status.leases.to_string()),
            ("gauges", gauges.join("\n")),
            ("created", time(self.create_time.as_ref())),
            ("changed", time(self.update_time.as_ref())),
            ("etag", self.etag.clone()),
        ]
    }
}

/// How what a server runs compares with what it should run, the worst first.
fn sync(management: Management, status: &v1::ServerStatus) -> String {
    if management != Management::Managed {
        return String::new();
    }
    let settled = !status.desired_digest.is_empty() && status.applied_digest == status.desired_digest;
    match status.rejected.len() {
        _ if status.waiting.iter().any(|waiting| !matches!(waiting.kind(), Kind::Drift | Kind::Listing)) => {
            "waits for a decision".to_owned()
        }
        0 if status.drifted => "drifted: somebody else changed it".to_owned(),
        0 if !status.last_error.is_empty() && !settled => "failing".to_owned(),
        0 if settled => "applied".to_owned(),
        0 => "pending".to_owned(),
        refused => format!("refused {refused}"),
    }
}

/// What waits for a decision, in words, and what to type.
fn waits(server: &str, waiting: &v1::Waiting) -> String {
    let server = names::short(server);
    let commands = match waiting.kind() {
        Kind::Unspecified => Vec::new(),
        Kind::History => vec![format!("freehold server accept-history {server}")],
        Kind::Removals => vec![format!("freehold server release-removals {server}")],
        Kind::Drift => vec![format!("freehold server overwrite {server}")],
        Kind::Listing => vec![format!("freehold server allow-listing {server}")],
        Kind::Refused => vec![format!("freehold server retry {server}")],
    };
    let resources = waiting.resources.iter().map(|resource| format!("  {resource}"));
    let commands = commands.into_iter().map(|command| format!("  $ {command}"));
    std::iter::once(waiting.message.clone()).chain(resources).chain(commands).collect::<Vec<_>>().join("\n")
}

fn rejected(resource: &v1::RejectedResource) -> String {
    let field = if resource.field.is_empty() { String::new() } else { format!(" ({})", resource.field) };
    format!("{}{field}: {}", resource.resource, resource.message)
}

#[cfg(test)]
mod tests {
    use super::super::{Command as Noun, testing};
    use super::*;
    use crate::output::table;

    #[test]
    fn managing_touches_management_alone() {
        let Noun::Server(Command::Manage(manage)) = testing::parse("server manage berlin-1/kea4 --etag 5 --wait")
        else {
            panic!("another command")
        };
        assert_eq!(
            management(&manage.server, Management::Managed, &manage.guard, manage.change, "id".into()),
            v1::UpdateServerRequest {
                server: Some(v1::Server {
                    name: "servers/berlin-1/kea4".into(),
                    management: Management::Managed.into(),
                    etag: "5".into(),
                    ..Default::default()
                }),
                update_mask: mask(vec!["management"]),
                request_id: "id".into(),
                validate_only: false,
            }
        );
    }

    #[test]
    fn a_confirmation_is_asked_for_or_not() {
        let request = |typed: &str| match testing::parse(&format!("server confirm berlin-1/kea4 {typed}")) {
            Noun::Server(Command::Confirm(confirm)) => confirm.request("id".into()),
            other => panic!("{other:?}"),
        };
        for (typed, seconds) in [("off", 0), ("60s", 60), ("2m", 120)] {
            let request = request(typed);
            assert_eq!(request.server.expect("a server").confirm_seconds, seconds);
            assert_eq!(request.update_mask, mask(vec!["confirm_seconds"]));
        }
    }

    #[test]
    fn what_waits_for_a_decision_says_what_to_type() {
        let waiting = v1::Waiting {
            kind: Kind::Removals.into(),
            message: "it runs 1 resource that the store does not know".into(),
            resources: vec!["scopes/gone".into()],
            ..Default::default()
        };
        let status = v1::ServerStatus { waiting: vec![waiting.clone()], ..Default::default() };
        assert_eq!(sync(Management::Managed, &status), "waits for a decision");
        assert_eq!(
            waits("servers/berlin-1/kea4", &waiting),
            "it runs 1 resource that the store does not know\n  scopes/gone\n  $ freehold server release-removals berlin-1/kea4"
        );
        let typed = |what: &str| match testing::parse(what) {
            Noun::Server(command) => command,
            other => panic!("{other:?}"),
        };
        for kind in [Kind::History, Kind::Removals, Kind::Drift, Kind::Listing, Kind::Refused] {
            let waiting = v1::Waiting { kind: kind.into(), ..Default::default() };
            let says = waits("servers/berlin-1/kea4", &waiting);
            let (_, command) = says.split_once("$ freehold ").expect("a command");
            typed(command);
        }
        let Command::Overwrite(overwrite) = typed("server overwrite berlin-1/kea4 --observed 07") else { panic!() };
        assert_eq!(
            overwrite.request(Action::Overwrite, "id".into()),
            v1::DecideDriftRequest {
                name: "servers/berlin-1/kea4".into(),
                action: Action::Overwrite.into(),
                observed_digest: "07".into(),
                request_id: "id".into(),
                validate_only: false,
            }
        );
    }

    #[test]
    fn a_server_shows_what_it_refused_in_its_own_words() {
        let server = v1::Server {
            name: "servers/berlin-1/kea4".into(),
            kind: v1::server::Kind::KeaDhcp4.into(),
            version: "2.2.0".into(),
            management: Management::Managed.into(),
            status: Some(v1::ServerStatus {
                connected: true,
                applied_revision: 42,
                took_ms: 38,
                rejected: vec![v1::RejectedResource {
                    resource: "scopes/voice".into(),
                    field: "options[0]".into(),
                    message: "bad data".into(),
                    ..Default::default()
                }],
                gauges: [("b".to_owned(), "2".to_owned()), ("a".to_owned(), "1".to_owned())].into(),
                ..Default::default()
            }),
            ..Default::default()
        };
        assert_eq!(
            table::list(v1::Server::COLUMNS, [server.row()].into_iter(), false),
            "NAME           KIND       VERSION  MANAGEMENT  CONNECTED  SYNC       LEASES  SEEN\n\
             berlin-1/kea4  kea dhcp4  2.2.0    managed     yes        refused 1  0\n"
        );
        assert_eq!(
            table::details(&server.details(), false),
            "name           servers/berlin-1/kea4\n\
             kind           kea dhcp4\n\
             version        2.2.0\n\
             management     managed\n\
             connected      yes\n\
             sync           refused 1\n\
             proven to run  revision 42 at  in 38 ms\n\
             refused        scopes/voice (options[0]): bad data\n\
             leases         0\n\
             gauges         a=1\n               b=2\n"
        );
    }
}
