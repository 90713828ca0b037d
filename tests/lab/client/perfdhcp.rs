//! Kea's load generator: many clients behind a relay.
//!
//! It speaks as a relay agent from the client host's own address, so the host needs one in the LAN, outside of the pools.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};

use super::Client;
use crate::link::colons;
use crate::process::Program;

/// How many clients ask, and how fast.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// The relay's address: the subnet is chosen by it.
    pub relay: Ipv4Addr,
    /// The server asked.
    pub server: Ipv4Addr,
    /// Different clients; each asks once.
    pub clients: u32,
    /// The hardware address of the first client; the others count up from it.
    pub first: [u8; 6],
    /// Exchanges started per second.
    pub rate: u32,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// DISCOVERs sent, and OFFERs received.
    pub offers: Exchange,
    /// REQUESTs sent, and ACKs received.
    pub acks: Exchange,
    /// The address that each client's ACK carried, in order of arrival; a client is named by its client identifier.
    pub leases: Vec<(String, Ipv4Addr)>,
}

/// Messages of one kind and their answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exchange {
    /// Messages sent.
    pub sent: u64,
    /// Answers received.
    pub received: u64,
}

impl Report {
    /// The addresses given, each with the number of ACKs that carried it.
    pub fn addresses(&self) -> BTreeMap<Ipv4Addr, usize> {
        let mut addresses = BTreeMap::new();
        for (_, address) in &self.leases {
            *addresses.entry(*address).or_default() += 1;
        }
        addresses
    }
}

impl Client {
    /// Runs the load to its end.
    pub fn perfdhcp(&self, load: &Load) -> Result<Report> {
        let text = |number: u32| number.to_string();
        let program = Program::new("perfdhcp")
            .args(["-4", "-l", &load.relay.to_string()])
            .args(["-n", &text(load.clients), "-R", &text(load.clients), "-r", &text(load.rate)])
            .args(["-b", &format!("mac={}", colons(load.first))])
            // Late answers count: wait a second (in µs) for them; and list the leases.
            .args(["-W", "1000000", "-x", "l"])
            .arg(load.server.to_string());
        let limit = Duration::from_secs(15 + u64::from(load.clients / load.rate.max(1)));
        let output = self.host.run("perfdhcp", program, limit)?;
        // 3 says that not everything was answered, which the report tells better.
        ensure!(
            matches!(output.status.code(), Some(0 | 3)),
            "perfdhcp ended with {}: {}",
            output.status,
            output.stderr
        );
        parse(&output.stdout).with_context(|| format!("perfdhcp said:\n{}", output.stdout))
    }
}

fn parse(report: &str) -> Result<Report> {
    let leases = section(report, "***Leases for REQUEST-ACK***")?
        .lines()
        // The heading is "client_id,adrress,prefix".
        .skip_while(|line| !line.starts_with("client_id,"))
        .skip(1)
        .take_while(|line| !line.is_empty())
        .map(lease)
        .collect::<Result<_>>()?;
    Ok(Report {
        offers: exchange(section(report, "***Statistics for: DISCOVER-OFFER***")?)?,
        acks: exchange(section(report, "***Statistics for: REQUEST-ACK***")?)?,
        leases,
    })
}

/// The text after a heading.
fn section<'a>(report: &'a str, heading: &str) -> Result<&'a str> {
    report.split_once(heading).map(|(_, rest)| rest).ok_or_else(|| anyhow!("there is no {heading}"))
}

fn exchange(section: &str) -> Result<Exchange> {
    let number = |label: &str| -> Result<u64> {
        let line =
            section.lines().find_map(|line| line.strip_prefix(label)).ok_or_else(|| anyhow!("there is no {label}"))?;
        line.trim().parse().with_context(|| format!("{label}{line}"))
    };
    Ok(Exchange { sent: number("sent packets:")?, received: number("received packets:")? })
}

/// A line `client_id,address,`.
fn lease(line: &str) -> Result<(String, Ipv4Addr)> {
    let mut columns = line.split(',');
    let client = columns.next().unwrap_or_default();
    let address = columns.next().ok_or_else(|| anyhow!("{line:?} has no address"))?;
    Ok((client.to_owned(), address.parse().with_context(|| format!("{line:?}"))?))
}
