//! An agent whose host lost its disk: it enrols anew, and finds everything as it was.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use freehold_lab::wait::until;
use serde_json::{Value, json};

use crate::berlin::{Berlin, SERVER, SOON};

#[test]
fn an_agent_without_its_disk_reads_back_what_runs_and_lists_every_lease() -> Result<()> {
    Berlin::with(|berlin| {
        berlin.done("prefix create --network 10.1.0.0/16")?;
        berlin.done(
            "scope create office --network 10.1.0.0/16 --range 10.1.2.10-10.1.2.99 --server berlin/kea4 --wait",
        )?;
        berlin.done("reservation create office 10.1.2.20 --hardware 02:00:00:00:00:0b --wait")?;
        let (crowd, mut load) = berlin.crowd("crowd", 30, 100)?;
        crowd.perfdhcp(&load)?;
        berlin.wait_leases_equal(SOON)?;
        let (before, pushes) = (berlin.json(&format!("server show {SERVER}"))?, berlin.pushes()?);

        berlin.agent.kill()?;
        std::fs::remove_dir_all(berlin.agent.home())?;
        // Nobody sees thirty grants and an end.
        load.first = [2, 2, 0, 0, 0, 0];
        crowd.perfdhcp(&load)?;
        berlin.branch.kea.command("lease4-del", Some(json!({ "ip-address": "10.1.2.10" })))?;
        let token = berlin.done("agent token create berlin")?;
        berlin.agent.enrol_with(token.trim())?.success()?;
        berlin.agent.run()?;

        let revision =
            |server: &Value| server["status"]["appliedRevision"].as_str().and_then(|text| text.parse::<u64>().ok());
        until("the server is proven to run what it should", SOON, || {
            let after = berlin.json(&format!("server show {SERVER}"))?;
            ensure!(revision(&after) > revision(&before), "it was not");
            assert_eq!(after["status"]["appliedDigest"], before["status"]["appliedDigest"]);
            Ok(())
        })?;
        assert_eq!(berlin.pushes()?, pushes, "Kea was touched");
        berlin.wait_leases_equal(SOON)?;
        assert_eq!(berlin.leased()?.len(), 59);
        let told = [("KIND_GRANTED", 30), ("KIND_REMOVED", 1), ("KIND_SEEN", 30)];
        assert_eq!(kinds(berlin)?, told.map(|(kind, count)| (kind.to_owned(), count)).into());

        // And from there it goes on.
        berlin.done("scope exclude office 10.1.2.99 --wait")?;
        let client = berlin.branch.client(berlin.lab, "reserved", [2, 0, 0, 0, 0, 0xb])?;
        let lease = client.udhcpc()?.context("the reserved client got nothing")?;
        assert_eq!(lease.address, berlin.branch.address(2, 20));
        berlin.wait_leases_equal(SOON)
    })
}

/// How many events of each kind the controller has.
fn kinds(berlin: &Berlin) -> Result<BTreeMap<String, usize>> {
    let events = berlin.json(&format!("lease events {SERVER}"))?;
    let mut kinds = BTreeMap::new();
    for event in events.as_array().into_iter().flatten() {
        *kinds.entry(event["kind"].as_str().unwrap_or_default().to_owned()).or_default() += 1;
    }
    Ok(kinds)
}
