//! The lab itself: what it says of a fault or of a lease is so, and nothing of it stays.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use freehold_lab::client::perfdhcp::Load;
use freehold_lab::client::probe::longest_silence;
use freehold_lab::proxy::{Direction, Proxy};
use freehold_lab::wait::until;
use freehold_lab::{Branch, ClientLease, Host, Lab, Program, Site};
use serde_json::{Value, json};

/// Enough for anything on this machine that is going to happen.
const SOON: Duration = Duration::from_secs(10);
/// Long enough to believe that something does not happen.
const WHILE: Duration = Duration::from_millis(300);

#[test]
fn clients_lease_from_a_hand_configured_kea() -> Result<()> {
    Site::with(|site| {
        let (lab, berlin) = (&site.lab, &mut site.berlin);
        let subnet = json!({
            "id": 1, "subnet": berlin.network(),
            "pools": [{ "pool": "10.1.2.10-10.1.2.20" }],
            "option-data": [
                { "name": "routers", "data": "10.1.0.1" },
                { "name": "domain-name-servers", "data": "10.1.0.2, 10.1.0.3" },
                { "name": "domain-name", "data": "berlin.example" },
                { "name": "ntp-servers", "data": "10.1.0.4" },
            ],
            "reservations": [{ "hw-address": "02:00:00:00:00:0b", "ip-address": "10.1.9.9" }],
        });
        serve(berlin, json!([subnet]))?;

        let expected = |address| ClientLease {
            address,
            mask: Ipv4Addr::new(255, 255, 0, 0),
            routers: vec![Ipv4Addr::new(10, 1, 0, 1)],
            dns_servers: vec![Ipv4Addr::new(10, 1, 0, 2), Ipv4Addr::new(10, 1, 0, 3)],
            domain_name: Some("berlin.example".into()),
            ntp_servers: vec![Ipv4Addr::new(10, 1, 0, 4)],
            lease_seconds: 3600,
            server: Ipv4Addr::new(10, 1, 0, 1),
        };
        let any = berlin.client(lab, "any", [2, 0, 0, 0, 0, 0xa])?;
        let reserved = berlin.client(lab, "reserved", [2, 0, 0, 0, 0, 0xb])?;
        assert_eq!(any.udhcpc()?, Some(expected(Ipv4Addr::new(10, 1, 2, 10))));
        let dhclient = reserved.dhclient()?;
        assert_eq!(dhclient.wait_for_lease(SOON)?, expected(Ipv4Addr::new(10, 1, 9, 9)));

        // What the clients were told is in Kea's file, and is still served after a crash.
        let leased = BTreeSet::from([Ipv4Addr::new(10, 1, 2, 10), Ipv4Addr::new(10, 1, 9, 9)]);
        assert_eq!(berlin.kea.leases()?.into_keys().collect::<BTreeSet<_>>(), leased);
        berlin.kea.kill()?;
        assert_eq!(any.udhcpc()?, None);
        berlin.kea.start()?;
        // From 2.6 on a lease that was renewed a moment ago is told again as it is.
        let again = any.udhcpc()?.context("it is not served after a crash")?;
        assert!((3500..=3600).contains(&again.lease_seconds), "{again:?}");
        assert_eq!(ClientLease { lease_seconds: 3600, ..again }, expected(Ipv4Addr::new(10, 1, 2, 10)));

        // A lease that is taken back is gone from the file too, and stays gone.
        berlin.kea.command("lease4-del", Some(json!({ "ip-address": "10.1.2.10" })))?;
        assert_eq!(berlin.kea.leases()?.into_keys().collect::<Vec<_>>(), [Ipv4Addr::new(10, 1, 9, 9)]);
        berlin.kea.stop()?;
        berlin.kea.start()?;
        assert_eq!(berlin.kea.leases()?.into_keys().collect::<Vec<_>>(), [Ipv4Addr::new(10, 1, 9, 9)]);
        Ok(())
    })
}

#[test]
fn perfdhcp_gets_every_address_of_a_pool_and_no_other() -> Result<()> {
    Site::with(|site| {
        let (lab, munich) = (&site.lab, &mut site.munich);
        // 10.2.3.13 to 10.2.3.14 are excluded.
        let pools = json!([{ "pool": "10.2.3.10-10.2.3.12" }, { "pool": "10.2.3.15-10.2.3.19" }]);
        serve(munich, json!([{ "id": 7, "subnet": munich.network(), "pools": pools }]))?;
        let (relay, server) = (munich.address(255, 1), munich.address(0, 1));
        let crowd = munich.relay(lab, "crowd", relay)?;

        let report = crowd.perfdhcp(&Load { relay, server, clients: 20, first: [2, 1, 0, 0, 0, 0], rate: 100 })?;

        let pool: Vec<Ipv4Addr> = [10, 11, 12, 15, 16, 17, 18, 19].map(|last| munich.address(3, last)).into();
        assert_eq!(
            report.addresses().into_iter().collect::<Vec<_>>(),
            pool.iter().map(|&a| (a, 1)).collect::<Vec<_>>()
        );
        assert_eq!((report.offers.sent, report.offers.received, report.acks.received), (20, 8, 8));
        assert_eq!(munich.kea.leases()?.into_keys().collect::<Vec<_>>(), pool);
        Ok(())
    })
}

#[test]
fn a_probe_hears_when_kea_falls_silent() -> Result<()> {
    Site::with(|site| {
        let (lab, berlin) = (&site.lab, &mut site.berlin);
        serve(berlin, json!([{ "id": 1, "subnet": berlin.network(), "pools": [{ "pool": "10.1.0.50-10.1.0.59" }] }]))?;
        let client = berlin.client(lab, "probe", [2, 0, 0, 0, 0, 1])?;
        let every = Duration::from_millis(50);

        let probe = client.probe([2, 0, 0, 0, 0, 1], every)?;
        until("the probe has a lease", SOON, || {
            ensure!(!berlin.kea.leases()?.is_empty(), "there is none");
            Ok(())
        })?;
        let served = probe.stop()?;
        assert!(longest_silence(&served) < WHILE, "{served:?}");

        let probe = client.probe([2, 0, 0, 0, 0, 1], every)?;
        client.link.cut()?;
        std::thread::sleep(2 * WHILE);
        client.link.heal()?;
        let cut = probe.stop()?;
        assert!(longest_silence(&cut) >= WHILE, "{cut:?}");
        Ok(())
    })
}

#[test]
fn a_link_fails_in_the_ways_it_is_told_and_heals() -> Result<()> {
    Site::with(|site| {
        let (link, berlin) = (&site.berlin.wan, &site.berlin.host);
        let mut talk = Talk::new(&site.controller, berlin)?;
        talk.passes_both_ways()?;

        link.cut()?;
        talk.stalls_to_controller()?;
        talk.stalls_to_branch()?;
        link.heal()?;
        talk.arrives_at_controller()?;
        talk.arrives_at_branch()?;
        talk.passes_both_ways()?;

        // Deaf: what it says arrives, though no acknowledgement comes back.
        link.deafen()?;
        talk.passes_to_controller()?;
        talk.stalls_to_branch()?;
        link.heal()?;
        talk.arrives_at_branch()?;
        talk.passes_both_ways()?;

        link.mute()?;
        talk.passes_to_branch()?;
        talk.stalls_to_controller()?;
        link.heal()?;
        talk.arrives_at_controller()?;

        // The other branch's link is not touched by any of it.
        link.cut()?;
        let mut other = Talk::new(&site.controller, &site.munich.host)?;
        other.passes_to_controller()
    })
}

#[test]
fn a_lossy_link_loses_about_its_share() -> Result<()> {
    Site::with(|site| {
        let target = SocketAddr::from((Site::CONTROLLER, 4000));
        let receiver = site.controller.enter(move || UdpSocket::bind(target))?;
        receiver.set_read_timeout(Some(WHILE))?;
        let sender = site.berlin.host.enter(|| UdpSocket::bind("10.254.0.11:0"))?;
        // The address resolution is done before anything is lost.
        sender.send_to(&[0], target)?;
        receiver.recv(&mut [0])?;

        site.berlin.wan.lose(40)?;
        for _ in 0..300 {
            sender.send_to(&[0], target)?;
        }
        let received = std::iter::from_fn(|| receiver.recv(&mut [0]).ok()).count();

        // 180 expected; 5 standard deviations are 43.
        assert!((137..=223).contains(&received), "{received} of 300 arrived");
        Ok(())
    })
}

#[test]
fn a_throttled_link_takes_its_time() -> Result<()> {
    Site::with(|site| {
        let mut talk = Talk::new(&site.controller, &site.berlin.host)?;
        let load = vec![7; 100_000];
        site.berlin.wan.throttle(800)?;

        let start = Instant::now();
        talk.branch.write_all(&load)?;
        talk.controller.read_exact(&mut vec![0; load.len()])?;

        // 100,000 bytes at 100,000 bytes a second, less the burst of 16 KiB.
        let took = start.elapsed();
        assert!(took > Duration::from_millis(700), "{took:?}");
        Ok(())
    })
}

#[test]
fn a_proxy_delays_freezes_and_breaks() -> Result<()> {
    Lab::with(|lab| {
        let host = lab.host("one")?;
        let server = host.enter(|| TcpListener::bind("127.0.0.1:0"))?;
        let proxy = Proxy::start(&host, "127.0.0.1:0".parse()?, &host, server.local_addr()?)?;
        let address = proxy.address();
        let near = host.enter(move || TcpStream::connect(address))?;
        let mut talk = Talk { branch: near, controller: server.accept()?.0 }.with_limits()?;
        talk.passes_to_controller()?;

        proxy.delay(WHILE);
        let start = Instant::now();
        talk.passes_to_controller()?;
        assert!(start.elapsed() >= WHILE, "{:?}", start.elapsed());
        proxy.delay(Duration::ZERO);

        proxy.freeze(Direction::ToClient);
        talk.passes_to_controller()?;
        talk.stalls_to_branch()?;
        proxy.thaw();
        talk.arrives_at_branch()?;

        proxy.break_connections();
        assert_eq!(talk.branch.read(&mut [0])?, 0);
        assert_eq!(talk.controller.read(&mut [0])?, 0);
        Ok(())
    })
}

/// Set in the process that is to be killed.
const VICTIM: &str = "FREEHOLD_LAB_VICTIM";

#[test]
fn what_a_killed_lab_leaves_is_removed_by_the_next() -> Result<()> {
    if std::env::var_os(VICTIM).is_some() {
        return be_the_victim();
    }
    if Lab::new()?.is_none() {
        return Ok(());
    }
    let mut victim = Command::new(std::env::current_exe()?)
        .args(["--exact", "lab::what_a_killed_lab_leaves_is_removed_by_the_next", "--nocapture"])
        .env(VICTIM, "1")
        .stdout(Stdio::piped())
        .spawn()?;
    let told = BufReader::new(victim.stdout.take().expect("it was asked for"));
    let told =
        told.lines().map_while(Result::ok).find_map(|line| line.split_once("VICTIM ").map(|(_, rest)| rest.to_owned()));
    let told = told.context("the victim said nothing")?;
    let [namespace, folder, child, orphan] = told.split(' ').collect::<Vec<_>>()[..] else {
        return Err(anyhow!("the victim said {told:?}"));
    };
    let things =
        [format!("/run/netns/{namespace}"), folder.to_owned(), format!("/proc/{child}"), format!("/proc/{orphan}")];
    let present = || things.each_ref().map(|thing| Path::new(thing).exists());
    assert_eq!(present(), [true; 4], "{things:?}");

    victim.kill()?;
    victim.wait()?;
    // The kernel kills its child; the child's own child lives on, until the next lab comes.
    until("the child is gone", SOON, || {
        ensure!(!Path::new(&things[2]).exists(), "{} is there", things[2]);
        Ok(())
    })?;
    let _next = Lab::new()?;

    until("all of it is gone", SOON, || {
        ensure!(present() == [false; 4], "{things:?}: {:?}", present());
        Ok(())
    })
}

fn be_the_victim() -> Result<()> {
    let lab = Lab::new()?.context("there was a lab a moment ago")?;
    let host = lab.host("victim")?;
    let script = "setsid sleep 1000 & echo orphan $!; exec sleep 1000";
    let child = host.start("child", Program::new("sh").args(["-c", script]))?;
    let orphan = until("the child has a child", SOON, || {
        let log = child.log()?;
        log.trim().strip_prefix("orphan ").map(str::to_owned).ok_or_else(|| anyhow!("it said {log:?}"))
    })?;
    println!("VICTIM {} {} {} {orphan}", host.namespace(), lab.folder().display(), child.pid());
    std::io::stdout().flush()?;
    std::thread::sleep(SOON);
    Err(anyhow!("nobody killed the victim"))
}

/// Gives the branch's Kea these subnets and starts it.
fn serve(branch: &mut Branch, subnets: Value) -> Result<()> {
    let config = branch.kea.config(branch.lan.interface(), &subnets);
    branch.kea.configure(&config)?;
    branch.kea.start()
}

/// A TCP connection between a branch and the controller, both ends in hand.
struct Talk {
    branch: TcpStream,
    controller: TcpStream,
}

impl Talk {
    fn new(controller: &Host, branch: &Host) -> Result<Self> {
        let listener = controller.enter(|| TcpListener::bind((Site::CONTROLLER, 0)))?;
        let address = listener.local_addr()?;
        let branch = branch.enter(move || TcpStream::connect_timeout(&address, SOON))?;
        Self { branch, controller: listener.accept()?.0 }.with_limits()
    }

    fn with_limits(self) -> Result<Self> {
        for stream in [&self.branch, &self.controller] {
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(SOON))?;
        }
        Ok(self)
    }

    fn passes_to_controller(&mut self) -> Result<()> {
        pass(&mut self.branch, &mut self.controller)
    }

    fn passes_to_branch(&mut self) -> Result<()> {
        pass(&mut self.controller, &mut self.branch)
    }

    /// And what passed before is acknowledged, so that TCP holds nothing back.
    fn passes_both_ways(&mut self) -> Result<()> {
        self.passes_to_controller()?;
        self.passes_to_branch()?;
        self.passes_to_controller()
    }

    fn stalls_to_controller(&mut self) -> Result<()> {
        stall(&mut self.branch, &mut self.controller)
    }

    fn stalls_to_branch(&mut self) -> Result<()> {
        stall(&mut self.controller, &mut self.branch)
    }

    /// What stalled arrives: one byte at the controller.
    fn arrives_at_controller(&mut self) -> Result<()> {
        self.controller.read_exact(&mut [0]).context("it did not arrive at the controller")
    }

    /// What stalled arrives: one byte at the branch.
    fn arrives_at_branch(&mut self) -> Result<()> {
        self.branch.read_exact(&mut [0]).context("it did not arrive at the branch")
    }
}

fn pass(from: &mut TcpStream, to: &mut TcpStream) -> Result<()> {
    from.write_all(b"x")?;
    to.read_exact(&mut [0]).context("it did not pass")
}

fn stall(from: &mut TcpStream, to: &mut TcpStream) -> Result<()> {
    from.write_all(b"x")?;
    to.set_read_timeout(Some(WHILE))?;
    ensure!(to.read(&mut [0]).is_err(), "it arrived");
    Ok(to.set_read_timeout(Some(SOON))?)
}
