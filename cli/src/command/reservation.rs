//! `freehold reservation`: fixed addresses for clients.

use super::{Change, Guard, Only, mask, some_change};
use crate::connect::Api;
use crate::error::Failure;
use crate::names;
use crate::output::{Screen, Shown, sync_lines, time, worst};
use crate::page::{Limit, all};
use crate::wait::{Wait, for_deletion, servers_of, then_show};
use clap::{Args, Subcommand};
use freehold_core::client::{ClientId, Duid, HardwareAddress};
use freehold_core::name::ScopeName;
use freehold_core::net::Cidr;
use freehold_core::text::HostName;
use freehold_proto::v1;
use freehold_proto::v1::reservation::Client;
use std::net::IpAddr;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Reserve an address for a client
    Create(Create),
    /// List reservations
    List(List),
    /// Show a reservation
    Show(Which),
    /// Change whom a reservation is for, or its host name or description
    Update(Update),
    /// Give a reserved address back
    Delete(Delete),
}

#[derive(Debug, Args)]
pub(crate) struct Which {
    /// The scope, or the whole name scopes/SCOPE/reservations/ADDRESS
    scope: String,
    /// The address
    #[arg(value_parser = names::address)]
    address: Option<IpAddr>,
}

#[derive(Debug, Args)]
pub(crate) struct Create {
    /// The scope
    #[arg(value_parser = names::scope)]
    scope: ScopeName,
    /// The address
    #[arg(value_parser = names::address)]
    address: IpAddr,
    #[command(flatten)]
    client: NewClient,
    /// The host name that the client is given
    #[arg(long, value_parser = HostName::parse)]
    host_name: Option<HostName>,
    /// What it is for
    #[arg(long, default_value = "")]
    description: String,
    /// Prefixes that are delegated to the client besides, such as 2001:db8:8100::/56
    #[arg(long, value_name = "CIDR", value_delimiter = ',')]
    prefix: Vec<Cidr>,
    #[command(flatten)]
    change: Change,
    #[command(flatten)]
    wait: Wait,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct NewClient {
    /// For the client with this hardware address, in any common notation
    #[arg(long, value_name = "ADDRESS")]
    hardware: Option<HardwareAddress>,
    /// For the client with this client identifier, hexadecimal, type byte first
    #[arg(long, value_name = "HEX")]
    client_id: Option<ClientId>,
    /// For the client with this DUID, hexadecimal
    #[arg(long, value_name = "HEX")]
    duid: Option<Duid>,
}

#[derive(Debug, Args)]
#[group(required = false, multiple = false)]
pub(crate) struct OtherClient {
    /// From now on for the client with this hardware address
    #[arg(long, value_name = "ADDRESS")]
    hardware: Option<HardwareAddress>,
    /// From now on for the client with this client identifier
    #[arg(long, value_name = "HEX")]
    client_id: Option<ClientId>,
    /// From now on for the client with this DUID
    #[arg(long, value_name = "HEX")]
    duid: Option<Duid>,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only those of this scope; all if not given
    #[arg(long, value_parser = names::scope)]
    scope: Option<ScopeName>,
    #[command(flatten)]
    only: Only,
    #[command(flatten)]
    limit: Limit,
}

#[derive(Debug, Args)]
pub(crate) struct Update {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    client: OtherClient,
    /// The host name that the client is given
    #[arg(long, value_parser = HostName::parse, conflicts_with = "no_host_name")]
    host_name: Option<HostName>,
    /// Give the client no host name
    #[arg(long)]
    no_host_name: bool,
    /// What it is for
    #[arg(long)]
    description: Option<String>,
    /// Prefixes that are delegated to the client, such as 2001:db8:8100::/56, in place of those that are
    #[arg(long, value_name = "CIDR", value_delimiter = ',', conflicts_with = "no_prefix")]
    prefix: Vec<Cidr>,
    /// Delegate no prefix
    #[arg(long)]
    no_prefix: bool,
    #[command(flatten)]
    guard: Guard,
    #[command(flatten)]
    change: Change,
    #[command(flatten)]
    wait: Wait,
}

#[derive(Debug, Args)]
pub(crate) struct Delete {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    guard: Guard,
    #[command(flatten)]
    change: Change,
    #[command(flatten)]
    wait: Wait,
}

pub(crate) async fn run(command: Command, api: &Api, screen: &mut Screen<'_>) -> Result<(), Failure> {
    match command {
        Command::Create(create) => {
            let request = create.request(api.request_id());
            let made = api.call(request, async |request| api.reservations().create_reservation(request).await).await?;
            show(api, screen, (create.wait, create.change), made).await
        }
        Command::List(list) => {
            let reservations = all(list.limit, async |page_size, page_token| {
                let request = v1::ListReservationsRequest {
                    parent: list.parent(),
                    page_size,
                    page_token,
                    filter: list.only.filter.clone(),
                    view: list.only.view(),
                };
                let page = api.call(request, async |request| api.reservations().list_reservations(request).await);
                let page = page.await?;
                Ok((page.reservations, page.next_page_token))
            });
            screen.list(&reservations.await?)
        }
        Command::Show(which) => screen.one(&get(api, which.name()?).await?),
        Command::Update(update) => {
            let request = update.request(api.request_id())?;
            let new = api.call(request, async |request| api.reservations().update_reservation(request).await).await?;
            show(api, screen, (update.wait, update.change), new).await
        }
        Command::Delete(delete) => {
            let request = delete.request(api.request_id())?;
            let name = request.name.clone();
            let gone =
                async { api.call(request, async |request| api.reservations().delete_reservation(request).await).await };
            let wait = delete.wait;
            let servers = if wait.wait { servers_of(&get(api, name.clone()).await?.sync) } else { Vec::new() };
            for_deletion(api, screen, wait, ("reservation", &name), &servers, gone).await?;
            screen.deleted(&name, delete.change.validate_only)
        }
    }
}

async fn get(api: &Api, name: String) -> Result<v1::Reservation, Failure> {
    let request = v1::GetReservationRequest { name };
    api.call(request, async |request| api.reservations().get_reservation(request).await).await
}

async fn show(api: &Api, screen: &mut Screen<'_>, how: (Wait, Change), item: v1::Reservation) -> Result<(), Failure> {
    let name = item.name.clone();
    then_show(api, screen, how, &name, item, |item, sync| item.sync = sync).await
}

fn client(hardware: Option<&HardwareAddress>, client_id: Option<&ClientId>, duid: Option<&Duid>) -> Option<Client> {
    hardware
        .map(|address| Client::HardwareAddress(address.to_string()))
        .or_else(|| client_id.map(|id| Client::ClientId(id.to_string())))
        .or_else(|| duid.map(|duid| Client::Duid(duid.to_string())))
}

impl Which {
    fn name(&self) -> Result<String, Failure> {
        Ok(names::reservation(&self.scope, self.address)?.to_string())
    }
}

impl List {
    fn parent(&self) -> String {
        self.scope.as_ref().map_or_else(|| "scopes/-".to_owned(), ToString::to_string)
    }
}

impl Create {
    fn request(&self, request_id: String) -> v1::CreateReservationRequest {
        let NewClient { hardware, client_id, duid } = &self.client;
        v1::CreateReservationRequest {
            parent: self.scope.to_string(),
            reservation: Some(v1::Reservation {
                address: self.address.to_string(),
                client: client(hardware.as_ref(), client_id.as_ref(), duid.as_ref()),
                host_name: self.host_name.as_ref().map(ToString::to_string).unwrap_or_default(),
                description: self.description.clone(),
                delegated_prefixes: self.prefix.iter().map(ToString::to_string).collect(),
                ..Default::default()
            }),
            request_id,
            validate_only: self.change.validate_only,
        }
    }
}

impl Update {
    fn request(&self, request_id: String) -> Result<v1::UpdateReservationRequest, Failure> {
        let OtherClient { hardware, client_id, duid } = &self.client;
        let client = client(hardware.as_ref(), client_id.as_ref(), duid.as_ref());
        let mut paths = Vec::new();
        paths.extend(client.as_ref().map(|client| match client {
            Client::HardwareAddress(_) => "hardware_address",
            Client::ClientId(_) => "client_id",
            Client::Duid(_) => "duid",
        }));
        paths.extend((self.host_name.is_some() || self.no_host_name).then_some("host_name"));
        paths.extend(self.description.is_some().then_some("description"));
        paths.extend((!self.prefix.is_empty() || self.no_prefix).then_some("delegated_prefixes"));
        some_change(&paths)?;
        Ok(v1::UpdateReservationRequest {
            reservation: Some(v1::Reservation {
                name: self.which.name()?,
                client,
                host_name: self.host_name.as_ref().map(ToString::to_string).unwrap_or_default(),
                description: self.description.clone().unwrap_or_default(),
                delegated_prefixes: self.prefix.iter().map(ToString::to_string).collect(),
                etag: self.guard.text(),
                ..Default::default()
            }),
            update_mask: mask(paths),
            request_id,
            validate_only: self.change.validate_only,
        })
    }
}

impl Delete {
    fn request(&self, request_id: String) -> Result<v1::DeleteReservationRequest, Failure> {
        Ok(v1::DeleteReservationRequest {
            name: self.which.name()?,
            etag: self.guard.text(),
            request_id,
            validate_only: self.change.validate_only,
        })
    }
}

impl Shown for v1::Reservation {
    const MESSAGE: &'static str = "freehold.v1.Reservation";
    const COLUMNS: &'static [&'static str] = &["SCOPE", "ADDRESS", "CLIENT", "HOST NAME", "SYNC"];

    fn row(&self) -> Vec<String> {
        let scope = self.name.split('/').nth(1).unwrap_or_default().to_owned();
        vec![scope, self.address.clone(), who(self.client.as_ref()), self.host_name.clone(), worst(&self.sync)]
    }

    fn details(&self) -> Vec<(&'static str, String)> {
        vec![
            ("name", self.name.clone()),
            ("address", self.address.clone()),
            ("client", who(self.client.as_ref())),
            ("delegated", self.delegated_prefixes.join("\n")),
            ("host name", self.host_name.clone()),
            ("description", self.description.clone()),
            ("sync", sync_lines(&self.sync)),
            ("created", time(self.create_time.as_ref())),
            ("changed", time(self.update_time.as_ref())),
            ("etag", self.etag.clone()),
        ]
    }
}

fn who(client: Option<&Client>) -> String {
    match client {
        Some(Client::HardwareAddress(address)) => address.clone(),
        Some(Client::ClientId(id)) => format!("client id {id}"),
        Some(Client::Duid(duid)) => format!("DUID {duid}"),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Command as Noun, testing};
    use super::*;

    #[test]
    fn a_reservation_is_made_in_any_notation() {
        let line = "reservation create berlin-voice 10.1.2.20 --hardware 0200.5E10.0001 --host-name Printer --wait";
        let Noun::Reservation(Command::Create(create)) = testing::parse(line) else { panic!("another command") };
        assert_eq!(
            create.request("id".into()),
            v1::CreateReservationRequest {
                parent: "scopes/berlin-voice".into(),
                reservation: Some(v1::Reservation {
                    address: "10.1.2.20".into(),
                    client: Some(Client::HardwareAddress("02:00:5e:10:00:01".into())),
                    host_name: "printer".into(),
                    ..Default::default()
                }),
                request_id: "id".into(),
                validate_only: false,
            }
        );
        assert!(create.wait.wait);
    }

    #[test]
    fn an_update_names_the_client_by_its_field() {
        let line = "reservation update scopes/x/reservations/10.0.0.9 --client-id 01:02:03 --no-host-name";
        let Noun::Reservation(Command::Update(update)) = testing::parse(line) else { panic!("another command") };
        assert_eq!(
            update.request("id".into()).expect("a request"),
            v1::UpdateReservationRequest {
                reservation: Some(v1::Reservation {
                    name: "scopes/x/reservations/10.0.0.9".into(),
                    client: Some(Client::ClientId("01:02:03".into())),
                    ..Default::default()
                }),
                update_mask: mask(vec!["client_id", "host_name"]),
                request_id: "id".into(),
                validate_only: false,
            }
        );
    }

    #[test]
    fn what_cannot_be_meant_is_refused_here() {
        assert_eq!(
            testing::refused("reservation create x 10.0.0.300 --hardware 02:00:5e:10:00:01"),
            "error: invalid value '10.0.0.300' for '<ADDRESS>': \"10.0.0.300\" is not an IPv4 or IPv6 address, such as 10.1.2.3 or 2001:db8::1"
        );
        assert_eq!(
            testing::refused("reservation create x 10.0.0.3 --hardware 02:0"),
            "error: invalid value '02:0' for '--hardware <ADDRESS>': \"02:0\" is not a hardware address, such as 02:00:5e:10:00:01"
        );
        assert_eq!(
            testing::refused("reservation create x 10.0.0.3"),
            "error: the following required arguments were not provided:"
        );
    }
}
