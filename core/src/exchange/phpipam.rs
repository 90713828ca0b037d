//! phpIPAM: subnets and IP addresses.
//!
//! phpIPAM exports XLS; save it as CSV. Headings are those that `app/admin/import-export/export-subnets.php` and
//! `export-ipaddr.php` write, and of the templates of `import-template.php` (`Mask`, `Domain`, `Is_Gateway`), in English,
//! compared without case, spaces and punctuation. A column with another heading is a custom field, as it is there. What
//! those scripts write in a cell: a folder as `NAME (folder)`, no VLAN as `NA`, no VRF as nothing or `default`, the state
//! of an address as the name of its tag (`Used`, `Reserved`, `Offline`, `DHCP`, and any that an installation added). The
//! export of one subnet (`app/subnets/addresses/export-subnet.php`) has its title above the header: remove those lines.

use super::layout::Meaning::{Derived, Is, Keep};
use super::layout::{Layout, Role, Source, Table};

pub(super) const SUBNETS: Layout = Layout {
    id: "phpipam-subnets",
    source: Source::PhpIpam,
    table: Table::Prefixes,
    columns: &[
        ("Subnet", Is(Role::Prefix)),
        ("Mask", Is(Role::Mask)),
        ("Description", Is(Role::Description)),
        ("VRF", Is(Role::Space)),
        ("Section", Keep("section")),
        ("VLAN", Keep("vlan")),
        ("VLAN Domain", Keep("vlan-domain")),
        ("Domain", Keep("vlan-domain")),
        ("Requests", Keep("requests")),
        ("Host check", Keep("host-check")),
        ("Discover", Keep("discover")),
        ("Customer", Keep("customer")),
        ("Master Subnet", Derived),
    ],
    needs: &[Role::Prefix],
    marks: &[],
    prefix_kind: None,
};

pub(super) const ADDRESSES: Layout = Layout {
    id: "phpipam-addresses",
    source: Source::PhpIpam,
    table: Table::Addresses,
    columns: &[
        ("IP Address", Is(Role::Address)),
        ("Hostname", Is(Role::HostName)),
        ("Description", Is(Role::Description)),
        ("VRF", Is(Role::Space)),
        ("MAC", Is(Role::Hardware)),
        ("Owner", Is(Role::Owner)),
        ("Tag", Is(Role::Status)),
        ("IP state", Is(Role::Status)),
        ("Section", Keep("section")),
        ("Device", Keep("device")),
        ("Port", Keep("port")),
        ("Note", Keep("note")),
        ("Location", Keep("location")),
        ("fw object", Keep("firewall-object")),
        ("Gateway", Keep("gateway")),
        ("Is_Gateway", Keep("gateway")),
        ("Subnet", Derived),
    ],
    needs: &[Role::Address],
    marks: &["hostname", "mac", "section", "tag", "ipstate", "isgateway", "gateway", "note"],
    prefix_kind: None,
};
