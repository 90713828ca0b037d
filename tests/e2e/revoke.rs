//! An agent that is shut out: at once, for good, and its server goes on.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use freehold_lab::wait::until;

use crate::berlin::{Berlin, SERVER, SOON};

/// A revoked identity has no stream longer than this (I9 of the design's invariants).
const CUT_OFF: Duration = Duration::from_secs(1);

#[test]
fn a_revoked_agent_is_cut_off_within_a_second_and_kea_serves_on() -> Result<()> {
    Berlin::with(|berlin| {
        berlin.done("prefix create --network 10.1.0.0/16")?;
        berlin.done(
            "scope create office --network 10.1.0.0/16 --range 10.1.2.10-10.1.2.29 --server berlin/kea4 --wait",
        )?;
        let client = berlin.branch.client(berlin.lab, "before", [2, 0, 0, 0, 0, 1])?;
        client.udhcpc()?.context("no lease before the revocation")?;
        berlin.wait_leases_equal(SOON)?;
        assert_eq!(connections(berlin)?, 1);

        let events = berlin.json(&format!("lease events {SERVER}"))?;
        berlin.done("agent revoke berlin")?;
        let revoked = Instant::now();
        until("its connection is gone", SOON, || {
            ensure!(connections(berlin)? == 0, "it is there");
            Ok(())
        })?;
        let lived_on = revoked.elapsed();
        assert!(lived_on < CUT_OFF, "the connection lived on for {lived_on:?}");

        // A start of the agent dials at once, and comes to nothing.
        berlin.agent.kill()?;
        berlin.agent.run()?;
        until("it is refused", SOON, || {
            let log = berlin.agent.process().context("the agent runs")?.log()?;
            // Of the session that was ended, and of the one that was not begun.
            ensure!(log.matches("the controller ended the session: agent/").count() == 2, "it was not");
            Ok(())
        })?;
        let new = berlin.freehold("agent token create berlin")?;
        assert_eq!(new.status.code(), Some(1), "a token was made: {}", new.stdout);
        assert!(new.stderr.contains("[IDENTITY_REVOKED]"), "{}", new.stderr);

        let client = berlin.branch.client(berlin.lab, "after", [2, 0, 0, 0, 0, 2])?;
        client.udhcpc()?.context("no lease after the revocation")?;
        until("its lease is in the spool", SOON, || {
            ensure!(berlin.agent.spooled()? == 2, "it is not");
            Ok(())
        })?;
        let agent = berlin.json("agent show berlin")?;
        assert_eq!((agent["state"].as_str(), agent["connected"].as_bool()), (Some("STATE_REVOKED"), None), "{agent}");
        assert_eq!(berlin.json(&format!("lease events {SERVER}"))?, events);
        Ok(())
    })
}

/// Connections of the branch with the controller.
fn connections(berlin: &Berlin) -> Result<usize> {
    let table = berlin.branch.host.enter(|| std::fs::read_to_string("/proc/thread-self/net/tcp"))?;
    // 10.254.0.1:7443 as the kernel writes it; 01 is an established connection.
    let established = |row: &&str| row.split_whitespace().skip(2).take(2).eq(["0100FE0A:1D13", "01"]);
    Ok(table.lines().filter(established).count())
}
