//! DHCPv4 or DHCPv6: what the two servers of Kea call the same thing. All else in this driver is about both.

use freehold_core::net::Family;

/// The protocol that a server speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// DHCPv4 (RFC 2131): `kea-dhcp4`.
    V4,
    /// DHCPv6 (RFC 8415): `kea-dhcp6`.
    V6,
}

/// Kea's commands about leases and subnets; those about reservations and configurations are the same for both.
#[derive(Debug)]
pub(super) struct Commands {
    pub(super) lease_add: &'static str,
    pub(super) lease_get: &'static str,
    pub(super) lease_del: &'static str,
    pub(super) lease_page: &'static str,
    pub(super) counters: &'static str,
    pub(super) subnet_add: &'static str,
    pub(super) subnet_update: &'static str,
    pub(super) subnet_del: &'static str,
    pub(super) subnet_get: &'static str,
    pub(super) subnet_list: &'static str,
}

const COMMANDS_V4: Commands = Commands {
    lease_add: "lease4-add",
    lease_get: "lease4-get",
    lease_del: "lease4-del",
    lease_page: "lease4-get-page",
    counters: "stat-lease4-get",
    subnet_add: "subnet4-add",
    subnet_update: "subnet4-update",
    subnet_del: "subnet4-del",
    subnet_get: "subnet4-get",
    subnet_list: "subnet4-list",
};

const COMMANDS_V6: Commands = Commands {
    lease_add: "lease6-add",
    lease_get: "lease6-get",
    lease_del: "lease6-del",
    lease_page: "lease6-get-page",
    counters: "stat-lease6-get",
    subnet_add: "subnet6-add",
    subnet_update: "subnet6-update",
    subnet_del: "subnet6-del",
    subnet_get: "subnet6-get",
    subnet_list: "subnet6-list",
};

impl Protocol {
    /// Both.
    pub const ALL: [Self; 2] = [Self::V4, Self::V6];

    fn of<T>(self, v4: T, v6: T) -> T {
        match self {
            Self::V4 => v4,
            Self::V6 => v6,
        }
    }

    /// The family of its addresses.
    pub fn family(self) -> Family {
        self.of(Family::V4, Family::V6)
    }

    /// The id of its server on a host.
    pub fn server_id(self) -> &'static str {
        self.of("kea4", "kea6")
    }

    /// The kind of its server as the controller knows it, which is also its program.
    pub fn kind(self) -> &'static str {
        self.of("kea-dhcp4", "kea-dhcp6")
    }

    /// The one member of a configuration.
    pub fn root(self) -> &'static str {
        self.of("Dhcp4", "Dhcp6")
    }

    /// The list of subnets.
    pub(super) fn subnets(self) -> &'static str {
        self.of("subnet4", "subnet6")
    }

    /// The space of its standard options.
    pub(super) fn option_space(self) -> &'static str {
        self.of("dhcp4", "dhcp6")
    }

    pub(super) fn commands(self) -> &'static Commands {
        self.of(&COMMANDS_V4, &COMMANDS_V6)
    }

    /// The control socket of Debian's packages.
    pub(super) fn usual_socket(self) -> &'static str {
        self.of("/run/kea/kea4-ctrl-socket", "/run/kea/kea6-ctrl-socket")
    }

    /// Where Kea keeps leases if its configuration does not say (`CfgMgr`, and Debian's `--localstatedir=/var`).
    pub(super) fn usual_lease_file(self) -> &'static str {
        self.of("/var/lib/kea/kea-leases4.csv", "/var/lib/kea/kea-leases6.csv")
    }

    /// By what Kea looks for reservations if its configuration does not say.
    pub(super) fn usual_identifiers(self) -> &'static [&'static str] {
        self.of(&["hw-address", "duid", "circuit-id", "client-id"], &["hw-address", "duid"])
    }

    /// Where packages put the configuration.
    pub(super) fn usual_config_files(self) -> [&'static str; 3] {
        self.of(
            ["/etc/kea/kea-dhcp4.conf", "/usr/local/etc/kea/kea-dhcp4.conf", "/opt/kea/etc/kea/kea-dhcp4.conf"],
            ["/etc/kea/kea-dhcp6.conf", "/usr/local/etc/kea/kea-dhcp6.conf", "/opt/kea/etc/kea/kea-dhcp6.conf"],
        )
    }

    /// The kernel's table of its UDP sockets, in `/proc/<pid>`.
    pub(super) fn udp_table(self) -> &'static str {
        self.of("net/udp", "net/udp6")
    }

    /// The port of its servers (RFC 2131 §4.1, RFC 8415 §7.2), as that table writes it.
    pub(super) fn server_port_hex(self) -> &'static str {
        self.of("0043", "0223")
    }
}

/// `DHCPv4`, `DHCPv6`.
impl std::fmt::Display for Protocol {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.of("DHCPv4", "DHCPv6"))
    }
}
