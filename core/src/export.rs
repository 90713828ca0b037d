//! The state as rows of files; the other half of [`import`](crate::import). What is exported and imported again changes nothing.

use crate::client::ClientIdentity;
use crate::command::NewScope;
use crate::exchange::{
    AddressKind, AddressRow, FieldId, Item, Labels as Said, LeaseRow, PrefixRow, RangeKind, RangeRow, ReservationRow,
    ScopeRow, Table,
};
use crate::labels::Labels;
use crate::lease::Lease;
use crate::model::{Assignment, LabelledKind, Prefix, Reservation, Scope};
use crate::name::ServerName;
use crate::state::State;
use crate::text::Text;

/// A prefix as a row.
pub fn prefix(prefix: &Prefix) -> Item {
    Item::Prefix(PrefixRow {
        name: prefix.name.clone(),
        kind: Some(prefix.kind),
        status: Some(prefix.status),
        title: prefix.title.clone(),
        description: prefix.description.clone(),
        labels: labels(&prefix.labels),
    })
}

/// A claim as a row; a hold is none, for it is over soon.
pub fn claim(claim: &Assignment) -> Option<Item> {
    if claim.is_hold() {
        return None;
    }
    let (rare, client) = (claim.rare(), claim.client.as_ref());
    Some(Item::Address(AddressRow {
        space: claim.name.space.clone(),
        address: claim.name.address,
        kind: AddressKind::Claim,
        hardware: client.and_then(|c| if let ClientIdentity::Hardware(a) = c { Some(*a) } else { None }),
        client_id: client.and_then(|c| if let ClientIdentity::ClientId(id) = c { Some(id.clone()) } else { None }),
        duid: client.and_then(|c| if let ClientIdentity::Duid(duid) = c { Some(duid.clone()) } else { None }),
        host_name: claim.host_name.clone(),
        owner: rare.owner,
        comment: rare.comment,
        expires: claim.ends(),
        labels: labels(claim.labels()),
    }))
}

/// The ranges and exclusions of a scope as rows.
pub fn ranges(scope: &Scope) -> impl Iterator<Item = Item> + '_ {
    let row = |kind, range, comment: &Text| {
        Item::Range(RangeRow {
            space: scope.space.clone(),
            scope: Some(scope.name.clone()),
            range,
            kind,
            comment: comment.clone(),
            labels: Said::default(),
        })
    };
    let pools = scope.ranges.iter().map(move |range| row(RangeKind::Pool, *range, &Text::default()));
    let exclusions = scope.exclusions.iter();
    pools.chain(exclusions.map(move |exclusion| row(RangeKind::Exclusion, exclusion.range, &exclusion.comment)))
}

/// A reservation as a row.
pub fn reservation(reservation: &Reservation) -> Item {
    Item::Reservation(ReservationRow {
        name: reservation.name.clone(),
        client: reservation.client.clone(),
        prefixes: reservation.prefixes.clone(),
        host_name: reservation.host_name.clone(),
        description: reservation.description.clone(),
        labels: labels(&reservation.labels),
    })
}

/// A scope as a row.
pub fn scope(scope: &Scope) -> Item {
    let row = NewScope {
        name: scope.name.clone(),
        space: scope.space.clone(),
        network: scope.network,
        ranges: scope.ranges.clone(),
        exclusions: scope.exclusions.clone(),
        prefix_pools: scope.prefix_pools.clone(),
        options: scope.options.clone(),
        lease_times: scope.lease_times,
        link: scope.link.clone(),
        status: scope.status,
        server: scope.server.clone(),
        description: scope.description.clone(),
        labels: Labels::NONE,
    };
    Item::Scope(ScopeRow { scope: row, labels: labels(&scope.labels) })
}

/// A lease as a row.
pub fn lease(server: &ServerName, lease: &Lease) -> Item {
    Item::Lease(LeaseRow { server: server.clone(), lease: lease.clone() })
}

/// The custom fields that a file of `table` has columns for: all that can be put on what is in it.
pub fn fields(state: &State, table: Table) -> Vec<FieldId> {
    let kind = match table {
        Table::Prefixes => LabelledKind::Prefix,
        Table::Reservations => LabelledKind::Reservation,
        Table::Scopes => LabelledKind::Scope,
        Table::Addresses => LabelledKind::Address,
        Table::Ranges | Table::Leases => return Vec::new(),
    };
    let fields = state.fields().values().filter(|field| field.applies_to.contains(&kind));
    fields.map(|field| field_id(field.name.id())).collect()
}

fn field_id(id: &str) -> FieldId {
    FieldId::parse(id).expect("files take every id that the plan has")
}

fn labels(labels: &Labels) -> Said {
    let mut said = Said::default();
    for tag in labels.tags() {
        let key = Text::parse(tag.as_str()).expect("a tag is a short plain word");
        said.tag(key, Text::default()).expect("a set has every tag once, and none is empty");
    }
    for (name, value) in labels.fields() {
        said.field(field_id(name.id()), value.as_str());
    }
    said
}
