//! What contradicts itself: in the plan, between the plan and what servers lease, and between the plan and what they take.
//!
//! What the rules forbid cannot arise and is not looked for: overlapping networks or scopes in one space, two claims or
//! reservations of one client in one network, a reservation outside its scope's network. What is left is a [`Clash`] of one of
//! the kinds below. Nothing of it is stored: every conflict follows from the [state](crate::State) and the
//! [book](crate::lease::LeaseBook) alone, and is over when they say so.
//!
//! A [`Watcher`] keeps them up to date by the change. Each is bound to the few [`Place`]s whose facts it was found in; a change
//! of the plan or of a lease touches some places, and only those are looked at again. A refresh costs what is touched, not what
//! is there.
//!
//! A client that leases in one network and has a claim in another only moved about, and one with two leases in a network may
//! have started twice with two identifiers; neither is a conflict. A client with a firm address and a live lease of another
//! one in the same network is one: it does not use what it was given, or something else uses its hardware address.

mod book;
mod clash;
mod find;
mod foreign;
mod resolve;
mod touch;
mod words;

pub use book::{Conflicts, Watcher};
pub use clash::{Clash, Conflict, ConflictKind, Firm};
pub use find::Facts;
pub(crate) use foreign::Foreign;
pub use resolve::Resolution;
pub use touch::Place;
