//! `freehold ip why`: in sentences, why an address is not free, what it waits for, and what can be done.

use super::{get, shown};
use crate::connect::Api;
use crate::error::Failure;
use crate::names;
use crate::output::{Format, Screen, printable, time};
use freehold_core::name::{AddressName, PrefixName};
use freehold_core::net::Cidr;
use freehold_proto::v1;
use freehold_proto::v1::address::State;
use freehold_proto::v1::address_reason::Detail;
use freehold_proto::v1::assignment::Phase;

pub(super) async fn run(api: &Api, screen: &mut Screen<'_>, name: String) -> Result<(), Failure> {
    let parsed: AddressName = name.parse()?;
    let address = get(api, name).await?;
    if screen.format == Format::Json {
        return screen.one(&address);
    }
    let prefix = PrefixName { space: parsed.space, cidr: Cidr::of_one(parsed.address) }.to_string();
    let request = v1::ListConflictsRequest { prefix, ..Default::default() };
    let found = api.call(request, async |request| api.conflicts().list_conflicts(request).await).await?;
    // What is about a whole scope says nothing of this address.
    let own = |conflict: &v1::Conflict| conflict.places.iter().any(|place| place.cidr == cidr_of(&address));
    let conflicts: Vec<_> = found.conflicts.into_iter().filter(own).collect();
    for line in sentences(&address, &conflicts) {
        writeln!(screen.out, "{}", printable(&line))?;
    }
    Ok(())
}

fn cidr_of(address: &v1::Address) -> String {
    address.address.parse().map(|address| Cidr::of_one(address).to_string()).unwrap_or_default()
}

/// All that is to be said, a sentence a line.
fn sentences(address: &v1::Address, conflicts: &[v1::Conflict]) -> Vec<String> {
    let ip = &address.address;
    let mut lines = vec![match address.state() {
        State::Available => format!("{ip} is free{}.", place(address)),
        _ => format!("{ip} is not free{}.", place(address)),
    }];
    if address.state() == State::Available && address.in_pool {
        lines.push("It is in a pool: DHCP may lease it to any client.".to_owned());
    }
    for reason in &address.reasons {
        lines.push(reason_line(reason));
        lines.extend(todo(ip, reason).map(|hint| format!("  {hint}")));
    }
    lines.extend(waiting(address));
    for conflict in conflicts {
        lines.push(format!("Conflict {}: {}.", names::short(&conflict.name), conflict.message));
        lines.push(format!("  What can be done: freehold conflict show {}", names::short(&conflict.name)));
    }
    lines
}

/// Where it is in the plan.
fn place(address: &v1::Address) -> String {
    match (address.network.as_str(), address.scope.as_str()) {
        ("", _) => String::new(),
        (network, "") => format!(", in {}", names::short_prefix(network)),
        (network, scope) => format!(", in {}, scope {}", names::short_prefix(network), names::short(scope)),
    }
}

/// A reason as a sentence, with since and until when, and what is known beyond its words.
fn reason_line(reason: &v1::AddressReason) -> String {
    let mut text = reason.message.clone();
    if let Some(first) = text.get(..1) {
        text = format!("{}{}", first.to_uppercase(), &text[1..]);
    }
    if let Some(Detail::Lease(lease)) = &reason.detail {
        let client = [&lease.hardware_address, &lease.client_id].into_iter().find(|client| !client.is_empty());
        text += &client.map(|client| format!(" to {client}")).unwrap_or_default();
        if !lease.host_name.is_empty() {
            text += &format!(" ({})", lease.host_name);
        }
    }
    for (word, at) in [("since", &reason.start_time), ("until", &reason.end_time)] {
        if at.is_some() {
            text += &format!(", {word} {}", time(at.as_ref()));
        }
    }
    text += ".";
    if let Some(Detail::Assignment(found)) = &reason.detail {
        for (what, said) in [("For", &found.comment), ("Ask", &found.owner)] {
            if !said.is_empty() {
                text += &format!(" {what}: {said}.");
            }
        }
    }
    text
}

/// What one can do about a reason.
fn todo(ip: &str, reason: &v1::AddressReason) -> Option<String> {
    Some(match &reason.detail {
        Some(Detail::Assignment(found)) if found.kind() == v1::assignment::Kind::Hold => {
            format!("It is free by itself then. Give it back now: freehold ip release {ip}")
        }
        Some(Detail::Assignment(_)) => format!("Give it back: freehold ip release {ip}"),
        Some(Detail::Reservation(found)) => format!("Give it up: freehold reservation delete {}", found.name),
        Some(Detail::Lease(_)) => {
            format!(
                "It is free when the server says that the lease is over. Keep it for that client: freehold ip reserve {ip}"
            )
        }
        Some(Detail::Exclusion(_)) => {
            format!(
                "It is given out by name: freehold ip claim {ip}, or take the exclusion away: freehold scope update"
            )
        }
        Some(Detail::Sighting(_)) => {
            format!("Find out who it is: freehold ip ping {ip}. Once it is gone: freehold ip clear {ip}")
        }
        None if reason.state() == State::Unplanned => {
            "Put its network into the plan: freehold net create CIDR --network".to_owned()
        }
        None => return None,
    })
}

fn waiting(address: &v1::Address) -> Vec<String> {
    let phase = shown::assignment(address).map_or(Phase::Unspecified, v1::Assignment::phase);
    let Some(wait) = address.wait.as_ref().filter(|_| phase == Phase::Pending) else { return Vec::new() };
    let mut text = format!("It cannot be relied on yet: {}", wait.message);
    match &wait.seen_time {
        Some(seen) => text += &format!(", last heard of {}", time(Some(seen))),
        None if wait.server.as_ref().is_some_and(|on| on.state() == v1::sync_status::State::Disconnected) => {
            text += ", and was not since the controller started";
        }
        None => {}
    }
    let server = wait.server.as_ref().map(|on| names::short(&on.server).to_owned()).unwrap_or_default();
    vec![format!("{text}."), format!("  Look at the server: freehold server show {server}")]
}

#[cfg(test)]
mod tests {
    use super::*;
    use prost_types::Timestamp;

    fn at(seconds: i64) -> Option<Timestamp> {
        Some(Timestamp { seconds: 1_763_705_883 + seconds, nanos: 0 })
    }

    fn address(state: State, reasons: Vec<v1::AddressReason>) -> v1::Address {
        v1::Address {
            address: "10.1.2.3".into(),
            state: state.into(),
            reasons,
            network: "spaces/default/prefixes/10.1.2.0-24".into(),
            scope: "scopes/voice".into(),
            in_pool: true,
            ..Default::default()
        }
    }

    #[test]
    fn a_free_address_is_free_somewhere() {
        assert_eq!(
            sentences(&address(State::Available, Vec::new()), &[]),
            ["10.1.2.3 is free, in 10.1.2.0/24, scope voice.", "It is in a pool: DHCP may lease it to any client."]
        );
        let unplanned = v1::AddressReason {
            state: State::Unplanned.into(),
            message: "no network of the plan has it".into(),
            ..Default::default()
        };
        let nowhere = v1::Address { network: String::new(), ..address(State::Unplanned, vec![unplanned]) };
        assert_eq!(
            sentences(&nowhere, &[]),
            [
                "10.1.2.3 is not free.",
                "No network of the plan has it.",
                "  Put its network into the plan: freehold net create CIDR --network"
            ]
        );
    }

    #[test]
    fn every_reason_is_a_sentence_with_what_to_do() {
        let claim = v1::AddressReason {
            state: State::Claimed.into(),
            message: "claimed by operators/alice for hardware address 02:00:00:00:00:01".into(),
            start_time: at(0),
            end_time: at(86_400),
            detail: Some(Detail::Assignment(v1::Assignment {
                kind: v1::assignment::Kind::Claim.into(),
                phase: Phase::Pending.into(),
                comment: "door".into(),
                owner: "facilities".into(),
                ..Default::default()
            })),
            ..Default::default()
        };
        let lease = v1::AddressReason {
            state: State::Leased.into(),
            message: "leased by servers/berlin-1/kea4".into(),
            end_time: at(60),
            detail: Some(Detail::Lease(v1::Lease {
                hardware_address: "02:00:00:00:00:99".into(),
                host_name: "evil\u{1b}".into(),
                ..Default::default()
            })),
            ..Default::default()
        };
        let wait = v1::AddressWait {
            server: Some(v1::SyncStatus {
                server: "servers/berlin-1/kea4".into(),
                state: v1::sync_status::State::Disconnected.into(),
                ..Default::default()
            }),
            message: "servers/berlin-1/kea4 is not connected, and may lease the address until it is told".into(),
            seen_time: at(-60),
            ..Default::default()
        };
        let conflict =
            v1::Conflict { name: "conflicts/3f9a".into(), message: "it clashes".into(), ..Default::default() };
        let claimed = v1::Address { wait: Some(wait), ..address(State::Claimed, vec![claim, lease]) };
        assert_eq!(
            sentences(&claimed, &[conflict]),
            [
                "10.1.2.3 is not free, in 10.1.2.0/24, scope voice.",
                "Claimed by operators/alice for hardware address 02:00:00:00:00:01, since 2025-11-21 06:18:03Z, until \
                 2025-11-22 06:18:03Z. For: door. Ask: facilities.",
                "  Give it back: freehold ip release 10.1.2.3",
                "Leased by servers/berlin-1/kea4 to 02:00:00:00:00:99 (evil\u{1b}), until 2025-11-21 06:19:03Z.",
                "  It is free when the server says that the lease is over. Keep it for that client: freehold ip reserve 10.1.2.3",
                "It cannot be relied on yet: servers/berlin-1/kea4 is not connected, and may lease the address until it is told, \
                 last heard of 2025-11-21 06:17:03Z.",
                "  Look at the server: freehold server show berlin-1/kea4",
                "Conflict 3f9a: it clashes.",
                "  What can be done: freehold conflict show 3f9a",
            ]
        );
    }
}
