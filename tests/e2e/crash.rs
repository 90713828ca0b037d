//! Whatever is cut short, Kea runs one whole configuration, the old or the new, and gets to the new one.
//!
//! The change is a ward that opens and closes: a scope and its reservations, which come and go together, so that a mix would show. A Kea that is changed
//! while it serves has a part of it for a while, from which nobody may lease: the ward has no pool until every bed is reserved.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use freehold_agent::driver::kea::apply::Step;
use freehold_lab::link::Link;
use freehold_lab::wait::until;
use freehold_lab::{Generation, WAN};
use freehold_proto::v1::reservation::Client;
use freehold_proto::v1::reservation_service_client::ReservationServiceClient;
use freehold_proto::v1::{CreateReservationRequest, Reservation};
use futures_util::{StreamExt, TryStreamExt};
use rustix::process::Signal;
use serde_json::Value;

use crate::berlin::{Berlin, CONVERGED, SERVER, SOON};

/// At this rate a ward of 300 reservations, some 27 kB, is seconds on its way behind the first 16 kB, which pass at once.
const SLOW_KBITS: u32 = 32;
/// In the middle of the push.
const PART_BYTES: u64 = 8000;

#[test]
fn an_agent_that_dies_at_any_step_of_an_apply_leaves_one_whole_configuration() -> Result<()> {
    Berlin::with(|berlin| {
        let mut ward = Ward::plan(berlin, 30)?;
        for restart_kea in [false, true] {
            for step in Step::ALL {
                let old = ward.whole(berlin)?;
                berlin.agent.stop()?;
                berlin.agent.run_with(&BTreeMap::from([("FREEHOLD_FAILPOINT", step.as_str())]))?;
                berlin.controller.wait_connected(SERVER, SOON)?;
                ward.toggle(berlin)?;
                let ended = berlin.agent.wait_ended(SOON)?;
                ensure!(ended.signal() == Some(Signal::ABORT.as_raw()), "at {step:?} the agent ended with {ended}");
                if restart_kea {
                    berlin.branch.kea.kill()?;
                    berlin.branch.kea.start()?;
                }
                let left = ward.whole(berlin)?;
                let new = matches!(step, Step::Set | Step::ReadBack) && !restart_kea || step >= Step::Persisted;
                assert_eq!(left != old, new, "after {step:?}, Kea restarted: {restart_kea}");

                berlin.agent.run()?;
                ward.converges(berlin, old)?;
            }
        }
        Ok(())
    })
}

#[test]
fn a_link_that_fails_in_the_middle_of_a_push_leaves_one_whole_configuration() -> Result<()> {
    Berlin::with(|berlin| {
        let mut ward = Ward::plan(berlin, 300)?;
        for fail in [Link::cut, Link::mute, Link::deafen] {
            ward.is_cut_short(berlin, fail, Duration::from_secs(3))?;
            let open = ward.whole(berlin)?;
            ward.toggle(berlin)?;
            ward.converges(berlin, open)?;
        }
        Ok(())
    })
}

#[test]
fn a_connection_that_dies_in_the_middle_of_a_push_leaves_one_whole_configuration() -> Result<()> {
    // Longer than the 30 seconds after which both ends give the connection up.
    Berlin::with(|berlin| Ward::plan(berlin, 300)?.is_cut_short(berlin, Link::cut, Duration::from_secs(35)))
}

/// A scope that is active or not, with so many reservations.
struct Ward {
    reservations: usize,
    open: bool,
}

impl Ward {
    /// A closed ward, and an office that is there all the time.
    fn plan(berlin: &Berlin, reservations: u16) -> Result<Self> {
        for network in ["10.1.0.0/16", "10.60.0.0/16"] {
            berlin.done(&format!("prefix create --network {network}"))?;
        }
        berlin.done("scope create office --network 10.1.0.0/16 --range 10.1.2.10-10.1.2.29 --server berlin/kea4")?;
        berlin.done(
            "scope create ward --network 10.60.0.0/16 --range 10.60.200.0-10.60.200.99 --inactive --server berlin/kea4",
        )?;
        let runtime = tokio::runtime::Runtime::new()?;
        let client = ReservationServiceClient::new(berlin.controller.channel(runtime.handle())?);
        let create = |n: u16| {
            let [high, low] = n.to_be_bytes();
            let reservation = Reservation {
                address: format!("10.60.{high}.{low}"),
                client: Some(Client::HardwareAddress(format!("02:00:00:60:{high:02x}:{low:02x}"))),
                host_name: format!("bed-{n}"),
                ..Reservation::default()
            };
            let mut client = client.clone();
            async move {
                let parent = "scopes/ward".to_owned();
                let request = CreateReservationRequest { parent, reservation: Some(reservation), ..Default::default() };
                client.create_reservation(request).await.map(drop)
            }
        };
        let numbers = futures_util::stream::iter(1..=reservations);
        runtime.block_on(numbers.map(create).buffer_unordered(50).try_collect::<()>())?;
        berlin.controller.wait_applied("office", SOON)?;
        Ok(Self { reservations: reservations.into(), open: false })
    }

    /// Opens or closes it, in one change.
    fn toggle(&mut self, berlin: &Berlin) -> Result<()> {
        self.open = !self.open;
        berlin.done(if self.open { "scope update ward --active" } else { "scope update ward --inactive" })?;
        Ok(())
    }

    /// All that Kea runs, which must have the ward whole or not at all; `None` while it has a part from which nobody leases, where it is changed as it serves.
    fn running(&self, berlin: &Berlin) -> Result<Option<Value>> {
        let config = berlin.branch.kea.running_config()?;
        let subnets = config["Dhcp4"]["subnet4"].as_array().cloned().unwrap_or_default();
        let count = |subnet: &Value, list: &str| subnet[list].as_array().map_or(0, Vec::len);
        let shape = |subnet: &Value| {
            let network = subnet["subnet"].as_str().unwrap_or_default().to_owned();
            (network, count(subnet, "pools"), count(subnet, "reservations"))
        };
        let shapes: Vec<_> = subnets.iter().map(shape).collect();
        let (office, ward) = (("10.1.0.0/16".to_owned(), 1, 0), ("10.60.0.0/16".to_owned(), 1, self.reservations));
        if shapes == [office.clone()] || shapes == [office, ward] {
            return Ok(Some(config));
        }
        let live = Generation::from_environment()? == Generation::Kea3_0;
        assert!(live && shapes.len() == 2 && shapes[1].1 == 0, "Kea runs a mix: {shapes:?}");
        Ok(None)
    }

    /// The same while nothing is changed.
    fn whole(&self, berlin: &Berlin) -> Result<Value> {
        self.running(berlin)?.context("Kea has a part of the ward")
    }

    /// Waits until the controller was shown that its server runs what it should; Kea does, and never ran anything else than that or `old`.
    fn converges(&self, berlin: &Berlin, old: Value) -> Result<()> {
        let mut seen = vec![old];
        until("the server runs what it should", CONVERGED, || {
            if let Some(running) = self.running(berlin)?.filter(|running| !seen.contains(running)) {
                seen.push(running);
            }
            let shown = berlin.json(&format!("server show {SERVER}"))?;
            let status = &shown["status"];
            ensure!(status["connected"] == true, "it is not connected: {shown}");
            ensure!(status["appliedDigest"] == status["desiredDigest"], "it does not: {shown}");
            Ok(())
        })?;
        let running = self.whole(berlin)?;
        assert_eq!(running["Dhcp4"]["subnet4"].as_array().map(Vec::len), Some(1 + usize::from(self.open)));
        assert!(seen.len() <= 2 && (seen.last() == Some(&running) || seen.len() == 1), "Kea ran a third configuration");
        Ok(())
    }

    /// Opens the ward; the link fails while the change is on its way, for so long.
    fn is_cut_short(&mut self, berlin: &Berlin, fail: fn(&Link) -> Result<()>, outage: Duration) -> Result<()> {
        let (old, link) = (self.whole(berlin)?, &berlin.branch.wan);
        link.throttle(SLOW_KBITS)?;
        let before = received(berlin)?;
        self.toggle(berlin)?;
        until("a part of the push has arrived", SOON, || {
            ensure!(received(berlin)? >= before + PART_BYTES, "it has not");
            Ok(())
        })?;
        fail(link)?;
        assert!(self.whole(berlin)? == old, "the push was over before the link failed");
        let failed = Instant::now();
        until("the outage is over", 2 * outage, || {
            self.running(berlin)?;
            ensure!(failed.elapsed() > outage, "it is not");
            Ok(())
        })?;
        link.heal()?;
        self.converges(berlin, old)
    }
}

/// Bytes that the branch has received from the wide area network.
fn received(berlin: &Berlin) -> Result<u64> {
    let table = berlin.branch.host.enter(|| std::fs::read_to_string("/proc/thread-self/net/dev"))?;
    let row = table.lines().find_map(|row| row.trim().strip_prefix(WAN)?.strip_prefix(':'));
    let bytes = row.and_then(|row| row.split_whitespace().next());
    Ok(bytes.with_context(|| format!("no {WAN} in {table}"))?.parse()?)
}
