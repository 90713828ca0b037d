//! Settles holds and claims that are PENDING: a DHCP server might still lease their address.
//!
//! It follows what is committed and what servers lease. When the server of an address was proven to run a bundle without it,
//! and its lease events up to that proof are in, the address is ACTIVE, or in CONFLICT if another client has it. A server that is
//! cut off proves nothing, so what waits for it stays PENDING. A crash loses nothing: at the next start it begins with what is
//! PENDING then.

mod waiting;

use crate::engine::{Call, CommitError, Engine, HistoryError};
use crate::leases::LeaseKeeper;
use crate::sync::service::Sync;
use freehold_core::address::lease_against;
use freehold_core::client::HardwareAddress;
use freehold_core::command::Outcome;
use freehold_core::lease::{Lease, LeaseBook};
use freehold_core::model::Phase;
use freehold_core::name::{AddressName, ServerName};
use freehold_core::text::Text;
use freehold_core::{Command, Entry, Record, Revision, State};
use freehold_proto::convert::stored::LeaseBatch;
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;
use tracing::error;
use waiting::Waiting;

/// Entries looked at together.
const STRIDE: usize = 4096;
/// Assignments settled in one entry at most.
const MOST: usize = 256;
/// How the entries are called in the audit trail.
const METHOD: &str = "settle";

/// Whom to look at again; `None` is those who wait for no server.
type Touched = BTreeSet<Option<ServerName>>;

/// The task.
#[derive(Debug)]
pub struct Settler {
    engine: Engine,
    leases: LeaseKeeper,
    sync: Sync,
    waiting: Waiting,
}

impl Settler {
    /// A settler that has not begun.
    pub fn new(engine: Engine, leases: LeaseKeeper, sync: Sync) -> Self {
        Self { engine, leases, sync, waiting: Waiting::default() }
    }

    /// Settles what can be settled, until `stop`.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub async fn run(mut self, stop: CancellationToken) -> Result<(), HistoryError> {
        let mut followers = self.leases.followers();
        let state = self.engine.state();
        let mut entries = self.engine.entries_after(state.revision());
        let begun = tokio::task::spawn_blocking(move || Waiting::of(&state)).await;
        self.waiting = begun.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()));
        let mut touched = self.waiting.servers();
        loop {
            self.settle(&touched).await;
            touched = tokio::select! {
                () = stop.cancelled() => return Ok(()),
                new = entries.next(STRIDE) => match new? {
                    Some(new) => self.heard(&new),
                    None => return Ok(()),
                },
                batches = followers.recv() => match batches {
                    Ok(batches) => self.leased(&batches),
                    Err(RecvError::Lagged(_)) => self.waiting.servers(),
                    Err(RecvError::Closed) => return Ok(()),
                },
            };
        }
    }

    /// Takes note of entries.
    fn heard(&mut self, entries: &[Arc<Entry>]) -> Touched {
        let state = self.engine.state();
        let mut touched = Touched::new();
        let mut moved = false;
        for change in entries.iter().flat_map(|entry| entry.changes()) {
            match (change.before(), change.after()) {
                (_, Some(Record::Address(now))) if now.phase == Phase::Pending => {
                    touched.extend(self.waiting.note(&state, &now.name));
                }
                (Some(Record::Address(before)), _) if before.phase == Phase::Pending => {
                    self.waiting.forget(&before.name)
                }
                (_, Some(Record::ServerStatus(status))) => drop(touched.insert(Some(status.server.clone()))),
                (Some(Record::Scope(_)), _) | (_, Some(Record::Scope(_))) => moved = true,
                _ => {}
            }
        }
        if moved {
            self.waiting.again(&state);
            touched = self.waiting.servers();
        }
        touched
    }

    fn leased(&self, batches: &[LeaseBatch]) -> Touched {
        if self.waiting.is_empty() {
            Touched::new()
        } else {
            batches.iter().map(|batch| Some(batch.server.clone())).collect()
        }
    }

    /// Settles what waits for these.
    async fn settle(&mut self, touched: &Touched) {
        for server in touched {
            let (state, book) = (self.engine.state(), self.leases.book());
            let proven = match server {
                Some(server) => proven(&state, &book, server),
                None => Some(Revision(u64::MAX)),
            };
            let ready = proven.map(|proven| self.waiting.take(server.as_ref(), proven)).unwrap_or_default();
            for names in ready.chunks(MOST) {
                let settled = names.iter().filter_map(|name| verdict(&state, &book, name)).collect();
                let call = Call::internal("system", METHOD, Command::Together(settled));
                match self.engine.commit(call).await {
                    // What changed meanwhile is heard of, and waits anew.
                    Ok(_) | Err(CommitError::Stopped) => {}
                    Err(CommitError::Refused(refusal)) => {
                        error!(%refusal, "addresses were not settled; they are looked at again with what changes next");
                        names.iter().for_each(|name| drop(self.waiting.note(&state, name)));
                    }
                }
            }
            if let Some(server) = server {
                self.sync.owes(server, self.waiting.newest(server));
            }
        }
    }
}

/// The revision up to which it is known what `server` leases: it was proven to run it, and the lease events up to the
/// proof are in.
fn proven(state: &State, book: &LeaseBook, server: &ServerName) -> Option<Revision> {
    let applied = state.status(server)?.applied.as_ref()?;
    let known = book.of(server).and_then(|leases| leases.cursor).map_or(1, |cursor| cursor.next_seq);
    (known > applied.lease_seq).then_some(applied.revision)
}

/// What the wait of an address came to; `None` if it does not wait any more.
fn verdict(state: &State, book: &LeaseBook, name: &AddressName) -> Option<Command> {
    let assignment = state.assignment(name).filter(|assignment| assignment.phase == Phase::Pending)?;
    let outcome = match lease_against(state, book, assignment) {
        None => Outcome::Active,
        Some((server, lease)) => Outcome::Conflict { who: who(server, lease) },
    };
    Some(Command::Settle { name: name.clone(), revision: assignment.stamp.revision, outcome })
}

/// Who has an address. What a client calls itself is left out: it can be anything.
fn who(server: &ServerName, lease: &Lease) -> Text {
    let client = HardwareAddress::from_bytes(&lease.hardware);
    let client =
        client.map_or_else(|_| "a client without a hardware address".to_owned(), |address| address.to_string());
    Text::parse(&format!("{server} leases it to {client}")).unwrap_or_default()
}
