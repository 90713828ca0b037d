use crate::model::{ForeignSubnet, Server};
use crate::name::ServerName;
use crate::net::Cidr;
use std::collections::BTreeSet;
use std::sync::LazyLock;

/// The subnets that servers have of their own, by network.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Foreign(BTreeSet<(Cidr, ServerName, u32)>);

impl Foreign {
    pub(crate) fn put(&mut self, server: &Server) {
        self.0.extend(server.foreign_subnets.iter().map(|own| (own.network, server.name.clone(), own.subnet_id)));
    }

    pub(crate) fn take(&mut self, server: &Server) {
        for own in &server.foreign_subnets {
            self.0.remove(&(own.network, server.name.clone(), own.subnet_id));
        }
    }

    /// Those that share an address with `network`.
    pub(crate) fn overlapping(&self, network: Cidr) -> impl Iterator<Item = (&ServerName, ForeignSubnet)> {
        // The networks around it, itself, and those in it: they sort behind it, and share its first bits.
        let around = network.ancestors().flat_map(|around| self.exactly(around));
        let inside = self.from(network).take_while(move |(cidr, ..)| network.covers(cidr));
        around.chain(inside).map(|(network, server, id)| (server, ForeignSubnet { network: *network, subnet_id: *id }))
    }

    fn exactly(&self, network: Cidr) -> impl Iterator<Item = &(Cidr, ServerName, u32)> {
        self.from(network).take_while(move |(cidr, ..)| *cidr == network)
    }

    fn from(&self, network: Cidr) -> impl Iterator<Item = &(Cidr, ServerName, u32)> {
        self.0.range((network, FIRST_SERVER.clone(), 0)..)
    }
}

/// Sorts before every real name.
static FIRST_SERVER: LazyLock<ServerName> = LazyLock::new(|| "servers/0/0".parse().expect("no id sorts before 0"));
