//! A caller of the API.

use std::net::Ipv4Addr;
use std::sync::atomic::Ordering;

use anyhow::{Result, anyhow};
use freehold_proto::v1::address_service_client::AddressServiceClient;
use freehold_proto::v1::{AddressPurpose, AllocateAddressesRequest, ClaimHeldAddressRequest, ReleaseAddressRequest};
use prost_types::Duration as Span;
use tonic::transport::Channel;
use tonic::{Response, Status};

use super::{Asked, NETWORK, Shared, What};
use crate::line::answer;

const HOUR: Span = Span { seconds: 3600, nanos: 0 };

/// One of the callers.
#[derive(Debug)]
pub(super) struct Caller {
    number: u64,
    shared: Shared,
    line: Option<Channel>,
}

impl Caller {
    pub(super) fn new(number: u64, shared: Shared) -> Self {
        Self { number, shared, line: None }
    }

    /// Asks for addresses until enough were given; whatever was begun is answered.
    pub(super) async fn run(mut self) -> Result<Vec<Asked>> {
        let mut asked = Vec::new();
        for step in 0_u64.. {
            if self.shared.is_over() {
                break;
            }
            let given = self.allocate(step).await?;
            let first = given.addresses[0];
            self.shared.given.fetch_add(given.addresses.len() as u64, Ordering::Relaxed);
            let is_held = purpose(self.number, step) == AddressPurpose::Hold;
            asked.push(given);
            match step % 3 {
                0 if is_held => asked.push(self.release(step, first).await?),
                1 if is_held => asked.push(self.keep(step, first).await?),
                _ => {}
            }
        }
        Ok(asked)
    }

    async fn allocate(&mut self, step: u64) -> Result<Asked> {
        let purpose = purpose(self.number, step);
        let request = AllocateAddressesRequest {
            parent: NETWORK.to_owned(),
            random: (self.number + step).is_multiple_of(2),
            count: i32::try_from(1 + step % 4)?,
            purpose: purpose.into(),
            ttl: (purpose == AddressPurpose::Hold).then_some(HOUR),
            request_id: format!("api-{}-{step}", self.number),
            ..AllocateAddressesRequest::default()
        };
        let id = request.request_id.clone();
        let answer = self.ask(request, |line, request| async move {
            AddressServiceClient::new(line).allocate_addresses(request).await
        });
        let addresses = answer.await?.addresses.iter().map(|given| given.address.parse()).collect::<Result<_, _>>()?;
        Ok(Asked { request_id: id, what: What::Given, addresses })
    }

    async fn release(&mut self, step: u64, address: Ipv4Addr) -> Result<Asked> {
        let request_id = format!("api-{}-{step}-release", self.number);
        let request = ReleaseAddressRequest {
            name: name(address),
            request_id: request_id.clone(),
            ..ReleaseAddressRequest::default()
        };
        self.ask(
            request,
            |line, request| async move { AddressServiceClient::new(line).release_address(request).await },
        )
        .await?;
        Ok(Asked { request_id, what: What::Released, addresses: vec![address] })
    }

    async fn keep(&mut self, step: u64, address: Ipv4Addr) -> Result<Asked> {
        let request_id = format!("api-{}-{step}-keep", self.number);
        let request = ClaimHeldAddressRequest {
            name: name(address),
            request_id: request_id.clone(),
            ..ClaimHeldAddressRequest::default()
        };
        self.ask(
            request,
            |line, request| async move { AddressServiceClient::new(line).claim_held_address(request).await },
        )
        .await?;
        Ok(Asked { request_id, what: What::Kept, addresses: vec![address] })
    }

    /// Asks until it is answered.
    async fn ask<Q: Clone, A, F: Future<Output = Result<Response<A>, Status>>>(
        &mut self,
        request: Q,
        send: impl Fn(Channel, Q) -> F,
    ) -> Result<A> {
        let Self { line, shared, .. } = self;
        let answer = answer(line, || shared.way().dial, |channel| send(channel, request.clone())).await;
        answer.map(Response::into_inner).map_err(|status| anyhow!("{status:?}"))
    }
}

/// Three of four are held first.
fn purpose(number: u64, step: u64) -> AddressPurpose {
    if (number + step).is_multiple_of(4) { AddressPurpose::Claim } else { AddressPurpose::Hold }
}

fn name(address: Ipv4Addr) -> String {
    format!("spaces/default/addresses/{address}")
}
