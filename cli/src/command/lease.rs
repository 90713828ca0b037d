//! `freehold lease`: what DHCP servers granted, and how it came about.

use crate::connect::Api;
use crate::error::Failure;
use crate::names;
use crate::output::{Screen, Shown, time, word};
use crate::page::{Limit, all};
use clap::{Args, Subcommand};
use freehold_core::name::{ScopeName, ServerName};
use freehold_proto::v1;
use std::net::IpAddr;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List leases
    List(List),
    /// Show a lease
    Show {
        /// The server that granted it, such as berlin-1/kea4
        #[arg(value_parser = names::server)]
        server: ServerName,
        /// The address
        #[arg(value_parser = names::address)]
        address: IpAddr,
    },
    /// List what happened to the leases of a server, in order
    Events {
        /// The server, such as berlin-1/kea4
        #[arg(value_parser = names::server)]
        server: ServerName,
        #[command(flatten)]
        limit: Limit,
    },
    /// Follow what happens to leases from now on
    Watch {
        /// Only those of this server; all if not given
        #[arg(long, value_parser = names::server)]
        server: Option<ServerName>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only those of this server; all if not given
    #[arg(long, value_parser = names::server)]
    server: Option<ServerName>,
    /// Only those of this scope
    #[arg(long, value_parser = names::scope)]
    scope: Option<ScopeName>,
    #[command(flatten)]
    limit: Limit,
}

pub(crate) async fn run(command: Command, api: &Api, screen: &mut Screen<'_>) -> Result<(), Failure> {
    match command {
        Command::List(list) => {
            let leases = all(list.limit, async |page_size, page_token| {
                let request = list.request(page_size, page_token);
                let page = api.call(request, async |request| api.leases().list_leases(request).await).await?;
                Ok((page.leases, page.next_page_token))
            });
            screen.list(&leases.await?)
        }
        Command::Show { server, address } => {
            let request = v1::GetLeaseRequest { name: format!("{server}/leases/{address}") };
            screen.one(&api.call(request, async |request| api.leases().get_lease(request).await).await?)
        }
        Command::Events { server, limit } => {
            let events = all(limit, async |page_size, page_token| {
                let request = v1::ListLeaseEventsRequest { parent: server.to_string(), page_size, page_token };
                let page = api.call(request, async |request| api.leases().list_lease_events(request).await).await?;
                Ok((page.events, page.next_page_token))
            });
            screen.list(&events.await?)
        }
        Command::Watch { server } => {
            let request = v1::WatchLeasesRequest { parent: parent(server.as_ref()) };
            let mut stream = api.call(request, async |request| api.leases().watch_leases(request).await).await?;
            loop {
                match stream.message().await {
                    Ok(Some(together)) => {
                        for event in &together.events {
                            screen.next(event, &[line(event)])?;
                        }
                    }
                    Ok(None) => return Err(Failure::Ended { endpoint: api.target().endpoint.clone() }),
                    Err(status) => return Err(api.failure(status, 1).await),
                }
            }
        }
    }
}

fn parent(server: Option<&ServerName>) -> String {
    server.map_or_else(|| "servers/-".to_owned(), ToString::to_string)
}

impl List {
    fn request(&self, page_size: i32, page_token: String) -> v1::ListLeasesRequest {
        v1::ListLeasesRequest {
            parent: parent(self.server.as_ref()),
            page_size,
            page_token,
            scope: self.scope.as_ref().map(ToString::to_string).unwrap_or_default(),
        }
    }
}

/// One event in one line, for following.
fn line(event: &v1::LeaseEvent) -> String {
    let lease = event.lease.clone().unwrap_or_default();
    let words = [
        time(event.observe_time.as_ref()),
        word(event.kind().as_str_name(), "KIND_"),
        leased(&lease).to_owned(),
        client(&lease),
        lease.host_name.clone(),
        names::short(&lease.server).to_owned(),
    ];
    words.iter().filter(|word| !word.is_empty()).cloned().collect::<Vec<_>>().join("  ")
}

/// The address, or the prefix that is delegated.
fn leased(lease: &v1::Lease) -> &str {
    if lease.delegated_prefix.is_empty() { &lease.address } else { &lease.delegated_prefix }
}

fn client(lease: &v1::Lease) -> String {
    if !lease.duid.is_empty() {
        return format!("DUID {}", lease.duid);
    }
    match (lease.hardware_address.as_str(), lease.client_id.as_str()) {
        ("", "") => String::new(),
        ("", id) => format!("client id {id}"),
        (address, _) => address.to_owned(),
    }
}

impl Shown for v1::Lease {
    const MESSAGE: &'static str = "freehold.v1.Lease";
    const COLUMNS: &'static [&'static str] = &["ADDRESS", "CLIENT", "HOST NAME", "STATE", "SERVER", "SCOPE", "EXPIRES"];

    fn row(&self) -> Vec<String> {
        vec![
            leased(self).to_owned(),
            client(self),
            self.host_name.clone(),
            word(self.state().as_str_name(), "STATE_"),
            names::short(&self.server).to_owned(),
            names::short(&self.scope).to_owned(),
            time(self.expire_time.as_ref()),
        ]
    }

    fn details(&self) -> Vec<(&'static str, String)> {
        vec![
            ("name", self.name.clone()),
            ("address", self.address.clone()),
            ("delegated", self.delegated_prefix.clone()),
            ("DUID", self.duid.clone()),
            ("IAID", if self.duid.is_empty() { String::new() } else { self.iaid.to_string() }),
            ("hardware address", self.hardware_address.clone()),
            ("client id", self.client_id.clone()),
            ("host name", self.host_name.clone()),
            ("state", word(self.state().as_str_name(), "STATE_")),
            ("server", names::short(&self.server).to_owned()),
            ("scope", names::short(&self.scope).to_owned()),
            ("subnet id", self.subnet_id.to_string()),
            ("transacted", time(self.transaction_time.as_ref())),
            ("expires", time(self.expire_time.as_ref())),
        ]
    }
}

impl Shown for v1::LeaseEvent {
    const MESSAGE: &'static str = "freehold.v1.LeaseEvent";
    const COLUMNS: &'static [&'static str] = &["SEQ", "TIME", "WHAT", "ADDRESS", "CLIENT", "HOST NAME", "EXPIRES"];

    fn row(&self) -> Vec<String> {
        let lease = self.lease.clone().unwrap_or_default();
        vec![
            self.seq.to_string(),
            time(self.observe_time.as_ref()),
            word(self.kind().as_str_name(), "KIND_"),
            leased(&lease).to_owned(),
            client(&lease),
            lease.host_name.clone(),
            time(lease.expire_time.as_ref()),
        ]
    }

    fn details(&self) -> Vec<(&'static str, String)> {
        Self::COLUMNS.iter().copied().zip(self.row()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Command as Noun, testing};
    use super::*;
    use crate::output::table;

    fn event() -> v1::LeaseEvent {
        v1::LeaseEvent {
            seq: 12,
            kind: v1::lease_event::Kind::Granted.into(),
            lease: Some(v1::Lease {
                address: "10.1.2.20".into(),
                server: "servers/berlin-1/kea4".into(),
                hardware_address: "02:00:5e:10:00:01".into(),
                host_name: "evil\u{1b}]0;x".into(),
                state: v1::lease::State::Active.into(),
                expire_time: Some(prost_types::Timestamp { seconds: 1_763_709_483, nanos: 0 }),
                ..Default::default()
            }),
            observe_time: Some(prost_types::Timestamp { seconds: 1_763_705_883, nanos: 5_000_000 }),
            ..Default::default()
        }
    }

    #[test]
    fn lists_are_filtered_by_whole_names() {
        let Noun::Lease(Command::List(list)) = testing::parse("lease list --server berlin-1/kea4 --scope voice") else {
            panic!("another command")
        };
        assert_eq!(
            list.request(500, "t".into()),
            v1::ListLeasesRequest {
                parent: "servers/berlin-1/kea4".into(),
                page_size: 500,
                page_token: "t".into(),
                scope: "scopes/voice".into()
            }
        );
        let Noun::Lease(Command::List(list)) = testing::parse("lease list") else { panic!("another command") };
        assert_eq!(list.request(1, String::new()).parent, "servers/-");
    }

    #[test]
    fn what_clients_call_themselves_does_no_harm() {
        assert_eq!(
            table::list(v1::LeaseEvent::COLUMNS, [event().row()].into_iter(), false),
            "SEQ  TIME                  WHAT     ADDRESS    CLIENT             HOST NAME       EXPIRES\n\
             12   2025-11-21 06:18:03Z  granted  10.1.2.20  02:00:5e:10:00:01  evil\\u{1b}]0;x  2025-11-21 07:18:03Z\n"
        );
        assert_eq!(
            crate::output::printable(&line(&event())),
            "2025-11-21 06:18:03Z  granted  10.1.2.20  02:00:5e:10:00:01  evil\\u{1b}]0;x  berlin-1/kea4"
        );
    }
}
