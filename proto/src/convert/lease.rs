//! Leases and lease events, in the API's form and in the form in which agents report and the lease
//! ledger stores them.

use super::time;
use crate::{sync, v1};
use data_encoding::HEXLOWER;
use freehold_core::Timestamp;
use freehold_core::lease::{Lease, LeaseEvent, LeaseEventKind, LeaseState};
use freehold_core::name::{ScopeName, ServerName};
use freehold_core::net::refuse_mapped;
use freehold_core::refusal::{Reason, Refusal};
use std::net::IpAddr;

/// The message of a lease as it is at `now`.
pub fn message(server: &ServerName, scope: Option<&ScopeName>, lease: &Lease, now: Timestamp) -> v1::Lease {
    let state = match lease.state {
        LeaseState::Declined => v1::lease::State::Declined,
        LeaseState::Granted if lease.live(now) => v1::lease::State::Active,
        LeaseState::Granted => v1::lease::State::Expired,
    };
    v1::Lease {
        name: format!("{server}/leases/{}", lease.address),
        address: lease.address.to_string(),
        server: server.to_string(),
        scope: scope.map(ToString::to_string).unwrap_or_default(),
        subnet_id: lease.subnet_id,
        hardware_address: colons(&lease.hardware),
        client_id: colons(&lease.client_id),
        host_name: lease.host_name.clone(),
        state: state.into(),
        transaction_time: Some(time::message(lease.cltt)),
        expire_time: Some(time::message(lease.ends())),
        delegated_prefix: lease.delegated().map(|prefix| prefix.to_string()).unwrap_or_default(),
        duid: colons(&lease.duid),
        iaid: lease.iaid,
    }
}

/// The message of a lease event, with its place in its stream.
pub fn event_message(
    server: &ServerName,
    scope: Option<&ScopeName>,
    epoch: &[u8; 16],
    seq: u64,
    event: &LeaseEvent,
) -> v1::LeaseEvent {
    v1::LeaseEvent {
        spool_epoch: HEXLOWER.encode(epoch),
        seq,
        kind: kind(event.kind).into(),
        lease: Some(message(server, scope, &event.lease, event.observed)),
        observe_time: Some(time::message(event.observed)),
        folded: event.folded,
    }
}

/// What happened to a lease, in the API's form.
pub fn kind(kind: LeaseEventKind) -> v1::lease_event::Kind {
    use v1::lease_event::Kind;
    match kind {
        LeaseEventKind::Seen => Kind::Seen,
        LeaseEventKind::Granted => Kind::Granted,
        LeaseEventKind::Renewed => Kind::Renewed,
        LeaseEventKind::Released => Kind::Released,
        LeaseEventKind::Expired => Kind::Expired,
        LeaseEventKind::Declined => Kind::Declined,
        LeaseEventKind::Removed => Kind::Removed,
    }
}

/// A lease's client in words.
pub fn client(lease: &Lease) -> String {
    let known = [("DUID ", &lease.duid), ("", &lease.hardware), ("client identifier ", &lease.client_id)];
    let known = known.into_iter().find(|(_, bytes)| !bytes.is_empty());
    known.map_or_else(|| "an unknown client".to_owned(), |(word, bytes)| format!("{word}{}", colons(bytes)))
}

fn colons(bytes: &[u8]) -> String {
    let pairs: Vec<_> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    pairs.join(":")
}

/// A lease event as agents report it.
pub fn wire(event: &LeaseEvent) -> sync::LeaseEvent {
    use sync::lease_event::Kind;
    let kind = match event.kind {
        LeaseEventKind::Seen => Kind::Seen,
        LeaseEventKind::Granted => Kind::Granted,
        LeaseEventKind::Renewed => Kind::Renewed,
        LeaseEventKind::Released => Kind::Released,
        LeaseEventKind::Expired => Kind::Expired,
        LeaseEventKind::Declined => Kind::Declined,
        LeaseEventKind::Removed => Kind::Removed,
    };
    let lease = &event.lease;
    sync::LeaseEvent {
        kind: kind.into(),
        address: match lease.address {
            IpAddr::V4(v4) => v4.octets().to_vec(),
            IpAddr::V6(v6) => v6.octets().to_vec(),
        },
        prefix_len: lease.prefix_len.into(),
        subnet_id: lease.subnet_id,
        hardware: lease.hardware.clone(),
        client_id: lease.client_id.clone(),
        duid: lease.duid.clone(),
        iaid: lease.iaid,
        host_name: lease.host_name.clone(),
        cltt_ms: lease.cltt.0,
        valid_seconds: lease.valid_seconds,
        observed_ms: event.observed.0,
        folded: event.folded,
    }
}

/// The lease event that an agent reports, or that was stored.
pub fn parse_wire(message: &sync::LeaseEvent) -> Result<LeaseEvent, Refusal> {
    use sync::lease_event::Kind;
    let invalid = |why: String, field: &str| Refusal::new(Reason::InvalidValue, why).at(field);
    let kind = match message.kind() {
        Kind::Seen => LeaseEventKind::Seen,
        Kind::Granted => LeaseEventKind::Granted,
        Kind::Renewed => LeaseEventKind::Renewed,
        Kind::Released => LeaseEventKind::Released,
        Kind::Expired => LeaseEventKind::Expired,
        Kind::Declined => LeaseEventKind::Declined,
        Kind::Removed => LeaseEventKind::Removed,
        Kind::Unspecified => {
            return Err(invalid(format!("no kind of lease event has the number {}", message.kind), "kind"));
        }
    };
    let address: IpAddr = match message.address.len() {
        4 => <[u8; 4]>::try_from(message.address.as_slice()).map(IpAddr::from).map_err(|_| ()),
        16 => <[u8; 16]>::try_from(message.address.as_slice()).map(IpAddr::from).map_err(|_| ()),
        _ => Err(()),
    }
    .map_err(|()| invalid(format!("an address has 4 or 16 bytes, not {}", message.address.len()), "address"))?;
    let prefix_len =
        u8::try_from(message.prefix_len).map_err(|_| invalid("a prefix has at most 128 bits".into(), "prefix_len"))?;
    Ok(LeaseEvent {
        kind,
        lease: Lease {
            address: refuse_mapped(address).map_err(|refusal| refusal.at("address"))?,
            prefix_len,
            subnet_id: message.subnet_id,
            hardware: message.hardware.clone(),
            client_id: message.client_id.clone(),
            duid: message.duid.clone(),
            iaid: message.iaid,
            host_name: message.host_name.clone(),
            cltt: Timestamp(message.cltt_ms),
            valid_seconds: message.valid_seconds,
            state: if kind == LeaseEventKind::Declined { LeaseState::Declined } else { LeaseState::Granted },
        },
        observed: Timestamp(message.observed_ms),
        folded: message.folded,
    })
}
