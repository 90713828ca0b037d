//! A Kea that people configured by hand: Freehold takes its place beside that, and leaves it as it is.

use std::path::PathBuf;

use anyhow::{Context, Result};
use freehold_lab::Generation;
use serde_json::{Value, json};

use crate::berlin::{Berlin, SERVER};

const BY_HAND: [u8; 6] = [2, 0, 0, 0, 0, 0x1a];

#[test]
fn what_was_configured_by_hand_is_untouched_by_adoption_and_ten_pushes() -> Result<()> {
    Berlin::with_kea(by_hand, |berlin| {
        let file_before = std::fs::read(berlin.branch.kea.config_path())?;
        assert_eq!(berlin.pushes()?, 0, "adopting changed what Kea runs");
        assert!(file_before.starts_with(b"{\n"), "adopting wrote Kea's file");
        let before = foreign(berlin)?;
        let server = berlin.json(&format!("server show {SERVER}"))?;
        assert_eq!(
            server["foreignSubnets"],
            json!([
                { "network": "10.1.0.0/16", "subnetId": 901 },
                { "network": "10.200.0.0/16", "subnetId": 7 },
                { "network": "10.201.0.0/16", "subnetId": 1_000_000 },
            ])
        );

        for network in ["10.1.0.0/16", "10.70.0.0/16", "10.71.0.0/16", "10.200.0.0/14"] {
            berlin.done(&format!("prefix create --network {network}"))?;
        }
        for network in ["10.1.0.0/16", "10.200.0.0/14"] {
            let refused = berlin.freehold(&format!("scope create office --network {network} --server {SERVER}"))?;
            assert_eq!(refused.status.code(), Some(1), "{network}: {}", refused.stdout);
            assert!(refused.stderr.contains("[SERVED_BY_SERVER_ITSELF]"), "{network}: {}", refused.stderr);
        }

        for push in [
            "scope create lab --network 10.70.0.0/16 --range 10.70.1.0-10.70.1.99 --server berlin/kea4 --wait",
            "scope update lab --dns 10.70.0.2 --domain lab.example --lease-time 10m --wait",
            "scope exclude lab 10.70.1.7-10.70.1.9 --wait",
            "reservation create lab 10.70.1.20 --hardware 02:00:00:00:00:70 --host-name microscope --wait",
            "scope create ward --network 10.71.0.0/16 --range 10.71.1.0-10.71.1.99 --server berlin/kea4 --wait",
            "reservation create ward 10.71.9.9 --client-id 01020000000071 --wait",
            "scope update ward --inactive --wait",
            "reservation delete lab 10.70.1.20 --wait",
            "scope delete ward --force --wait",
            "scope update lab --option 43=0104c0a80001 --wait",
        ] {
            berlin.done(push)?;
            assert_eq!(foreign(berlin)?, before, "after {push}");
        }
        // Each was a push, except for the deletion of a scope that Kea did not have.
        // By commands, a scope that comes is two: it is opened last.
        let live = Generation::from_environment()? == Generation::Kea3_0;
        assert_eq!(berlin.pushes()?, if live { 11 } else { 9 });
        let ours = |config: &Value| {
            config["Dhcp4"]["subnet4"].as_array().map(|all| all.iter().filter(|one| is_ours(one)).count())
        };
        assert_eq!(ours(&berlin.branch.kea.running_config()?), Some(1));

        // Nor is it by Kea's next start, from the file that Freehold wrote; the file of before is kept.
        berlin.branch.kea.kill()?;
        berlin.branch.kea.start()?;
        assert_eq!(foreign(berlin)?, before, "after a restart of Kea");
        assert_eq!(ours(&berlin.branch.kea.running_config()?), Some(1));
        assert_eq!(kept(berlin)?, [file_before]);
        let client = berlin.branch.client(berlin.lab, "by-hand", BY_HAND)?;
        let lease = client.udhcpc()?.context("the client of a reservation by hand got nothing")?;
        assert_eq!((lease.address, lease.lease_seconds), (berlin.branch.address(7, 7), 1234));
        Ok(())
    })
}

/// With subnets that stand alone and in a shared network, ids like Freehold's own, and things that Freehold has no word for.
fn by_hand(mut config: Value) -> Value {
    let Value::Object(added) = json!({
        "user-context": { "comment": "do not touch", "owner": { "phone": [4, 2], "since": 2019.5 } },
        "valid-lifetime": 1234,
        "renew-timer": 400,
        "decline-probation-period": 77,
        "option-def": [{ "name": "badge", "code": 224, "space": "dhcp4", "type": "string" }],
        "option-data": [
            { "name": "domain-name", "data": "hand.example" },
            { "name": "badge", "data": "wing \"B\"\\, level 2" },
        ],
        "client-classes": [
            { "name": "voip", "test": "option[60].text == 'voip'", "next-server": "10.1.0.9", "user-context": { "comment": "phones" } },
        ],
        "shared-networks": [{ "name": "campus", "comment": "two buildings", "subnet4": [
            { "id": 901, "subnet": "10.1.0.0/16", "pools": [{ "pool": "10.1.3.0/28", "client-class": "voip" }],
              "reservations": [{ "hw-address": "02:00:00:00:00:1a", "ip-address": "10.1.7.7", "user-context": { "who": "ann" } }] },
        ] }],
        "subnet4": [
            { "id": 7, "subnet": "10.200.0.0/16", "pools": [{ "pool": "10.200.1.1 - 10.200.1.9", "user-context": { "comment": "few" } }],
              "user-context": { "wing": "B", "freehold": "the street, not the program" }, "t1-percent": 0.25,
              "reservations": [{ "circuit-id": "'port 7'", "ip-address": "10.200.2.1", "hostname": "door" }] },
            // The first id that Freehold gives.
            { "id": 1_000_000, "subnet": "10.201.0.0/16", "renew-timer": 77 },
        ],
    }) else {
        unreachable!("it is written as an object")
    };
    config["Dhcp4"].as_object_mut().expect("a configuration has Dhcp4").extend(added);
    config
}

/// All that Kea runs but Freehold's subnets, in Kea's canonical form.
fn foreign(berlin: &Berlin) -> Result<String> {
    let mut config = berlin.branch.kea.running_config()?;
    config["Dhcp4"]["subnet4"].as_array_mut().context("Kea has no subnet4")?.retain(|subnet| !is_ours(subnet));
    Ok(config.to_string())
}

fn is_ours(subnet: &Value) -> bool {
    subnet["user-context"]["freehold"].is_object()
}

/// What Freehold kept of files that were not its own.
fn kept(berlin: &Berlin) -> Result<Vec<Vec<u8>>> {
    let files = std::fs::read_dir(berlin.branch.host.folder())?.map(|entry| Ok(entry?.path()));
    let files: Vec<PathBuf> = files.collect::<Result<_>>()?;
    let kept = files.iter().filter(|path| path.to_string_lossy().contains(".before-freehold-"));
    Ok(kept.map(std::fs::read).collect::<std::io::Result<_>>()?)
}
