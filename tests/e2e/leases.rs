//! Who gets which address, and that it stays so whatever is killed.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use anyhow::{Context, Result};
use freehold_lab::Client;
use freehold_lab::client::perfdhcp::Load;

use crate::berlin::{Berlin, CONVERGED, SERVER};

const RESERVED: [u8; 6] = [2, 0, 0, 0, 0, 0xb];

#[test]
fn clients_get_what_the_plan_says_whatever_was_killed() -> Result<()> {
    Berlin::with(|berlin| {
        berlin.done("prefix create --network 10.1.0.0/16")?;
        berlin.done(
            "scope create office --network 10.1.0.0/16 --range 10.1.2.10-10.1.2.29 --exclude 10.1.2.15-10.1.2.16 \
             --router 10.1.0.1 --server berlin/kea4 --wait",
        )?;
        berlin.done("reservation create office 10.1.2.20 --hardware 02:00:00:00:00:0b --wait")?;
        let reserved = berlin.branch.client(berlin.lab, "reserved", RESERVED)?;
        let (crowd, load) = berlin.crowd("crowd", 40, 100)?;
        let mut clients = Clients { crowd, load, reserved };

        clients.get_what_the_plan_says(berlin)?;

        berlin.agent.kill()?;
        clients.get_what_the_plan_says_without_the_controller_knowing(berlin)?;
        berlin.agent.run()?;
        a_change_arrives(berlin, 1)?;
        clients.get_what_the_plan_says(berlin)?;

        berlin.branch.kea.kill()?;
        berlin.branch.kea.start()?;
        a_change_arrives(berlin, 2)?;
        clients.get_what_the_plan_says(berlin)?;

        berlin.controller.kill()?;
        clients.get_what_the_plan_says_without_the_controller_knowing(berlin)?;
        berlin.controller.run()?;
        a_change_arrives(berlin, 3)?;
        clients.get_what_the_plan_says(berlin)
    })
}

/// A reservation made now reaches its client, wherever the last kill left the path.
fn a_change_arrives(berlin: &Berlin, round: u8) -> Result<()> {
    let address = berlin.branch.address(9, round);
    let timeout = CONVERGED.as_secs();
    berlin.done(&format!(
        "reservation create office {address} --hardware 02:00:00:00:09:0{round} --wait --timeout {timeout}s"
    ))?;
    let client = berlin.branch.client(berlin.lab, &format!("new-{round}"), [2, 0, 0, 0, 9, round])?;
    let lease = client.udhcpc()?.context("the client of a new reservation got nothing")?;
    assert_eq!(lease.address, address);
    Ok(())
}

struct Clients {
    crowd: Client,
    /// The same hardware addresses each time: who has a lease gets it again.
    load: Load,
    reserved: Client,
}

impl Clients {
    fn get_what_the_plan_says(&mut self, berlin: &Berlin) -> Result<()> {
        self.get_what_the_plan_says_without_the_controller_knowing(berlin)?;
        berlin.wait_leases_equal(CONVERGED)?;
        let lease = berlin.json(&format!("lease show {SERVER} 10.1.2.20"))?;
        assert_eq!(
            (lease["hardwareAddress"].as_str(), lease["scope"].as_str(), lease["state"].as_str()),
            (Some("02:00:00:00:00:0b"), Some("scopes/office"), Some("STATE_ACTIVE")),
        );
        Ok(())
    }

    fn get_what_the_plan_says_without_the_controller_knowing(&mut self, berlin: &Berlin) -> Result<()> {
        let report = self.crowd.perfdhcp(&self.load)?;
        // 20 addresses in the range, less two excluded and one reserved.
        let pool = (10..=29).filter(|last| ![15, 16, 20].contains(last)).map(|last| berlin.branch.address(2, last));
        assert_eq!(report.addresses().into_keys().collect::<BTreeSet<_>>(), pool.collect::<BTreeSet<Ipv4Addr>>());
        assert_eq!(report.leases.len(), 17, "an address was given twice: {report:?}");

        let lease = self.reserved.udhcpc()?.context("the reserved client got nothing")?;
        assert_eq!((lease.address, lease.routers), (berlin.branch.address(2, 20), vec![berlin.branch.address(0, 1)]));
        Ok(())
    }
}
