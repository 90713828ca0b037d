//! An address as it is shown, with what it waits for.

use crate::api::Api;
use crate::obedience::{runs_older_form, told_elsewhere};
use crate::settle::proven;
use freehold_core::address::{AddressView, Row, Why, awaits, look};
use freehold_core::labels;
use freehold_core::lease::LeaseBook;
use freehold_core::model::{Management, Phase};
use freehold_core::name::{AddressName, ServerName};
use freehold_core::{Revision, State};
use freehold_proto::convert::address::{message, row_message};
use freehold_proto::convert::label::effective_messages;
use freehold_proto::convert::time;
use freehold_proto::v1::sync_status::State as Sync;
use freehold_proto::v1::{Address, AddressRow, AddressWait, SyncStatus, address_row};

impl Api {
    /// All that is known of an address.
    pub(in crate::api) fn shown_address(&self, state: &State, book: &LeaseBook, name: &AddressName) -> Address {
        self.shown_view(state, book, &look(state, book, name))
    }

    /// The same, with the labels that hold for it.
    pub(super) fn shown_whole(&self, state: &State, book: &LeaseBook, name: &AddressName) -> Address {
        let view = look(state, book, name);
        let (effective_tags, effective_fields) = effective_messages(&labels::of_address(state, &view));
        Address { effective_tags, effective_fields, ..self.shown_view(state, book, &view) }
    }

    fn shown_view(&self, state: &State, book: &LeaseBook, view: &AddressView) -> Address {
        let waits = |why: &Why| matches!(why, Why::Assigned(assignment) if assignment.phase == Phase::Pending);
        let wait = view.reasons.iter().any(waits).then(|| self.awaited_of(state, book, &view.name)).flatten();
        Address { wait, ..message(view, self.engine.now()) }
    }

    /// A row of a list.
    pub(super) fn shown_row(&self, state: &State, book: &LeaseBook, row: &Row) -> AddressRow {
        match row {
            Row::Address(view) => {
                AddressRow { row: Some(address_row::Row::Address(self.shown_view(state, book, view))) }
            }
            Row::Free(_) | Row::Excluded(_) => row_message(row, self.engine.now()),
        }
    }

    fn awaited_of(&self, state: &State, book: &LeaseBook, name: &AddressName) -> Option<AddressWait> {
        let awaited = awaits(state, name);
        let is_done = |server: &ServerName, revision: Revision| proven(state, book, server) >= Some(revision);
        let first_open = awaited.iter().find(|(server, revision)| !is_done(server, **revision));
        let (server, revision) = first_open.or_else(|| awaited.iter().next()).map(|(s, r)| (s.clone(), *r))?;
        let scope = state.scope_at(&name.space, name.address).filter(|scope| runs_older_form(state, scope));
        let applied = state.status(&server).and_then(|status| status.applied.as_ref());
        let runs = applied.is_some_and(|applied| applied.revision >= revision);
        let managed = state.server(&server).is_some_and(|server| server.management == Management::Managed);
        let connected = self.presence.connected(server.agent());
        let words = match applied.map(|applied| applied.barrier) {
            _ if scope.is_some() => format!(
                "{server} refused the scope as it is now, and goes on with an older form of it that may lease the address"
            ),
            Some(Some(barrier)) if runs => format!(
                "{server} runs it; its lease events up to {} are still to come, {} are known",
                barrier.next_seq - 1,
                known_events(book, &server)
            ),
            Some(None) if runs => format!("{server} runs it; what it leased before is still to be listed"),
            _ if !managed => format!("{server} is not managed any more, and may still lease the address; manage it"),
            _ if !connected => format!("{server} is not connected, and may lease the address until it is told"),
            _ => format!("{server} is about to be told"),
        };
        let at = match (managed, connected, runs) {
            (_, _, true) => Sync::Applied,
            (false, ..) => Sync::Unmanaged,
            (true, false, _) => Sync::Disconnected,
            (true, true, _) => Sync::Pending,
        };
        let name_of = server.clone();
        let server = SyncStatus {
            server: server.to_string(),
            state: at.into(),
            desired_revision: revision.0,
            applied_revision: applied.map(|applied| applied.revision.0).unwrap_or_default(),
            applied_time: applied.map(|applied| time::message(applied.at)),
            took_ms: 0,
            error: state.status(&server).map(|status| told_elsewhere(&server, &status.last_error)).unwrap_or_default(),
        };
        // Of an agent that was never there since the start nobody knows since when it is not.
        let seen = self.presence.agent(name_of.agent()).filter(|_| !connected).map(|agent| time::message(agent.seen));
        Some(AddressWait { server: Some(server), leases_only: runs, message: words, seen_time: seen })
    }
}

/// How many events of its present spool are known.
fn known_events(book: &LeaseBook, server: &ServerName) -> u64 {
    book.of(server).and_then(|leases| leases.cursor).map_or(0, |cursor| cursor.next_seq.saturating_sub(1))
}
