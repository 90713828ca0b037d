//! One call to the controller: limited in time, and repeated where that cannot do harm.
//!
//! A call that ends UNAVAILABLE may or may not have been carried out. Reading it again is harmless; a change carries a
//! request id, made once per command, by which the controller carries it out once however often it arrives. Changes
//! without such an id go through [`Api::call_once`].

use crate::connect::{Api, chain};
use crate::error::Failure;
use std::error::Error;
use std::time::Duration;
use tokio::time::{sleep, timeout};
use tonic::{Code, Response, Status};

/// How long one try may take.
pub const CALL_LIMIT: Duration = Duration::from_secs(30);
/// How often a call is tried.
const TRIES: u32 = 4;
/// The longest pause after the first try; it doubles with each.
const FIRST_PAUSE: Duration = Duration::from_millis(200);

impl Api {
    /// Sends a request, again if the controller is unavailable: the request must read, or carry a request id.
    pub async fn call<Q: Clone, A>(
        &self,
        request: Q,
        send: impl AsyncFn(Q) -> Result<Response<A>, Status>,
    ) -> Result<A, Failure> {
        let mut tries = 1;
        loop {
            match limited(send(request.clone())).await {
                Ok(answer) => return Ok(self.opened(answer)),
                Err(Trouble::Status(status)) if status.code() == Code::Unavailable && tries < TRIES => {
                    request_pause(tries).await;
                    tries += 1;
                }
                Err(trouble) => return Err(self.told(trouble, tries).await),
            }
        }
    }

    /// Sends a request that must not be repeated.
    pub async fn call_once<A>(&self, answer: impl Future<Output = Result<Response<A>, Status>>) -> Result<A, Failure> {
        match limited(answer).await {
            Ok(answer) => Ok(self.opened(answer)),
            Err(trouble) => Err(self.told(trouble, 1).await),
        }
    }

    fn opened<A>(&self, answer: Response<A>) -> A {
        self.note(answer.metadata());
        answer.into_inner()
    }

    async fn told(&self, trouble: Trouble, tries: u32) -> Failure {
        match trouble {
            Trouble::Status(status) => self.failure(status, tries).await,
            Trouble::Late => Failure::Late { endpoint: self.target().endpoint.clone(), limit: CALL_LIMIT },
        }
    }

    /// A call's failure; where the connection broke, with what the controller says about that.
    pub async fn failure(&self, status: Status, tries: u32) -> Failure {
        match status.source() {
            None => Failure::Call { status: Box::new(status), tries },
            Some(source) => {
                let seen = chain(source);
                let said = self.diagnose().await;
                Failure::Broken { endpoint: self.target().endpoint.clone(), seen, said, tries }
            }
        }
    }
}

/// Why a try brought nothing.
enum Trouble {
    Status(Status),
    Late,
}

async fn limited<A>(answer: impl Future<Output = Result<Response<A>, Status>>) -> Result<Response<A>, Trouble> {
    match timeout(CALL_LIMIT, answer).await {
        Ok(answer) => answer.map_err(Trouble::Status),
        Err(_) => Err(Trouble::Late),
    }
}

/// How long to pause after the `tries`th try: a random share (0 to 1) of a time that doubles, so that many callers spread.
fn pause(tries: u32, share: f64) -> Duration {
    (FIRST_PAUSE * 2u32.saturating_pow(tries - 1)).mul_f64(share)
}

/// Pauses after the `tries`th try.
pub async fn request_pause(tries: u32) {
    sleep(pause(tries, random_share())).await;
}

fn random_share() -> f64 {
    let bytes: [u8; 4] = random();
    f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX)
}

/// A new request id: 128 random bits, hexadecimal.
pub fn request_id() -> String {
    random::<16>().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).expect("the system has a random source");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_and_spread() {
        let longest: Vec<_> = (1..TRIES).map(|tries| pause(tries, 1.0).as_millis()).collect();
        assert_eq!(longest, [200, 400, 800]);
        assert_eq!(pause(3, 0.0), Duration::ZERO);
    }

    #[test]
    fn request_ids_differ() {
        let (one, other) = (request_id(), request_id());
        assert_eq!((one.len(), other.len()), (32, 32));
        assert_ne!(one, other);
    }
}
