//! `freehold ip`: addresses, what each is, and getting free ones.

mod past;
mod ping;
mod request;
mod reserve;
mod set;
mod shown;
mod stale;
mod why;

use super::labels::NewLabels;
use super::{Change, Guard};
use crate::connect::Api;
use crate::duration;
use crate::error::Failure;
use crate::names;
use crate::output::Screen;
use crate::page::{Limit, all};
use clap::{Args, Subcommand, ValueEnum};
use freehold_core::client::{ClientId, Duid, HardwareAddress};
use freehold_core::name::{ScopeName, SpaceName};
use freehold_core::text::HostName;
use freehold_proto::v1;
use freehold_proto::v1::assignment::Phase;
use request::whole;
use std::net::IpAddr;
use std::time::Duration;
use tokio::time::Instant;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Get free addresses: held for 10 minutes, or claimed, or reserved
    Next(Next),
    /// Claim an address: a free or held one, or a lease or reservation for the client that has it
    Claim(Claim),
    /// Show an address: what it is, and every reason why it is not free
    Show(Which),
    /// Tell in sentences why an address is not free, what it waits for, and what can be done
    Why(Which),
    /// List what happened to an address, the newest first
    History(past::History),
    /// Tell who had an address
    Who(past::Who),
    /// List the addresses of a scope or a network; neighbouring free ones are one row
    List(List),
    /// Change what is said about a held or claimed address
    Set(set::Set),
    /// Reserve an address in its scope: a lease, hold or claim becomes a reservation of its client
    Reserve(reserve::Reserve),
    /// Ask on the network whether somebody has an address, by ARP and ping, from the agent nearest to it
    Ping(ping::Ping),
    /// Forget who was seen to answer on an address, so that it is given out again
    Clear(Clear),
    /// Give a held or claimed address back
    Release(Release),
    /// Let a hold last longer, from now on
    Extend(Extend),
    /// Give a reservation another address of its scope
    Move(Move),
    /// List claimed, reserved and leased addresses that were not seen for long, and take them back
    Stale(stale::Stale),
}

#[derive(Debug, Args)]
pub(crate) struct Which {
    /// The address, or the whole name spaces/SPACE/addresses/ADDRESS
    address: String,
    /// The space of the address; the default space if not given
    #[arg(long, value_parser = names::space)]
    space: Option<SpaceName>,
}

/// A scope by its id, or a network by its CIDR.
#[derive(Debug, Args)]
pub(crate) struct Place {
    /// A scope, such as berlin-voice, or a network, such as 10.1.2.0/24
    place: String,
    /// The space of the network; the default space if not given
    #[arg(long, value_parser = names::space)]
    space: Option<SpaceName>,
}

#[derive(Debug, Default, Args)]
#[group(required = false, multiple = false)]
pub(crate) struct Client {
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

/// What is said about an address.
#[derive(Debug, Default, Args)]
pub(crate) struct Details {
    #[command(flatten)]
    client: Client,
    /// The client's host name
    #[arg(long, value_parser = HostName::parse)]
    host_name: Option<HostName>,
    /// What it is for
    #[arg(long, default_value = "")]
    comment: String,
    /// Whom to ask
    #[arg(long, default_value = "")]
    owner: String,
    #[command(flatten)]
    labels: NewLabels,
}

/// Whether to wait until an address can be relied on.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Settled {
    /// Wait until no DHCP server can lease it to another; exit status 4 if the time is up, 1 if another has it
    #[arg(long, conflicts_with = "validate_only")]
    wait: bool,
    /// How long to wait, such as 30s or 5m
    #[arg(long, requires = "wait", default_value = "30s", value_name = "DURATION", value_parser = duration::parse)]
    timeout: Duration,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Probe {
    Required,
    BestEffort,
}

#[derive(Debug, Args)]
pub(crate) struct Next {
    #[command(flatten)]
    place: Place,
    /// Any active network that this takes and that has room, in the container or the space (spaces/NAME) that is named as the place:
    /// 'tags:voice AND fields.site = "berlin"'
    #[arg(long, value_name = "FILTER")]
    filter: Option<String>,
    /// Hold them so long, up to 24h; 10m if not given
    #[arg(long, value_name = "DURATION", value_parser = duration::parse, conflicts_with_all = ["claim", "reserve"])]
    hold: Option<Duration>,
    /// Claim them
    #[arg(long, conflicts_with = "reserve")]
    claim: bool,
    /// When the claims end by themselves: in 30d, or at 2026-11-21T14:05:00Z
    #[arg(long, value_name = "TIME", requires = "claim", conflicts_with_all = ["hold", "reserve"])]
    expires: Option<String>,
    /// Reserve them in the scope
    #[arg(long)]
    reserve: bool,
    /// How many; all or none are given
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(i32).range(1..=1024))]
    count: i32,
    /// Any free ones, instead of the first
    #[arg(long)]
    random: bool,
    /// The first free ones from this address on
    #[arg(long, value_name = "ADDRESS", value_parser = names::address, conflicts_with = "random")]
    from: Option<IpAddr>,
    /// Ask on the network first whether somebody has them, and pass over those that answer; where nobody can ask, the call
    /// fails if it is required
    #[arg(long, value_enum, value_name = "POLICY", num_args = 0..=1, require_equals = true, default_missing_value = "required")]
    probe: Option<Probe>,
    #[command(flatten)]
    details: Details,
    #[command(flatten)]
    change: Change,
    #[command(flatten)]
    settled: Settled,
}

#[derive(Debug, Args)]
pub(crate) struct Claim {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    details: Details,
    /// Claim it though a DHCP server leases it, or might
    #[arg(long)]
    accept_risk: bool,
    /// When the claim ends by itself: in 30d, or at 2026-11-21T14:05:00Z
    #[arg(long, value_name = "TIME")]
    expires: Option<String>,
    #[command(flatten)]
    change: Change,
    #[command(flatten)]
    settled: Settled,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// A scope, such as berlin-voice, or a network, such as 10.1.2.0/24; with --expiring any prefix, or everywhere
    #[arg(required_unless_present = "expiring")]
    place: Option<String>,
    /// The space of the network; the default space if not given
    #[arg(long, value_parser = names::space)]
    space: Option<SpaceName>,
    /// Begin at this address
    #[arg(long, value_name = "ADDRESS", value_parser = names::address, conflicts_with = "expiring")]
    from: Option<IpAddr>,
    /// Only claims that end within this time, the first to end first
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    expiring: Option<Duration>,
    /// Holds, too
    #[arg(long, requires = "expiring")]
    holds: bool,
    #[command(flatten)]
    limit: Limit,
}

#[derive(Debug, Args)]
pub(crate) struct Clear {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    change: Change,
}

#[derive(Debug, Args)]
pub(crate) struct Release {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    guard: Guard,
    #[command(flatten)]
    change: Change,
}

#[derive(Debug, Args)]
pub(crate) struct Extend {
    #[command(flatten)]
    which: Which,
    /// How long it lasts from now on, up to 24h
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = duration::parse)]
    hold: Duration,
    #[command(flatten)]
    guard: Guard,
    #[command(flatten)]
    change: Change,
}

#[derive(Debug, Args)]
pub(crate) struct Move {
    /// The scope
    #[arg(value_parser = names::scope)]
    scope: ScopeName,
    /// The reserved address
    #[arg(value_parser = names::address)]
    from: IpAddr,
    /// The address that it is to have
    #[arg(value_parser = names::address)]
    to: IpAddr,
    #[command(flatten)]
    guard: Guard,
    #[command(flatten)]
    change: Change,
}

pub(crate) async fn run(command: Command, api: &Api, screen: &mut Screen<'_>) -> Result<(), Failure> {
    match command {
        Command::Next(next) => {
            let request = next.request(api.request_id())?;
            let made = api.call(request, async |request| api.addresses().allocate_addresses(request).await).await?;
            ping::remark(&made.probes, screen)?;
            given(api, screen, made.addresses, next.settled, next.change).await
        }
        Command::Claim(claim) => {
            let made = claimed(api, &claim).await?;
            given(api, screen, vec![made], claim.settled, claim.change).await
        }
        Command::Show(which) => screen.one(&get(api, which.name()?).await?),
        Command::Why(which) => why::run(api, screen, which.name()?).await,
        Command::History(history) => past::history(&history, api, screen).await,
        Command::Who(who) => past::who(&who, api, screen).await,
        Command::Set(order) => set::run(&order, api, screen).await,
        Command::Reserve(order) => reserve::run(&order, api, screen).await,
        Command::List(list) if list.expiring.is_some() => {
            let addresses = all(list.limit, async |page_size, page_token| {
                let request = list.expiring_request(page_size, page_token)?;
                let page =
                    api.call(request, async |request| api.addresses().list_expiring_addresses(request).await).await?;
                Ok((page.addresses, page.next_page_token))
            });
            screen.list(&addresses.await?)
        }
        Command::List(list) => {
            let parent = list.parent()?;
            let rows = all(list.limit, async |page_size, page_token| {
                let from = list.from.map(|from| from.to_string()).unwrap_or_default();
                let request = v1::ListAddressesRequest { parent: parent.clone(), page_size, page_token, from };
                let page = api.call(request, async |request| api.addresses().list_addresses(request).await).await?;
                Ok((page.rows, page.next_page_token))
            });
            screen.list(&rows.await?)
        }
        Command::Clear(clear) => {
            let request = clear.request(api.request_id())?;
            let name = request.name.clone();
            api.call(request, async |request| api.addresses().clear_sighting(request).await).await?;
            screen.deleted(&name, clear.change.validate_only)
        }
        Command::Ping(ping) => ping::run(ping, api, screen).await,
        Command::Release(release) => {
            let request = release.request(api.request_id())?;
            let name = request.name.clone();
            api.call(request, async |request| api.addresses().release_address(request).await).await?;
            screen.deleted(&name, release.change.validate_only)
        }
        Command::Extend(extend) => {
            let request = extend.request(api.request_id())?;
            let held = api.call(request, async |request| api.addresses().extend_hold(request).await).await?;
            screen.changed(&held, extend.change.validate_only)
        }
        Command::Move(order) => {
            let request = order.request(api.request_id());
            let moved = api.call(request, async |request| api.addresses().move_reservation(request).await).await?;
            screen.changed(&moved, order.change.validate_only)
        }
        Command::Stale(stale) => stale::run(&stale, api, screen).await,
    }
}

async fn get(api: &Api, name: String) -> Result<v1::Address, Failure> {
    let request = v1::GetAddressRequest { name };
    api.call(request, async |request| api.addresses().get_address(request).await).await
}

/// Makes a claim of an address, whatever it is now.
async fn claimed(api: &Api, claim: &Claim) -> Result<v1::Address, Failure> {
    let name = claim.which.name()?;
    let now = get(api, name.clone()).await?;
    match now.state() {
        v1::address::State::Held => {
            let request = claim.of_hold(name, now.etag, api.request_id())?;
            return api.call(request, async |request| api.addresses().claim_held_address(request).await).await;
        }
        v1::address::State::Reserved => {
            let request = claim.of_reservation(&now, api.request_id())?;
            return api.call(request, async |request| api.addresses().convert_to_claim(request).await).await;
        }
        v1::address::State::Leased => {
            let request = claim.of_lease(&now, api.request_id())?;
            return api.call(request, async |request| api.addresses().convert_lease(request).await).await;
        }
        _ => {}
    }
    let request = claim.of_free(&name, api.request_id())?;
    let made = api.call(request, async |request| api.addresses().allocate_addresses(request).await).await?;
    made.addresses.into_iter().next().ok_or_else(|| Failure::Odd("the controller gave no address".to_owned()))
}

/// Shows addresses that were given out, with `--wait` when it is known whether they can be relied on.
async fn given(
    api: &Api,
    screen: &mut Screen<'_>,
    mut addresses: Vec<v1::Address>,
    settled: Settled,
    change: Change,
) -> Result<(), Failure> {
    let deadline = Instant::now() + settled.timeout;
    for address in addresses.iter_mut().filter(|address| settled.wait && phase(address) == Phase::Pending) {
        *address = waited(api, &address.name, deadline).await?;
    }
    match addresses.as_slice() {
        [one] => screen.changed(one, change.validate_only)?,
        many => screen.list(many)?,
    }
    if !settled.wait {
        return Ok(());
    }
    let in_phase = |wanted: Phase| addresses.iter().find(|address| phase(address) == wanted);
    if let Some(address) = in_phase(Phase::Conflict) {
        let held = shown::assignment(address).map(|held| held.conflict.clone()).unwrap_or_default();
        return Err(Failure::Conflict { resource: address.name.clone(), who: held });
    }
    match in_phase(Phase::Pending) {
        Some(address) => Err(Failure::NotApplied {
            resource: address.name.clone(),
            waited: duration::show(settled.timeout.as_secs()),
            servers: address.wait.iter().filter_map(|wait| wait.server.clone()).collect(),
        }),
        None => Ok(()),
    }
}

fn phase(address: &v1::Address) -> Phase {
    shown::assignment(address).map_or(Phase::Unspecified, v1::Assignment::phase)
}

/// The longest that the controller is asked to wait in one call.
const SLICE: Duration = Duration::from_secs(2);

async fn waited(api: &Api, name: &str, deadline: Instant) -> Result<v1::Address, Failure> {
    loop {
        let slice = deadline.saturating_duration_since(Instant::now()).clamp(Duration::from_millis(1), SLICE);
        let request = v1::WaitAddressRequest { name: name.to_owned(), timeout: Some(whole(slice)) };
        let address = api.call(request, async |request| api.addresses().wait_address(request).await).await?;
        if phase(&address) != Phase::Pending || Instant::now() >= deadline {
            return Ok(address);
        }
    }
}
