//! An address as it is shown, with what it waits for.

use crate::api::Api;
use freehold_core::State;
use freehold_core::address::{AddressView, Row, awaits, look};
use freehold_core::lease::LeaseBook;
use freehold_core::model::Management;
use freehold_core::name::AddressName;
use freehold_proto::convert::address::{message, row_message};
use freehold_proto::convert::time;
use freehold_proto::v1::sync_status::State as Sync;
use freehold_proto::v1::{Address, AddressRow, AddressWait, SyncStatus, address_row};

impl Api {
    /// All that is known of an address.
    pub(super) fn shown_address(&self, state: &State, book: &LeaseBook, name: &AddressName) -> Address {
        self.shown_view(state, book, &look(state, book, name))
    }

    fn shown_view(&self, state: &State, book: &LeaseBook, view: &AddressView) -> Address {
        Address { wait: self.awaited_of(state, book, &view.name), ..message(view, self.engine.now()) }
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
        let (server, revision) = awaits(state, name)?;
        let applied = state.status(&server).and_then(|status| status.applied.as_ref());
        let proven = applied.is_some_and(|applied| applied.revision >= revision);
        let managed = state.server(&server).is_some_and(|server| server.management == Management::Managed);
        let connected = self.presence.connected(server.agent());
        let next_seq = book.of(&server).and_then(|leases| leases.cursor).map_or(1, |cursor| cursor.next_seq);
        let words = match applied {
            Some(applied) if proven => format!(
                "{server} runs it; its lease events up to {} are still to come, {} are known",
                applied.lease_seq,
                next_seq.saturating_sub(1)
            ),
            _ if !managed => format!("{server} is not managed any more, and may still lease the address; manage it"),
            _ if !connected => format!("{server} is not connected, and may lease the address until it is told"),
            _ => format!("{server} is about to be told"),
        };
        let at = match (managed, connected, proven) {
            (_, _, true) => Sync::Applied,
            (false, ..) => Sync::Unmanaged,
            (true, false, _) => Sync::Disconnected,
            (true, true, _) => Sync::Pending,
        };
        let server = SyncStatus {
            server: server.to_string(),
            state: at.into(),
            desired_revision: revision.0,
            applied_revision: applied.map(|applied| applied.revision.0).unwrap_or_default(),
            applied_time: applied.map(|applied| time::message(applied.at)),
            took_ms: 0,
            error: state.status(&server).map(|status| status.last_error.clone()).unwrap_or_default(),
        };
        Some(AddressWait { server: Some(server), leases_only: proven, message: words })
    }
}
