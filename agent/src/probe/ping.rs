//! Asking by ICMP echo, v4 and v6. Needs the right to open such a socket: `CAP_NET_RAW`, or the group in
//! `net.ipv4.ping_group_range`.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;
use surge_ping::{Client, Config, ICMP, PingIdentifier, PingSequence, SurgeError};

/// A socket of each family, or why there is none; copies are the same.
#[derive(Clone)]
pub struct Pings(Arc<Sockets>);

struct Sockets {
    v4: Result<Client, String>,
    v6: Result<Client, String>,
    identifier: u16,
    next: AtomicU16,
}

impl std::fmt::Debug for Pings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pings").field("identifier", &self.0.identifier).finish_non_exhaustive()
    }
}

fn open(kind: ICMP) -> Result<Client, String> {
    Client::new(&Config::builder().kind(kind).build()).map_err(|failure| match failure.kind() {
        io::ErrorKind::PermissionDenied => {
            "the agent may not: it needs CAP_NET_RAW, or its group in net.ipv4.ping_group_range".to_owned()
        }
        _ => failure.to_string(),
    })
}

impl Pings {
    /// Opens both.
    pub fn open() -> Self {
        let mut identifier = [0; 2];
        aws_lc_rs::rand::fill(&mut identifier).expect("the system has randomness");
        let identifier = u16::from_ne_bytes(identifier);
        Self(Arc::new(Sockets { v4: open(ICMP::V4), v6: open(ICMP::V6), identifier, next: AtomicU16::new(0) }))
    }

    /// Asks until there is an answer, anew after every `gap`; how long the answer took since it was last asked.
    ///
    /// # Errors
    /// Why it cannot be asked, in words.
    pub async fn ask(&self, address: IpAddr, gap: Duration) -> Result<Duration, String> {
        let client = match address {
            IpAddr::V4(_) => &self.0.v4,
            IpAddr::V6(_) => &self.0.v6,
        };
        let client = client.as_ref().map_err(Clone::clone)?;
        let mut pinger = client.pinger(address, PingIdentifier(self.0.identifier)).await;
        pinger.timeout(gap);
        loop {
            let sequence = PingSequence(self.0.next.fetch_add(1, Ordering::Relaxed));
            match pinger.ping(sequence, b"freehold").await {
                Ok((_, took)) => return Ok(took),
                Err(SurgeError::Timeout { .. }) => {}
                // The kernel asked for the neighbour and nobody has it: that is silence.
                Err(SurgeError::IOError(failure)) if failure.kind() == io::ErrorKind::HostUnreachable => {
                    tokio::time::sleep(gap).await;
                }
                Err(SurgeError::IOError(failure)) => return Err(failure.to_string()),
                Err(other) => return Err(other.to_string()),
            }
        }
    }
}
