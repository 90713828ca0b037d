//! What a Kea can do, as it is installed and configured: what the controller refuses by, before it saves anything. Pure.

use std::collections::BTreeSet;

use freehold_core::model::{Ability, Found, LeaseStore};
use freehold_core::text::Text;

use super::config::Config;
use super::discover;
use super::live::Abilities;

/// What a Kea of this configuration can do that knows these commands, of which `live` are used.
pub(super) fn found(config: &Config, commands: &BTreeSet<String>, live: Abilities) -> Found {
    let names = config.protocol().commands();
    let knows = |command: &str| commands.contains(command);
    let has = |ability: &Ability| match ability {
        Ability::LeaseCommands => knows(names.lease_add),
        Ability::Counters => knows(names.counters),
        Ability::SubnetCommands => live.subnets,
        Ability::HostCommands => live.reservations,
        Ability::ClassCommands => knows("class-add"),
        Ability::Bootp => config.has_hook("libdhcp_bootp.so"),
        Ability::HighAvailability => knows("ha-heartbeat"),
    };
    let identifiers = config.reservation_identifiers().into_iter().take(Found::IDENTIFIERS_MAX);
    Found {
        abilities: Ability::ALL.iter().copied().filter(has).collect(),
        identifiers: identifiers.filter_map(|name| Text::parse(name).ok()).collect(),
        leases: match discover::lease_store(config.protocol(), config.foreign()) {
            discover::LeaseStore::Memfile(_) => LeaseStore::File,
            discover::LeaseStore::Volatile => LeaseStore::Volatile,
            discover::LeaseStore::Database(_) => LeaseStore::Database,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::super::protocol::Protocol;
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_loaded_and_configured_is_told() {
        let config = Config::new(
            Protocol::V4,
            json!({"Dhcp4": {
                "hooks-libraries": [{"library": "/usr/lib/kea/hooks/libdhcp_bootp.so"}, {"library": "libdhcp_lease_cmds.so"}],
                "host-reservation-identifiers": ["hw-address", "flex-id"],
                "lease-database": {"type": "memfile", "persist": false},
            }}),
        );
        let commands = ["lease4-add", "class-add", "config-get"].map(str::to_owned).into();
        let live = Abilities { subnets: false, reservations: true };
        assert_eq!(
            found(&config, &commands, live),
            Found {
                abilities: [Ability::LeaseCommands, Ability::HostCommands, Ability::ClassCommands, Ability::Bootp]
                    .into(),
                identifiers: ["hw-address", "flex-id"].map(|name| Text::parse(name).unwrap()).into(),
                leases: LeaseStore::Volatile,
            }
        );
    }
}
