//! Where a scope is served, and which clients are on its link.

use super::Look;
use super::finding::Said;
use crate::conflict::Foreign;
use crate::model::{Link, PrefixStatus, Scope};
use crate::name::ServerName;
use crate::net::Family;
use crate::state::State;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

/// What tells one link of a server from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Mark<'a> {
    Interface(&'a str),
    Relay(IpAddr),
    InterfaceId(&'a str),
}

impl std::fmt::Display for Mark<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Interface(name) => write!(f, "interface {name}"),
            Self::Relay(address) => write!(f, "relay {address}"),
            Self::InterfaceId(id) => write!(f, "interface-id {id}"),
        }
    }
}

/// The active scopes of a server, by what tells their links.
type ByMark<'a> = BTreeMap<(Family, Mark<'a>), Vec<&'a Arc<Scope>>>;

/// The links of all active scopes, and what servers serve by their own configurations.
#[derive(Debug)]
pub(super) struct Links<'a> {
    pub(super) foreign: Foreign,
    by_relay: BTreeMap<IpAddr, Vec<&'a Arc<Scope>>>,
    by_mark: BTreeMap<&'a ServerName, ByMark<'a>>,
}

fn marks(link: &Link) -> impl Iterator<Item = Mark<'_>> {
    let text = |text: &'_ str| !text.is_empty();
    let interface = Some(link.interface.as_str()).filter(|name| text(name)).map(Mark::Interface);
    let id = Some(link.interface_id.as_str()).filter(|id| text(id)).map(Mark::InterfaceId);
    interface.into_iter().chain(id).chain(link.relays.iter().copied().map(Mark::Relay))
}

impl<'a> Links<'a> {
    pub(super) fn of(state: &'a State) -> Self {
        let (mut by_relay, mut by_mark): (BTreeMap<_, Vec<_>>, BTreeMap<_, ByMark<'a>>) = Default::default();
        for scope in state.scopes().values().filter(|scope| super::is_active(scope) && !scope.link.is_empty()) {
            for relay in &scope.link.relays {
                by_relay.entry(*relay).or_default().push(scope);
            }
            if let Some(server) = &scope.server {
                let on_server = by_mark.entry(server).or_default();
                marks(&scope.link).for_each(|mark| on_server.entry((scope.family(), mark)).or_default().push(scope));
            }
        }
        let mut foreign = Foreign::default();
        state.servers().values().for_each(|server| foreign.put(server));
        Self { foreign, by_relay, by_mark }
    }

    /// What several scopes of a server have in common.
    pub(super) fn shared(&self, server: &ServerName) -> impl Iterator<Item = (Mark<'a>, &[&'a Arc<Scope>])> {
        let marks = self.by_mark.get(server).into_iter().flatten();
        marks.filter(|(_, scopes)| scopes.len() > 1).map(|((_, mark), scopes)| (*mark, scopes.as_slice()))
    }
}

pub(super) fn without_server(look: &Look<'_>) -> Option<Said> {
    look.scope.server.is_none().then(|| format!("{} is active and has no server", look.scope.name).into())
}

pub(super) fn network_not_in_use(look: &Look<'_>) -> Option<Said> {
    let scope = look.scope;
    let status = look.facts.state.prefix(&scope.prefix())?.status;
    (status != PrefixStatus::Active)
        .then(|| format!("{} is active in {}, which is {}", scope.name, scope.network, status.word()).into())
}

pub(super) fn unknown(look: &Look<'_>) -> Option<Said> {
    let scope = look.scope;
    (scope.family() == Family::V6 && scope.server.is_some() && scope.link.is_empty())
        .then(|| format!("{} has neither an interface nor a relay", scope.name).into())
}

/// Scopes of one server that share addresses are a conflict; those of one space cannot.
pub(super) fn pools_on_one_link(look: &Look<'_>) -> Option<Said> {
    let scope = look.scope;
    let others = scope.link.relays.iter().filter_map(|relay| Some((relay, look.links.by_relay.get(relay)?)));
    let mut others = others.flat_map(|(relay, others)| others.iter().map(move |other| (relay, *other)));
    let meets = |other: &Scope| {
        let both_served = other.server.is_some() && scope.server.is_some() && other.server != scope.server;
        let overlap = |one| other.ranges.iter().any(|two| two.overlaps(one));
        both_served && other.name != scope.name && scope.ranges.iter().any(overlap)
    };
    let (relay, other) = others.find(|(_, other)| meets(other))?;
    let message = format!(
        "{} of {} and {} of {} lease the same addresses to clients behind the relay {relay}",
        scope.name, scope.space, other.name, other.space
    );
    Some(Said::from(message).with(other))
}
