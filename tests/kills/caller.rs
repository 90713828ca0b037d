//! A caller that wants addresses, and asks until it is answered.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Result, bail};
use freehold_certs::dial::Dial;
use freehold_proto::v1::reservation::Client;
use freehold_proto::v1::reservation_service_client::ReservationServiceClient;
use freehold_proto::v1::{CreateReservationRequest, Reservation};
use tokio::sync::watch;
use tonic::Status;
use tonic::transport::Channel;
use tonic_types::StatusExt;

use crate::line::answer;

/// The scope that everybody wants addresses of.
pub(crate) const SCOPE: &str = "wanted";
/// The reason of a refusal: somebody else was faster.
const TAKEN: &str = "ADDRESS_RESERVED";

/// A request for an address, and how it was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Claim {
    /// Its request id.
    pub(crate) request_id: String,
    /// What was asked for.
    pub(crate) address: Ipv4Addr,
    /// For whom.
    pub(crate) hardware_address: String,
    /// Whether it was acknowledged; else somebody else had the address.
    pub(crate) granted: bool,
}

/// One of the callers.
#[derive(Debug)]
pub(crate) struct Caller {
    number: u64,
    /// How to reach the controller now; `None` when it is over.
    controller: watch::Receiver<Option<Dial>>,
    answered: Arc<AtomicU64>,
}

impl Caller {
    pub(crate) fn new(number: u64, controller: watch::Receiver<Option<Dial>>, answered: Arc<AtomicU64>) -> Self {
        Self { number, controller, answered }
    }

    /// Claims one address after another until it is over; every claim that was begun is answered.
    pub(crate) async fn run(mut self) -> Result<Vec<Claim>> {
        let mut claims = Vec::new();
        let mut line = None;
        for step in 0_u64.. {
            let Some(dial) = self.controller.borrow_and_update().clone() else { break };
            claims.push(self.claim(step, dial, &mut line).await?);
            self.answered.fetch_add(1, Ordering::Relaxed);
        }
        Ok(claims)
    }

    async fn claim(&mut self, step: u64, dial: Dial, line: &mut Option<Channel>) -> Result<Claim> {
        let request = self.request(step);
        // The end comes only after the last start, so the last way that was told stays good.
        let newest = || self.controller.borrow().clone().unwrap_or_else(|| dial.clone());
        let send = |channel| {
            let request = request.clone();
            async move { ReservationServiceClient::new(channel).create_reservation(request).await }
        };
        match answer(line, newest, send).await {
            Ok(reservation) => granted(request, reservation.get_ref()),
            Err(status) if reason(&status) == TAKEN => Ok(claim(request, false)),
            Err(status) => bail!("{}: {status:?}", request.request_id),
        }
    }

    /// Callers 0 and 1 want the same addresses, so do 2 and 3, and so on.
    fn request(&self, step: u64) -> CreateReservationRequest {
        let [.., a, b] = u32::try_from(step).expect("fewer than 2^32 steps").to_be_bytes();
        let pair = u8::try_from(self.number / 2).expect("few callers");
        let own = u8::try_from(self.number).expect("few callers");
        let address = Ipv4Addr::new(10, 1 + pair, a, b);
        let hardware_address = format!("02:00:00:{own:02x}:{a:02x}:{b:02x}");
        let reservation = Reservation {
            address: address.to_string(),
            client: Some(Client::HardwareAddress(hardware_address)),
            ..Reservation::default()
        };
        CreateReservationRequest {
            parent: format!("scopes/{SCOPE}"),
            reservation: Some(reservation),
            request_id: format!("caller-{}-{step}", self.number),
            validate_only: false,
        }
    }
}

fn reason(status: &Status) -> String {
    status.get_details_error_info().map(|info| info.reason).unwrap_or_default()
}

/// An answer must be to what was asked.
fn granted(request: CreateReservationRequest, answer: &Reservation) -> Result<Claim> {
    let asked = request.reservation.clone().unwrap_or_default();
    if (&asked.address, &asked.client) != (&answer.address, &answer.client) {
        bail!("{} asked for {asked:?} and was given {answer:?}", request.request_id);
    }
    Ok(claim(request, true))
}

fn claim(request: CreateReservationRequest, granted: bool) -> Claim {
    let Reservation { address, client: Some(Client::HardwareAddress(hardware_address)), .. } =
        request.reservation.unwrap_or_default()
    else {
        panic!("callers ask by hardware address");
    };
    let address = address.parse().expect("callers ask for addresses");
    Claim { request_id: request.request_id, address, hardware_address, granted }
}
