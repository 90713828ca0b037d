//! NetBox: prefixes, IP addresses and IP ranges.
//!
//! Three writers are understood, each with its own headings, compared without case, spaces and punctuation:
//!
//! - *Export, current view* and *all data*: headings are the `verbose_name`s of `PrefixTable`, `IPAddressTable` and
//!   `IPRangeTable` in `netbox/ipam/tables/ip.py`, written by `export_table` in `netbox/netbox/views/generic/bulk_views.py`
//!   (NetBox 4.6). A VRF is written as `NAME (RD)`, none as `Global`; tags are joined by commas.
//! - files made for its import: the field names of `PrefixImportForm`, `IPAddressImportForm` and `IPRangeImportForm` in
//!   `netbox/ipam/forms/bulk_import.py`; custom fields are `cf_NAME`.
//! - exports before 3.0: `csv_headers` of the models, which are the same names.
//!
//! Values of `status` and `role` are those of `netbox/ipam/choices.py`, and any that an installation added.

use super::layout::Meaning::{Derived, Is, Keep};
use super::layout::{Layout, Meaning, Role, Source, Table};

const fn netbox(
    id: &'static str,
    table: Table,
    columns: &'static [(&'static str, Meaning)],
    needs: &'static [Role],
    marks: &'static [&'static str],
) -> Layout {
    Layout { id, source: Source::NetBox, table, columns, needs, marks, prefix_kind: None }
}

pub(super) const PREFIXES: Layout = netbox(
    "netbox-prefixes",
    Table::Prefixes,
    &[
        ("prefix", Is(Role::Prefix)),
        ("vrf", Is(Role::Space)),
        ("status", Is(Role::Status)),
        ("description", Is(Role::Description)),
        ("tags", Is(Role::Tags)),
        ("tenant", Keep("tenant")),
        ("tenant_group", Keep("tenant-group")),
        ("site", Keep("site")),
        ("scope", Keep("scope")),
        ("scope_type", Keep("scope-type")),
        ("scope_id", Keep("scope-id")),
        ("vlan_group", Keep("vlan-group")),
        ("vlan_site", Keep("vlan-site")),
        ("vlan", Keep("vlan")),
        ("role", Keep("role")),
        ("is_pool", Keep("is-pool")),
        ("Pool", Keep("is-pool")),
        ("mark_utilized", Keep("mark-utilized")),
        ("Marked Utilized", Keep("mark-utilized")),
        ("owner", Keep("owner")),
        ("comments", Keep("comments")),
        ("contacts", Keep("contacts")),
        ("id", Derived),
        ("Prefix (Flat)", Derived),
        ("depth", Derived),
        ("children", Derived),
        ("utilization", Derived),
        ("created", Derived),
        ("last_updated", Derived),
        ("URL", Derived),
    ],
    &[Role::Prefix],
    &["status", "vrf", "tenant", "site", "role", "vlan", "ispool", "pool"],
);

pub(super) const ADDRESSES: Layout = netbox(
    "netbox-addresses",
    Table::Addresses,
    &[
        ("address", Is(Role::Address)),
        ("IP Address", Is(Role::Address)),
        ("vrf", Is(Role::Space)),
        ("status", Is(Role::Status)),
        ("dns_name", Is(Role::HostName)),
        ("description", Is(Role::Description)),
        ("tags", Is(Role::Tags)),
        ("tenant", Keep("tenant")),
        ("tenant_group", Keep("tenant-group")),
        ("role", Keep("role")),
        ("device", Keep("device")),
        ("Parent", Keep("device")),
        ("Device/VM", Keep("device")),
        ("virtual_machine", Keep("virtual-machine")),
        ("interface", Keep("interface")),
        ("fhrp_group", Keep("fhrp-group")),
        ("is_primary", Keep("is-primary")),
        ("is_oob", Keep("is-oob")),
        ("NAT (Inside)", Keep("nat-inside")),
        ("NAT (Outside)", Keep("nat-outside")),
        ("owner", Is(Role::Owner)),
        ("comments", Keep("comments")),
        ("contacts", Keep("contacts")),
        ("id", Derived),
        ("assigned", Derived),
        ("created", Derived),
        ("last_updated", Derived),
        ("URL", Derived),
    ],
    &[Role::Address],
    &["status", "vrf", "tenant", "role", "dnsname", "assigned"],
);

pub(super) const RANGES: Layout = netbox(
    "netbox-ranges",
    Table::Ranges,
    &[
        ("start_address", Is(Role::Start)),
        ("end_address", Is(Role::End)),
        ("vrf", Is(Role::Space)),
        ("status", Is(Role::Status)),
        ("description", Is(Role::Description)),
        ("tags", Is(Role::Tags)),
        ("tenant", Keep("tenant")),
        ("tenant_group", Keep("tenant-group")),
        ("role", Keep("role")),
        ("mark_populated", Keep("mark-populated")),
        ("Marked Populated", Keep("mark-populated")),
        ("mark_utilized", Keep("mark-utilized")),
        ("Marked Utilized", Keep("mark-utilized")),
        ("owner", Keep("owner")),
        ("comments", Keep("comments")),
        ("contacts", Keep("contacts")),
        ("id", Derived),
        ("size", Derived),
        ("utilization", Derived),
        ("created", Derived),
        ("last_updated", Derived),
        ("URL", Derived),
    ],
    &[Role::Start, Role::End],
    &[],
);
