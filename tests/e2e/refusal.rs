//! Something that Kea refuses: it alone is kept out, in Kea's words, and nobody notices on the wire.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use freehold_lab::client::probe::{Answer, Attempt, longest_silence};
use freehold_lab::wait::until;
use serde_json::Value;

use crate::berlin::{Berlin, SERVER, SOON};

const ASKING: [u8; 6] = [2, 0, 0, 0, 0, 1];
/// A client asks every 100 ms; `config-set` closes Kea's sockets for some 20 ms.
const EVERY: Duration = Duration::from_millis(100);
const SILENCE_MAX: Duration = Duration::from_millis(600);
/// What Kea 2.2 says of half an address in option 8, cookie servers: Freehold's table does not have it, and takes any bytes.
const COMPLAINT: &str = "DHCPv4 Option4AddrLst 8 has invalid length=2, must be divisible by 4";

#[test]
fn what_kea_refuses_is_kept_out_alone_and_told_in_keas_words() -> Result<()> {
    Berlin::with(|berlin| {
        for network in ["10.1.0.0/16", "10.51.0.0/16", "10.52.0.0/16"] {
            berlin.done(&format!("prefix create --network {network}"))?;
        }
        berlin.done(
            "scope create office --network 10.1.0.0/16 --range 10.1.2.10-10.1.2.29 --server berlin/kea4 --wait",
        )?;
        let client = berlin.branch.client(berlin.lab, "asking", ASKING)?;
        let probe = client.probe(ASKING, EVERY)?;

        // The fault comes with changes that are sound, in one push or several.
        berlin.done("scope create guests --network 10.52.0.0/16 --range 10.52.1.0-10.52.1.9 --server berlin/kea4")?;
        let refused = berlin.freehold(
            "scope create lab --network 10.51.0.0/16 --range 10.51.1.0-10.51.1.9 --option 8=0a33 --server berlin/kea4 --wait",
        )?;
        assert_eq!(refused.status.code(), Some(3), "{}{}", refused.stdout, refused.stderr);
        assert!(refused.stderr.contains(COMPLAINT), "{}", refused.stderr);
        berlin.done("reservation create office 10.1.9.1 --hardware 02:00:00:00:09:01 --wait")?;
        berlin.done("reservation create lab 10.51.9.1 --hardware 02:00:00:00:09:01")?;
        berlin.done("scope exclude guests 10.52.1.5 --wait")?;
        assert_eq!(running(berlin)?, ["10.1.0.0/16", "10.52.0.0/16"]);
        refused_in_keas_words(berlin)?;

        // It stays refused, and known as such, whatever is restarted.
        berlin.agent.kill()?;
        berlin.agent.run()?;
        berlin.controller.wait_connected(SERVER, SOON)?;
        berlin.done("scope exclude guests 10.52.1.7 --wait")?;
        assert_eq!(running(berlin)?, ["10.1.0.0/16", "10.52.0.0/16"]);
        refused_in_keas_words(berlin)?;

        // Another value that is as bad is refused anew, a good one is taken, and its reservation with it.
        let again = berlin.freehold("scope update lab --option 8=0a330000aa --wait")?;
        assert_eq!(again.status.code(), Some(3), "{}{}", again.stdout, again.stderr);
        assert!(again.stderr.contains("invalid length=5"), "{}", again.stderr);
        berlin.done("scope update lab --option 8=0a330001 --wait")?;
        berlin.done("scope exclude guests 10.52.1.9 --wait")?;
        assert_eq!(running(berlin)?, ["10.1.0.0/16", "10.52.0.0/16", "10.51.0.0/16"]);
        berlin.controller.wait_applied("lab", SOON)?;
        let server = berlin.json(&format!("server show {SERVER}"))?;
        assert_eq!((&server["status"]["rejected"], &server["status"]["lastError"]), (&Value::Null, &Value::Null));

        // What ran before a refused change runs on, and the network has DHCP.
        let worse = berlin.freehold("scope update lab --option 8=0a33 --range 10.51.1.0-10.51.1.99 --wait")?;
        assert_eq!(worse.status.code(), Some(3), "{}{}", worse.stdout, worse.stderr);
        berlin.done("scope exclude guests 10.52.1.3 --wait")?;
        let lab = served(berlin, "10.51.0.0/16")?;
        assert_eq!(lab["option-data"][0]["data"], "0A330001", "{lab}");
        assert_eq!(lab["pools"][0]["pool"], "10.51.1.0-10.51.1.9", "{lab}");
        assert_eq!(lab["reservations"][0]["ip-address"], "10.51.9.1", "{lab}");
        // It may lease what the scope, as it is now, would not: nobody is told that an address of it is safe.
        berlin.done("ip next lab --from 10.51.1.5")?;
        until("the scope without the held address is refused, too", SOON, || {
            let held = berlin.json("ip show 10.51.1.5")?;
            ensure!(held["reasons"][0]["assignment"]["phase"] == "PHASE_PENDING", "{held}");
            let words = held["wait"]["message"].as_str().context("it does not say why")?;
            ensure!(words.ends_with("goes on with an older form of it that may lease the address"), "{words}");
            Ok(())
        })?;
        berlin.done("scope update lab --option 8=0a330002 --wait")?;
        assert_eq!(served(berlin, "10.51.0.0/16")?["option-data"][0]["data"], "0A330002");

        // Kea was asked before it was told: a configuration that it cannot take would have closed its sockets.
        let log = berlin.branch.kea.process().context("Kea runs")?.log()?;
        assert!(!log.contains("DHCP4_CONFIG_UNRECOVERABLE_ERROR") && !log.contains("DHCP4_CONFIG_LOAD_FAIL"));
        let attempts = probe.stop()?;
        let silence = longest_silence(&attempts);
        assert!(silence < SILENCE_MAX, "Kea was silent for {silence:?}");
        assert!(!attempts.iter().any(was_refused), "{attempts:?}");
        Ok(())
    })
}

/// The API and the command line say what Kea said, word for word.
fn refused_in_keas_words(berlin: &Berlin) -> Result<()> {
    let scope = berlin.json("scope show lab")?;
    assert_eq!(scope["sync"][0]["state"], "STATE_REJECTED", "{scope}");
    let words = scope["sync"][0]["error"].as_str().context("the scope has no error")?;
    assert!(words.contains(COMPLAINT), "{words}");
    let log = berlin.branch.kea.process().context("Kea runs")?.log()?;
    assert!(log.contains(words), "Kea never said {words:?}");

    let server = berlin.json(&format!("server show {SERVER}"))?;
    let rejected = &server["status"]["rejected"];
    assert_eq!(
        (&rejected[0]["resource"], &rejected[0]["message"]),
        (&"scopes/lab".into(), &words.into()),
        "{rejected}"
    );
    assert_eq!(rejected.as_array().map(Vec::len), Some(1), "{rejected}");
    for line in ["scope show lab", "server show berlin/kea4"] {
        let shown = berlin.done(line)?;
        assert!(shown.contains(words), "`{line}` shows {shown}");
    }
    Ok(())
}

/// The networks that Kea serves, in the order of their ids.
fn running(berlin: &Berlin) -> Result<Vec<String>> {
    let config = berlin.branch.kea.command("config-get", None)?;
    let mut subnets = config["Dhcp4"]["subnet4"].as_array().cloned().unwrap_or_default();
    subnets.sort_by_key(|subnet| subnet["id"].as_u64());
    Ok(subnets.iter().map(|subnet| subnet["subnet"].as_str().unwrap_or_default().to_owned()).collect())
}

/// What Kea runs for a network.
fn served(berlin: &Berlin, network: &str) -> Result<Value> {
    let config = berlin.branch.kea.command("config-get", None)?;
    let subnets = config["Dhcp4"]["subnet4"].as_array().cloned().unwrap_or_default();
    subnets.into_iter().find(|subnet| subnet["subnet"] == network).with_context(|| format!("Kea runs no {network}"))
}

fn was_refused(attempt: &Attempt) -> bool {
    matches!(attempt.ended, Some((_, Answer::Refused)))
}
