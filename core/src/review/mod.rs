//! What is doubtful although nothing forbids it: in the plan, and in what servers run by their own configuration.
//!
//! A [`Check`] has a name, a severity, a reason and a fix; what one finds at a scope or a server is a [`Finding`], one of a check at most.
//! Those of the plan follow from the state and the book of leases alone and are computed when they are asked for: nothing of them is stored, so they
//! are over when the plan says so. Those of a server's own configuration are found by its agent, for a configuration never leaves
//! its host whole, and stand in the record of the server.
//!
//! What contradicts itself is a conflict ([`crate::conflict`]) and is not said twice. What many networks rightly do is not looked for.

mod check;
mod finding;
mod links;
mod options;
mod pools;
mod reserved;
mod servers;
mod times;

pub use check::{Check, Severity, Subject};
pub use finding::{Finding, Place};

use crate::lease::LeaseBook;
use crate::model::{Scope, ScopeStatus, Server};
use crate::state::State;
use crate::usage::{Counts, Usage};
use finding::Said;
use links::Links;
use std::sync::Arc;

/// What findings follow from.
#[derive(Debug, Clone, Copy)]
struct Facts<'a> {
    usage: &'a Usage,
    state: &'a State,
    book: &'a LeaseBook,
}

impl Facts<'_> {
    /// The ranges of an active scope, counted.
    fn counts(&self, scope: &Scope) -> Counts {
        self.usage.of_prefix(&scope.prefix()).pools
    }
}

/// A review that goes on: what all scopes have in common is looked up once.
#[derive(Debug)]
pub struct Review<'a> {
    facts: Facts<'a>,
    links: Links<'a>,
}

/// A scope that is looked at.
struct Look<'a> {
    facts: Facts<'a>,
    links: &'a Links<'a>,
    scope: &'a Arc<Scope>,
    /// Its ranges, counted.
    counts: Counts,
}

/// What looks at an active scope.
type OfScope = (Check, fn(&Look<'_>) -> Option<Said>);

const OF_SCOPES: &[OfScope] = &[
    (Check::NoRouter, options::no_router),
    (Check::RouterElsewhere, options::router_elsewhere),
    (Check::UselessAddress, options::useless_address),
    (Check::AddressTwice, options::address_twice),
    (Check::NoDnsServers, options::no_dns_servers),
    (Check::DnsServerInPool, options::dns_server_in_pool),
    (Check::SearchWithoutDomain, options::search_without_domain),
    (Check::MtuTooSmall, options::mtu_too_small),
    (Check::RenewStorm, times::renew_storm),
    (Check::LateRenewal, times::late_renewal),
    (Check::PreferredEndsEarly, times::preferred_ends_early),
    (Check::LongLeasesInFullPool, times::long_leases_in_full_pool),
    (Check::PoolExhausted, pools::exhausted),
    (Check::PoolNearlyExhausted, pools::nearly_exhausted),
    (Check::PrefixPoolNearlyExhausted, pools::prefixes_nearly_exhausted),
    (Check::DelegatedPrefixTooLong, pools::delegated_too_long),
    (Check::ServesNobody, pools::serves_nobody),
    (Check::RangeExcluded, pools::range_excluded),
    (Check::ScopeWithoutServer, links::without_server),
    (Check::NetworkNotInUse, links::network_not_in_use),
    (Check::LinkUnknown, links::unknown),
    (Check::HostNameTwice, reserved::host_name_twice),
    (Check::PoolsOnOneLink, links::pools_on_one_link),
];

impl<'a> Review<'a> {
    /// A review of the state and the leases that this is of.
    pub fn of(usage: &'a Usage) -> Self {
        let facts = Facts { usage, state: usage.state(), book: usage.book() };
        Self { facts, links: Links::of(facts.state) }
    }

    /// What is found at a scope. One that is not active serves nobody: nothing is.
    pub fn of_scope(&self, scope: &'a Arc<Scope>) -> Vec<Finding> {
        if !is_active(scope) {
            return Vec::new();
        }
        let counts = self.facts.counts(scope);
        let look = Look { facts: self.facts, links: &self.links, scope, counts };
        let found = OF_SCOPES.iter().filter_map(|(check, find)| Some((*check, find(&look)?)));
        found.map(|(check, said)| Finding::of_scope(check, scope, said)).collect()
    }

    /// What is found at a server, its own configuration with it.
    pub fn of_server(&self, server: &'a Server) -> Vec<Finding> {
        let own = server.findings.iter().map(|own| (own.check, Said::from(own.message.to_string())));
        let planned = servers::find(&self.facts, &self.links, server);
        planned.into_iter().chain(own).map(|(check, said)| Finding::of_server(check, server, said)).collect()
    }

    /// Everything that is found, the worst first, then by name.
    pub fn all(&self) -> Vec<Finding> {
        let servers = self.facts.state.servers().values().flat_map(|server| self.of_server(server));
        let scopes = self.facts.state.scopes().values().flat_map(|scope| self.of_scope(scope));
        in_order(servers.chain(scopes).collect())
    }
}

fn is_active(scope: &Scope) -> bool {
    scope.status == ScopeStatus::Active
}

/// The worst first, then by name.
pub fn in_order(mut findings: Vec<Finding>) -> Vec<Finding> {
    findings.sort_by_cached_key(Finding::key);
    findings
}
