//! DHCPv6: real clients get addresses and delegated prefixes, reservations by DUID hold, and leases, history and search work as in IPv4.

use std::net::Ipv6Addr;

use anyhow::{Context, Result, ensure};
use freehold_lab::client::dhclient6::ClientLease6;
use freehold_lab::wait::until;
use serde_json::{Value, json};

use crate::berlin::{Berlin, SOON};

const NETWORK: &str = "2001:db8:1::/64";
const BLOCK: &str = "2001:db8:8000::/40";

#[test]
fn clients_of_dhcpv6_get_addresses_and_prefixes_as_the_plan_says() -> Result<()> {
    Berlin::with_six(|berlin| {
        berlin.done(&format!("prefix create --network {NETWORK}"))?;
        berlin.done(&format!(
            "scope create office6 --network {NETWORK} --range 2001:db8:1::100-2001:db8:1::1ff --prefix-pool {BLOCK}=56 \
             --interface lan0 --dns 2001:db8:1::53 --lease-time 1h --server berlin/kea6 --wait"
        ))?;
        let first = berlin.branch.client(berlin.lab, "first", [2, 0, 0, 0, 6, 1])?;
        let second = berlin.branch.client(berlin.lab, "second", [2, 0, 0, 0, 6, 2])?;
        berlin.done(&format!(
            "reservation create office6 2001:db8:1::9 --duid {} --host-name branch-router --prefix 2001:db8:80aa:100::/56 --wait",
            second.duid()
        ))?;

        let dynamic = first.dhclient6()?;
        let lease = dynamic.wait_for_lease(SOON)?;
        assert!(within("2001:db8:1::100", lease.address, "2001:db8:1::1ff")?, "{lease:?}");
        assert!(lease.prefix.starts_with("2001:db8:80") && lease.prefix.ends_with("/56"), "{lease:?}");
        assert_eq!(lease.dns_servers, ["2001:db8:1::53".parse::<Ipv6Addr>()?]);
        let reserved = second.dhclient6()?;
        let wanted = ClientLease6 {
            address: "2001:db8:1::9".parse()?,
            prefix: "2001:db8:80aa:100::/56".to_owned(),
            dns_servers: lease.dns_servers.clone(),
        };
        assert_eq!(reserved.wait_for_lease(SOON)?, wanted);

        is_known(berlin, &lease, &first.duid())?;
        is_known(berlin, &wanted, &second.duid())?;
        let who = berlin.json(&format!("ip who {}", lease.address))?;
        assert!(who.to_string().contains(&first.duid()), "{who}");
        let found = berlin.json(&format!("search {}", second.duid()))?;
        let found = found.to_string();
        assert!(found.contains("2001:db8:1::9"), "{found}");
        let address = berlin.json("ip show 2001:db8:1::9")?;
        assert_eq!(address["state"], "STATE_RESERVED", "{address}");

        // What is taken out of the pool is not leased any more, and a router's prefix stays while it has it.
        berlin.done("scope update office6 --range 2001:db8:1::200-2001:db8:1::2ff --wait")?;
        let third = berlin.branch.client(berlin.lab, "third", [2, 0, 0, 0, 6, 3])?;
        let other = third.dhclient6()?.wait_for_lease(SOON)?;
        assert!(within("2001:db8:1::200", other.address, "2001:db8:1::2ff")?, "{other:?}");
        assert!(![&lease.prefix, &wanted.prefix].contains(&&other.prefix), "{other:?} is another's");
        Ok(())
    })
}

#[test]
fn what_a_server_cannot_do_is_said_and_refused_before_it_is_saved() -> Result<()> {
    Berlin::with_six(|berlin| {
        let rows = berlin.json("server capabilities berlin/kea6")?;
        let of = |feature: &str| {
            let row = rows.as_array().into_iter().flatten().find(|row| row["feature"] == feature);
            row.map_or(Value::Null, |row| row["support"].clone())
        };
        assert_eq!(of("prefix-pools"), "SUPPORT_NATIVE", "{rows}");
        assert_eq!(of("holds"), "SUPPORT_NATIVE", "{rows}");
        assert_eq!(of("reservations-by-client-id"), "SUPPORT_MISSING", "{rows}");
        berlin.done("prefix create --network 10.1.0.0/16")?;
        let refused = berlin
            .freehold("scope create office --network 10.1.0.0/16 --range 10.1.2.10-10.1.2.29 --server berlin/kea6")?;
        assert!(
            refused
                .stderr
                .contains("servers/berlin/kea6 is a DHCPv6 server; it cannot serve the IPv4 network 10.1.0.0/16"),
            "{refused:?}"
        );
        Ok(())
    })
}

/// The address and the prefix of a client are in the API, with its DUID.
fn is_known(berlin: &Berlin, lease: &ClientLease6, duid: &str) -> Result<()> {
    let wanted = [(lease.address.to_string(), ""), (first(&lease.prefix)?, lease.prefix.as_str())];
    until("the leases are in the API", SOON, || {
        for (address, prefix) in &wanted {
            let found = berlin.json(&format!("lease show berlin/kea6 {address}"))?;
            ensure!(found["delegatedPrefix"] == json!(prefix) || prefix.is_empty(), "{found}");
            ensure!(found["duid"] == duid, "{found}");
            ensure!(found["state"] == "STATE_ACTIVE", "{found}");
            ensure!(found["scope"] == "scopes/office6", "{found}");
        }
        Ok(())
    })
}

fn within(first: &str, address: Ipv6Addr, last: &str) -> Result<bool> {
    Ok((first.parse::<Ipv6Addr>()?..=last.parse()?).contains(&address))
}

fn first(prefix: &str) -> Result<String> {
    prefix.split_once('/').map(|(first, _)| first.to_owned()).context("not a prefix")
}
