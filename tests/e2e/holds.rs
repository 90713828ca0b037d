//! Holds end by themselves: not before their deadline and not long after it, whatever becomes of the controller.

use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, ensure};
use freehold_lab::wait::until;
use serde_json::Value;

use crate::berlin::{Berlin, CONVERGED, SERVER, SOON};

const POOL: &str = "10.1.2.10-10.1.2.29";
/// Enough for a running controller to notice, on a busy machine.
const LATE: Duration = Duration::from_secs(2);

#[test]
fn holds_end_on_time_though_the_controller_is_killed() -> Result<()> {
    Berlin::with(|berlin| {
        berlin.done("prefix create --network 10.1.0.0/16")?;
        berlin.done(&format!("scope create office --network 10.1.0.0/16 --range {POOL} --server {SERVER} --wait"))?;
        let whole = pools(berlin)?;
        let claimed = berlin.json("ip claim 10.1.2.20 --hardware 02:00:00:00:00:20 --expires 1h --wait")?;
        let kept = pools(berlin)?;

        // One ends while the controller is away, one when it is back.
        let later = Hold::take(berlin, "ip next office --hold 6s --wait")?;
        let soon = Hold::take(berlin, "ip next office --hold 2s")?;
        berlin.controller.kill()?;
        until("the first hold is over", SOON, || {
            ensure!(SystemTime::now() > soon.end, "not yet");
            Ok(())
        })?;
        berlin.controller.run()?;
        let back = SystemTime::now();
        soon.ends(berlin, back)?;

        let held = berlin.json(&format!("ip show {}", later.address))?;
        ensure!(
            SystemTime::now() < later.end,
            "this machine is too slow: the second hold is over before it was looked at"
        );
        assert_eq!(held["state"], "STATE_HELD", "{held}");
        later.ends(berlin, later.end)?;

        until("the server leases from the whole pool but the claim", CONVERGED, || {
            let now = pools(berlin)?;
            ensure!(now == kept, "it leases from {now}");
            Ok(())
        })?;
        ensure!(kept != whole, "the claim took nothing away from {whole}");
        let still = berlin.json("ip show 10.1.2.20")?;
        assert_eq!(still["reasons"][0]["assignment"], claimed["reasons"][0]["assignment"]);
        Ok(())
    })
}

struct Hold {
    address: String,
    end: SystemTime,
}

impl Hold {
    fn take(berlin: &Berlin, line: &str) -> Result<Self> {
        let given = berlin.json(line)?;
        let end = time(&given["reasons"][0]["assignment"]["endTime"])?;
        Ok(Self { address: given["address"].as_str().context("it has no address")?.to_owned(), end })
    }

    /// It ends by itself, not before its deadline and soon after that or after `back`.
    fn ends(&self, berlin: &Berlin, back: SystemTime) -> Result<()> {
        until(&format!("{} is free", self.address), SOON, || {
            let shown = berlin.json(&format!("ip show {}", self.address))?;
            ensure!(shown["state"] == "STATE_AVAILABLE", "it is not: {shown}");
            Ok(())
        })?;
        let history = berlin.json(&format!("ip history {}", self.address))?;
        let is_end =
            |row: &&Value| !row["change"]["before"]["assignment"].is_null() && row["change"]["after"].is_null();
        let row = history.as_array().into_iter().flatten().find(is_end);
        let row = row.with_context(|| format!("nothing says that it ended: {history}"))?;
        let ended = time(&row["time"])?;
        ensure!(ended >= self.end, "{} ended before its deadline {:?}: {row}", self.address, self.end);
        ensure!(ended < back + LATE, "{} ended late, its deadline was {:?}: {row}", self.address, self.end);
        assert_eq!((&row["principal"], &row["method"]), (&"system".into(), &"expire".into()), "{row}");
        Ok(())
    }
}

fn time(value: &Value) -> Result<SystemTime> {
    let text = value.as_str().with_context(|| format!("{value} is not a time"))?;
    Ok(SystemTime::try_from(text.parse::<prost_types::Timestamp>()?)?)
}

/// What the server leases from.
fn pools(berlin: &Berlin) -> Result<Value> {
    let mut config = berlin.branch.kea.command("config-get", None)?;
    Ok(config["Dhcp4"]["subnet4"][0]["pools"].take())
}
