//! The addresses that are kept from others for a client, or leased: who might have left without saying so.

use super::list::{Row, list};
use super::look::{AddressView, Why};
use crate::command::Command;
use crate::lease::LeaseBook;
use crate::name::SpaceName;
use crate::net::AddressRange;
use crate::state::State;
use crate::time::Timestamp;

/// A claimed, reserved or leased address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// What is known of it.
    pub view: AddressView,
    /// When it was claimed or reserved; `None` if it is only leased.
    pub made: Option<Timestamp>,
    /// When the client of its newest lease last spoke to its server; `None` if it is not leased.
    pub seen: Option<Timestamp>,
}

impl Kept {
    /// Since when nobody was seen with it, if somebody was last seen at `seen`.
    pub fn unseen_since(&self, seen: Option<Timestamp>) -> Timestamp {
        self.made.max(seen).unwrap_or_default()
    }

    /// What gives it back, for as long as it is as it was seen here; `None` if it is only leased.
    pub fn reclaim(&self) -> Option<Command> {
        self.view.reasons.iter().find_map(|why| match why {
            Why::Assigned(claim) if !claim.is_hold() => {
                Some(Command::Release { name: claim.name.clone(), etag: Some(claim.stamp.revision) })
            }
            Why::Reserved(found) => {
                let (name, etag) = (found.name.clone(), Some(found.stamp.revision));
                Some(Command::DeleteReservation { name, etag })
            }
            _ => None,
        })
    }

    /// What is kept of an address that this is known of; nothing of holds, which end by themselves.
    pub fn of(view: AddressView) -> Option<Self> {
        let (mut made, mut seen) = (None, None);
        for why in &view.reasons {
            match why {
                Why::Assigned(claim) if claim.is_hold() => return None,
                Why::Assigned(claim) => made = Some(claim.stamp.created),
                Why::Reserved(found) => made = Some(found.stamp.created),
                Why::Leased { lease, .. } => seen = seen.max(Some(lease.cltt)),
                Why::Answers(sighting) => seen = seen.max(Some(sighting.stamp.updated)),
                Why::Excluded { .. } | Why::NotUsable(_) | Why::Unplanned => {}
            }
        }
        (made.is_some() || seen.is_some()).then_some(Self { view, made, seen })
    }
}

/// The kept addresses of `space` in a range, in order. Costs what is used there.
pub fn kept<'a>(
    state: &'a State,
    book: &'a LeaseBook,
    space: &'a SpaceName,
    range: AddressRange,
) -> impl Iterator<Item = Kept> + 'a {
    let networks = state.networks_touching(space, range.family(), range.numbers());
    let rows = networks.flat_map(move |network| list(state, book, network, &range));
    rows.filter_map(|row| match row {
        Row::Address(view) => Kept::of(*view),
        Row::Free(_) | Row::Excluded(_) => None,
    })
}
