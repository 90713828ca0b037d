//! Whether a Kea process can hear its clients, told by the kernel.
//!
//! After a failed `config-set` Kea 2.2.0 goes on saying that its sockets are ready and shows its old configuration, while every DHCP
//! socket is closed. So the proof is taken from `/proc`: a Kea that serves holds UDP port 67 on each of its addresses, and with raw
//! sockets (its default) an `AF_PACKET` socket on each interface; of DHCPv6 it holds port 547 on the link-local address of each interface. A DHCPDISCOVER of our own would prove more, and would
//! take addresses out of pools and wake failover counters on every push; it was left out on purpose.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::protocol::Protocol;

/// The kernel did not tell.
#[derive(Debug, thiserror::Error)]
#[error("cannot see the sockets of Kea (process {pid}) in {file}: the agent must run as root or as Kea's user")]
pub struct ProbeError {
    pid: u32,
    file: PathBuf,
    source: io::Error,
}

/// Where a process listens for DHCP clients.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Listening {
    /// Addresses with the UDP port of servers open; of DHCPv6 those are a link-local one an interface and the group of all servers.
    udp: BTreeSet<IpAddr>,
    /// Interfaces, by index, with an open packet socket; DHCPv6 needs none.
    packet: BTreeSet<u32>,
}

impl Listening {
    /// Looks at process `pid` now.
    pub fn of(protocol: Protocol, pid: u32) -> Result<Self, ProbeError> {
        let folder = PathBuf::from(format!("/proc/{pid}"));
        let failed = |file: &str| {
            let file = folder.join(file);
            move |source| ProbeError { pid, file, source }
        };
        let mut inodes = BTreeSet::new();
        for entry in fs::read_dir(folder.join("fd")).map_err(failed("fd"))? {
            let entry = entry.map_err(failed("fd"))?;
            // A descriptor may be closed while the folder is read.
            let target = fs::read_link(entry.path()).unwrap_or_default();
            inodes.extend(target.to_str().and_then(socket_inode));
        }
        let table = |name: &str| fs::read_to_string(folder.join(name)).map_err(failed(name));
        Ok(Self {
            udp: rows(&table(protocol.udp_table())?).filter_map(|row| udp_address(protocol, &row, &inodes)).collect(),
            // Without the kernel's packet module there is no table and no socket.
            packet: rows(&table("net/packet").unwrap_or_default())
                .filter_map(|row| packet_interface(&row, &inodes))
                .collect(),
        })
    }

    /// Whether no client can be heard.
    pub fn is_deaf(&self) -> bool {
        self.udp.is_empty()
    }

    /// Whether everything that was heard `before` is heard.
    pub fn covers(&self, before: &Self) -> bool {
        self.udp.is_superset(&before.udp) && self.packet.is_superset(&before.packet)
    }
}

/// The rows of a table of the kernel, cells split at blanks, the heading left out.
fn rows(table: &str) -> impl Iterator<Item = Vec<&str>> {
    table.lines().skip(1).map(|line| line.split_whitespace().collect())
}

/// `socket:[34713]`
fn socket_inode(link: &str) -> Option<u64> {
    link.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
}

/// `sl local_address rem_address st queues tr:when retrnsmt uid timeout inode …`, local address as `01004D0A:0043`, each four bytes in host order.
fn udp_address(protocol: Protocol, row: &[&str], inodes: &BTreeSet<u64>) -> Option<IpAddr> {
    let (address, port) = row.get(1)?.split_once(':')?;
    let inode = row.get(9)?.parse().ok()?;
    if port != protocol.server_port_hex() || !inodes.contains(&inode) {
        return None;
    }
    let part = |at: usize| Some(u32::from_str_radix(address.get(at..at + 8)?, 16).ok()?.to_ne_bytes());
    Some(match protocol {
        Protocol::V4 => Ipv4Addr::from(part(0)?).into(),
        Protocol::V6 => {
            let bytes = [part(0)?, part(8)?, part(16)?, part(24)?].concat();
            Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?).into()
        }
    })
}

/// `sk RefCnt Type Proto Iface R Rmem User Inode`
fn packet_interface(row: &[&str], inodes: &BTreeSet<u64>) -> Option<u32> {
    let inode = row.get(8)?.parse().ok()?;
    inodes.contains(&inode).then(|| row.get(4)?.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::UdpSocket;

    const UDP: &str = "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n\
        10429: 01004D0A:0043 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 34713 2 00000000ec80d499 0\n\
        10430: 01004D0A:0044 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 34713 2 00000000ec80d499 0\n\
        10431: 02004D0A:0043 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 99999 2 00000000ec80d499 0\n";
    const UDP6: &str = "  sl  local_address remote_address st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n\
        7586: 000080FE00000000FF56CC3493B372FE:0223 00000000000000000000000000000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 34713 2 00000000488a8bb7 0\n\
        7586: 000002FF000000000000000002000100:0223 00000000000000000000000000000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 34714 2 000000000ee448ca 0\n\
        7587: 000080FE00000000FF56CC3493B372FE:0222 00000000000000000000000000000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 34714 2 000000000ee448ca 0\n";
    const PACKET: &str = "sk               RefCnt Type Proto  Iface R Rmem   User   Inode\n\
        000000006b867bd1 3      3    0003   6     1 0      0      34714\n\
        000000006b867bd2 3      3    0003   7     1 0      0      99999\n";

    #[test]
    fn only_the_sockets_of_the_process_on_the_port_of_servers_count() {
        let inodes = [34713, 34714].into();
        let udp: Vec<_> = rows(UDP).filter_map(|row| udp_address(Protocol::V4, &row, &inodes)).collect();
        let packet: Vec<_> = rows(PACKET).filter_map(|row| packet_interface(&row, &inodes)).collect();
        assert_eq!((udp, packet), (vec![IpAddr::from([10, 77, 0, 1])], vec![6]));
        let udp: Vec<_> = rows(UDP6).filter_map(|row| udp_address(Protocol::V6, &row, &inodes)).collect();
        assert_eq!(udp, ["fe80::34cc:56ff:fe72:b393", "ff02::1:2"].map(|text| text.parse::<IpAddr>().unwrap()));
        assert_eq!(socket_inode("socket:[34713]"), Some(34713));
        assert_eq!(socket_inode("pipe:[34713]"), None);
    }

    #[test]
    fn a_lost_interface_shows() {
        let both = Listening {
            udp: [Ipv4Addr::LOCALHOST, Ipv4Addr::UNSPECIFIED].map(IpAddr::from).into(),
            packet: [1, 2].into(),
        };
        let less = Listening { packet: [1].into(), ..both.clone() };
        assert!(both.covers(&less) && both.covers(&both) && !less.covers(&both));
        assert!(Listening::default().is_deaf() && !both.is_deaf());
    }

    #[test]
    fn this_process_has_other_sockets_and_serves_no_dhcp() {
        let _socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        assert_eq!(Listening::of(Protocol::V4, std::process::id()).unwrap(), Listening::default());
        assert_eq!(Listening::of(Protocol::V6, std::process::id()).unwrap(), Listening::default());
    }
}
