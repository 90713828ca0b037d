//! DHCP clients: Debian's own ([`udhcpc`], [`dhclient`]), Kea's load generator ([`perfdhcp`]), and a probe that asks all the time
//! ([`probe`]).

pub mod dhclient;
pub mod dhclient6;
pub mod message;
pub mod perfdhcp;
pub mod probe;
mod script;
pub mod udhcpc;

use std::net::Ipv4Addr;

use anyhow::Result;

use crate::command::ip;
use crate::host::Host;
use crate::link::Link;

/// A host whose one interface asks for its address.
#[derive(Debug, Clone)]
pub struct Client {
    /// The host.
    pub host: Host,
    /// Its plug in the LAN.
    pub link: Link,
}

impl Client {
    pub(crate) fn new(host: Host, link: Link) -> Result<Self> {
        // Without an address it has no route, and still has to say 255.255.255.255.
        ip(&["-n", host.namespace(), "route", "add", "255.255.255.255/32", "dev", link.interface()])?;
        Ok(Self { host, link })
    }
}

/// What a client was given, in its own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientLease {
    /// Its address.
    pub address: Ipv4Addr,
    /// The network's mask.
    pub mask: Ipv4Addr,
    /// Option 3.
    pub routers: Vec<Ipv4Addr>,
    /// Option 6.
    pub dns_servers: Vec<Ipv4Addr>,
    /// Option 15.
    pub domain_name: Option<String>,
    /// Option 42.
    pub ntp_servers: Vec<Ipv4Addr>,
    /// Option 51, in seconds.
    pub lease_seconds: u32,
    /// Option 54.
    pub server: Ipv4Addr,
}
