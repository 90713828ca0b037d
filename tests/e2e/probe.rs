//! Who is there? Addresses that answer, hide, or are nobody's, and a stranger on the next free address.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use freehold_agent::probe;
use freehold_lab::link::{InterfaceAddress, Link, Segment};
use freehold_lab::wait::until;
use freehold_lab::{Host, Lab, Program};
use freehold_proto::sync::{ProbeAnswer, ProbeMethod, ProbeRequest, ProbeResult, probe_result::Verdict};
use rustix::thread::{CapabilitySet, capabilities, set_capabilities};
use serde_json::Value;

use crate::berlin::{Berlin, SOON};

const TIMEOUT_MS: u32 = 500;
const TIMEOUT: Duration = Duration::from_millis(500);
/// Room for a busy machine.
const SLACK: Duration = Duration::from_millis(400);

const LOUD: Ipv4Addr = Ipv4Addr::new(10, 7, 0, 2);
const HIDDEN: Ipv4Addr = Ipv4Addr::new(10, 7, 0, 3);
const ROUTER: Ipv4Addr = Ipv4Addr::new(10, 7, 0, 254);
const NOBODY: Ipv4Addr = Ipv4Addr::new(10, 7, 0, 9);
const FAR: Ipv4Addr = Ipv4Addr::new(10, 8, 0, 2);
const FAR_NOBODY: Ipv4Addr = Ipv4Addr::new(10, 8, 0, 9);

/// Two networks with a router between them; who asks is in the first.
struct Street {
    asker: Host,
    loud: Link,
    hidden: Link,
}

impl Street {
    fn build(lab: &Lab) -> Result<Self> {
        let (near, far) = (lab.segment("near")?, lab.segment("far")?);
        let plug = |name: &str, segment: &Segment, address: Ipv4Addr| {
            let host = lab.host(name)?;
            let link = lab.plug(&host, segment, "lan0", None, Some(InterfaceAddress { address, prefix_len: 24 }))?;
            anyhow::Ok((host, link))
        };
        let (asker, _) = plug("asker", &near, Ipv4Addr::new(10, 7, 0, 1))?;
        let (_, loud) = plug("loud", &near, LOUD)?;
        let (hiding, hidden) = plug("hidden", &near, HIDDEN)?;
        let (router, _) = plug("router", &near, ROUTER)?;
        let other = InterfaceAddress { address: Ipv4Addr::new(10, 8, 0, 254), prefix_len: 24 };
        lab.plug(&router, &far, "far0", None, Some(other))?;
        let (stranger, _) = plug("far", &far, FAR)?;
        set(&router, "/proc/sys/net/ipv4/ip_forward", "1")?;
        set(&hiding, "/proc/sys/net/ipv4/icmp_echo_ignore_all", "1")?;
        route(&asker, "10.8.0.0/24", ROUTER)?;
        route(&stranger, "10.7.0.0/24", other.address)?;
        Ok(Self { asker, loud, hidden })
    }

    /// What comes of asking, and after how long.
    fn ask(&self, addresses: &[Ipv4Addr]) -> Result<(ProbeAnswer, Duration)> {
        let request = request(addresses);
        self.asker.enter(move || answer(&request))
    }

    fn ask_one(&self, address: Ipv4Addr) -> Result<(ProbeResult, Duration)> {
        let (answer, took) = self.ask(&[address])?;
        Ok((answer.results.into_iter().next().context("an answer")?, took))
    }
}

fn set(host: &Host, path: &'static str, value: &'static str) -> Result<()> {
    host.enter(move || std::fs::write(path, value)).with_context(|| format!("cannot write {path}"))
}

fn route(host: &Host, network: &str, via: Ipv4Addr) -> Result<()> {
    let program = Program::new("ip").args(["route", "add", network, "via"]).arg(via.to_string());
    host.run("route", program, SOON)?.success()?;
    Ok(())
}

fn request(addresses: &[Ipv4Addr]) -> ProbeRequest {
    let addresses = addresses.iter().map(Ipv4Addr::to_string).collect();
    ProbeRequest { probe_id: 7, addresses, timeout_ms: TIMEOUT_MS }
}

/// What the agent's prober says, in the network of this thread, and after how long.
fn answer(request: &ProbeRequest) -> Result<(ProbeAnswer, Duration)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(async {
        let mut pace = tokio::time::interval(Duration::from_millis(5));
        let start = Instant::now();
        let (answer, ears) = probe::probe(request, &mut pace).await;
        let took = start.elapsed();
        ears.close().await;
        (answer, took)
    }))
}

fn told(result: &ProbeResult) -> (&str, Verdict, ProbeMethod, &[u8], &str) {
    (&result.address, result.verdict(), result.method(), &result.hardware, &result.message)
}

#[test]
fn the_agent_tells_who_is_there_from_who_is_not() -> Result<()> {
    Lab::with(|lab| {
        let street = Street::build(lab)?;
        let nowhere = Ipv4Addr::new(192, 0, 2, 1);
        let (answer, took) = street.ask(&[LOUD, HIDDEN, NOBODY, FAR, FAR_NOBODY, nowhere])?;
        ensure!(took < TIMEOUT + SLACK, "they are asked at once, within {took:?}");

        let (loud, hidden) = (street.loud.hardware_address(), street.hidden.hardware_address());
        let (arp, ping, none) = (ProbeMethod::Arp, ProbeMethod::Ping, ProbeMethod::Unspecified);
        let routed = "asked by ping alone, through a router: a host that drops pings stays hidden";
        let no_way = "it is on no link of this host, and cannot be pinged: Network is unreachable (os error 101)";
        let expected: [(&str, Verdict, ProbeMethod, &[u8], &str); 6] = [
            ("10.7.0.2", Verdict::Answered, arp, &loud, ""),
            ("10.7.0.3", Verdict::Answered, arp, &hidden, ""),
            ("10.7.0.9", Verdict::Silent, none, &[], ""),
            ("10.8.0.2", Verdict::Answered, ping, &[], ""),
            ("10.8.0.9", Verdict::Silent, none, &[], routed),
            ("192.0.2.1", Verdict::Unable, none, &[], no_way),
        ];
        assert_eq!(answer.results.iter().map(told).collect::<Vec<_>>(), expected);
        Ok(())
    })
}

#[test]
fn without_the_right_to_the_agent_says_that_it_lacks_it() -> Result<()> {
    Lab::with(|lab| {
        let street = Street::build(lab)?;
        let unarmed = || {
            street.asker.enter(|| {
                // A thread of its own, as rights that were given up do not come back.
                let asks = std::thread::spawn(|| {
                    let mut own = capabilities(None)?;
                    own.effective = own.effective.difference(CapabilitySet::NET_RAW);
                    own.permitted = own.permitted.difference(CapabilitySet::NET_RAW);
                    set_capabilities(None, own)?;
                    answer(&request(&[HIDDEN]))
                });
                asks.join().expect("it does not panic")
            })
        };
        let may_not = "the agent may not: it needs CAP_NET_RAW";
        let neither = format!(
            "it cannot be asked by ARP: {may_not}; nor by ping: {may_not}, or its group in net.ipv4.ping_group_range"
        );
        let none = ProbeMethod::Unspecified;
        let (answer, _) = unarmed()?;
        assert_eq!(told(&answer.results[0]), ("10.7.0.3", Verdict::Unable, none, &[][..], neither.as_str()));

        // As on Debian, where systemd lets everybody ping: what is silent then may be there all the same, and that is said.
        set(&street.asker, "/proc/sys/net/ipv4/ping_group_range", "0 2147483647")?;
        let pinged = format!("asked by ping alone, as ARP cannot be used: {may_not}");
        let (answer, _) = unarmed()?;
        assert_eq!(told(&answer.results[0]), ("10.7.0.3", Verdict::Silent, none, &[][..], pinged.as_str()));
        Ok(())
    })
}

#[test]
fn an_answer_is_quick_and_silence_takes_its_time() -> Result<()> {
    Lab::with(|lab| {
        let street = Street::build(lab)?;
        let median = |address: Ipv4Addr, times: usize| -> Result<(Duration, Duration)> {
            let mut all = (0..times).map(|_| street.ask_one(address)).collect::<Result<Vec<_>>>()?;
            all.sort_by_key(|(_, took)| *took);
            let (result, took) = &all[times / 2];
            Ok((*took, Duration::from_micros(result.round_trip_us)))
        };
        let mut figures = Vec::new();
        for (what, address) in [("by ARP", HIDDEN), ("by both", LOUD), ("by ping through a router", FAR)] {
            let (took, round_trip) = median(address, 21)?;
            figures.push(format!("{what}: {took:?} in all, {round_trip:?} for the answer"));
            ensure!(took < TIMEOUT / 2, "{what}: {took:?}");
        }
        let (took, _) = median(NOBODY, 5)?;
        figures.push(format!("silent: {took:?} of {TIMEOUT:?}"));
        ensure!(took >= TIMEOUT && took < TIMEOUT + SLACK, "silent: {took:?}");
        println!("medians\n{}", figures.join("\n"));
        Ok(())
    })
}

#[test]
fn a_stranger_on_the_next_free_address_is_seen_and_passed_over() -> Result<()> {
    Berlin::with(|berlin| {
        berlin.done("prefix create --network 10.1.0.0/16")?;
        berlin.done(
            "scope create office --network 10.1.0.0/16 --range 10.1.2.10-10.1.2.29 --router 10.1.0.1 \
             --server berlin/kea4 --wait",
        )?;
        let stranger = berlin.branch.relay(berlin.lab, "stranger", Ipv4Addr::new(10, 1, 2, 10))?;
        set(&stranger.host, "/proc/sys/net/ipv4/icmp_echo_ignore_all", "1")?;
        let hardware = words(stranger.link.hardware_address());

        let found = berlin.json("ip ping 10.1.2.10")?;
        let told = |found: &Value| {
            let field = |name: &str| found[name].as_str().unwrap_or_default().to_owned();
            (field("agent"), field("outcome"), field("method"), field("hardwareAddress"))
        };
        let by_arp = ("agents/berlin".to_owned(), "OUTCOME_ANSWERED".to_owned(), "METHOD_ARP".to_owned(), hardware);
        assert_eq!(told(&found), by_arp);

        let given = berlin.json("ip next office --claim --hardware 02:00:00:00:00:aa --probe --wait --timeout 30s")?;
        assert_eq!((given["address"].as_str(), given["state"].as_str()), (Some("10.1.2.11"), Some("STATE_CLAIMED")));
        let shown = berlin.json("ip show 10.1.2.10")?;
        assert_eq!(shown["state"].as_str(), Some("STATE_ANSWERING"), "{shown}");
        assert_eq!(shown["reasons"][0]["sighting"]["hardwareAddress"].as_str(), Some(by_arp.3.as_str()));

        // It is kept from those who do not ask, too, and the client of the claim gets what it was promised.
        let held = berlin.json("ip next office")?;
        assert_eq!(held["address"].as_str(), Some("10.1.2.12"));
        let client = berlin.branch.client(berlin.lab, "claimed", [2, 0, 0, 0, 0, 0xaa])?;
        assert_eq!(client.udhcpc()?.context("a lease")?.address, Ipv4Addr::new(10, 1, 2, 11));

        // Once the stranger is gone, and that was cleared, the address is free.
        stranger.link.cut()?;
        berlin.done("ip clear 10.1.2.10")?;
        until("the stranger is silent", SOON, || {
            let found = berlin.json("ip ping 10.1.2.10")?;
            ensure!(found["outcome"] == "OUTCOME_SILENT", "{found}");
            Ok(())
        })?;
        assert_eq!(berlin.json("ip next office --probe")?["address"].as_str(), Some("10.1.2.10"));
        Ok(())
    })
}

fn words(hardware: [u8; 6]) -> String {
    hardware.map(|byte| format!("{byte:02x}")).join(":")
}
