//! A model of who has which address, made of the audit trail, against what callers were told and what is listed.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use anyhow::{Context, Result, ensure};
use freehold_lab::Loopback;
use freehold_proto::v1::address_row::Row;
use freehold_proto::v1::address_service_client::AddressServiceClient;
use freehold_proto::v1::{Event, ListAddressesRequest, ResourceChange};

use super::{Asked, NETWORK, What};
use crate::none;

const PAGE: i32 = 1000;
/// Addresses of the network that nobody can have: its own and the broadcast address.
const NOT_USABLE: [Ipv4Addr; 2] = [Ipv4Addr::new(10, 0, 0, 0), Ipv4Addr::new(10, 0, 255, 255)];

/// What the controller shows after all of it.
#[derive(Debug)]
pub(super) struct Shown {
    used: BTreeSet<Ipv4Addr>,
    events: Vec<Event>,
}

impl Shown {
    pub(super) async fn by(controller: &Loopback) -> Result<Self> {
        let channel = controller.channel().await?;
        let mut events = crate::verdict::events(channel.clone()).await?;
        events.sort_by_key(|event| event.revision);
        let mut client = AddressServiceClient::new(channel);
        let (mut used, mut page_token) = (BTreeSet::new(), String::new());
        loop {
            let request = ListAddressesRequest {
                parent: NETWORK.into(),
                page_size: PAGE,
                page_token,
                ..ListAddressesRequest::default()
            };
            let page = client.list_addresses(request).await?.into_inner();
            for row in page.rows {
                if let Some(Row::Address(address)) = row.row {
                    ensure!(used.insert(address.address.parse()?), "{} is listed twice", address.address);
                }
            }
            page_token = page.next_page_token;
            if page_token.is_empty() {
                used.retain(|address| !NOT_USABLE.contains(address));
                return Ok(Self { used, events });
            }
        }
    }

    pub(super) fn entries(&self) -> usize {
        self.events.len()
    }
}

/// Which addresses an entry gave, and which it took back.
#[derive(Debug, Default, PartialEq, Eq)]
struct Done {
    given: BTreeSet<Ipv4Addr>,
    released: BTreeSet<Ipv4Addr>,
    kept: BTreeSet<Ipv4Addr>,
}

pub(super) fn judge(asked: &[Asked], shown: &Shown) -> Result<()> {
    let mut taken = BTreeSet::new();
    let mut by_request: BTreeMap<&str, Done> = BTreeMap::new();
    for event in &shown.events {
        let done = done(event)?;
        if done == Done::default() {
            continue;
        }
        for address in &done.given {
            ensure!(taken.insert(*address), "revision {}: {address} was given while it was taken", event.revision);
        }
        for address in done.released.iter().chain(&done.kept) {
            ensure!(taken.contains(address), "revision {}: {address} was nobody's", event.revision);
        }
        for address in &done.released {
            taken.remove(address);
        }
        let again = by_request.insert(&event.request_id, done);
        ensure!(again.is_none(), "{} was done twice", event.request_id);
    }

    let is_so = |asked: &&Asked| {
        let Some(done) = by_request.get(asked.request_id.as_str()) else { return false };
        let addresses: BTreeSet<_> = asked.addresses.iter().copied().collect();
        let told = match asked.what {
            What::Given => Done { given: addresses, ..Done::default() },
            What::Released => Done { released: addresses, ..Done::default() },
            What::Kept => Done { kept: addresses, ..Done::default() },
            What::Imported => {
                let (kept, given) = addresses.into_iter().partition(|address| done.kept.contains(address));
                Done { given, kept, ..Done::default() }
            }
        };
        *done == told
    };
    let wrong: Vec<_> = asked.iter().filter(|one| !is_so(one)).collect();
    none("what a caller was told is not what was done", &wrong)?;
    let known: BTreeSet<_> = asked.iter().map(|asked| asked.request_id.as_str()).collect();
    let leaked: Vec<_> = by_request.keys().filter(|id| !known.contains(*id)).collect();
    none("something was done that nobody was told of", &leaked)?;

    ensure!(taken == shown.used, "what is listed is not what the audit trail comes to");
    let given: usize = by_request.values().map(|done| done.given.len()).sum();
    let by = |what| asked.iter().filter(|one| one.what == what).count();
    println!("{} imports, {} given back, {} kept", by(What::Imported), by(What::Released), by(What::Kept));
    ensure!(by(What::Imported) > 0, "no import ever came through: the load was not what it should be");
    let released = asked.iter().filter(|one| one.what == What::Released).count();
    ensure!(
        released > 0 && taken.len() == given - released,
        "{given} given, {released} released, {} left",
        taken.len()
    );
    Ok(())
}

fn done(event: &Event) -> Result<Done> {
    let mut done = Done::default();
    for change in event.changes.iter().filter(|change| change.resource.starts_with("spaces/default/addresses/")) {
        let address = address(change)?;
        match (&change.before, &change.after) {
            (None, Some(_)) => done.given.insert(address),
            (Some(_), None) => done.released.insert(address),
            _ => done.kept.insert(address),
        };
    }
    Ok(done)
}

fn address(change: &ResourceChange) -> Result<Ipv4Addr> {
    Ok(change.resource.rsplit('/').next().context("no address")?.parse()?)
}
