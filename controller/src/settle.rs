//! Settles holds and claims that are PENDING: a DHCP server might still lease their address.
//!
//! It follows what is committed and what servers lease. When the server of an address was proven to run a bundle without it,
//! and its lease events up to that proof are in, the address is ACTIVE, or in CONFLICT if another client has it. A server that is
//! cut off proves nothing, so what waits for it stays PENDING. A crash loses nothing: at the next start it begins with what is
//! PENDING then.
//!
//! What is ACTIVE comes into CONFLICT when a lease of another client turns up, unless whoever asked for it accepted that risk.
//! When that lease is gone, what is in CONFLICT waits for its server once more and becomes ACTIVE by itself.

mod waiting;

use crate::engine::{Call, CommitError, Engine, HistoryError};
use crate::leases::LeaseKeeper;
use crate::obedience::runs_older_form;
use crate::sync::service::Sync;
use crate::sync::wanted::Owed;
use freehold_core::address::lease_against;
use freehold_core::client::HardwareAddress;
use freehold_core::command::Outcome;
use freehold_core::lease::{Lease, LeaseBook};
use freehold_core::model::{Left, Phase};
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
    /// Those in CONFLICT.
    conflicts: BTreeSet<AddressName>,
    /// Whose leases are to be looked at.
    looked_at: BTreeSet<AddressName>,
}

impl Settler {
    /// A settler that has not begun.
    pub fn new(engine: Engine, leases: LeaseKeeper, sync: Sync) -> Self {
        let (conflicts, looked_at) = Default::default();
        Self { engine, leases, sync, waiting: Waiting::default(), conflicts, looked_at }
    }

    /// Settles what can be settled, until `stop`.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub async fn run(mut self, stop: CancellationToken) -> Result<(), HistoryError> {
        let mut followers = self.leases.followers();
        let state = self.engine.state();
        let mut entries = self.engine.entries_after(state.revision());
        let begun = tokio::task::spawn_blocking(move || (Waiting::of(&state), in_conflict(&state))).await;
        (self.waiting, self.conflicts) = begun.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()));
        let mut touched = self.all();
        loop {
            self.settle(&touched).await;
            self.look().await;
            touched = tokio::select! {
                () = stop.cancelled() => return Ok(()),
                new = entries.next(STRIDE) => match new? {
                    Some(new) => self.heard(&new),
                    None => return Ok(()),
                },
                batches = followers.recv() => match batches {
                    Ok(batches) => self.leased(&batches),
                    Err(RecvError::Lagged(_)) => self.all(),
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
            if let Some(Record::Address(before)) = change.before() {
                self.conflicts.remove(&before.name);
            }
            if let Some(Record::Address(after)) = change.after() {
                self.looked_at.insert(after.name.clone());
                if after.phase == Phase::Conflict {
                    self.conflicts.insert(after.name.clone());
                }
            }
            match (change.before(), change.after()) {
                (_, Some(Record::Address(now))) if now.phase == Phase::Pending => {
                    touched.extend(self.waiting.note(&state, &now.name));
                }
                (Some(Record::Address(before)), _) if before.phase == Phase::Pending => {
                    self.waiting.forget(&before.name)
                }
                (before, Some(Record::ServerStatus(status))) => {
                    touched.insert(Some(status.server.clone()));
                    let before = before.and_then(|before| match before {
                        Record::ServerStatus(before) => Some(&before.left),
                        _ => None,
                    });
                    moved |= before.map_or(!status.left.is_empty(), |before| *before != status.left);
                }
                (Some(Record::Scope(_)), _) | (_, Some(Record::Scope(_))) => moved = true,
                _ => {}
            }
        }
        if moved {
            self.waiting.again(&state);
            self.looked_at.extend(self.conflicts.iter().cloned());
            touched.extend(self.waiting.servers());
        }
        touched
    }

    /// Looks at everything: at the start, and when leases were missed.
    fn all(&mut self) -> Touched {
        let (state, book) = (self.engine.state(), self.leases.book());
        self.looked_at.extend(self.conflicts.iter().cloned());
        for (_, leases) in book.servers() {
            self.looked_at.extend(leases.leases.values().filter_map(|lease| assigned(&state, lease)));
        }
        let mut touched = self.waiting.servers();
        touched.extend(state.statuses().keys().cloned().map(Some));
        touched
    }

    fn leased(&mut self, batches: &[LeaseBatch]) -> Touched {
        let state = self.engine.state();
        for batch in batches {
            let leases = batch.events.iter().map(|event| &event.lease);
            self.looked_at.extend(leases.filter_map(|lease| assigned(&state, lease)));
        }
        let left = |server: &ServerName| state.status(server).is_some_and(|status| !status.left.is_empty());
        let concerns = |batch: &&LeaseBatch| !self.waiting.is_empty() || left(&batch.server);
        batches.iter().filter(concerns).map(|batch| Some(batch.server.clone())).collect()
    }

    /// Says of what was looked at whether a lease is against it.
    async fn look(&mut self) {
        let (state, book) = (self.engine.state(), self.leases.book());
        let names: Vec<_> = std::mem::take(&mut self.looked_at).into_iter().collect();
        let found: Vec<_> = names.iter().filter_map(|name| Some((name, turned(&state, &book, name)?))).collect();
        for some in found.chunks(MOST) {
            let turned = some.iter().map(|(_, command)| command.clone()).collect();
            if !self.carry_out(Command::Together(turned)).await {
                self.looked_at.extend(some.iter().map(|(name, _)| (*name).clone()));
            }
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
            let (older, ready): (Vec<_>, Vec<_>) = ready.into_iter().partition(|name| in_older_form(&state, name));
            // Looked at again when the server's status is another.
            older.iter().for_each(|name| drop(self.waiting.note(&state, name)));
            for names in ready.chunks(MOST) {
                let settled = names.iter().filter_map(|name| verdict(&state, &book, name)).collect();
                if !self.carry_out(Command::Together(settled)).await {
                    names.iter().for_each(|name| drop(self.waiting.note(&state, name)));
                }
            }
            if let Some(server) = server {
                self.leave(&state, server, proven).await;
                self.sync.owes(server, self.owed(&state, &book, server));
            }
        }
    }

    /// Whether it was carried out, or does not matter any more: what changed meanwhile is heard of, and waits anew.
    async fn carry_out(&self, command: Command) -> bool {
        match self.engine.commit(Call::internal("system", METHOD, command)).await {
            Ok(_) | Err(CommitError::Stopped) => true,
            Err(CommitError::Refused(refusal)) => {
                error!(%refusal, "what waits for servers was not settled; it is looked at again with what changes next");
                false
            }
        }
    }

    /// Forgets what `server` was taken off, if it was proven to run without and nobody has to be told of its leases there.
    async fn leave(&self, state: &State, server: &ServerName, proven: Option<Revision>) {
        let Some((up_to, status)) = proven.zip(state.status(server)) else { return };
        let over: Vec<&Left> = status.left.values().filter(|left| left.since <= up_to).collect();
        let awaited = over.iter().any(|left| self.waiting.any_in(left));
        if !over.is_empty() && !awaited {
            self.carry_out(Command::ForgetLeft { server: server.clone(), up_to }).await;
        }
    }

    /// The proof that is waited for.
    fn owed(&self, state: &State, book: &LeaseBook, server: &ServerName) -> Option<Owed> {
        let lefts = state.status(server).and_then(|status| status.left.values().map(|left| left.since).max());
        let revision = self.waiting.newest(server).max(lefts)?;
        Some(Owed { revision, epoch: book.of(server).and_then(|leases| leases.cursor).map(|cursor| cursor.epoch) })
    }
}

/// The revision up to which it is known what `server` leases: it was proven to run it, and the lease events up to the
/// proof are in.
pub(crate) fn proven(state: &State, book: &LeaseBook, server: &ServerName) -> Option<Revision> {
    let applied = state.status(server)?.applied.as_ref()?;
    let (barrier, cursor) = (applied.barrier?, book.of(server)?.cursor?);
    (cursor.epoch == barrier.epoch && cursor.next_seq >= barrier.next_seq).then_some(applied.revision)
}

/// Whether the server of the address' scope refused the scope's present form, and goes on with one that may lease it.
fn in_older_form(state: &State, name: &AddressName) -> bool {
    state.scope_at(&name.space, name.address).is_some_and(|scope| runs_older_form(state, scope))
}

/// What the wait of an address came to; `None` if it does not wait any more.
fn verdict(state: &State, book: &LeaseBook, name: &AddressName) -> Option<Command> {
    let assignment = state.assignment(name).filter(|assignment| assignment.phase == Phase::Pending)?;
    let outcome = match lease_against(state, book, &assignment) {
        None => Outcome::Active,
        Some((server, lease)) => Outcome::Conflict { who: who(server, lease) },
    };
    Some(Command::Settle { name: name.clone(), revision: assignment.stamp.revision, outcome })
}

/// The assigned address that a lease is of.
fn assigned(state: &State, lease: &Lease) -> Option<AddressName> {
    let name = AddressName { space: state.space_of_lease(lease)?.clone(), address: lease.address };
    state.assignment(&name).map(|assignment| assignment.name.clone())
}

fn in_conflict(state: &State) -> BTreeSet<AddressName> {
    state.assignments_in(Phase::Conflict).map(|assignment| assignment.name.clone()).collect()
}

/// What a lease that came or ended makes of an address that does not wait; `None` if nothing.
fn turned(state: &State, book: &LeaseBook, name: &AddressName) -> Option<Command> {
    let assignment = state.assignment(name)?;
    let outcome = match (assignment.phase, lease_against(state, book, &assignment)) {
        (Phase::Active, Some((server, lease))) if !assignment.risk_accepted => {
            Outcome::Conflict { who: who(server, lease) }
        }
        (Phase::Conflict, Some((server, lease))) if assignment.rare().conflict != who(server, lease) => {
            Outcome::Conflict { who: who(server, lease) }
        }
        (Phase::Conflict, None) => Outcome::Freed,
        (Phase::Pending | Phase::Active | Phase::Conflict, _) => return None,
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
