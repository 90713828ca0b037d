//! A controller that is away: DHCP goes on, and nothing of it is missing afterwards.

use anyhow::{Context, Result, ensure};
use freehold_lab::wait::until;
use serde_json::Value;

use crate::berlin::{Berlin, CONVERGED, SERVER, SOON};

/// An event as it can be compared: number, kind, address, client, expiry.
type Told = (u64, String, String, String, u64);

#[test]
fn a_thousand_leases_of_an_outage_arrive_once_each_and_in_order() -> Result<()> {
    Berlin::with(|berlin| {
        berlin.done("prefix create --network 10.1.0.0/16")?;
        berlin.done(
            "scope create office --network 10.1.0.0/16 --range 10.1.16.0-10.1.31.255 --server berlin/kea4 --wait",
        )?;
        let (crowd, load) = berlin.crowd("crowd", 1050, 250)?;
        berlin.controller.stop()?;

        let asking = std::thread::spawn(move || crowd.perfdhcp(&load));
        until("half of the leases are granted", SOON, || {
            ensure!(granted(berlin)?.len() >= 500, "not yet");
            Ok(())
        })?;
        // What is not in the spool yet is found again in the lease file.
        berlin.agent.kill()?;
        berlin.agent.run()?;
        let report = asking.join().expect("perfdhcp does not panic")?;
        assert!(report.acks.received >= 1000, "DHCP did not go on: {report:?}");
        let granted = granted(berlin)?;
        assert_eq!(u64::try_from(granted.len())?, report.acks.received);
        until("the spool has all of it", SOON, || {
            ensure!(berlin.agent.spooled()? == report.acks.received, "it has {}", berlin.agent.spooled()?);
            Ok(())
        })?;

        berlin.controller.run()?;
        until("the controller has all of it", CONVERGED, || {
            let told = told(berlin)?;
            ensure!(told.len() >= granted.len(), "it has {} of {}", told.len(), granted.len());
            Ok(())
        })?;
        assert_eq!(told(berlin)?, granted);
        berlin.wait_leases_equal(SOON)
    })
}

/// What Kea's lease file says, in its order.
fn granted(berlin: &Berlin) -> Result<Vec<Told>> {
    let text = std::fs::read_to_string(berlin.branch.kea.lease_path())?;
    let whole = text.split_inclusive('\n').skip(1).filter(|row| row.ends_with('\n'));
    let row = |(at, row): (usize, &str)| {
        let columns: Vec<&str> = row.split(',').collect();
        let expires = columns.get(4).context("a row is short")?.parse()?;
        Ok((u64::try_from(at)? + 1, "KIND_GRANTED".to_owned(), columns[0].to_owned(), columns[1].to_owned(), expires))
    };
    whole.enumerate().map(row).collect()
}

/// What the controller says, in its order.
fn told(berlin: &Berlin) -> Result<Vec<Told>> {
    let events = berlin.json(&format!("lease events {SERVER}"))?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let event = |event: &Value| {
        let lease = &event["lease"];
        let expires = text(&lease["expireTime"]).parse::<prost_types::Timestamp>()?;
        Ok((
            text(&event["seq"]).parse()?,
            text(&event["kind"]),
            text(&lease["address"]),
            text(&lease["hardwareAddress"]),
            u64::try_from(expires.seconds)?,
        ))
    };
    events.as_array().into_iter().flatten().map(event).collect()
}
