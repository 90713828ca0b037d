//! The networks that this host has an interface in.

use ipnet::IpNet;
use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;
use nix::sys::socket::{LinkAddr, SockaddrStorage};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::warn;

/// Networks told to the controller, at most.
const TOLD_MAX: usize = 256;

/// How often the interfaces are looked at: a sign of life goes out every 20 seconds.
const EVERY: Duration = Duration::from_secs(10);

/// An interface, and a network that it is in.
#[derive(Debug, Clone)]
pub struct Link {
    /// Its name.
    pub name: String,
    /// The network.
    pub network: IpNet,
    /// Whether packets can pass.
    pub up: bool,
    /// Its own hardware address and number, if it has one.
    pub hardware: Option<LinkAddr>,
}

/// The host's links at one moment.
#[derive(Debug, Clone)]
pub struct Links(Vec<Link>);

impl Links {
    /// Looks what there is, without loopback and point-to-point links.
    ///
    /// # Errors
    /// Why that cannot be seen, in words.
    pub fn look() -> Result<Self, String> {
        let all: Vec<_> =
            getifaddrs().map_err(|failure| format!("the interfaces cannot be seen: {failure}"))?.collect();
        let mut hardware: BTreeMap<&str, LinkAddr> = BTreeMap::new();
        for interface in &all {
            if let Some(link) = interface.address.as_ref().and_then(SockaddrStorage::as_link_addr) {
                hardware.insert(&interface.interface_name, *link);
            }
        }
        let shared =
            |flags: InterfaceFlags| !flags.intersects(InterfaceFlags::IFF_LOOPBACK | InterfaceFlags::IFF_POINTOPOINT);
        let links = all.iter().filter(|interface| shared(interface.flags)).filter_map(|interface| {
            let address = interface.address.as_ref().and_then(ip)?;
            let mask = interface.netmask.as_ref().and_then(ip)?;
            let network = IpNet::with_netmask(address, mask).ok()?.trunc();
            Some(Link {
                name: interface.interface_name.clone(),
                network,
                up: interface.flags.contains(InterfaceFlags::IFF_UP | InterfaceFlags::IFF_RUNNING),
                hardware: hardware.get(interface.interface_name.as_str()).copied(),
            })
        });
        Ok(Self(links.collect()))
    }

    /// The link that `address` is on: of several the narrowest.
    pub fn of(&self, address: IpAddr) -> Option<&Link> {
        self.0.iter().filter(|link| link.network.contains(&address)).max_by_key(|link| link.network.prefix_len())
    }

    /// The networks, in order, as the controller is told: those that packets can pass in, and that are more than this host.
    pub fn networks(&self) -> Vec<String> {
        let told = |link: &&Link| {
            let own = link.network.prefix_len() == link.network.max_prefix_len();
            let local = matches!(link.network.addr(), IpAddr::V6(address) if address.is_unicast_link_local());
            link.up && !own && !local
        };
        let networks: BTreeSet<IpNet> = self.0.iter().filter(told).map(|link| link.network).collect();
        networks.iter().take(TOLD_MAX).map(IpNet::to_string).collect()
    }
}

/// The networks as the controller is told; none, if they cannot be seen.
pub fn networks() -> Vec<String> {
    match Links::look() {
        Ok(links) => links.networks(),
        Err(failure) => {
            warn!(%failure, "the controller cannot be told which networks this host is in; may it use AF_NETLINK?");
            Vec::new()
        }
    }
}

/// Looks for other networks until `stop`.
pub async fn follow(networks: watch::Sender<Vec<String>>, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
        if let Ok(links) = Links::look() {
            networks.send_replace(links.networks());
        }
    }
}

fn ip(address: &SockaddrStorage) -> Option<IpAddr> {
    let v4 = address.as_sockaddr_in().map(|address| IpAddr::V4(address.ip()));
    v4.or_else(|| address.as_sockaddr_in6().map(|address| IpAddr::V6(address.ip())))
}
