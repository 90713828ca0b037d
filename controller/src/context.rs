//! What everything that answers calls has in common.

use crate::clock;
use crate::engine::Engine;
use crate::serve::Denials;
use freehold_certs::authority::Authority;
use freehold_certs::token::Endpoint;
use std::sync::Arc;
use std::time::SystemTime;

/// The controller, as those who answer calls see it.
#[derive(Debug)]
pub struct Context {
    /// The one writer.
    pub engine: Engine,
    /// The certificate authority.
    pub authority: Arc<Authority>,
    /// Where agents reach this controller: part of every enrolment token.
    pub endpoint: Endpoint,
    /// Puts refused attempts on record.
    pub denials: Denials,
}

impl Context {
    /// Puts the parts together.
    pub fn new(engine: Engine, authority: Arc<Authority>, endpoint: Endpoint) -> Self {
        let denials = Denials::new(engine.clone());
        Self { engine, authority, endpoint, denials }
    }

    /// The engine's time, as certificates take it.
    pub fn now(&self) -> SystemTime {
        clock::system_time(self.engine.now())
    }
}
