//! `freehold plan`: what a change would make of a server, in Kea's own terms, and who is hit; and nothing is changed by it.

use anyhow::{Context, Result, ensure};
use freehold_lab::wait::until;
use serde_json::Value;

use crate::berlin::{Berlin, SOON};

const OFFICE: &str = "10.1.0.0/16";

#[test]
fn a_plan_says_what_a_server_would_run_and_who_is_hit_and_changes_nothing() -> Result<()> {
    Berlin::with(|berlin| {
        berlin.done(&format!("prefix create --network {OFFICE}"))?;
        berlin.done(&format!(
            "scope create office --network {OFFICE} --range 10.1.2.10-10.1.2.29 --router 10.1.0.1 --lease-time 1h --server berlin/kea4 --wait"
        ))?;
        let client = berlin.branch.client(berlin.lab, "ward", [2, 0, 0, 0, 7, 1])?;
        let lease = client.dhclient()?.wait_for_lease(SOON)?;
        berlin.wait_leases_equal(SOON)?;
        let (pushes, revision) = (berlin.pushes()?, newest(berlin)?);

        // Other times: its client keeps the address.
        let told = berlin.done("plan scope update office --lease-time 2h")?;
        assert!(told.contains("1 change of the plan, for 1 server"), "{told}");
        assert!(told.contains("berlin/kea4 takes it"), "{told}");
        assert!(told.contains("-   \"valid-lifetime\": 3600"), "{told}");
        assert!(told.contains("+   \"valid-lifetime\": 7200"), "{told}");
        let way = if told.contains("while it serves") {
            "subnet4-update 1000000 10.1.2.10-10.1.2.29"
        } else {
            "by a new configuration"
        };
        assert!(told.contains(way), "{told}");
        assert!(told.contains("1 live lease gets other options or times when renewed"), "{told}");

        // Other pools: it loses the address.
        let parts = parts(berlin, "plan scope update office --range 10.1.3.10-10.1.3.29")?;
        let server = part(&parts, "server")?;
        assert_eq!(server["outcome"], "OUTCOME_ACCEPTED", "{server}");
        assert_eq!(server["leasesLost"], "1", "{server}");
        let hit = part(&parts, "hit")?;
        assert_eq!(hit["lease"]["address"], lease.address.to_string(), "{hit}");
        assert_eq!(hit["message"], "it is in no pool any more", "{hit}");
        let difference = part(&parts, "difference")?;
        assert_eq!(difference["resource"], "scopes/office", "{difference}");
        assert!(difference["after"].as_str().unwrap_or_default().contains("10.1.3.10"), "{difference}");

        // What is taken away altogether, and what comes.
        let told = berlin.done("plan scope delete office --force")?;
        assert!(told.contains("office goes from berlin/kea4"), "{told}");
        assert!(
            told.contains(&format!("loses {}: the server does not serve its scope any more", lease.address)),
            "{told}"
        );
        let told = berlin.done("plan reservation create office 10.1.9.1 --hardware 02:00:00:00:09:01")?;
        assert!(told.contains("comes to berlin/kea4"), "{told}");
        assert!(told.contains("\"ip-address\": \"10.1.9.1\""), "{told}");

        // What Kea refuses, in its own words.
        let refused = berlin.freehold("plan scope update office --option 8=0a33")?;
        assert_eq!(refused.status.code(), Some(3), "{refused:?}");
        assert!(refused.stdout.contains("berlin/kea4 REFUSES it"), "{refused:?}");
        assert!(refused.stdout.contains("invalid length=2"), "{refused:?}");
        assert!(refused.stderr.contains("a server would refuse the change"), "{refused:?}");

        // What the rules refuse is said as without a plan, and what changes nothing has none.
        let refused = berlin.freehold("plan scope update nowhere --lease-time 2h")?;
        assert_eq!(refused.status.code(), Some(1), "{refused:?}");
        assert!(refused.stderr.contains("scopes/nowhere"), "{refused:?}");
        let refused = berlin.freehold("plan scope list")?;
        assert_eq!(refused.status.code(), Some(2), "{refused:?}");

        assert_eq!((berlin.pushes()?, newest(berlin)?), (pushes, revision), "a plan changed something");
        let scope = berlin.json("scope show office")?;
        assert_eq!(scope["leaseTimes"]["validSeconds"], 3600, "{scope}");

        // Of a server that is away it says so, and what the plan says.
        berlin.agent.stop()?;
        until("the agent is gone", SOON, || {
            let told = berlin.done("plan scope update office --lease-time 2h")?;
            ensure!(told.contains("berlin/kea4 was not asked: agents/berlin is not connected"), "{told}");
            Ok(())
        })
    })
}

/// The newest revision.
fn newest(berlin: &Berlin) -> Result<String> {
    let events = berlin.json("event list --limit 1")?;
    Ok(events[0]["revision"].as_str().context("a revision")?.to_owned())
}

fn parts(berlin: &Berlin, line: &str) -> Result<Vec<Value>> {
    let told = berlin.done(&format!("--output json {line}"))?;
    told.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
}

fn part<'a>(parts: &'a [Value], name: &str) -> Result<&'a Value> {
    parts.iter().find_map(|part| part.get(name)).with_context(|| format!("no {name} in {parts:?}"))
}
