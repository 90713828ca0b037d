//! Roles within places: what lies inside may be changed and seen, and nothing else.
//!
//! The house has a scope, a reservation, a claim and a hold on either side: inside, in 10.1.0.0/16, which is somebody's to
//! administer, and outside.

mod every_method;
mod files;
mod leased;
mod reading;
mod writing;

use crate::house::*;
use crate::whole::{Answer, answer, refused};
use freehold_core::access::Role;
use freehold_proto::v1::address_service_client::AddressServiceClient;
use freehold_proto::v1::*;
use tonic::transport::Channel;
use tonic::{Code, Response, Status};

/// What is delegated. There is no such prefix.
const INSIDE: &str = "spaces/default/prefixes/10.1.0.0-16";

/// What came of a call.
fn came_of<T>(result: Result<Response<T>, Status>) -> Answer {
    match result {
        Ok(_) => (Code::Ok, String::new()),
        Err(status) => answer(&status),
    }
}

fn ok() -> Answer {
    (Code::Ok, String::new())
}

fn denied() -> Answer {
    refused(Code::PermissionDenied, "PERMISSION_DENIED")
}

fn claim(address: &str, comment: &str) -> AllocateAddressesRequest {
    AllocateAddressesRequest {
        parent: DEFAULT.to_owned(),
        addresses: vec![address.to_owned()],
        purpose: AddressPurpose::Claim.into(),
        details: vec![AddressDetails { comment: comment.to_owned(), ..AddressDetails::default() }],
        ..AllocateAddressesRequest::default()
    }
}

/// A house that is furnished on either side.
async fn divided() -> House {
    let house = House::furnished().await;
    house.scopes().create_scope(create_scope("shed", shed())).await.expect("a scope");
    let reserved = reservation("10.2.0.70", "02:00:00:00:00:71");
    house.reservations().create_reservation(create_reservation("shed", reserved)).await.expect("a reservation");
    let mut addresses = AddressServiceClient::new(house.api.clone());
    for (address, comment) in [("10.1.0.5", "inside"), ("10.2.0.5", "secret")] {
        addresses.allocate_addresses(claim(address, comment)).await.expect("a claim");
    }
    house
}

/// A channel of somebody who has this role inside.
async fn delegate(house: &House, id: &str, role: Role) -> Channel {
    let credentials = house.delegate(id, role, INSIDE).await;
    house.channel(Some(&credentials)).await
}
