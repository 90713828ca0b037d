//! What a server can do with what the plan may ask of it, as data: by itself, in a translation, or not at all.
//!
//! One table, [`capabilities`], and nothing else decides: it is what people are shown, and what the rules refuse by before anything is saved.
//! A server whose agent has not said what it found can be asked for everything; what it cannot do it then refuses itself.

use crate::client::ClientIdentity;
use crate::model::{Ability, Found, LeaseStore, Server, ServerKind};
use crate::net::Family;
use crate::refusal::{Reason, Refusal};

/// What may be asked of a DHCP server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Feature {
    /// Ranges of addresses.
    Ranges,
    /// Addresses in them that are never leased.
    Exclusions,
    /// Scopes that lease nothing.
    InactiveScopes,
    /// Blocks out of which prefixes are delegated.
    PrefixPools,
    /// Lease, renew and rebind times.
    LeaseTimes,
    /// For how long an address is preferred.
    PreferredTime,
    /// Options by code.
    Options,
    /// Vendor options with their parts.
    VendorOptions,
    /// Clients told by interface or relay.
    Link,
    /// Reservations by hardware address.
    ByHardware,
    /// Reservations by client identifier.
    ByClientId,
    /// Reservations by DUID.
    ByDuid,
    /// Prefixes that a reservation delegates.
    DelegatedPrefixes,
    /// Scopes that change while the server serves.
    LiveScopes,
    /// Reservations that change while the server serves.
    LiveReservations,
    /// Held and claimed addresses that are not leased from the next moment on.
    Holds,
    /// Leases that are reported.
    Leases,
    /// Counters of the server's own.
    Counters,
    /// Clients that speak BOOTP.
    Bootp,
    /// Failover with a partner.
    Failover,
}

impl Feature {
    /// Every feature, in the order in which it is shown.
    pub const ALL: &[Self] = &[
        Self::Ranges,
        Self::Exclusions,
        Self::InactiveScopes,
        Self::PrefixPools,
        Self::LeaseTimes,
        Self::PreferredTime,
        Self::Options,
        Self::VendorOptions,
        Self::Link,
        Self::ByHardware,
        Self::ByClientId,
        Self::ByDuid,
        Self::DelegatedPrefixes,
        Self::LiveScopes,
        Self::LiveReservations,
        Self::Holds,
        Self::Leases,
        Self::Counters,
        Self::Bootp,
        Self::Failover,
    ];

    /// Its stable id, `reservations-by-duid`.
    pub fn id(self) -> &'static str {
        match self {
            Self::Ranges => "ranges",
            Self::Exclusions => "exclusions",
            Self::InactiveScopes => "inactive-scopes",
            Self::PrefixPools => "prefix-pools",
            Self::LeaseTimes => "lease-times",
            Self::PreferredTime => "preferred-time",
            Self::Options => "options",
            Self::VendorOptions => "vendor-options",
            Self::Link => "link",
            Self::ByHardware => "reservations-by-hardware-address",
            Self::ByClientId => "reservations-by-client-id",
            Self::ByDuid => "reservations-by-duid",
            Self::DelegatedPrefixes => "delegated-prefixes",
            Self::LiveScopes => "live-scopes",
            Self::LiveReservations => "live-reservations",
            Self::Holds => "holds",
            Self::Leases => "leases",
            Self::Counters => "counters",
            Self::Bootp => "bootp",
            Self::Failover => "failover",
        }
    }

    /// The feature that a reservation for this client needs.
    pub fn of_client(client: &ClientIdentity) -> Self {
        match client {
            ClientIdentity::Hardware(_) => Self::ByHardware,
            ClientIdentity::ClientId(_) => Self::ByClientId,
            ClientIdentity::Duid(_) => Self::ByDuid,
        }
    }
}

/// How a server does what is asked of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Support {
    /// In its own words for just that.
    Native,
    /// In other words that come to the same.
    Translated,
    /// Not at all: it is refused before it is saved, or it is not there.
    Missing,
    /// Its agent has not said.
    Unknown,
}

/// A row of the matrix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capability {
    /// What may be asked.
    pub feature: Feature,
    /// How the server does it.
    pub support: Support,
    /// In its own words what becomes of it, or what would have to be so.
    pub detail: String,
}

/// What `server` can do, every feature once.
pub fn capabilities(server: &Server) -> Vec<Capability> {
    Feature::ALL.iter().map(|feature| capability(server, *feature)).collect()
}

/// How `server` does one thing.
pub fn capability(server: &Server, feature: Feature) -> Capability {
    let (support, detail) = match server.kind {
        ServerKind::KeaDhcp4 | ServerKind::KeaDhcp6 => kea(server.kind.family(), server.found.as_ref(), feature),
    };
    Capability { feature, support, detail }
}

/// Refuses what `server` cannot do.
pub(crate) fn supports(server: &Server, feature: Feature) -> Result<(), Refusal> {
    let capability = capability(server, feature);
    if capability.support != Support::Missing {
        return Ok(());
    }
    let message = format!("{} cannot do that ({}): {}", server.name, feature.id(), capability.detail);
    Err(Refusal::new(Reason::NotSupportedByServer, message).about(&server.name))
}

fn kea(family: Family, found: Option<&Found>, feature: Feature) -> (Support, String) {
    use Support::{Missing, Native, Translated, Unknown};
    let is_v6 = family == Family::V6;
    let number = if is_v6 { '6' } else { '4' };
    let has = |ability: Ability| found.map(|found| found.abilities.contains(&ability));
    let is = |support: Support, detail: String| (support, detail);
    let unknown =
        || is(Unknown, "the agent has not said what it found; it is an older one, or was never connected".to_owned());
    let hook = |ability: Ability, with: String, without: (Support, String)| match has(ability) {
        Some(true) => is(Native, with),
        Some(false) => without,
        None => unknown(),
    };
    let identifier = |name: &str| match found {
        None => unknown(),
        Some(found) if found.identifiers.iter().any(|known| known.as_str() == name) => {
            is(Native, format!("reservations by {name}"))
        }
        Some(_) => is(
            Missing,
            format!(
                "this Kea does not look for reservations by {name}; add it to host-reservation-identifiers in Dhcp{number}"
            ),
        ),
    };
    match feature {
        Feature::Ranges => is(Native, format!("pools of a subnet{number}")),
        Feature::Exclusions => is(Translated, "Kea has none: pools are split around them".to_owned()),
        Feature::InactiveScopes => is(Translated, "not in the configuration".to_owned()),
        Feature::PrefixPools if is_v6 => is(Native, "pd-pools".to_owned()),
        Feature::DelegatedPrefixes if is_v6 => is(Native, "prefixes of a reservation".to_owned()),
        Feature::PreferredTime if is_v6 => is(Native, "preferred-lifetime with its bounds".to_owned()),
        Feature::PrefixPools | Feature::DelegatedPrefixes | Feature::PreferredTime => {
            is(Missing, "there is no such thing in DHCPv4".to_owned())
        }
        Feature::LeaseTimes => is(Native, "valid-lifetime with its bounds, renew-timer, rebind-timer".to_owned()),
        Feature::Options => is(Native, "option-data".to_owned()),
        Feature::VendorOptions if is_v6 => is(Native, "option 17 as bytes".to_owned()),
        Feature::VendorOptions => {
            is(Translated, "option 43 as a member for each sub-option, which must ascend".to_owned())
        }
        Feature::Link if is_v6 => is(Native, "interface, interface-id, relay".to_owned()),
        Feature::Link => is(Native, "interface, relay".to_owned()),
        Feature::ByHardware => identifier("hw-address"),
        Feature::ByClientId if is_v6 => is(Missing, "there is no such thing in DHCPv6".to_owned()),
        Feature::ByClientId => identifier("client-id"),
        Feature::ByDuid => identifier("duid"),
        Feature::LiveScopes => hook(
            Ability::SubnetCommands,
            format!("subnet{number}-add, -update and -del while Kea serves; no packet is lost"),
            is(
                Translated,
                "a config-set, which closes Kea's sockets for as long as it takes; several changes are one".to_owned(),
            ),
        ),
        Feature::LiveReservations => hook(
            Ability::HostCommands,
            "reservation-add, -update and -del while Kea serves; no packet is lost".to_owned(),
            is(
                Translated,
                "a config-set, which closes Kea's sockets for as long as it takes; several changes are one".to_owned(),
            ),
        ),
        Feature::Holds => hook(
            Ability::LeaseCommands,
            format!("a declined lease of nobody's by lease{number}-add, until the configuration says it"),
            is(Translated, "with the next configuration; load libdhcp_lease_cmds.so to have it at once".to_owned()),
        ),
        Feature::Leases => match found.map(|found| found.leases) {
            Some(LeaseStore::File) => is(Native, "followed in Kea's lease file".to_owned()),
            Some(LeaseStore::Volatile) => {
                is(Missing, "Kea keeps its leases in memory only; set persist in lease-database".to_owned())
            }
            Some(LeaseStore::Database) => {
                is(Missing, "Kea keeps its leases in a database, which is not read".to_owned())
            }
            None => unknown(),
        },
        Feature::Counters => hook(
            Ability::Counters,
            format!("stat-lease{number}-get"),
            is(Missing, "load libdhcp_stat_cmds.so; Freehold's own counts are there anyway".to_owned()),
        ),
        Feature::Bootp if is_v6 => is(Missing, "there is no such thing in DHCPv6".to_owned()),
        Feature::Bootp => hook(
            Ability::Bootp,
            "answered, with a lease without end".to_owned(),
            is(Missing, "load libdhcp_bootp.so".to_owned()),
        ),
        Feature::Failover => hook(
            Ability::HighAvailability,
            "left as Kea is configured; Freehold does not manage it yet".to_owned(),
            is(Missing, "Freehold does not manage failover yet".to_owned()),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Management, Stamp};
    use crate::text::Text;
    use crate::time::{Revision, Timestamp};

    fn server(kind: ServerKind, found: Option<Found>) -> Server {
        Server {
            name: "servers/a/kea".parse().expect("a name"),
            kind,
            version: Text::default(),
            found,
            management: Management::Managed,
            foreign_subnets: Vec::new(),
            findings: Vec::new(),
            description: Text::default(),
            confirm_seconds: None,
            stamp: Stamp::made(Timestamp(0), Revision(1)),
        }
    }

    fn found(abilities: &[Ability], identifiers: &[&str], leases: LeaseStore) -> Found {
        let identifiers = identifiers.iter().map(|name| Text::parse(name).expect("a text")).collect();
        Found { abilities: abilities.iter().copied().collect(), identifiers, leases }
    }

    fn rows(server: &Server, support: Support) -> Vec<&'static str> {
        let rows = capabilities(server).into_iter().filter(|row| row.support == support);
        rows.map(|row| row.feature.id()).collect()
    }

    #[test]
    fn a_kea_without_hooks_translates_what_it_can_and_lacks_the_rest() {
        let bare = server(ServerKind::KeaDhcp4, Some(found(&[], &["hw-address"], LeaseStore::Database)));
        assert_eq!(
            rows(&bare, Support::Translated),
            ["exclusions", "inactive-scopes", "vendor-options", "live-scopes", "live-reservations", "holds"]
        );
        assert_eq!(
            rows(&bare, Support::Missing),
            [
                "prefix-pools",
                "preferred-time",
                "reservations-by-client-id",
                "reservations-by-duid",
                "delegated-prefixes",
                "leases",
                "counters",
                "bootp",
                "failover"
            ]
        );
        let refusal = supports(&bare, Feature::ByDuid).expect_err("it does not look for it");
        assert_eq!(
            refusal.message,
            "servers/a/kea cannot do that (reservations-by-duid): this Kea does not look for reservations by duid; add it to host-reservation-identifiers in Dhcp4"
        );
    }

    #[test]
    fn with_every_hook_nothing_that_dhcpv6_has_is_missing() {
        let all = found(Ability::ALL, &["hw-address", "duid"], LeaseStore::File);
        let six = server(ServerKind::KeaDhcp6, Some(all));
        assert_eq!(rows(&six, Support::Missing), ["reservations-by-client-id", "bootp"]);
        assert_eq!(rows(&six, Support::Translated), ["exclusions", "inactive-scopes"]);
        assert_eq!(rows(&six, Support::Unknown), Vec::<&str>::new());
    }

    #[test]
    fn of_a_server_whose_agent_has_not_said_nothing_is_refused_that_it_may_have() {
        let silent = server(ServerKind::KeaDhcp4, None);
        assert!(rows(&silent, Support::Unknown).contains(&"reservations-by-duid"));
        assert_eq!(supports(&silent, Feature::ByDuid), Ok(()));
        assert!(supports(&silent, Feature::PrefixPools).is_err(), "no DHCPv4 server delegates prefixes");
    }

    #[test]
    fn every_feature_has_an_id_of_its_own() {
        let ids: std::collections::BTreeSet<_> = Feature::ALL.iter().map(|feature| feature.id()).collect();
        assert_eq!(ids.len(), Feature::ALL.len());
    }
}
