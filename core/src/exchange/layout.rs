//! What the columns of a file mean: a table of names for each format, and which format a header is of.

use super::{freehold, netbox, phpipam, windows};
use crate::model::PrefixKind;
use crate::refusal::{Reason, Refusal};
use std::fmt;

/// What the lines of a file are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    /// Prefixes of the plan.
    Prefixes,
    /// Addresses and whose they are.
    Addresses,
    /// Ranges of addresses.
    Ranges,
    /// Fixed addresses of clients.
    Reservations,
    /// Scopes.
    Scopes,
    /// Leases.
    Leases,
}

/// The program that wrote a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// This one.
    Freehold,
    /// NetBox.
    NetBox,
    /// phpIPAM.
    PhpIpam,
    /// IPAM of Windows Server.
    WindowsIpam,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Freehold => "Freehold",
            Self::NetBox => "NetBox",
            Self::PhpIpam => "phpIPAM",
            Self::WindowsIpam => "Windows Server IPAM",
        })
    }
}

/// What a cell means, where a row has a place for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Role {
    Space,
    /// Two further columns for the space, of Windows: the customer's comes first, the provider's last.
    CustomerSpace,
    ProviderSpace,
    Prefix,
    Mask,
    Address,
    Start,
    End,
    Kind,
    Status,
    Title,
    Description,
    Owner,
    HostName,
    Hardware,
    ClientId,
    Duid,
    Expires,
    Tags,
    Scope,
    Network,
    Ranges,
    Exclusions,
    Valid,
    Renew,
    Rebind,
    Server,
    Length,
    SubnetId,
    Iaid,
    Transacted,
    Preferred,
    PrefixPools,
    Interface,
    Relays,
    InterfaceId,
    Delegated,
}

impl Role {
    pub(super) const COUNT: usize = Role::Delegated as usize + 1;
}

/// What becomes of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// It has a place in the row.
    Is(Role),
    /// It has none: the custom field of this id.
    Keep(&'static str),
    /// The source computed it, and so does Freehold: left out.
    Derived,
}

/// A format: a source, a table, and the names of its columns.
#[derive(Debug)]
pub struct Layout {
    /// How the format is called in the API and on the command line: `netbox-prefixes`.
    pub id: &'static str,
    /// Who writes it.
    pub source: Source,
    /// What it is about.
    pub table: Table,
    pub(super) columns: &'static [(&'static str, Meaning)],
    /// Without these no row can be made.
    pub(super) needs: &'static [Role],
    /// Columns of which there must be one, for a header that others could have too.
    pub(super) marks: &'static [&'static str],
    /// What every prefix of it holds.
    pub(super) prefix_kind: Option<PrefixKind>,
}

impl PartialEq for Layout {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for Layout {}

/// Every format, Freehold's own first.
pub const LAYOUTS: &[&Layout] = &[
    &freehold::PREFIXES,
    &freehold::ADDRESSES,
    &freehold::RANGES,
    &freehold::RESERVATIONS,
    &freehold::SCOPES,
    &freehold::LEASES,
    &netbox::PREFIXES,
    &netbox::ADDRESSES,
    &netbox::RANGES,
    &phpipam::SUBNETS,
    &phpipam::ADDRESSES,
    &windows::ADDRESSES,
    &windows::RANGES,
    &windows::SUBNETS,
    &windows::BLOCKS,
];

impl Layout {
    /// The format of this id.
    pub fn from_id(id: &str) -> Result<&'static Self, Refusal> {
        LAYOUTS.iter().find(|layout| layout.id == id).copied().ok_or_else(|| {
            let known: Vec<_> = LAYOUTS.iter().map(|layout| layout.id).collect();
            Refusal::new(
                Reason::InvalidValue,
                format!("no format is called {}; there are {}", crate::text::shown(id), known.join(", ")),
            )
        })
    }

    /// Freehold's own format of a table.
    pub fn of(table: Table) -> &'static Self {
        match table {
            Table::Prefixes => &freehold::PREFIXES,
            Table::Addresses => &freehold::ADDRESSES,
            Table::Ranges => &freehold::RANGES,
            Table::Reservations => &freehold::RESERVATIONS,
            Table::Scopes => &freehold::SCOPES,
            Table::Leases => &freehold::LEASES,
        }
    }

    /// Whether it is Freehold's own, where nothing is guessed.
    pub(super) fn own(&self) -> bool {
        self.source == Source::Freehold
    }

    /// The names of its columns, in the order in which they are written.
    pub fn columns(&self) -> impl Iterator<Item = &'static str> {
        self.columns.iter().map(|(name, _)| *name)
    }

    /// The name of the first column with a role.
    pub(super) fn named(&self, role: Role) -> &'static str {
        let is = |(_, meaning): &&(&'static str, Meaning)| *meaning == Meaning::Is(role);
        self.columns.iter().find(is).map_or("", |(name, _)| *name)
    }

    pub(super) fn meaning(&self, name: &str) -> Option<Meaning> {
        let same = |known: &str| if self.own() { known.eq_ignore_ascii_case(name) } else { alike(known, name) };
        self.columns.iter().find(|(known, _)| same(known)).map(|(_, meaning)| *meaning)
    }

    /// How many of the columns it knows; `None` if one that it needs is missing.
    fn score(&self, header: &[&str]) -> Option<usize> {
        let known: Vec<_> = header.iter().filter_map(|name| self.meaning(name)).collect();
        let has = |role: &Role| known.contains(&Meaning::Is(*role));
        let marked = self.marks.is_empty() || self.marks.iter().any(|mark| header.iter().any(|name| alike(mark, name)));
        (self.needs.iter().all(has) && marked).then_some(known.len())
    }
}

/// Whether two names are the same but for what differs between a program's console and its command line: case, spaces,
/// punctuation.
fn alike(a: &str, b: &str) -> bool {
    fn key(name: &str) -> impl Iterator<Item = u8> {
        name.bytes().filter(|b| b.is_ascii_alphanumeric() || !b.is_ascii()).map(|b| b.to_ascii_lowercase())
    }
    key(a).eq(key(b))
}

/// The format that knows the most columns of a header; Freehold's own where it knows as many.
pub(super) fn recognise(header: &[&str], source: Option<Source>) -> Result<&'static Layout, Refusal> {
    let asked = LAYOUTS.iter().filter(|layout| source.is_none_or(|source| layout.source == source));
    let scored = asked.filter_map(|layout| Some((layout.score(header)?, *layout)));
    let mut best: Vec<(usize, &'static Layout)> = Vec::new();
    for (score, layout) in scored {
        match best.first() {
            Some((most, _)) if score < *most => {}
            Some((most, _)) if score == *most => best.push((score, layout)),
            _ => best = vec![(score, layout)],
        }
    }
    match best.as_slice() {
        [(_, only)] => Ok(only),
        [(_, first), ..] if first.own() => Ok(first),
        [] if source.is_some_and(|source| source != Source::Freehold) => Err(Refusal::new(
            Reason::UnknownColumn,
            format!(
                "the header is of no export of {} that is known; see docs/formats/csv.md for which are",
                source.map_or_else(String::new, |source| source.to_string())
            ),
        )),
        [] => Err(Refusal::new(
            Reason::UnknownColumn,
            "the header is of no known format: it needs a column such as prefix, address, start and end, network or server; \
             remove lines above it, and see docs/formats/csv.md for the names",
        )),
        several => {
            let ids: Vec<_> = several.iter().map(|(_, layout)| layout.id).collect();
            Err(Refusal::new(Reason::InvalidValue, format!("the header could be of {}; say which", ids.join(" or "))))
        }
    }
}
