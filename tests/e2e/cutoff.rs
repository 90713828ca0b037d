//! A claim whose server is cut off: nothing is promised until the server was heard, and what it leased meanwhile counts.

use anyhow::{Context, Result, ensure};
use freehold_lab::wait::until;
use serde_json::Value;

use crate::berlin::{Berlin, CONVERGED, SERVER, SOON};

const CLIENT: [u8; 6] = [2, 0, 0, 0, 0, 0xc];
const CLIENT_TEXT: &str = "02:00:00:00:00:0c";
const QUIET: &str = "10.1.2.10";
const WANTED: &str = "10.1.2.11";

#[test]
fn a_claim_waits_for_a_server_that_is_cut_off_and_for_the_lease_that_it_granted_meanwhile() -> Result<()> {
    Berlin::with(|berlin| {
        berlin.done("prefix create --network 10.1.0.0/16")?;
        berlin.done(&format!(
            "scope create office --network 10.1.0.0/16 --range {QUIET}-{WANTED} --server {SERVER} --wait"
        ))?;
        let client = berlin.branch.client(berlin.lab, "client", CLIENT)?;

        // Nobody leases it meanwhile.
        berlin.branch.wan.cut()?;
        until("the server is not connected", CONVERGED, || {
            let shown = berlin.json(&format!("server show {SERVER}"))?;
            ensure!(shown["status"]["connected"] != true, "it is");
            Ok(())
        })?;
        let claimed = berlin.freehold(&format!("ip claim {QUIET} --hardware 02:00:00:00:00:01 --wait --timeout 1s"))?;
        assert_eq!(claimed.status.code(), Some(4), "{}{}", claimed.stdout, claimed.stderr);
        ensure!(claimed.stderr.contains(SERVER), "it does not say for whom it waited: {}", claimed.stderr);
        waits(berlin, QUIET, "servers/berlin/kea4 is not connected, and may lease the address until it is told")?;
        berlin.branch.wan.heal()?;
        comes_to(berlin, QUIET, &[("PHASE_PENDING", ""), ("PHASE_ACTIVE", "")])?;

        // The only address that the server has left is leased meanwhile, for all that it knows rightly.
        berlin.controller.wait_connected(SERVER, SOON)?;
        berlin.branch.wan.cut()?;
        berlin.done(&format!("ip claim {WANTED} --hardware 02:00:00:00:00:02"))?;
        let dhclient = client.dhclient()?;
        assert_eq!(dhclient.wait_for_lease(SOON)?.address.to_string(), WANTED);
        let address = berlin.json(&format!("ip show {WANTED}"))?;
        assert_eq!(address["wait"]["server"]["server"], "servers/berlin/kea4", "{address}");
        berlin.branch.wan.heal()?;
        let has = format!("servers/berlin/kea4 leases it to {CLIENT_TEXT}");
        comes_to(berlin, WANTED, &[("PHASE_PENDING", ""), ("PHASE_CONFLICT", &has)])?;
        let why = berlin.done(&format!("ip why {WANTED}"))?;
        ensure!(why.contains(CLIENT_TEXT), "it does not say who has it: {why}");

        dhclient.release()?;
        let whole = [("PHASE_PENDING", ""), ("PHASE_CONFLICT", &has), ("PHASE_PENDING", ""), ("PHASE_ACTIVE", "")];
        comes_to(berlin, WANTED, &whole)?;
        assert_eq!(client.udhcpc()?, None, "an address that is claimed for another was leased");
        Ok(())
    })
}

/// It is PENDING, and both outputs say so and for whom it waits.
fn waits(berlin: &Berlin, address: &str, words: &str) -> Result<()> {
    let shown = berlin.json(&format!("ip why {address}"))?;
    assert_eq!(shown["reasons"][0]["assignment"]["phase"], "PHASE_PENDING", "{shown}");
    let wait = &shown["wait"];
    assert_eq!(
        (&wait["server"]["server"], &wait["server"]["state"], &wait["message"]),
        (&"servers/berlin/kea4".into(), &"STATE_DISCONNECTED".into(), &words.into()),
        "{shown}"
    );
    let why = berlin.done(&format!("ip why {address}"))?;
    ensure!(why.contains(&format!("It cannot be relied on yet: {words}, last heard of ")), "it says {why}");
    Ok(())
}

/// It comes into the last of these phases by itself, by way of the others and no more; each says who else has it.
fn comes_to(berlin: &Berlin, address: &str, phases: &[(&str, &str)]) -> Result<()> {
    let (last, _) = phases.last().context("it came to something")?;
    until(&format!("{address} is {last}"), CONVERGED, || {
        let shown = berlin.json(&format!("ip show {address}"))?;
        ensure!(shown["reasons"][0]["assignment"]["phase"] == *last, "it is not: {shown}");
        Ok(())
    })?;
    let history = berlin.json(&format!("ip history {address}"))?;
    let mut came: Vec<_> = history.as_array().into_iter().flatten().filter_map(phase).collect();
    came.reverse();
    assert_eq!(came, phases, "{history:#}");
    Ok(())
}

/// The phase after a row of a history, and who else has the address then; `None` if the row is of something else.
fn phase(row: &Value) -> Option<(&str, &str)> {
    let after = &row["change"]["after"]["assignment"];
    Some((after["phase"].as_str()?, after["conflict"].as_str().unwrap_or_default()))
}
