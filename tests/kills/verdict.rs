//! Whether what the controller has is what its callers were told.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::Path;

use anyhow::{Result, ensure};
use freehold_controller::backup;
use freehold_controller::recover::{self, DataDir};
use freehold_controller::view::View;
use freehold_lab::Loopback;
use freehold_proto::v1::event_service_client::EventServiceClient;
use freehold_proto::v1::reservation::Client;
use freehold_proto::v1::reservation_service_client::ReservationServiceClient;
use freehold_proto::v1::{Event, ListEventsRequest, ListReservationsRequest, Reservation};
use tonic::transport::Channel;

use crate::caller::{Claim, SCOPE};
use crate::none;

const METHOD: &str = "/freehold.v1.ReservationService/CreateReservation";
const PAGE: i32 = 1000;

/// What the controller shows after all of it.
#[derive(Debug)]
pub(crate) struct Shown {
    /// Who has each address.
    owners: Vec<(Ipv4Addr, String)>,
    /// The audit trail.
    events: Vec<Event>,
}

impl Shown {
    /// Asks a running controller.
    pub(crate) async fn by(controller: &Loopback) -> Result<Self> {
        let channel = controller.channel().await?;
        let mut reservations = ReservationServiceClient::new(channel.clone());
        let (mut owners, mut page_token) = (Vec::new(), String::new());
        loop {
            let request = ListReservationsRequest {
                parent: format!("scopes/{SCOPE}"),
                page_size: PAGE,
                page_token,
                ..Default::default()
            };
            let page = reservations.list_reservations(request).await?.into_inner();
            owners.extend(page.reservations.iter().map(owner).collect::<Result<Vec<_>>>()?);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        Ok(Self { owners, events: events(channel).await? })
    }

    /// How many entries the controller has.
    pub(crate) fn entries(&self) -> usize {
        self.events.len()
    }
}

/// The whole audit trail.
pub(crate) async fn events(channel: Channel) -> Result<Vec<Event>> {
    let mut client = EventServiceClient::new(channel).max_decoding_message_size(64 << 20);
    let (mut events, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = ListEventsRequest { page_size: PAGE, page_token, ..ListEventsRequest::default() };
        let page = client.list_events(request).await?.into_inner();
        events.extend(page.events);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(events);
        }
    }
}

fn owner(reservation: &Reservation) -> Result<(Ipv4Addr, String)> {
    let Some(Client::HardwareAddress(client)) = &reservation.client else {
        anyhow::bail!("{} is for nobody that was asked for", reservation.name);
    };
    Ok((reservation.address.parse()?, client.clone()))
}

/// Compares what callers were told with what is there.
pub(crate) fn judge(claims: &[Claim], shown: &Shown) -> Result<()> {
    let owners: BTreeMap<Ipv4Addr, &str> =
        shown.owners.iter().map(|(address, client)| (*address, client.as_str())).collect();
    ensure!(owners.len() == shown.owners.len(), "an address is listed twice");

    let is_there = |claim: &&Claim| owners.get(&claim.address) == Some(&claim.hardware_address.as_str());
    let lost: Vec<_> = claims.iter().filter(|claim| claim.granted && !is_there(claim)).collect();
    none("an acknowledged reservation is not there", &lost)?;
    let denied: Vec<_> = claims.iter().filter(|claim| !claim.granted && is_there(claim)).collect();
    none("a reservation that was refused is there", &denied)?;
    let granted = claims.iter().filter(|claim| claim.granted).count();
    ensure!(granted == owners.len(), "{granted} were acknowledged, {} are there", owners.len());
    let contested = claims.len() - granted;
    ensure!(contested > 0, "no two callers ever met at an address: the load was not what it should be");
    once_in_the_audit_trail(claims, &shown.events)
}

/// Each acknowledged request has one event that did something, each refused one has none, and revisions have no gap.
fn once_in_the_audit_trail(claims: &[Claim], events: &[Event]) -> Result<()> {
    let mut revisions: Vec<u64> = events.iter().map(|event| event.revision).collect();
    revisions.sort_unstable();
    ensure!(revisions.iter().copied().eq(1..=revisions.len() as u64), "the audit trail has gaps or doubles");
    let mut done: BTreeMap<&str, usize> = BTreeMap::new();
    for event in events.iter().filter(|event| event.method == METHOD && event.refusal.is_empty()) {
        *done.entry(&event.request_id).or_default() += 1;
    }
    let wrong: Vec<_> = claims
        .iter()
        .filter(|claim| done.get(claim.request_id.as_str()).copied().unwrap_or_default() != usize::from(claim.granted))
        .collect();
    none("the audit trail has an acknowledged request not once, or a refused one", &wrong)?;
    let granted = claims.iter().filter(|claim| claim.granted).count();
    ensure!(done.len() == granted, "the audit trail has {} reservations, {granted} were acknowledged", done.len());
    Ok(())
}

/// The ledger by itself makes the same of it as the store and what came after, and every rule holds.
pub(crate) fn ledger_alone(data: &Path, entries: usize) -> Result<()> {
    let data = DataDir::new(data.to_owned());
    let alone = backup::check(&data)?;
    none("the state breaks a rule", &alone.broken)?;
    let with_store = recover::open(&data)?;
    ensure!(with_store.set_aside.is_none(), "the store was damaged: {:?}", with_store.set_aside);
    ensure!(with_store.state.view.digest() == alone.state, "the store and the ledger do not make the same state");
    ensure!(alone.revision == entries as u64, "the ledger has another number of entries than the API");
    Ok(())
}
