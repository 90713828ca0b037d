//! Requests out of arguments.

use super::{Claim, Clear, Details, Extend, List, Move, Next, Place, Probe, Release, Which};
use crate::duration;
use crate::error::Failure;
use crate::names;
use freehold_core::name::{AddressName, ReservationName, SpaceName};
use freehold_proto::convert::time::{from_system, message};
use freehold_proto::v1;
use freehold_proto::v1::address_details::Client;
use freehold_proto::v1::address_reason::Detail;
use std::time::{Duration, SystemTime};

/// A length of time in the form of the wire.
pub(super) fn whole(length: Duration) -> prost_types::Duration {
    let nanos = i32::try_from(length.subsec_nanos()).expect("below 1e9");
    prost_types::Duration { seconds: i64::try_from(length.as_secs()).unwrap_or(i64::MAX), nanos }
}

impl Which {
    pub(super) fn name(&self) -> Result<String, Failure> {
        if self.address.contains('/') {
            return Ok(self.address.parse::<AddressName>()?.to_string());
        }
        let (space, address) = (names::space_or_default(self.space.as_ref()), names::address(&self.address)?);
        Ok(AddressName { space, address }.to_string())
    }
}

/// The whole name of a scope or a network.
fn parent(place: &str, space: Option<&SpaceName>) -> Result<String, Failure> {
    let is_network = place.starts_with("spaces/") || (place.contains('/') && !place.starts_with("scopes/"));
    match is_network {
        true => Ok(names::prefix(place)?.name(space)?.to_string()),
        false => Ok(names::scope(place)?.to_string()),
    }
}

impl Place {
    /// The whole name of a space, `spaces/lab`, or of a prefix.
    fn whole(&self) -> Result<String, Failure> {
        match self.place.parse::<SpaceName>() {
            Ok(space) => Ok(space.to_string()),
            Err(_) => self.parent(),
        }
    }

    pub(super) fn parent(&self) -> Result<String, Failure> {
        parent(&self.place, self.space.as_ref())
    }
}

impl List {
    pub(super) fn parent(&self) -> Result<String, Failure> {
        match &self.place {
            Some(place) => parent(place, self.space.as_ref()),
            None => Ok(self.space.as_ref().map(ToString::to_string).unwrap_or_default()),
        }
    }

    pub(super) fn expiring_request(
        &self,
        page_size: i32,
        page_token: String,
    ) -> Result<v1::ListExpiringAddressesRequest, Failure> {
        let (parent, within) = (self.parent()?, self.expiring.map(whole));
        Ok(v1::ListExpiringAddressesRequest { parent, within, holds: self.holds, page_size, page_token })
    }
}

/// When a claim ends: in so long, or at a time.
pub(super) fn end(text: &str, now: SystemTime) -> Result<prost_types::Timestamp, Failure> {
    if let Ok(length) = duration::parse(text) {
        return Ok(message(from_system(now + length)));
    }
    let wrong = || Failure::Usage(format!("{text:?} is not a time to come: give 30d, or 2026-11-21T14:05:00Z"));
    text.parse().map_err(|_| wrong())
}

/// The same, if one is given, from now on.
fn expiry(text: Option<&str>) -> Result<Option<prost_types::Timestamp>, Failure> {
    text.map(|text| end(text, SystemTime::now())).transpose()
}

impl super::Client {
    pub(super) fn message(&self) -> Option<Client> {
        let hardware = self.hardware.as_ref().map(|address| Client::HardwareAddress(address.to_string()));
        let id = || self.client_id.as_ref().map(|id| Client::ClientId(id.to_string()));
        let duid = || self.duid.as_ref().map(|duid| Client::Duid(duid.to_string()));
        hardware.or_else(id).or_else(duid)
    }
}

impl Details {
    pub(super) fn is_empty(&self) -> bool {
        self.message() == v1::AddressDetails::default()
    }

    pub(super) fn message(&self) -> v1::AddressDetails {
        v1::AddressDetails {
            client: self.client.message(),
            host_name: self.host_name.as_ref().map(ToString::to_string).unwrap_or_default(),
            comment: self.comment.clone(),
            owner: self.owner.clone(),
            tags: self.labels.tags(),
            fields: self.labels.fields(),
        }
    }

    pub(super) fn list(&self) -> Vec<v1::AddressDetails> {
        if self.is_empty() { Vec::new() } else { vec![self.message()] }
    }
}

impl Probe {
    fn policy(self) -> v1::ProbePolicy {
        match self {
            Probe::Required => v1::ProbePolicy::Required,
            Probe::BestEffort => v1::ProbePolicy::BestEffort,
        }
    }
}

impl Next {
    pub(super) fn request(&self, request_id: String) -> Result<v1::AllocateAddressesRequest, Failure> {
        let purpose = match (self.claim, self.reserve) {
            (true, _) => v1::AddressPurpose::Claim,
            (_, true) => v1::AddressPurpose::Reservation,
            _ => v1::AddressPurpose::Hold,
        };
        Ok(v1::AllocateAddressesRequest {
            parent: match &self.filter {
                Some(_) => self.place.whole()?,
                None => self.place.parent()?,
            },
            filter: self.filter.clone().unwrap_or_default(),
            random: self.random,
            from: self.from.map(|from| from.to_string()).unwrap_or_default(),
            count: self.count,
            purpose: purpose.into(),
            ttl: self.hold.map(whole),
            expire_time: expiry(self.expires.as_deref())?,
            details: self.details.list(),
            probe: self.probe.map_or(v1::ProbePolicy::Unspecified, Probe::policy).into(),
            request_id,
            validate_only: self.change.validate_only,
            ..Default::default()
        })
    }
}

impl Clear {
    pub(super) fn request(&self, request_id: String) -> Result<v1::ClearSightingRequest, Failure> {
        let (name, etag) = (self.which.name()?, String::new());
        Ok(v1::ClearSightingRequest { name, etag, request_id, validate_only: self.change.validate_only })
    }
}

impl Claim {
    fn end(&self) -> Result<Option<prost_types::Timestamp>, Failure> {
        expiry(self.expires.as_deref())
    }

    pub(super) fn of_hold(
        &self,
        name: String,
        etag: String,
        request_id: String,
    ) -> Result<v1::ClaimHeldAddressRequest, Failure> {
        Ok(v1::ClaimHeldAddressRequest {
            name,
            details: Some(self.details.message()),
            expire_time: self.end()?,
            etag,
            request_id,
            validate_only: self.change.validate_only,
        })
    }

    /// The reservation keeps its client and all that is said about it.
    pub(super) fn of_reservation(
        &self,
        now: &v1::Address,
        request_id: String,
    ) -> Result<v1::ConvertToClaimRequest, Failure> {
        if !self.details.is_empty() {
            let message = "the address is reserved, and as a claim it keeps its client and what is said about it; change \
                           that afterwards: freehold ip set";
            return Err(Failure::Usage(message.to_owned()));
        }
        let reserved = now.reasons.iter().find_map(|reason| match &reason.detail {
            Some(Detail::Reservation(reservation)) => Some(reservation),
            _ => None,
        });
        let reserved = reserved.ok_or_else(|| Failure::Odd("the controller names no reservation".to_owned()))?;
        Ok(v1::ConvertToClaimRequest {
            name: reserved.name.clone(),
            expire_time: self.end()?,
            etag: reserved.etag.clone(),
            request_id,
            validate_only: self.change.validate_only,
        })
    }

    pub(super) fn of_lease(&self, now: &v1::Address, request_id: String) -> Result<v1::ConvertLeaseRequest, Failure> {
        Ok(v1::ConvertLeaseRequest {
            scope: now.scope.clone(),
            address: now.address.clone(),
            purpose: v1::AddressPurpose::Claim.into(),
            ttl: None,
            expire_time: self.end()?,
            details: Some(self.details.message()),
            accept_risk: self.accept_risk,
            request_id,
            validate_only: self.change.validate_only,
        })
    }

    pub(super) fn of_free(&self, name: &str, request_id: String) -> Result<v1::AllocateAddressesRequest, Failure> {
        let AddressName { space, address } = name.parse()?;
        Ok(v1::AllocateAddressesRequest {
            parent: space.to_string(),
            addresses: vec![address.to_string()],
            purpose: v1::AddressPurpose::Claim.into(),
            expire_time: self.end()?,
            details: self.details.list(),
            accept_risk: self.accept_risk,
            request_id,
            validate_only: self.change.validate_only,
            ..Default::default()
        })
    }
}

impl Release {
    pub(super) fn request(&self, request_id: String) -> Result<v1::ReleaseAddressRequest, Failure> {
        let (name, etag) = (self.which.name()?, self.guard.text());
        Ok(v1::ReleaseAddressRequest { name, etag, request_id, validate_only: self.change.validate_only })
    }
}

impl Extend {
    pub(super) fn request(&self, request_id: String) -> Result<v1::ExtendHoldRequest, Failure> {
        Ok(v1::ExtendHoldRequest {
            name: self.which.name()?,
            ttl: Some(whole(self.hold)),
            etag: self.guard.text(),
            request_id,
            validate_only: self.change.validate_only,
        })
    }
}

impl Move {
    pub(super) fn request(&self, request_id: String) -> v1::MoveReservationRequest {
        v1::MoveReservationRequest {
            name: ReservationName { scope: self.scope.clone(), address: self.from }.to_string(),
            to: self.to.to_string(),
            etag: self.guard.text(),
            request_id,
            validate_only: self.change.validate_only,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::{Command as Noun, testing};
    use super::super::Command;
    use super::*;

    #[test]
    fn next_asks_a_scope_or_a_network() {
        let Noun::Ip(Command::Next(next)) = testing::parse("ip next berlin-voice --hold 1h --count 3 --random") else {
            panic!("another command")
        };
        assert_eq!(
            next.request("id".into()).expect("a request"),
            v1::AllocateAddressesRequest {
                parent: "scopes/berlin-voice".into(),
                random: true,
                count: 3,
                purpose: v1::AddressPurpose::Hold.into(),
                ttl: Some(prost_types::Duration { seconds: 3600, nanos: 0 }),
                request_id: "id".into(),
                ..Default::default()
            }
        );
        let line = "ip next spaces/lab --filter tags:voice";
        let Noun::Ip(Command::Next(next)) = testing::parse(line) else { panic!("another command") };
        let request = next.request("id".into()).expect("a request");
        assert_eq!((request.parent.as_str(), request.filter.as_str()), ("spaces/lab", "tags:voice"));
        let line = "ip next 10.1.2.0/24 --claim --hardware 0200.5E10.0001 --host-name Printer --owner it --tag voice --field site=berlin --wait";
        let Noun::Ip(Command::Next(next)) = testing::parse(line) else { panic!("another command") };
        assert!(next.settled.wait);
        assert_eq!(
            next.request("id".into()).expect("a request"),
            v1::AllocateAddressesRequest {
                parent: "spaces/default/prefixes/10.1.2.0-24".into(),
                count: 1,
                purpose: v1::AddressPurpose::Claim.into(),
                details: vec![v1::AddressDetails {
                    client: Some(Client::HardwareAddress("02:00:5e:10:00:01".into())),
                    host_name: "printer".into(),
                    comment: String::new(),
                    owner: "it".into(),
                    tags: vec!["voice".into()],
                    fields: [("site".to_owned(), "berlin".to_owned())].into(),
                }],
                request_id: "id".into(),
                ..Default::default()
            }
        );
    }

    #[test]
    fn a_next_claim_may_end_by_itself() {
        let line = "ip next 10.1.2.0/24 --claim --expires 2026-11-21T14:05:00Z";
        let Noun::Ip(Command::Next(next)) = testing::parse(line) else { panic!("another command") };
        let request = next.request("id".into()).expect("a request");
        assert_eq!(request.expire_time.map(|time| time.seconds), Some(1_795_269_900));
        // A hold has an end of its own.
        for line in ["ip next 10.1.2.0/24 --hold 1h --expires 30d", "ip next 10.1.2.0/24 --expires 30d"] {
            assert!(testing::refused(line).starts_with("error: "), "{line}");
        }
    }

    #[test]
    fn a_claim_names_its_address_and_no_place() {
        let Noun::Ip(Command::Claim(claim)) = testing::parse("ip claim 10.1.2.3 --space lab --accept-risk") else {
            panic!("another command")
        };
        let name = claim.which.name().expect("a name");
        assert_eq!(name, "spaces/lab/addresses/10.1.2.3");
        assert_eq!(
            claim.of_free(&name, "id".into()).expect("a request"),
            v1::AllocateAddressesRequest {
                parent: "spaces/lab".into(),
                addresses: vec!["10.1.2.3".into()],
                purpose: v1::AddressPurpose::Claim.into(),
                accept_risk: true,
                request_id: "id".into(),
                ..Default::default()
            }
        );
    }

    #[test]
    fn the_rest_is_by_name() {
        let Noun::Ip(Command::Why(which)) = testing::parse("ip why spaces/lab/addresses/10.1.2.3") else {
            panic!("another command")
        };
        assert_eq!(which.name().expect("a name"), "spaces/lab/addresses/10.1.2.3");
        let Noun::Ip(Command::Extend(extend)) = testing::parse("ip extend 10.1.2.3 --hold 2h --etag 7") else {
            panic!("another command")
        };
        assert_eq!(
            extend.request("id".into()).expect("a request"),
            v1::ExtendHoldRequest {
                name: "spaces/default/addresses/10.1.2.3".into(),
                ttl: Some(prost_types::Duration { seconds: 7200, nanos: 0 }),
                etag: "7".into(),
                request_id: "id".into(),
                validate_only: false,
            }
        );
        let Noun::Ip(Command::Move(order)) = testing::parse("ip move berlin-voice 10.1.2.3 10.1.2.9") else {
            panic!("another command")
        };
        assert_eq!(order.request("id".into()).name, "scopes/berlin-voice/reservations/10.1.2.3");
        let Noun::Ip(Command::List(list)) = testing::parse("ip list 10.0.0.0/8 --from 10.9.0.0 --limit 5") else {
            panic!("another command")
        };
        assert_eq!(list.parent().expect("a parent"), "spaces/default/prefixes/10.0.0.0-8");
        let Noun::Ip(Command::List(list)) = testing::parse("ip list --expiring 7d --space lab --holds") else {
            panic!("another command")
        };
        assert_eq!(
            list.expiring_request(5, "t".into()).expect("a request"),
            v1::ListExpiringAddressesRequest {
                parent: "spaces/lab".into(),
                within: Some(prost_types::Duration { seconds: 7 * 86_400, nanos: 0 }),
                holds: true,
                page_size: 5,
                page_token: "t".into(),
            }
        );
    }

    #[test]
    fn an_end_is_a_length_or_a_time() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1000);
        let seconds = |text: &str| end(text, now).map(|end| end.seconds).map_err(|error| error.report());
        assert_eq!(seconds("1m"), Ok(1060));
        assert_eq!(seconds("1970-01-01T01:00:00Z"), Ok(3600));
        assert_eq!(
            seconds("soon"),
            Err("error: \"soon\" is not a time to come: give 30d, or 2026-11-21T14:05:00Z\n".to_owned())
        );
    }

    #[test]
    fn what_cannot_be_meant_is_refused_here() {
        assert_eq!(testing::refused("ip list"), "error: the following required arguments were not provided:");
        assert_eq!(
            testing::refused("ip next x --claim --hold 1h"),
            "error: the argument '--claim' cannot be used with '--hold <DURATION>'"
        );
        assert_eq!(
            testing::refused("ip next x --count 2000"),
            "error: invalid value '2000' for '--count <N>': 2000 is not in 1..=1024"
        );
        assert_eq!(
            testing::refused("ip next x --random --from 10.0.0.1"),
            "error: the argument '--random' cannot be used with '--from <ADDRESS>'"
        );
    }
}
