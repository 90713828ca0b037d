//! Tallies as messages.

use freehold_core::access::Reach;
use freehold_core::filter::Filter;
use freehold_core::model::{Prefix, PrefixKind, Scope, ScopeStatus, Server, Space, View, ViewKind};
use freehold_core::net::{Cidr, Family};
use freehold_core::rows::{PrefixRow, ScopeRow};
use freehold_core::state::Carved;
use freehold_core::usage::{Counts, Tally, Usage, of_scope, outermost, used_percent};
use freehold_proto::v1::utilisation::Kind;
use freehold_proto::v1::{AddressCounts, CarvedSpace, Utilisation};
use std::sync::Arc;

/// What is counted of one family, and how many addresses the place has.
#[derive(Debug, Clone, Copy, Default)]
struct Side {
    tally: Tally,
    size: u128,
}

impl Side {
    fn plus(&self, tally: &Tally, size: u128) -> Self {
        Self { tally: self.tally.plus(tally), size: self.size.saturating_add(size) }
    }
}

fn counts(counts: &Counts, size: u128) -> Option<AddressCounts> {
    (size > 0).then(|| AddressCounts {
        total: size.to_string(),
        unplanned: size.saturating_sub(counts.total).to_string(),
        held: counts.held,
        claimed: counts.claimed,
        reserved: counts.reserved,
        leased: counts.leased,
        excluded: counts.excluded.to_string(),
        not_usable: counts.not_usable,
        available: counts.available.to_string(),
        used: counts.used(),
        used_percent: used_percent(counts),
    })
}

/// How full a place is: by all its addresses, or by those of its pools.
pub(in crate::api) fn percent(tally: &Tally) -> Option<f64> {
    used_percent(&tally.addresses).or_else(|| used_percent(&tally.pools))
}

fn message(name: String, title: String, kind: Kind, revision: u64, [v4, v6]: [Side; 2]) -> Utilisation {
    let both = v4.tally.plus(&v6.tally);
    Utilisation {
        name,
        title,
        kind: kind.into(),
        used_percent: percent(&v4.tally).or_else(|| percent(&v6.tally)),
        ipv4: counts(&v4.tally.addresses, v4.size),
        ipv6: counts(&v6.tally.addresses, v6.size),
        ipv4_pools: counts(&v4.tally.pools, v4.tally.pools.total),
        ipv6_pools: counts(&v6.tally.pools, v6.tally.pools.total),
        networks: both.networks,
        scopes: both.scopes,
        inactive_scopes: both.inactive_scopes,
        revision,
        ..Utilisation::default()
    }
}

fn of_family(family: Family, side: Side) -> [Side; 2] {
    match family {
        Family::V4 => [side, Side::default()],
        Family::V6 => [Side::default(), side],
    }
}

fn carved(carved: Carved, size: Option<u128>) -> CarvedSpace {
    let addresses = carved.addresses();
    CarvedSpace {
        prefixes: carved.count,
        addresses: addresses.to_string(),
        percent: size.map(|size| 100.0 * addresses as f64 / size as f64),
    }
}

/// How many /64s a prefix has that is not longer.
fn sixty_fours(cidr: &Cidr) -> Option<u128> {
    let bits = 64u8.checked_sub(cidr.prefix_len()).filter(|_| cidr.family() == Family::V6)?;
    Some(1 << bits)
}

pub(super) fn prefix(usage: &Usage, prefix: &Prefix) -> Utilisation {
    let (name, cidr) = (&prefix.name, &prefix.name.cidr);
    let (size, family) = (cidr.range().size(), cidr.family());
    let side = Side { tally: usage.of_prefix(name), size };
    let kind = match prefix.kind {
        PrefixKind::Container => Kind::Container,
        PrefixKind::Network => Kind::Network,
    };
    let around = (prefix.kind == PrefixKind::Container).then(|| carved(usage.state().carved(name), Some(size)));
    let (ipv4_carved, ipv6_carved) = match family {
        Family::V4 => (around, None),
        Family::V6 => (None, around),
    };
    let total_64s = sixty_fours(cidr);
    Utilisation {
        used_64s: total_64s.map_or(0, |_| usage.used_64s(&name.space, cidr)),
        total_64s: total_64s.map(|total| total.to_string()).unwrap_or_default(),
        ipv4_carved,
        ipv6_carved,
        ..message(name.to_string(), prefix.title.to_string(), kind, revision(usage), of_family(family, side))
    }
}

pub(super) fn space(usage: &Usage, space: &Space) -> Utilisation {
    let name = &space.name;
    let roots = |family| usage.state().carved_of_space(name, family);
    let side = |family| Side { tally: usage.of_space(name, family), size: roots(family).addresses() };
    let (v4, v6) = (side(Family::V4), side(Family::V6));
    let total_64s = v6.size >> 64;
    Utilisation {
        used_64s: usage.used_64s_of_space(name),
        total_64s: if total_64s > 0 { total_64s.to_string() } else { String::new() },
        ipv4_carved: Some(carved(roots(Family::V4), None)),
        ipv6_carved: Some(carved(roots(Family::V6), None)),
        ..message(name.to_string(), space.title.to_string(), Kind::Space, revision(usage), [v4, v6])
    }
}

pub(super) fn scope(usage: &Usage, scope: &Arc<Scope>) -> Utilisation {
    let counted = of_scope(usage.state(), usage.book(), scope);
    let active = scope.status == ScopeStatus::Active;
    let tally = Tally {
        addresses: counted,
        pools: Counts::default(),
        networks: 0,
        scopes: active.into(),
        inactive_scopes: (!active).into(),
    };
    let sides = of_family(scope.network.family(), Side { tally, size: counted.total });
    message(scope.name.to_string(), scope.description.to_string(), Kind::Scope, revision(usage), sides)
}

/// All members of a view that are seen, each address once: of prefixes the outermost, of scopes those that are active.
pub(super) fn view(usage: &Usage, reach: &Reach, view: &View, filter: &Filter) -> Utilisation {
    let state = usage.state();
    let (mut used_64s, mut total_64s) = (0, 0u128);
    let mut sides = [Side::default(); 2];
    match view.kind {
        ViewKind::Scopes => {
            let seen = state.scopes().values().filter(|scope| reach.covers(&scope.space, &scope.network));
            let members = seen.filter(|scope| filter.matches(&ScopeRow::new(state, scope)));
            sides = of_scopes(usage, members);
        }
        ViewKind::Prefixes | ViewKind::Addresses | ViewKind::Reservations => {
            let seen = state.prefixes().values().filter(|prefix| reach.covers_prefix(&prefix.name));
            let members = seen.filter(|prefix| filter.matches(&PrefixRow::new(state, prefix)));
            for prefix in outermost(members) {
                let cidr = &prefix.name.cidr;
                let side = &mut sides[place(cidr.family())];
                *side = side.plus(&usage.of_prefix(&prefix.name), cidr.range().size());
                if let Some(total) = sixty_fours(cidr) {
                    used_64s += usage.used_64s(&prefix.name.space, cidr);
                    total_64s += total;
                }
            }
        }
    }
    Utilisation {
        used_64s,
        total_64s: if total_64s > 0 { total_64s.to_string() } else { String::new() },
        ..message(view.name.to_string(), view.title.to_string(), Kind::View, revision(usage), sides)
    }
}

/// What a server serves.
pub(super) fn server(usage: &Usage, server: &Server) -> Utilisation {
    let sides = of_scopes(usage, usage.state().scopes_of(&server.name));
    message(server.name.to_string(), server.description.to_string(), Kind::Server, revision(usage), sides)
}

/// Of scopes, those that are active.
fn of_scopes<'a>(usage: &Usage, scopes: impl Iterator<Item = &'a Arc<Scope>>) -> [Side; 2] {
    let mut sides = [Side::default(); 2];
    for scope in scopes {
        let active = scope.status == ScopeStatus::Active;
        let addresses = if active { of_scope(usage.state(), usage.book(), scope) } else { Counts::default() };
        let (scopes, inactive_scopes) = (active.into(), (!active).into());
        let tally = Tally { addresses, scopes, inactive_scopes, ..Tally::default() };
        let side = &mut sides[place(scope.network.family())];
        *side = side.plus(&tally, addresses.total);
    }
    sides
}

/// Where the side of a family stands.
fn place(family: Family) -> usize {
    match family {
        Family::V4 => 0,
        Family::V6 => 1,
    }
}

fn revision(usage: &Usage) -> u64 {
    usage.state().revision().0
}
