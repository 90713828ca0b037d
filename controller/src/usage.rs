//! Utilisation of what is durable, kept at hand.
//!
//! [`UsageKeeper::now`] is of the newest state and the newest leases, whoever asks: what changed since it was asked last is
//! counted then. So that this is never much, [`UsageKeeper::run`] asks, too, a moment after anything changed. Nothing of it is stored: a start counts
//! the plan once.

use crate::engine::Engine;
use crate::leases::LeaseKeeper;
use freehold_core::usage::Usage;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

/// How long changes are collected before they are counted, if nobody asks.
const COLLECT: Duration = Duration::from_millis(50);

/// A handle on the utilisation; copies are the same.
#[derive(Debug, Clone)]
pub struct UsageKeeper {
    engine: Engine,
    leases: LeaseKeeper,
    kept: Arc<Mutex<Usage>>,
}

impl UsageKeeper {
    /// A keeper that has counted nothing yet.
    pub fn new(engine: Engine, leases: LeaseKeeper) -> Self {
        Self { engine, leases, kept: Arc::default() }
    }

    /// The utilisation at this moment.
    pub fn now(&self) -> Usage {
        // Whoever panicked in here left a picture that was not followed to its end: begin anew.
        let mut kept = self.kept.lock().unwrap_or_else(|poisoned| {
            let mut kept = PoisonError::into_inner(poisoned);
            *kept = Usage::default();
            kept
        });
        kept.follow(&self.engine.state(), &self.leases.book());
        kept.clone()
    }

    /// Counts what changes, until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        let mut revisions = self.engine.revisions();
        let mut followers = self.leases.followers();
        loop {
            let keeper = self.clone();
            let counted = tokio::task::spawn_blocking(move || drop(keeper.now())).await;
            counted.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()));
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                changed = revisions.changed() => if changed.is_err() { return },
                leased = followers.recv() => if leased == Err(RecvError::Closed) { return },
            }
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = tokio::time::sleep(COLLECT) => {}
            }
        }
    }
}
