//! `freehold conflict`: what contradicts itself, and what can be done about it.

use crate::connect::Api;
use crate::error::Failure;
use crate::names;
use crate::output::{Screen, Shown, time, word};
use crate::page::{Limit, all};
use clap::{Args, Subcommand, ValueEnum};
use freehold_core::name::{ConflictName, ServerName, SpaceName};
use freehold_proto::v1;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the conflicts that are there
    List(List),
    /// Show a conflict, and the ways to end it
    Show {
        /// Which, such as 3f9a02c1d4e5b607
        #[arg(value_parser = names::conflict)]
        conflict: ConflictName,
    },
}

/// What contradicts what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// A held or claimed address is leased to another client
    LeaseOnAssigned,
    /// A reserved address is leased to another client
    LeaseOnReserved,
    /// Two servers lease one address to two clients
    LeasedTwice,
    /// A client uses another address than its own in the same network
    ClientElsewhere,
    /// Scopes that share addresses have one server
    ScopesOverlap,
    /// A server serves by its own configuration what a scope serves
    ForeignSubnet,
    /// A server refused a resource
    Refused,
}

impl Kind {
    fn message(self) -> v1::conflict::Kind {
        match self {
            Self::LeaseOnAssigned => v1::conflict::Kind::LeaseOnAssigned,
            Self::LeaseOnReserved => v1::conflict::Kind::LeaseOnReserved,
            Self::LeasedTwice => v1::conflict::Kind::LeasedTwice,
            Self::ClientElsewhere => v1::conflict::Kind::ClientElsewhere,
            Self::ScopesOverlap => v1::conflict::Kind::ScopesOverlap,
            Self::ForeignSubnet => v1::conflict::Kind::ForeignSubnet,
            Self::Refused => v1::conflict::Kind::Refused,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only those of this kind; may be given several times
    #[arg(long, value_enum, value_name = "KIND", value_delimiter = ',')]
    kind: Vec<Kind>,
    /// Only those that share addresses with this prefix
    #[arg(long, value_name = "CIDR", value_parser = names::prefix)]
    prefix: Option<names::Prefix>,
    /// Only those in this space; of --prefix, its space
    #[arg(long, value_parser = names::space)]
    space: Option<SpaceName>,
    /// Only those that this server takes part in, such as berlin-1/kea4
    #[arg(long, value_parser = names::server)]
    server: Option<ServerName>,
    #[command(flatten)]
    limit: Limit,
}

impl List {
    fn request(&self, page_size: i32, page_token: String) -> Result<v1::ListConflictsRequest, Failure> {
        let prefix = self.prefix.as_ref().map(|prefix| prefix.name(self.space.as_ref())).transpose()?;
        Ok(v1::ListConflictsRequest {
            page_size,
            page_token,
            kinds: self.kind.iter().map(|kind| kind.message().into()).collect(),
            space: self.space.as_ref().map(ToString::to_string).unwrap_or_default(),
            prefix: prefix.map(|prefix| prefix.to_string()).unwrap_or_default(),
            server: self.server.as_ref().map(ToString::to_string).unwrap_or_default(),
        })
    }
}

pub(crate) async fn run(command: Command, api: &Api, screen: &mut Screen<'_>) -> Result<(), Failure> {
    match command {
        Command::List(list) => {
            let conflicts = all(list.limit, async |page_size, page_token| {
                let request = list.request(page_size, page_token)?;
                let page = api.call(request, async |request| api.conflicts().list_conflicts(request).await).await?;
                Ok((page.conflicts, page.next_page_token))
            });
            screen.list(&conflicts.await?)
        }
        Command::Show { conflict } => {
            let request = v1::GetConflictRequest { name: conflict.to_string() };
            screen.one(&api.call(request, async |request| api.conflicts().get_conflict(request).await).await?)
        }
    }
}

/// A way to end it, with the call in the line below.
fn way(way: &v1::Resolution) -> String {
    let method = way.method.rsplit_once('.').map_or(way.method.as_str(), |(_, method)| method);
    let arguments: Vec<_> =
        way.arguments.iter().map(|argument| format!("{}={}", argument.field, argument.value)).collect();
    match method {
        "" => way.message.clone(),
        method => format!("{}\n  {method} {}", way.message, arguments.join(" ")),
    }
}

impl Shown for v1::Conflict {
    const MESSAGE: &'static str = "freehold.v1.Conflict";
    const COLUMNS: &'static [&'static str] = &["CONFLICT", "KIND", "PLACE", "SINCE", "WHAT"];

    fn row(&self) -> Vec<String> {
        vec![
            names::short(&self.name).to_owned(),
            word(self.kind().as_str_name(), "KIND_"),
            self.places.first().map(|place| place.cidr.trim_end_matches("/32").to_owned()).unwrap_or_default(),
            time(self.start_time.as_ref()),
            self.message.clone(),
        ]
    }

    fn details(&self) -> Vec<(&'static str, String)> {
        let place = |place: &v1::ConflictPlace| format!("{} in {}", place.cidr, names::short(&place.space));
        let ways = self.resolutions.iter().enumerate().map(|(n, one)| format!("{}. {}", n + 1, way(one)));
        vec![
            ("name", self.name.clone()),
            ("kind", word(self.kind().as_str_name(), "KIND_")),
            ("what", self.message.clone()),
            ("resources", self.resources.join("\n")),
            ("servers", self.servers.iter().map(|server| names::short(server)).collect::<Vec<_>>().join("\n")),
            ("places", self.places.iter().map(place).collect::<Vec<_>>().join("\n")),
            ("since", time(self.start_time.as_ref())),
            ("noticed", time(self.notice_time.as_ref())),
            ("ways to end it", ways.collect::<Vec<_>>().join("\n")),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Command as Noun, testing};
    use super::*;
    use crate::output::table;

    #[test]
    fn lists_are_filtered_by_whole_names() {
        let line = "conflict list --kind leased-twice,refused --prefix 10.1.0.0/16 --server berlin-1/kea4";
        let Noun::Conflict(Command::List(list)) = testing::parse(line) else { panic!("another command") };
        assert_eq!(
            list.request(5, "t".into()).expect("a request"),
            v1::ListConflictsRequest {
                page_size: 5,
                page_token: "t".into(),
                kinds: vec![v1::conflict::Kind::LeasedTwice.into(), v1::conflict::Kind::Refused.into()],
                space: String::new(),
                prefix: "spaces/default/prefixes/10.1.0.0-16".into(),
                server: "servers/berlin-1/kea4".into(),
            }
        );
    }

    #[test]
    fn a_conflict_says_what_can_be_done() {
        let conflict = v1::Conflict {
            name: "conflicts/3f9a02c1d4e5b607".into(),
            kind: v1::conflict::Kind::LeaseOnAssigned.into(),
            message: "10.1.2.3 is claimed".into(),
            resolutions: vec![
                v1::Resolution { message: "Wait.".into(), ..Default::default() },
                v1::Resolution {
                    message: "Give up the claim.".into(),
                    method: "/freehold.v1.AddressService/ReleaseAddress".into(),
                    arguments: vec![v1::ResolutionArgument { field: "etag".into(), value: "7".into() }],
                },
            ],
            ..Default::default()
        };
        assert_eq!(
            table::details(&conflict.details(), false),
            "name            conflicts/3f9a02c1d4e5b607\n\
             kind            lease on assigned\n\
             what            10.1.2.3 is claimed\n\
             ways to end it  1. Wait.\n\
             \u{20}               2. Give up the claim.\n\
             \u{20}                 AddressService/ReleaseAddress etag=7\n"
        );
    }
}
