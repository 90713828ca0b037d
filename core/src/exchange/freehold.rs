//! Freehold's own tables. `docs/formats/csv.md` says of every column what it means.

use super::layout::Meaning::Is;
use super::layout::{Layout, Role, Source, Table};

const fn own(
    id: &'static str,
    table: Table,
    columns: &'static [(&'static str, super::layout::Meaning)],
    needs: &'static [Role],
) -> Layout {
    Layout { id, source: Source::Freehold, table, columns, needs, marks: &[], prefix_kind: None }
}

pub(super) const PREFIXES: Layout = own(
    "freehold-prefixes",
    Table::Prefixes,
    &[
        ("space", Is(Role::Space)),
        ("prefix", Is(Role::Prefix)),
        ("kind", Is(Role::Kind)),
        ("status", Is(Role::Status)),
        ("title", Is(Role::Title)),
        ("description", Is(Role::Description)),
        ("tags", Is(Role::Tags)),
    ],
    &[Role::Prefix],
);

pub(super) const ADDRESSES: Layout = own(
    "freehold-addresses",
    Table::Addresses,
    &[
        ("space", Is(Role::Space)),
        ("address", Is(Role::Address)),
        ("kind", Is(Role::Kind)),
        ("hardware_address", Is(Role::Hardware)),
        ("client_id", Is(Role::ClientId)),
        ("duid", Is(Role::Duid)),
        ("host_name", Is(Role::HostName)),
        ("owner", Is(Role::Owner)),
        ("comment", Is(Role::Description)),
        ("expires", Is(Role::Expires)),
        ("tags", Is(Role::Tags)),
    ],
    &[Role::Address],
);

pub(super) const RANGES: Layout = own(
    "freehold-ranges",
    Table::Ranges,
    &[
        ("space", Is(Role::Space)),
        ("scope", Is(Role::Scope)),
        ("start", Is(Role::Start)),
        ("end", Is(Role::End)),
        ("kind", Is(Role::Kind)),
        ("comment", Is(Role::Description)),
        ("tags", Is(Role::Tags)),
    ],
    &[Role::Start, Role::End, Role::Kind],
);

pub(super) const RESERVATIONS: Layout = own(
    "freehold-reservations",
    Table::Reservations,
    &[
        ("scope", Is(Role::Scope)),
        ("address", Is(Role::Address)),
        ("hardware_address", Is(Role::Hardware)),
        ("client_id", Is(Role::ClientId)),
        ("duid", Is(Role::Duid)),
        ("host_name", Is(Role::HostName)),
        ("description", Is(Role::Description)),
        ("tags", Is(Role::Tags)),
        ("delegated_prefixes", Is(Role::Delegated)),
    ],
    &[Role::Scope, Role::Address],
);

pub(super) const SCOPES: Layout = own(
    "freehold-scopes",
    Table::Scopes,
    &[
        ("scope", Is(Role::Scope)),
        ("space", Is(Role::Space)),
        ("network", Is(Role::Network)),
        ("ranges", Is(Role::Ranges)),
        ("exclusions", Is(Role::Exclusions)),
        ("valid_seconds", Is(Role::Valid)),
        ("renew_seconds", Is(Role::Renew)),
        ("rebind_seconds", Is(Role::Rebind)),
        ("status", Is(Role::Status)),
        ("server", Is(Role::Server)),
        ("description", Is(Role::Description)),
        ("tags", Is(Role::Tags)),
        ("preferred_seconds", Is(Role::Preferred)),
        ("prefix_pools", Is(Role::PrefixPools)),
        ("interface", Is(Role::Interface)),
        ("relay_addresses", Is(Role::Relays)),
        ("interface_id", Is(Role::InterfaceId)),
    ],
    &[Role::Scope, Role::Network],
);

pub(super) const LEASES: Layout = own(
    "freehold-leases",
    Table::Leases,
    &[
        ("server", Is(Role::Server)),
        ("address", Is(Role::Address)),
        ("prefix_length", Is(Role::Length)),
        ("subnet_id", Is(Role::SubnetId)),
        ("hardware_address", Is(Role::Hardware)),
        ("client_id", Is(Role::ClientId)),
        ("duid", Is(Role::Duid)),
        ("iaid", Is(Role::Iaid)),
        ("host_name", Is(Role::HostName)),
        ("last_transaction", Is(Role::Transacted)),
        ("valid_seconds", Is(Role::Valid)),
        ("state", Is(Role::Status)),
    ],
    &[Role::Server, Role::Address, Role::Transacted, Role::Valid],
);
