//! The lab's usual shape: a controller, branches behind a wide area network, clients in each branch.
//!
//! ```text
//!            wan 10.254.0.0/24
//!   controller .1 ──┬── berlin .11 ── lan 10.1.0.0/16 ── clients
//!                   └── munich .12 ── lan 10.2.0.0/16 ── clients
//! ```
//!
//! A branch is one host: the DHCP server and its agent, with a leg in each network. Clients cannot reach the wide area network.

use std::net::Ipv4Addr;

use anyhow::Result;
use freehold_agent::driver::kea::protocol::Protocol;

use crate::client::Client;
use crate::command::ip;
use crate::host::Host;
use crate::kea::{Generation, Install, Kea};
use crate::lab::Lab;
use crate::link::{InterfaceAddress, Link, Segment};

/// The interface of a branch towards the wide area network.
pub const WAN: &str = "wan0";
/// The interface of a branch towards its clients, and of a client.
pub const LAN: &str = "lan0";

/// A controller and two branches. Programs that the caller started must be dropped before the site.
#[derive(Debug)]
pub struct Site {
    /// Where the controller runs.
    pub controller: Host,
    /// The controller's link into the wide area network.
    pub controller_wan: Link,
    /// The first branch.
    pub berlin: Branch,
    /// The second branch.
    pub munich: Branch,
    /// What holds all of it.
    pub lab: Lab,
}

/// A branch with its Keas, which are not started yet.
#[derive(Debug)]
pub struct Branch {
    /// Where Kea and the agent run.
    pub host: Host,
    /// Its link into the wide area network.
    pub wan: Link,
    /// Its link into its own network.
    pub lan: Link,
    /// The network of its clients.
    pub segment: Segment,
    /// The second octet of its network, 10.x.0.0/16, and the third part of its IPv6 network, 2001:db8:x::/64.
    net: u8,
    /// Its DHCPv4 server.
    pub kea: Kea,
    /// Its DHCPv6 server.
    pub kea6: Kea,
}

impl Site {
    /// The controller's address in the wide area network.
    pub const CONTROLLER: Ipv4Addr = Ipv4Addr::new(10, 254, 0, 1);

    /// Runs a test in a new site; when it fails, the ends of all logs are shown. Skipped, loudly, where there can be no lab.
    pub fn with(test: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        match Self::new()? {
            Some(mut site) => {
                let result = test(&mut site);
                site.lab.judge(result)
            }
            None => Ok(()),
        }
    }

    /// Builds it, with the Keas that `FREEHOLD_KEA` names. `None`, loudly, where no lab can be.
    pub fn new() -> Result<Option<Self>> {
        Self::of(Generation::from_environment()?)
    }

    /// Builds it with such Keas. `None`, loudly, where no lab can be.
    pub fn of(kea: Generation) -> Result<Option<Self>> {
        let Some(lab) = Lab::new()? else {
            return Ok(None);
        };
        let installed = |protocol| Install::of(kea, protocol, lab.folder());
        let installs = [installed(Protocol::V4)?, installed(Protocol::V6)?];
        let wan = lab.segment("wan")?;
        let controller = lab.host("controller")?;
        let controller_wan = lab.plug(&controller, &wan, WAN, None, Some(wan_address(Self::CONTROLLER)))?;
        let berlin = Branch::new(&lab, &wan, "berlin", 1, installs.clone())?;
        let munich = Branch::new(&lab, &wan, "munich", 2, installs)?;
        Ok(Some(Self { controller, controller_wan, berlin, munich, lab }))
    }
}

impl Branch {
    fn new(lab: &Lab, wan: &Segment, name: &str, net: u8, [v4, v6]: [Install; 2]) -> Result<Self> {
        let host = lab.host(name)?;
        let segment = lab.segment(name)?;
        let wan = lab.plug(&host, wan, WAN, None, Some(wan_address(Ipv4Addr::new(10, 254, 0, 10 + net))))?;
        let server = InterfaceAddress { address: Ipv4Addr::new(10, net, 0, 1), prefix_len: 16 };
        let lan = lab.plug(&host, &segment, LAN, None, Some(server))?;
        let own = format!("2001:db8:{net}::1/64");
        ip(&["-n", host.namespace(), "address", "add", &own, "dev", LAN, "nodad"])?;
        let (kea, kea6) = (Kea::new(&host, v4), Kea::new(&host, v6));
        Ok(Self { host, wan, lan, segment, net, kea, kea6 })
    }

    /// The network of its clients, in CIDR notation.
    pub fn network(&self) -> String {
        format!("10.{}.0.0/16", self.net)
    }

    /// An address in its network, by the last two octets. 0.1 is the server.
    pub fn address(&self, third: u8, fourth: u8) -> Ipv4Addr {
        Ipv4Addr::new(10, self.net, third, fourth)
    }

    /// A new client host in its network, without an address.
    pub fn client(&self, lab: &Lab, name: &str, hardware_address: [u8; 6]) -> Result<Client> {
        self.plug_client(lab, name, Some(hardware_address), None)
    }

    /// A new client host with a fixed address, to play a relay.
    pub fn relay(&self, lab: &Lab, name: &str, address: Ipv4Addr) -> Result<Client> {
        self.plug_client(lab, name, None, Some(InterfaceAddress { address, prefix_len: 16 }))
    }

    fn plug_client(
        &self,
        lab: &Lab,
        name: &str,
        hardware_address: Option<[u8; 6]>,
        address: Option<InterfaceAddress>,
    ) -> Result<Client> {
        let host = lab.host(&format!("{}-{name}", self.host.name()))?;
        let link = lab.plug(&host, &self.segment, LAN, hardware_address, address)?;
        Client::new(host, link)
    }
}

fn wan_address(address: Ipv4Addr) -> InterfaceAddress {
    InterfaceAddress { address, prefix_len: 24 }
}
