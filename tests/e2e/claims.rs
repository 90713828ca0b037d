//! Holds and claims in a pool that a crowd leases from at the same time: what is ACTIVE is leased to nobody else, and what is
//! leased is in CONFLICT and says who has it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, anyhow, bail, ensure};
use freehold_lab::NOBODY;
use freehold_lab::client::perfdhcp::Load;
use freehold_lab::wait::until;
use freehold_proto::v1::address_details::Client;
use freehold_proto::v1::address_reason::Detail;
use freehold_proto::v1::address_service_client::AddressServiceClient;
use freehold_proto::v1::assignment::Phase;
use freehold_proto::v1::event_service_client::EventServiceClient;
use freehold_proto::v1::snapshot::Resource;
use freehold_proto::v1::{
    AddressDetails, AddressPurpose, AllocateAddressesRequest, Assignment, GetAddressRequest, ListEventsRequest,
    WaitAddressRequest,
};
use futures_util::{StreamExt, TryStreamExt};
use prost_types::Duration as Span;
use tonic::transport::Channel;

use crate::berlin::{Berlin, CONVERGED, SERVER, SOON};

/// The pool, of 4,096 addresses.
const FIRST: Ipv4Addr = Ipv4Addr::new(10, 1, 16, 0);
const LAST: Ipv4Addr = Ipv4Addr::new(10, 1, 31, 255);
/// Clients that lease from it while addresses of it are given out, and how many of them each second.
const CLIENTS: u32 = 2600;
const RATE: u32 = 60;
/// Clients that come afterwards: more than the pool has addresses left.
const LATE: u32 = 1500;
/// Half of the batches are holds, half are claims.
const BATCHES: u32 = 20;
const BATCH: u32 = 50;
/// The batch that takes the first free addresses, which the server leases next: most of it comes into CONFLICT.
const AHEAD: u32 = 3;
/// Leases between two batches: the last comes before the crowd has ended.
const APART: u32 = 110;

#[test]
fn what_is_active_is_leased_to_nobody_else_however_many_lease_meanwhile() -> Result<()> {
    Berlin::with(|berlin| {
        berlin.done("prefix create --network 10.1.0.0/16")?;
        berlin.done(&format!(
            "scope create office --network 10.1.0.0/16 --range {FIRST}-{LAST} --server {SERVER} --wait"
        ))?;
        let (crowd, load) = berlin.crowd("crowd", CLIENTS, RATE)?;
        let late = Load { clients: LATE, first: [2, 3, 0, 0, 0, 0], rate: 150, ..load };
        let runtime = tokio::runtime::Runtime::new()?;
        let line = berlin.controller.channel(runtime.handle())?;

        let asking = std::thread::spawn({
            let crowd = crowd.clone();
            move || crowd.perfdhcp(&load)
        });
        let mut asked = BTreeMap::new();
        for batch in 0..BATCHES {
            until("the crowd goes on", SOON, || {
                let granted = rows(berlin)?.len();
                ensure!(granted >= usize::try_from(batch * APART)?, "it has {granted} leases");
                Ok(())
            })?;
            let now = SystemTime::now();
            for address in runtime.block_on(given(line.clone(), batch))? {
                ensure!(asked.insert(address, now).is_none(), "{address} was given twice");
            }
        }
        assert!(
            !asking.is_finished(),
            "the crowd was too small: it had ended before the last addresses were given out"
        );
        runtime.block_on(settled(&line, asked.keys()))?;
        asking.join().expect("perfdhcp does not panic")?;
        crowd.perfdhcp(&late)?;
        berlin.wait_leases_equal(CONVERGED)?;

        let leased = leased(berlin)?;
        let expected: BTreeMap<_, _> = asked.keys().map(|address| (*address, conflict(leased.get(address)))).collect();
        let mut found = BTreeMap::new();
        let mut until_active = Vec::new();
        let phases = runtime.block_on(phases(&line))?;
        for (address, now) in &asked {
            let became = phases.get(address).context("nothing is recorded of it")?;
            if let Some((at, _)) = became.iter().find(|(_, phase)| *phase == Phase::Active) {
                assert_eq!(leased.get(address), None, "{address} was ACTIVE at {at:?}: {became:?}");
                until_active.push(at.duration_since(*now)?);
            }
            found.insert(*address, runtime.block_on(end(&line, address))?);
        }
        assert_eq!(found, expected);

        let active: BTreeSet<_> = found.iter().filter(|(_, who)| who.is_empty()).map(|(address, _)| *address).collect();
        assert!(active.len() > 800, "{} are ACTIVE", active.len());
        assert!(active.len() < found.len(), "nobody leased an address that was given out: nothing was shown");
        let used: BTreeSet<_> = active.iter().copied().chain(leased.into_keys()).collect();
        let pool: BTreeSet<_> = (FIRST.to_bits()..=LAST.to_bits()).map(Ipv4Addr::from_bits).collect();
        assert_eq!(used, pool, "the crowd was too small: it could have been that nobody tried the rest of the pool");

        until_active.sort_unstable();
        println!(
            "{} ACTIVE, {} in CONFLICT; from the call to ACTIVE: {} ms (median), {} ms at most",
            active.len(),
            found.len() - active.len(),
            until_active[until_active.len() / 2].as_millis(),
            until_active.last().map_or(0, Duration::as_millis),
        );
        Ok(())
    })
}

/// Asks for a batch of the pool: of any free ones, or the first.
async fn given(line: Channel, batch: u32) -> Result<Vec<Ipv4Addr>> {
    let [_, _, _, number] = batch.to_be_bytes();
    let client = |n: u32| AddressDetails {
        client: Some(Client::HardwareAddress(format!("02:02:00:00:{number:02x}:{n:02x}"))),
        ..AddressDetails::default()
    };
    let is_held = batch.is_multiple_of(2);
    let request = AllocateAddressesRequest {
        parent: "scopes/office".to_owned(),
        random: batch != AHEAD,
        count: i32::try_from(BATCH)?,
        purpose: if is_held { AddressPurpose::Hold } else { AddressPurpose::Claim }.into(),
        ttl: is_held.then_some(Span { seconds: 3600, nanos: 0 }),
        details: if is_held { Vec::new() } else { (0..BATCH).map(client).collect() },
        ..AllocateAddressesRequest::default()
    };
    let given = AddressServiceClient::new(line).allocate_addresses(request).await?.into_inner();
    given.addresses.iter().map(|given| Ok(given.address.parse()?)).collect()
}

/// Waits until none of them is PENDING.
async fn settled(line: &Channel, addresses: impl Iterator<Item = &Ipv4Addr>) -> Result<()> {
    let wait = |address: &Ipv4Addr| {
        let timeout = Some(Span { seconds: 60, nanos: 0 });
        let (mut client, name) = (AddressServiceClient::new(line.clone()), name(address));
        async move {
            let address = client.wait_address(WaitAddressRequest { name, timeout }).await?.into_inner();
            let phase = assignment(address.reasons.first().and_then(|reason| reason.detail.as_ref()))?.phase();
            ensure!(phase != Phase::Pending, "{} still waits: {:?}", address.name, address.wait);
            Ok(())
        }
    };
    futures_util::stream::iter(addresses).map(wait).buffer_unordered(50).try_collect().await
}

/// How an address is: who has it, if it is in CONFLICT; nothing if it is ACTIVE.
async fn end(line: &Channel, address: &Ipv4Addr) -> Result<String> {
    let get = GetAddressRequest { name: name(address) };
    let address = AddressServiceClient::new(line.clone()).get_address(get).await?.into_inner();
    let assignment = assignment(address.reasons.first().and_then(|reason| reason.detail.as_ref()))?;
    match assignment.phase() {
        Phase::Active => Ok(String::new()),
        Phase::Conflict => Ok(assignment.conflict.clone()),
        phase => bail!("{} is {phase:?}", address.name),
    }
}

fn assignment(detail: Option<&Detail>) -> Result<&Assignment> {
    match detail {
        Some(Detail::Assignment(assignment)) => Ok(assignment),
        other => Err(anyhow!("it is neither held nor claimed: {other:?}")),
    }
}

/// The phases that each address came into, the newest first, and when that was.
async fn phases(line: &Channel) -> Result<BTreeMap<Ipv4Addr, Vec<(SystemTime, Phase)>>> {
    let mut client = EventServiceClient::new(line.clone());
    let mut phases: BTreeMap<_, Vec<_>> = BTreeMap::new();
    let mut request = ListEventsRequest { page_size: 1000, ..ListEventsRequest::default() };
    loop {
        let page = client.list_events(request.clone()).await?.into_inner();
        for event in &page.events {
            let time = SystemTime::try_from(event.time.context("an event has a time")?)?;
            ensure!(u64::try_from(event.changes.len())? == event.change_count, "{} is not whole", event.name);
            for after in event.changes.iter().filter_map(|change| change.after.as_ref()?.resource.as_ref()) {
                if let Resource::Assignment(after) = after {
                    let (_, address) = after.name.rsplit_once('/').context("an address has a name")?;
                    phases.entry(address.parse()?).or_default().push((time, after.phase()));
                }
            }
        }
        if page.next_page_token.is_empty() {
            return Ok(phases);
        }
        request.page_token = page.next_page_token;
    }
}

/// All leases that Kea ever wrote into its lease files: addresses, and who leased them. What keeps an address for nobody is none.
fn rows(berlin: &Berlin) -> Result<Vec<(Ipv4Addr, String)>> {
    let mut rows = Vec::new();
    for file in std::fs::read_dir(berlin.branch.host.folder())? {
        let path = file?.path();
        if !path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("kea-leases4.csv")) {
            continue;
        }
        let text = std::fs::read_to_string(&path)?;
        for row in text.split_inclusive('\n').skip(1).filter(|row| row.ends_with('\n')) {
            let mut columns = row.split(',');
            let (address, client) = columns.next().zip(columns.next()).context("a row is short")?;
            if client != NOBODY {
                rows.push((address.parse()?, client.to_owned()));
            }
        }
    }
    Ok(rows)
}

/// Who ever leased each address. Leases last an hour and nobody gives one back: what was leased once is leased at the end.
fn leased(berlin: &Berlin) -> Result<BTreeMap<Ipv4Addr, BTreeSet<String>>> {
    let mut leased: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for (address, client) in rows(berlin)? {
        leased.entry(address).or_default().insert(client);
    }
    Ok(leased)
}

/// What is to be said of an address that these lease.
fn conflict(clients: Option<&BTreeSet<String>>) -> String {
    let says = |client: &String| format!("servers/{SERVER} leases it to {client}");
    clients.into_iter().flatten().map(says).collect::<Vec<_>>().join(", ")
}

fn name(address: &Ipv4Addr) -> String {
    format!("spaces/default/addresses/{address}")
}
