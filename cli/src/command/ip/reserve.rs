//! `freehold ip reserve`: whatever an address is now, it becomes a reservation in its scope.

use super::{Details, Which, get};
use crate::command::{Change, Guard};
use crate::connect::Api;
use crate::error::Failure;
use crate::output::Screen;
use clap::Args;
use freehold_proto::v1;
use freehold_proto::v1::address::State;

#[derive(Debug, Args)]
pub(crate) struct Reserve {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    details: Details,
    #[command(flatten)]
    guard: Guard,
    #[command(flatten)]
    change: Change,
}

/// What has to be called for an address as it is now.
#[derive(Debug, PartialEq)]
enum Call {
    Assigned(v1::ConvertToReservationRequest),
    Leased(v1::ConvertLeaseRequest),
    Free(v1::AllocateAddressesRequest),
}

impl Reserve {
    fn call(&self, now: &v1::Address, request_id: String) -> Result<Call, Failure> {
        let (details, validate_only) = (self.details.message(), self.change.validate_only);
        let purpose = v1::AddressPurpose::Reservation.into();
        match now.state() {
            State::Held | State::Claimed => {
                let rest = v1::AddressDetails { client: None, ..details.clone() };
                if rest != v1::AddressDetails::default() {
                    let message = "the address is held or claimed, and what is said about it stays; change that afterwards: \
                                   freehold reservation update";
                    return Err(Failure::Usage(message.to_owned()));
                }
                let (name, etag) = (now.name.clone(), self.guard.text());
                let request = v1::ConvertToReservationRequest {
                    name,
                    details: Some(details),
                    etag: if etag.is_empty() { now.etag.clone() } else { etag },
                    request_id,
                    validate_only,
                };
                Ok(Call::Assigned(request))
            }
            State::Leased => Ok(Call::Leased(v1::ConvertLeaseRequest {
                scope: now.scope.clone(),
                address: now.address.clone(),
                purpose,
                details: Some(details),
                request_id,
                validate_only,
                ..Default::default()
            })),
            _ if now.scope.is_empty() => Err(Failure::Usage(format!(
                "no scope serves the network of {}, and a reservation is made in a scope; claim it: freehold ip claim",
                now.address
            ))),
            _ => Ok(Call::Free(v1::AllocateAddressesRequest {
                parent: now.scope.clone(),
                addresses: vec![now.address.clone()],
                purpose,
                details: vec![details],
                request_id,
                validate_only,
                ..Default::default()
            })),
        }
    }
}

pub(super) async fn run(order: &Reserve, api: &Api, screen: &mut Screen<'_>) -> Result<(), Failure> {
    let name = order.which.name()?;
    let validate_only = order.change.validate_only;
    let now = get(api, name).await?;
    match order.call(&now, api.request_id())? {
        Call::Assigned(request) => {
            let made = api.call(request, async |request| api.addresses().convert_to_reservation(request).await).await?;
            screen.changed(&made, validate_only)
        }
        Call::Leased(request) => {
            let made = api.call(request, async |request| api.addresses().convert_lease(request).await).await?;
            screen.changed(&made, validate_only)
        }
        Call::Free(request) => {
            let made = api.call(request, async |request| api.addresses().allocate_addresses(request).await).await?;
            let made = made.addresses.into_iter().next();
            let made = made.ok_or_else(|| Failure::Odd("the controller gave no address".to_owned()))?;
            screen.changed(&made, validate_only)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Command;
    use super::*;
    use crate::command::{Command as Noun, testing};
    use freehold_proto::v1::address_details::Client;

    fn call(line: &str, state: State, scope: &str) -> Result<Call, Failure> {
        let Noun::Ip(Command::Reserve(order)) = testing::parse(line) else { panic!("another command") };
        let now = v1::Address {
            name: "spaces/default/addresses/10.1.2.3".into(),
            address: "10.1.2.3".into(),
            state: state.into(),
            scope: scope.into(),
            etag: "7".into(),
            ..Default::default()
        };
        order.call(&now, "id".into())
    }

    #[test]
    fn an_address_is_reserved_whatever_it_is() {
        let (scope, plain) = ("scopes/voice", "ip reserve 10.1.2.3");
        let leased = v1::ConvertLeaseRequest {
            scope: scope.into(),
            address: "10.1.2.3".into(),
            purpose: v1::AddressPurpose::Reservation.into(),
            details: Some(v1::AddressDetails::default()),
            request_id: "id".into(),
            ..Default::default()
        };
        assert_eq!(call(plain, State::Leased, scope).expect("a call"), Call::Leased(leased));
        let claimed = v1::ConvertToReservationRequest {
            name: "spaces/default/addresses/10.1.2.3".into(),
            details: Some(v1::AddressDetails::default()),
            etag: "7".into(),
            request_id: "id".into(),
            validate_only: false,
        };
        assert_eq!(call(plain, State::Claimed, scope).expect("a call"), Call::Assigned(claimed));
        let details =
            v1::AddressDetails { client: Some(Client::Duid("00:03:00:01".into())), ..v1::AddressDetails::default() };
        let free = v1::AllocateAddressesRequest {
            parent: scope.into(),
            addresses: vec!["10.1.2.3".into()],
            purpose: v1::AddressPurpose::Reservation.into(),
            details: vec![details],
            request_id: "id".into(),
            ..Default::default()
        };
        let line = "ip reserve 10.1.2.3 --duid 00030001";
        assert_eq!(call(line, State::Available, scope).expect("a call"), Call::Free(free));
        assert!(call(plain, State::Available, "").is_err());
        assert!(call("ip reserve 10.1.2.3 --comment x", State::Held, scope).is_err());
    }
}
