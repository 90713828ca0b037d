//! What a row of the lease file means: granted, renewed, given back, ended. Pure.
//!
//! A row says how a lease is now, not what happened to it; that follows from what was known of the address before. So
//! [`KnownLeases`] keeps a few words per address: enough to tell a renewal from a new grant, no more. Losing it loses nothing but that
//! distinction, because every event carries the whole lease.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use freehold_core::Timestamp;
use freehold_core::lease::{Lease, LeaseEvent, LeaseEventKind, LeaseState as CoreState};

use super::bridge::is_placeholder;
use super::memfile::{LeaseKey, LeaseRow, LeaseState};

/// What is remembered of each address or delegated prefix.
#[derive(Debug, Clone, Default)]
pub struct KnownLeases(BTreeMap<LeaseKey, Known>);

#[derive(Debug, Clone, Copy)]
struct Known {
    /// Tells clients apart.
    client: u64,
    /// Seconds since 1970.
    ends: i64,
    state: LeaseState,
}

impl KnownLeases {
    /// Knows what a snapshot has.
    pub fn of(leases: &BTreeMap<LeaseKey, LeaseRow>) -> Self {
        Self(leases.iter().map(|(key, row)| (*key, known(row))).collect())
    }

    /// Learns a row, and says what it means; a placeholder of Freehold's means nothing.
    pub fn learn(&mut self, row: &LeaseRow, observed: Timestamp) -> Option<LeaseEvent> {
        if is_placeholder(row.user_context.as_ref()) {
            return None;
        }
        let before = if row.valid_seconds == 0 { self.0.remove(&row.key) } else { self.0.insert(row.key, known(row)) };
        Some(LeaseEvent { kind: kind(row, before), lease: lease(row), observed, folded: 0 })
    }
}

/// A lease of a snapshot as an event, or nothing if it is over or a placeholder.
pub fn seen(row: &LeaseRow, observed: Timestamp) -> Option<LeaseEvent> {
    let there = matches!(row.state, LeaseState::Assigned | LeaseState::Declined)
        && row.valid_seconds > 0
        && !is_placeholder(row.user_context.as_ref());
    there.then(|| LeaseEvent { kind: LeaseEventKind::Seen, lease: lease(row), observed, folded: 0 })
}

fn kind(row: &LeaseRow, before: Option<Known>) -> LeaseEventKind {
    match (row.state, before) {
        // Kea reclaims first (state 2) and deletes the row when it has kept it long enough.
        (_, Some(Known { state: LeaseState::Reclaimed, .. })) if row.valid_seconds == 0 => LeaseEventKind::Removed,
        (LeaseState::Declined, _) if row.valid_seconds == 0 => LeaseEventKind::Removed,
        (_, _) if row.valid_seconds == 0 => LeaseEventKind::Released,
        (LeaseState::Reclaimed, _) => LeaseEventKind::Expired,
        (LeaseState::Released, _) => LeaseEventKind::Released,
        (LeaseState::Declined, _) => LeaseEventKind::Declined,
        (LeaseState::Assigned | LeaseState::Other(_), Some(before)) if renews(row, before) => LeaseEventKind::Renewed,
        (LeaseState::Assigned | LeaseState::Other(_), _) => LeaseEventKind::Granted,
    }
}

/// Whether the same client asked again before its lease ended.
fn renews(row: &LeaseRow, before: Known) -> bool {
    before.state == LeaseState::Assigned && before.client == client(row) && row.client_last_seen() < before.ends
}

fn known(row: &LeaseRow) -> Known {
    Known { client: client(row), ends: row.expire, state: row.state }
}

/// Kea knows a client of DHCPv4 by its identifier if it sent one, else by its hardware address; one of DHCPv6 by its DUID and identity association.
fn client(row: &LeaseRow) -> u64 {
    let mut hasher = DefaultHasher::new();
    (&row.duid, row.iaid).hash(&mut hasher);
    if row.client_id.is_empty() { &row.hw_address } else { &row.client_id }.hash(&mut hasher);
    hasher.finish()
}

fn lease(row: &LeaseRow) -> Lease {
    Lease {
        address: row.key.address,
        prefix_len: row.key.prefix_len,
        subnet_id: row.subnet_id,
        hardware: row.hw_address.clone(),
        client_id: row.client_id.clone(),
        duid: row.duid.clone(),
        iaid: row.iaid,
        host_name: row.hostname.clone(),
        cltt: Timestamp(0).plus_seconds(row.client_last_seen()),
        valid_seconds: row.valid_seconds,
        state: if row.state == LeaseState::Declined { CoreState::Declined } else { CoreState::Granted },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(5_000_000);

    fn row(client: u8, seen: i64, valid_seconds: u32, state: LeaseState) -> LeaseRow {
        LeaseRow {
            key: LeaseKey::of([10, 77, 1, 0]),
            hw_address: vec![2, 0, 0, 0, 0, client],
            client_id: vec![],
            duid: vec![],
            iaid: 0,
            valid_seconds,
            expire: seen + i64::from(valid_seconds),
            subnet_id: 7,
            fqdn_fwd: false,
            fqdn_rev: false,
            hostname: "h".into(),
            state,
            user_context: None,
            pool_id: 0,
        }
    }

    #[test]
    fn the_life_of_an_address() {
        use LeaseEventKind as Kind;
        use LeaseState::{Assigned, Declined, Reclaimed, Released};
        let mut known = KnownLeases::default();
        for (row, expected) in [
            (row(1, 1000, 600, Assigned), Kind::Granted),
            (row(1, 1300, 600, Assigned), Kind::Renewed),
            (row(2, 1400, 600, Assigned), Kind::Granted),
            // After its end it is a new lease, of whomever.
            (row(2, 2100, 600, Assigned), Kind::Granted),
            (row(2, 2100, 0, Assigned), Kind::Released),
            (row(2, 2200, 600, Assigned), Kind::Granted),
            (row(2, 2200, 600, Reclaimed), Kind::Expired),
            (row(2, 2200, 0, Reclaimed), Kind::Removed),
            (row(2, 2200, 0, Assigned), Kind::Released),
            (row(0, 2300, 86400, Declined), Kind::Declined),
            (row(0, 2300, 0, Declined), Kind::Removed),
            (row(3, 2400, 600, Assigned), Kind::Granted),
            (row(3, 2400, 600, Released), Kind::Released),
            (row(3, 2410, 600, Assigned), Kind::Granted),
        ] {
            let event = known.learn(&row, NOW).unwrap();
            assert_eq!(event, LeaseEvent { kind: expected, lease: lease(&row), observed: NOW, folded: 0 }, "{row:?}");
        }
    }

    #[test]
    fn of_dhcpv6_a_client_is_its_duid_and_association_and_a_prefix_is_no_address() {
        let key = LeaseKey::of([0x2001, 0xdb8, 0x8000, 0, 0, 0, 0, 0]);
        let address = LeaseRow {
            key,
            duid: vec![0, 1, 2],
            iaid: 9,
            hw_address: vec![],
            ..row(0, 1000, 600, LeaseState::Assigned)
        };
        let prefix = LeaseRow { key: LeaseKey { prefix_len: 56, ..key }, ..address.clone() };
        let mut known = KnownLeases::default();
        let mut kind = |row: &LeaseRow| known.learn(row, NOW).unwrap().kind;
        assert_eq!(kind(&address), LeaseEventKind::Granted);
        assert_eq!(kind(&prefix), LeaseEventKind::Granted);
        assert_eq!([kind(&address), kind(&prefix)], [LeaseEventKind::Renewed; 2]);
        assert_eq!(kind(&LeaseRow { iaid: 10, ..address.clone() }), LeaseEventKind::Granted);
        assert_eq!(kind(&LeaseRow { duid: vec![0, 1, 3], ..prefix.clone() }), LeaseEventKind::Granted);
        let lease = seen(&prefix, NOW).unwrap().lease;
        assert_eq!((lease.address, lease.prefix_len), (key.address, 56));
        assert_eq!((lease.duid, lease.iaid, lease.hardware), (vec![0, 1, 2], 9, vec![]));
    }

    #[test]
    fn a_placeholder_is_nobodys_lease() {
        let context = serde_json::json!({"freehold": {"hold": true}}).as_object().cloned();
        let mut known = KnownLeases::default();
        for valid_seconds in [600, 0] {
            let placeholder =
                LeaseRow { user_context: context.clone(), ..row(0, 1000, valid_seconds, LeaseState::Declined) };
            assert_eq!((known.learn(&placeholder, NOW), seen(&placeholder, NOW)), (None, None));
        }
        // Whoever comes then has a lease of his own.
        let event = known.learn(&row(1, 1001, 600, LeaseState::Assigned), NOW).unwrap();
        assert_eq!(event.kind, LeaseEventKind::Granted);
    }

    #[test]
    fn a_lease_keeps_its_times_and_a_snapshot_leaves_out_what_is_over() {
        let granted = row(1, 1000, 600, LeaseState::Assigned);
        let event = seen(&granted, NOW).unwrap();
        assert_eq!(
            (event.kind, event.lease.cltt, event.lease.ends()),
            (LeaseEventKind::Seen, Timestamp(1_000_000), Timestamp(1_600_000))
        );
        assert_eq!(seen(&row(1, 1000, 600, LeaseState::Reclaimed), NOW), None);
        let mut known = KnownLeases::of(&BTreeMap::from([(granted.key, granted)]));
        assert_eq!(known.learn(&row(1, 1100, 600, LeaseState::Assigned), NOW).unwrap().kind, LeaseEventKind::Renewed);
    }
}
