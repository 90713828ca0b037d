//! The steps of the demo. Each says what it does, does it, and checks what it says.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use freehold_lab::client::perfdhcp::{Load, Report};
use freehold_lab::wait::until;
use freehold_lab::{Agent, Branch, Client, ClientLease, Controller, Site};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::seen;
use crate::telling::{Show, Telling};

/// How long it may take until both sides agree again.
const CONVERGED: Duration = Duration::from_secs(60);
const SOON: Duration = Duration::from_secs(10);
/// Clients that ask while Munich is cut off.
const CUT_OFF: u32 = 200;
/// More clients than Berlin has addresses.
const CROWD: u32 = 100;

const LAPTOP: [u8; 6] = [2, 0, 0, 0, 0x10, 1];
const PRINTER: [u8; 6] = [2, 0, 0, 0, 0x10, 2];
const PRINTER_TEXT: &str = "02:00:00:00:10:02";
/// The id of the subnet that somebody wrote by hand.
const BY_HAND: u64 = 77;

/// Freehold's programs; to be dropped before the site.
#[derive(Debug)]
pub(crate) struct Programs {
    pub(crate) berlin: Agent,
    pub(crate) munich: Agent,
    pub(crate) controller: Controller,
}

/// What was measured on the way.
#[derive(Debug)]
pub(crate) struct Measured {
    /// The address that the first client got.
    pub(crate) lease_address: Ipv4Addr,
    /// From the start of `freehold scope create --wait` to its end: the call, Kea's proof, and the program's own start.
    pub(crate) apply: Duration,
    /// From the ACK at a client to the lease in the API: the median of five.
    pub(crate) lease_seen: Duration,
    /// Lease events that the agent spooled while it was cut off.
    pub(crate) events_spooled: usize,
    /// Those of them that the controller has afterwards, each once and in order.
    pub(crate) events_received: usize,
    /// From the healing of the link until all of them were there.
    pub(crate) healed: Duration,
    /// From the start of the killed controller until both agents were connected.
    pub(crate) restarted: Duration,
}

/// Tells all of it.
pub(crate) fn tell(telling: &mut Telling, site: &mut Site, runtime: &Runtime) -> Result<(Programs, Measured)> {
    let by_hand = existing_servers(telling, site)?;
    let mut programs = founding(telling, site)?;
    adoption(telling, site, &programs, &by_hand)?;
    let apply = plan(telling, &programs.controller)?;
    let (lease_address, lease_seen) = leases(telling, site, &programs, runtime)?;
    reservation(telling, site, &programs.controller)?;
    exclusion(telling, site, &programs.controller)?;
    let Cut { events_spooled, events_received, healed } = cut(telling, site, &programs)?;
    let restarted = crash(telling, site, &mut programs)?;
    untouched(telling, site, &by_hand)?;
    Ok((programs, Measured { lease_address, apply, lease_seen, events_spooled, events_received, healed, restarted }))
}

/// Both branches have a Kea that was there before Freehold; Berlin's has a subnet of its own.
fn existing_servers(telling: &mut Telling, site: &mut Site) -> Result<Value> {
    telling.step("Each branch runs Debian's Kea already; somebody gave Berlin's a subnet by hand")?;
    let by_hand = json!({
        "id": BY_HAND, "subnet": "192.168.77.0/24", "pools": [{ "pool": "192.168.77.10-192.168.77.99" }],
        "user-context": { "comment": "the lift controllers, do not touch" },
        "reservations": [{ "hw-address": "02:00:00:00:77:01", "ip-address": "192.168.77.5" }],
    });
    for (branch, subnets) in [(&mut site.berlin, json!([by_hand])), (&mut site.munich, json!([]))] {
        let config = branch.kea.config(branch.lan.interface(), &subnets);
        branch.kea.configure(&config)?;
        branch.kea.start()?;
    }
    let version = site.berlin.kea.command("version-get", None)?;
    telling.say(&format!("Kea {} serves in both.", shown(&version["extended"]).lines().next().unwrap_or_default()));
    config_by_hand(&site.berlin)
}

/// A controller, and an agent beside each Kea.
fn founding(telling: &mut Telling, site: &Site) -> Result<Programs> {
    telling.step("A controller is made and started, and each branch enrols an agent with a one-time token")?;
    let mut controller = Controller::init(site)?;
    controller.run()?;
    let mut enrolled = [&site.berlin, &site.munich].into_iter().map(|branch| {
        let mut agent = Agent::enrol(&controller, branch)?;
        agent.run()?;
        controller.wait_connected(&agent.server(), SOON)?;
        Ok::<_, anyhow::Error>(agent)
    });
    let berlin = enrolled.next().context("there are two branches")??;
    let munich = enrolled.next().context("there are two branches")??;
    drop(enrolled);
    telling.freehold(&controller, &["agent", "list"], Show::All)?;
    telling.freehold(&controller, &["server", "list"], Show::All)?;
    Ok(Programs { berlin, munich, controller })
}

/// Managing a server changes nothing that is there.
fn adoption(telling: &mut Telling, site: &Site, programs: &Programs, by_hand: &Value) -> Result<()> {
    telling.step("The servers are adopted: what is there stays as it is")?;
    let before = site.berlin.kea.command("config-get", None)?["Dhcp4"].take();
    for agent in [&programs.berlin, &programs.munich] {
        telling.freehold(&programs.controller, &["server", "manage", &agent.server(), "--wait"], Show::Nothing)?;
    }
    telling.freehold(&programs.controller, &["server", "list"], Show::All)?;
    let after = site.berlin.kea.command("config-get", None)?["Dhcp4"].take();
    ensure!(before == after, "adoption changed Berlin's configuration:\n{before:#}\nbecame\n{after:#}");
    ensure!(config_by_hand(&site.berlin)? == *by_hand, "adoption changed the subnet that was written by hand");
    telling.say("Berlin's whole configuration is what it was before.");
    Ok(())
}

/// A prefix and a scope in each branch. Hands back how long Berlin's scope took to be served.
fn plan(telling: &mut Telling, controller: &Controller) -> Result<Duration> {
    telling.step("A network and its scope are planned; --wait returns when Kea was proven to serve it")?;
    telling.freehold(
        controller,
        &["prefix", "create", "10.1.0.0/16", "--network", "--title", "Berlin"],
        Show::Line("name"),
    )?;
    let berlin = [
        "scope",
        "create",
        "berlin-office",
        "--network",
        "10.1.0.0/16",
        "--range",
        "10.1.2.10-10.1.2.69",
        "--router",
        "10.1.0.1",
        "--dns",
        "10.1.0.2",
        "--server",
        "berlin/kea4",
        "--wait",
    ];
    let apply = telling.freehold(controller, &berlin, Show::Line("sync"))?;
    telling.say(&format!("From the command's start to its end, Kea's proof included: {} ms.", apply.as_millis()));
    telling.freehold(
        controller,
        &["prefix", "create", "10.2.0.0/16", "--network", "--title", "Munich"],
        Show::Line("name"),
    )?;
    let munich = [
        "scope",
        "create",
        "munich-office",
        "--network",
        "10.2.0.0/16",
        "--range",
        "10.2.4.0-10.2.5.255",
        "--router",
        "10.2.0.1",
        "--dns",
        "10.2.0.2",
        "--server",
        "munich/kea4",
        "--wait",
    ];
    telling.freehold(controller, &munich, Show::Line("sync"))?;
    Ok(apply)
}

/// A real client's lease, and how soon the API shows leases.
fn leases(
    telling: &mut Telling,
    site: &Site,
    Programs { controller, berlin, .. }: &Programs,
    runtime: &Runtime,
) -> Result<(Ipv4Addr, Duration)> {
    telling.step("A client in Berlin asks for an address, and its lease is in the API")?;
    let laptop = site.berlin.client(&site.lab, "laptop", LAPTOP)?;
    let lease = granted(&laptop, "the laptop")?;
    telling.say(&format!(
        "udhcpc on the laptop: {} from {}, router {}, DNS {}, for {} s.",
        lease.address,
        lease.server,
        list(&lease.routers),
        list(&lease.dns_servers),
        lease.lease_seconds
    ));
    ensure!(lease.routers == [Ipv4Addr::new(10, 1, 0, 1)], "the router is not the scope's: {lease:?}");
    ensure!(lease.dns_servers == [Ipv4Addr::new(10, 1, 0, 2)], "the DNS server is not the scope's: {lease:?}");
    controller.wait_lease(&berlin.server(), &lease.address.to_string(), SOON)?;
    telling.freehold(controller, &["lease", "list"], Show::All)?;

    let meter = site.berlin.client(&site.lab, "meter", [2, 0, 0, 0, 0x11, 0])?;
    let clients = [1, 2, 3, 4, 5].map(|last| [2, 0, 0, 0, 0x11, last]);
    let mut took = seen::after_ack(controller, runtime, "berlin-office", &meter, &clients)?;
    took.sort_unstable();
    let shown: Vec<String> = took.iter().map(|took| took.as_millis().to_string()).collect();
    telling.say(&format!("Five more clients: from the ACK to the API in {} ms.", shown.join(", ")));
    Ok((lease.address, took[2]))
}

/// A reserved client gets its address.
fn reservation(telling: &mut Telling, site: &Site, controller: &Controller) -> Result<()> {
    telling.step("An address is reserved for a printer, and the printer gets it")?;
    let reserve = ["reservation", "create", "berlin-office", "10.1.2.40", "--hardware", PRINTER_TEXT, "--wait"];
    telling.freehold(controller, &reserve, Show::Line("sync"))?;
    let printer = site.berlin.client(&site.lab, "printer", PRINTER)?;
    let lease = granted(&printer, "the printer")?;
    ensure!(lease.address == Ipv4Addr::new(10, 1, 2, 40), "the printer got {}", lease.address);
    telling.say(&format!("udhcpc on the printer: {}.", lease.address));
    Ok(())
}

/// More clients than addresses get every address but the excluded and the reserved.
fn exclusion(telling: &mut Telling, site: &Site, controller: &Controller) -> Result<()> {
    telling.step("Ten addresses are excluded; then more clients ask than there are addresses")?;
    telling.freehold(
        controller,
        &["scope", "exclude", "berlin-office", "10.1.2.50-10.1.2.59", "--wait"],
        Show::Line("sync"),
    )?;
    let taken: BTreeSet<Ipv4Addr> = site.berlin.kea.leases()?.into_keys().collect();
    let address = |last| Ipv4Addr::new(10, 1, 2, last);
    let excluded: BTreeSet<Ipv4Addr> = (50..=59).map(address).collect();
    // The printer has its address already; it is among the taken.
    let free: BTreeSet<Ipv4Addr> =
        (10..=69).map(address).filter(|a| !excluded.contains(a) && !taken.contains(a)).collect();

    let report = crowd(site, &site.berlin, CROWD, [2, 1, 0, 0, 0, 0])?;
    let given: BTreeSet<Ipv4Addr> = report.addresses().into_keys().collect();
    ensure!(given.is_disjoint(&excluded), "excluded addresses were leased: {given:?}");
    ensure!(given == free, "the free addresses were {free:?}, and these were leased: {given:?}");
    ensure!(report.leases.len() == given.len(), "an address was given twice: {:?}", report.leases);
    telling.say(&format!(
        "perfdhcp: {CROWD} clients asked; all {} free addresses were given, once each, none of the excluded or reserved.",
        given.len()
    ));
    Ok(())
}

struct Cut {
    events_spooled: usize,
    events_received: usize,
    healed: Duration,
}

/// A branch without its controller serves on, and misses nothing.
fn cut(telling: &mut Telling, site: &Site, Programs { controller, munich, .. }: &Programs) -> Result<Cut> {
    telling
        .step("Munich's wide area network is cut: DHCP goes on, and the agent keeps what the controller has to hear")?;
    let server = munich.server();
    let before = events(controller, &server)?;
    let spooled_before = munich.spooled()?;
    ensure!(before.len() as u64 == spooled_before, "the controller has {} of {spooled_before} events", before.len());
    site.munich.wan.cut()?;
    let report = crowd(site, &site.munich, CUT_OFF, [2, 2, 0, 0, 0, 0])?;
    ensure!(report.leases.len() == CUT_OFF as usize, "only {} of {CUT_OFF} clients were served", report.leases.len());
    let spooled = until("the agent has spooled every lease", SOON, || {
        let spooled = munich.spooled()? - spooled_before;
        ensure!(spooled >= u64::from(CUT_OFF), "it has {spooled}");
        Ok(usize::try_from(spooled)?)
    })?;
    let known = events(controller, &server)?.len() - before.len();
    ensure!(known == 0, "{known} events reached the controller over a cut link");
    telling.say(&format!(
        "{CUT_OFF} clients of {CUT_OFF} got a lease; {spooled} events wait in the spool; the controller knows of none."
    ));

    telling.say("Meanwhile somebody changes the scope:");
    telling.freehold(controller, &["scope", "update", "munich-office", "--dns", "10.2.0.53"], Show::Line("sync"))?;

    telling.step("The link heals: every event arrives exactly once, and the waiting change is applied")?;
    site.munich.wan.heal()?;
    let start = Instant::now();
    let after = until("every event has arrived", CONVERGED, || {
        let after = events(controller, &server)?;
        ensure!(after.len() >= before.len() + spooled, "{} of {spooled} have", after.len() - before.len());
        Ok(after)
    })?;
    let healed = start.elapsed();
    controller.wait_applied("munich-office", CONVERGED.saturating_sub(healed))?;
    let applied = start.elapsed();
    let new = after.get(before.len()..).context("events went missing")?;
    exactly_once(new, spooled_before, spooled, &report)?;
    telling.say(&format!(
        "{} events arrived, once each and in order, {:.1} s after the link came back; the change was applied after {:.1} s.",
        new.len(),
        healed.as_secs_f64(),
        applied.as_secs_f64()
    ));
    let desk = site.munich.client(&site.lab, "desk", [2, 0, 0, 0, 0x12, 1])?;
    let lease = granted(&desk, "the desk")?;
    ensure!(lease.dns_servers == [Ipv4Addr::new(10, 2, 0, 53)], "the change is not served: {lease:?}");
    controller.wait_lease(&server, &lease.address.to_string(), SOON)?;
    telling.say(&format!("udhcpc on a desk in Munich: {}, DNS {}.", lease.address, list(&lease.dns_servers)));
    Ok(Cut { events_spooled: spooled, events_received: new.len(), healed })
}

/// The events that came have the numbers that follow, without a gap or a repetition, and are the leases that were given.
fn exactly_once(events: &[Value], after_seq: u64, spooled: usize, report: &Report) -> Result<()> {
    ensure!(events.len() == spooled, "{} events came of {spooled}", events.len());
    let numbers: Vec<u64> = events.iter().map(|event| number(&event["seq"])).collect::<Result<_>>()?;
    let expected: Vec<u64> = (after_seq + 1..).take(spooled).collect();
    ensure!(numbers == expected, "the events came as {numbers:?}");
    let told: BTreeSet<&str> = events.iter().filter_map(|event| event["lease"]["address"].as_str()).collect();
    let given: BTreeSet<String> = report.addresses().into_keys().map(|address| address.to_string()).collect();
    ensure!(told == given.iter().map(String::as_str).collect(), "leases given: {given:?}; told: {told:?}");
    Ok(())
}

/// A killed controller comes back with everything that it had.
fn crash(telling: &mut Telling, site: &Site, programs: &mut Programs) -> Result<Duration> {
    telling.step("The controller is killed (kill -9): DHCP goes on; started again, it knows everything")?;
    let controller = &mut programs.controller;
    let before = memory(controller)?;
    controller.kill()?;
    let late = site.munich.client(&site.lab, "late", [2, 0, 0, 0, 0x12, 2])?;
    let lease = granted(&late, "a client without a controller")?;
    telling.say(&format!("udhcpc on a client in Munich, without a controller: {}.", lease.address));

    let start = Instant::now();
    controller.run()?;
    for agent in [&programs.berlin, &programs.munich] {
        controller.wait_connected(&agent.server(), CONVERGED)?;
    }
    let restarted = start.elapsed();
    controller.wait_lease(&programs.munich.server(), &lease.address.to_string(), CONVERGED)?;
    let mut after = memory(controller)?;
    let new = after.leases.iter().position(|known| known["address"] == lease.address.to_string());
    after.leases.remove(new.context("the new lease is not in the list")?);
    before.same_as(&after)?;
    telling.say(&format!(
        "Agents come back after a random pause of up to 30 s, so that not all come at once: both were there after {:.1} s.",
        restarted.as_secs_f64()
    ));
    telling.say(&format!(
        "{} resources, {} leases and the one given meanwhile are there.",
        before.resources.len(),
        before.leases.len()
    ));
    Ok(restarted)
}

/// What a controller knows, apart from what changes by itself.
#[derive(Debug)]
struct Memory {
    resources: Vec<Value>,
    leases: Vec<Value>,
}

impl Memory {
    fn same_as(&self, after: &Self) -> Result<()> {
        for (before, after) in [(&self.resources, &after.resources), (&self.leases, &after.leases)] {
            let only = |one: &[Value], other: &[Value]| -> Vec<String> {
                one.iter().filter(|row| !other.contains(row)).map(ToString::to_string).collect()
            };
            let (lost, new) = (only(before, after), only(after, before));
            ensure!(before == after, "the crash took {lost:#?}\nand left instead {new:#?}");
        }
        Ok(())
    }
}

fn memory(controller: &Controller) -> Result<Memory> {
    let rows = |arguments: &[&str]| -> Result<Vec<Value>> {
        match controller.json(arguments.iter().copied())? {
            Value::Array(rows) => Ok(rows),
            other => Err(anyhow::anyhow!("{arguments:?} is no list: {other}")),
        }
    };
    let mut resources = Vec::new();
    // How far servers are, and when agents were last heard and welcomed, is of the moment.
    for (noun, of_the_moment) in [
        ("space", &[][..]),
        ("prefix", &[]),
        ("scope", &["sync"]),
        ("reservation", &["sync"]),
        ("operator", &[]),
        ("agent", &["connected", "seenTime", "etag", "updateTime"]),
    ] {
        for mut resource in rows(&[noun, "list"])? {
            let fields = resource.as_object_mut().context("a resource is an object")?;
            for field in of_the_moment {
                fields.remove(*field);
            }
            resources.push(resource);
        }
    }

    Ok(Memory { resources, leases: rows(&["lease", "list"])? })
}

/// What was written by hand is what it was.
fn untouched(telling: &mut Telling, site: &Site, by_hand: &Value) -> Result<()> {
    telling.step("And the subnet that somebody wrote by hand?")?;
    let now = config_by_hand(&site.berlin)?;
    ensure!(now == *by_hand, "it was {by_hand:#}\nand is {now:#}");
    telling.say(&format!("{}, {}: as it was, byte for byte.", shown(&now["subnet"]), now["user-context"]["comment"]));
    Ok(())
}

/// The hand-written subnet, as Kea runs it.
fn config_by_hand(branch: &Branch) -> Result<Value> {
    let config = branch.kea.command("config-get", None)?;
    let subnets = config["Dhcp4"]["subnet4"].as_array().context("config-get shows no subnets")?;
    let found = subnets.iter().find(|subnet| subnet["id"] == BY_HAND);
    found.cloned().context("the subnet that was written by hand is gone")
}

fn shown(text: &Value) -> &str {
    text.as_str().unwrap_or_default()
}

fn granted(client: &Client, who: &str) -> Result<ClientLease> {
    client.udhcpc()?.with_context(|| format!("{who} got no lease"))
}

/// Many clients behind a relay ask once each.
fn crowd(site: &Site, branch: &Branch, clients: u32, first: [u8; 6]) -> Result<Report> {
    let (relay, server) = (branch.address(255, 1), branch.address(0, 1));
    let host = branch.relay(&site.lab, "crowd", relay)?;
    host.perfdhcp(&Load { relay, server, clients, first, rate: 100 })
}

/// Every lease event of a server that the controller has, in order.
fn events(controller: &Controller, server: &str) -> Result<Vec<Value>> {
    match controller.json(["lease", "events", server])? {
        Value::Array(events) => Ok(events),
        other => Err(anyhow::anyhow!("the events are no list: {other}")),
    }
}

/// A 64-bit number as protobuf JSON writes it: in quotes.
fn number(value: &Value) -> Result<u64> {
    let text = value.as_str().with_context(|| format!("{value} is no 64-bit number"))?;
    text.parse().with_context(|| format!("{text:?} is no number"))
}

fn list(addresses: &[Ipv4Addr]) -> String {
    addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
