//! Segments, and the links that plug hosts into them.
//!
//! A segment is a bridge in a namespace of its own, the fabric; a link is a veth pair from the host to a port of the bridge. Faults
//! are made in the fabric, so that the host's own interface stays up and its TCP sees nothing: exactly what a cut far away
//! looks like. nftables drops, tbf limits the rate; neither needs netem, which many kernels lack.

use std::fmt::Write;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::command::{ip, nft, tc};
use crate::host::Host;
use crate::netns::Namespace;
use crate::wait::until;

/// The bridges of a lab.
#[derive(Debug)]
pub struct Fabric {
    namespace: Namespace,
    ports: AtomicU32,
}

/// A broadcast domain: everything plugged into it hears everything else.
#[derive(Debug, Clone)]
pub struct Segment {
    fabric: String,
    bridge: String,
}

/// An address of an interface, in its network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InterfaceAddress {
    /// The host's address.
    pub address: Ipv4Addr,
    /// The length of the network's prefix.
    pub prefix_len: u8,
}

/// A host's plug in a segment.
#[derive(Debug, Clone)]
pub struct Link {
    fabric: String,
    port: String,
    host: String,
    interface: String,
    hardware_address: [u8; 6],
}

impl Fabric {
    pub(crate) fn new(namespace: Namespace) -> Result<Self> {
        nft(
            namespace.name(),
            "add table bridge lab; add chain bridge lab forward { type filter hook forward priority filter; }",
        )?;
        Ok(Self { namespace, ports: AtomicU32::new(0) })
    }

    /// A new segment. The name is a bridge's: 15 characters at most.
    pub fn segment(&self, name: &str) -> Result<Segment> {
        let fabric = self.namespace.name();
        ip(&["-n", fabric, "link", "add", name, "up", "type", "bridge", "mcast_snooping", "0"])?;
        Ok(Segment { fabric: fabric.to_owned(), bridge: name.to_owned() })
    }

    /// Plugs the host into the segment with a new interface. Without a hardware address it gets one of the lab's own.
    pub fn plug(
        &self,
        host: &Host,
        segment: &Segment,
        interface: &str,
        hardware_address: Option<[u8; 6]>,
        address: Option<InterfaceAddress>,
    ) -> Result<Link> {
        let number = self.ports.fetch_add(1, Ordering::Relaxed);
        let [_, _, high, low] = number.to_be_bytes();
        let hardware_address = hardware_address.unwrap_or([0x02, 0xfe, 0, 0, high, low]);
        let (fabric, port) = (segment.fabric.clone(), format!("p{number}"));
        let netns = host.namespace();
        let mac = colons(hardware_address);
        ip(&[
            "-n", &fabric, "link", "add", &port, "type", "veth", "peer", "name", interface, "address", &mac, "netns",
            netns,
        ])?;
        ip(&["-n", &fabric, "link", "set", &port, "master", &segment.bridge, "up"])?;
        if let Some(InterfaceAddress { address, prefix_len }) = address {
            ip(&["-n", netns, "address", "add", &format!("{address}/{prefix_len}"), "brd", "+", "dev", interface])?;
        }
        ip(&["-n", netns, "link", "set", interface, "up"])?;
        nft(
            &fabric,
            &format!(
                "add chain bridge lab from_{port}\nadd chain bridge lab to_{port}\n\
                 add rule bridge lab forward iifname {port} jump from_{port}\n\
                 add rule bridge lab forward oifname {port} jump to_{port}\n"
            ),
        )?;
        let link = Link { fabric, port, host: netns.to_owned(), interface: interface.to_owned(), hardware_address };
        link.wait_for_carrier()?;
        Ok(link)
    }
}

impl Link {
    /// The interface's name on its host.
    pub fn interface(&self) -> &str {
        &self.interface
    }

    /// The interface's hardware address.
    pub fn hardware_address(&self) -> [u8; 6] {
        self.hardware_address
    }

    /// Nothing passes, either way; both ends notice only the silence.
    pub fn cut(&self) -> Result<()> {
        self.rules("drop", "drop")
    }

    /// The host hears nothing, but is heard: its connections are half open.
    pub fn deafen(&self) -> Result<()> {
        self.rules("", "drop")
    }

    /// The host hears everything, but is not heard.
    pub fn mute(&self) -> Result<()> {
        self.rules("drop", "")
    }

    /// Loses this share of the packets, each way.
    pub fn lose(&self, percent: u8) -> Result<()> {
        ensure!(percent <= 100, "{percent} % cannot be lost");
        let rule = format!("numgen random mod 100 < {percent} drop");
        self.rules(&rule, &rule)
    }

    /// Limits the rate, each way.
    pub fn throttle(&self, kilobits_per_second: u32) -> Result<()> {
        let rate = format!("{kilobits_per_second}kbit");
        for (namespace, device) in self.ends() {
            tc(&[
                "-n", namespace, "qdisc", "replace", "dev", device, "root", "tbf", "rate", &rate, "burst", "16kb",
                "latency", "1s",
            ])?;
        }
        Ok(())
    }

    /// Takes all faults away.
    pub fn heal(&self) -> Result<()> {
        self.rules("", "")?;
        for (namespace, device) in self.ends() {
            // Without a tbf this puts the default queue in place of the default queue.
            tc(&["-n", namespace, "qdisc", "replace", "dev", device, "root", "pfifo"])?;
        }
        Ok(())
    }

    fn ends(&self) -> [(&str, &str); 2] {
        [(&self.fabric, &self.port), (&self.host, &self.interface)]
    }

    /// Replaces the rules for what the host says and for what it hears, in one transaction.
    fn rules(&self, from: &str, to: &str) -> Result<()> {
        let port = &self.port;
        let mut rules = format!("flush chain bridge lab from_{port}\nflush chain bridge lab to_{port}\n");
        for (chain, rule) in [("from", from), ("to", to)] {
            if !rule.is_empty() {
                writeln!(rules, "add rule bridge lab {chain}_{port} {rule}").expect("a String takes everything");
            }
        }
        nft(&self.fabric, &rules)
    }

    /// Kea ignores, for good, an interface that is not running when it reads its configuration.
    fn wait_for_carrier(&self) -> Result<()> {
        until("the link has a carrier", Duration::from_secs(5), || {
            let shown = ip(&["-n", &self.host, "link", "show", "dev", &self.interface])?;
            ensure!(shown.contains("LOWER_UP"), "no carrier: {shown}");
            Ok(())
        })
    }
}

/// A hardware address as people write it.
pub fn colons(hardware_address: [u8; 6]) -> String {
    hardware_address.map(|byte| format!("{byte:02x}")).join(":")
}
