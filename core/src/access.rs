//! Permissions, the roles that hold them, and where. Deny by default; there are no negative rules.
//!
//! Which permission a method needs is declared in the .proto files and nowhere else.
//!
//! - [`Role`]: a set of permissions; [`Grant`]: a role within a [`Place`], a space or what lies within a CIDR of it
//! - [`Reach`]: where a permission holds for somebody; [`Spot`]: where something lies
//! - [`Right`]: what an operator may ask for, and what may come of it

mod named;
mod place;
mod reach;
mod right;

pub use place::{GRANTS_MAX, Grant, Place};
pub use reach::{Reach, Spot};
pub use right::{Needs, Right};

use crate::refusal::{Reason, Refusal};
use crate::text::shown;
use std::fmt;
use std::str::FromStr;

macro_rules! permissions {
    ($($(#[$doc:meta])* $variant:ident = $text:literal;)*) => {
        /// The right to do one kind of thing.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Permission { $($(#[$doc])* $variant,)* }

        impl Permission {
            /// Every permission there is.
            pub const ALL: &[Permission] = &[$(Permission::$variant,)*];

            /// Its name, as the .proto files write it.
            pub fn as_str(self) -> &'static str {
                match self { $(Permission::$variant => $text,)* }
            }
        }
    };
}

permissions! {
    /// See spaces.
    SpacesRead = "spaces.read";
    /// Create, change and delete spaces.
    SpacesWrite = "spaces.write";
    /// See prefixes.
    PrefixesRead = "prefixes.read";
    /// Create, change and delete prefixes.
    PrefixesWrite = "prefixes.write";
    /// See the definitions of custom fields.
    FieldsRead = "fields.read";
    /// Define, change and delete custom fields.
    FieldsWrite = "fields.write";
    /// See saved views; their members need the permission to see those.
    ViewsRead = "views.read";
    /// Save, change and delete views.
    ViewsWrite = "views.write";
    /// See scopes.
    ScopesRead = "scopes.read";
    /// Create, change and delete scopes, with their exclusions and options.
    ScopesWrite = "scopes.write";
    /// See reservations.
    ReservationsRead = "reservations.read";
    /// Create, change and delete reservations.
    ReservationsWrite = "reservations.write";
    /// See addresses: what each is, and why it is not free.
    AddressesRead = "addresses.read";
    /// Hold, claim and release addresses.
    AddressesWrite = "addresses.write";
    /// See leases.
    LeasesRead = "leases.read";
    /// See servers and what they run.
    ServersRead = "servers.read";
    /// Manage, unmanage and remove servers.
    ServersWrite = "servers.write";
    /// Decide that the history of a store that went backwards is the truth.
    StoreWrite = "store.write";
    /// See agents.
    AgentsRead = "agents.read";
    /// Enrol, revoke and remove agents.
    AgentsWrite = "agents.write";
    /// Search the audit trail.
    EventsRead = "events.read";
    /// See who had an address when, and what was changed about it by whom.
    HistoryRead = "history.read";
    /// Follow changes of resources that one may see.
    Watch = "watch";
    /// See operators and their roles.
    OperatorsRead = "operators.read";
    /// Create operators, give roles, revoke certificates.
    OperatorsWrite = "operators.write";
}

impl Permission {
    /// Whether it can hold within a place. The others are for what lies in no place, such as servers and operators, or a space
    /// itself, and hold everywhere or not at all.
    pub fn has_places(self) -> bool {
        match self {
            Self::SpacesRead
            | Self::PrefixesRead
            | Self::PrefixesWrite
            | Self::FieldsRead
            | Self::ViewsRead
            | Self::ScopesRead
            | Self::ScopesWrite
            | Self::ReservationsRead
            | Self::ReservationsWrite
            | Self::AddressesRead
            | Self::AddressesWrite
            | Self::LeasesRead
            | Self::ServersRead
            | Self::HistoryRead
            | Self::Watch => true,
            Self::SpacesWrite
            | Self::FieldsWrite
            | Self::ViewsWrite
            | Self::ServersWrite
            | Self::StoreWrite
            | Self::AgentsRead
            | Self::AgentsWrite
            | Self::EventsRead
            | Self::OperatorsRead
            | Self::OperatorsWrite => false,
        }
    }
}

impl FromStr for Permission {
    type Err = Refusal;

    fn from_str(name: &str) -> Result<Self, Refusal> {
        Self::ALL
            .iter()
            .copied()
            .find(|p| p.as_str() == name)
            .ok_or_else(|| Refusal::new(Reason::InvalidValue, format!("no permission is called {}", shown(name))))
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Reading the plan and what runs: part of every role but the Auditor's.
const READ: &[Permission] = &[
    Permission::SpacesRead,
    Permission::PrefixesRead,
    Permission::FieldsRead,
    Permission::ViewsRead,
    Permission::ScopesRead,
    Permission::ReservationsRead,
    Permission::AddressesRead,
    Permission::LeasesRead,
    Permission::ServersRead,
    Permission::AgentsRead,
    Permission::HistoryRead,
    Permission::Watch,
];

macro_rules! roles {
    ($($(#[$doc:meta])* $variant:ident = $id:literal, $reads:expr, $more:expr;)*) => {
        /// A built-in role: a set of permissions.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Role { $($(#[$doc])* $variant,)* }

        impl Role {
            /// Every built-in role.
            pub const ALL: &[Role] = &[$(Role::$variant,)*];

            /// Its id, as people type it.
            pub fn id(self) -> &'static str {
                match self { $(Role::$variant => $id,)* }
            }

            /// Whether the role holds `permission`.
            pub fn holds(self, permission: Permission) -> bool {
                let (reads, more): (&[Permission], &[Permission]) = match self { $(Role::$variant => ($reads, $more),)* };
                reads.contains(&permission) || more.contains(&permission)
            }
        }
    };
}

roles! {
    /// Everything, access and agents included.
    IpamAdministrator = "ipam-administrator", Permission::ALL, &[];
    /// Spaces, prefixes, addresses.
    AsmAdministrator = "asm-administrator", READ,
        &[Permission::SpacesWrite, Permission::PrefixesWrite, Permission::FieldsWrite, Permission::ViewsWrite,
          Permission::AddressesWrite];
    /// DHCP and DNS servers, scopes, failover, zones, records.
    MsmAdministrator = "msm-administrator", READ,
        &[Permission::ServersWrite, Permission::ScopesWrite, Permission::ReservationsWrite, Permission::AddressesWrite,
          Permission::ViewsWrite];
    /// DHCP servers, scopes, options, reservations, failover, and the addresses in scopes.
    DhcpAdministrator = "dhcp-administrator", READ,
        &[Permission::ServersWrite, Permission::ScopesWrite, Permission::ReservationsWrite, Permission::AddressesWrite,
          Permission::ViewsWrite];
    /// Scopes, exclusions, options, and the reservations in them.
    DhcpScopeAdministrator = "dhcp-scope-administrator", READ,
        &[Permission::ScopesWrite, Permission::ReservationsWrite];
    /// Reservations.
    DhcpReservationsAdministrator = "dhcp-reservations-administrator", READ, &[Permission::ReservationsWrite];
    /// Addresses: hold, claim, release.
    IpAddressRecordAdministrator = "ip-address-record-administrator", READ, &[Permission::AddressesWrite];
    /// Zones and records.
    DnsAdministrator = "dns-administrator", READ, &[];
    /// Records.
    DnsRecordAdministrator = "dns-record-administrator", READ, &[];
    /// Audit search and export, and who may do what.
    Auditor = "auditor", &[], &[Permission::EventsRead, Permission::HistoryRead, Permission::OperatorsRead];
    /// Read.
    Viewer = "viewer", READ, &[];
}

impl FromStr for Role {
    type Err = Refusal;

    fn from_str(id: &str) -> Result<Self, Refusal> {
        Self::ALL.iter().copied().find(|role| role.id() == id).ok_or_else(|| {
            let known: Vec<_> = Self::ALL.iter().map(|role| role.id()).collect();
            Refusal::new(
                Reason::InvalidValue,
                format!("no role is called {}; there are {}", shown(id), known.join(", ")),
            )
        })
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_ipam_administrator_holds_everything() {
        let all: Vec<_> = Role::ALL.iter().filter(|r| Permission::ALL.iter().all(|p| r.holds(*p))).collect();
        assert_eq!(all, [&Role::IpamAdministrator]);
    }

    #[test]
    fn the_viewer_changes_nothing_and_the_auditor_sees_no_plan() {
        let writes = |role: Role| Permission::ALL.iter().any(|p| p.as_str().ends_with(".write") && role.holds(*p));
        assert!(!writes(Role::Viewer) && !writes(Role::Auditor));
        assert!(!Role::Auditor.holds(Permission::PrefixesRead) && Role::Auditor.holds(Permission::EventsRead));
    }

    #[test]
    fn names_read_back() {
        for role in Role::ALL {
            assert_eq!(role.id().parse::<Role>(), Ok(*role));
        }
        for permission in Permission::ALL {
            assert_eq!(permission.as_str().parse::<Permission>(), Ok(*permission));
        }
    }
}
