//! Views that do not fit.

use super::{Case, case};
use crate::world::{NOW, after, word};
use freehold_core::command::{Command, NewView, ViewPatch};
use freehold_core::decide::VIEWS_MAX;
use freehold_core::model::ViewKind;
use freehold_core::text::Text;
use freehold_core::{Reason, Revision, State};

fn new(name: &str, kind: ViewKind, filter: &str) -> Command {
    let (title, description) = (Text::default(), Text::default());
    Command::CreateView(NewView { name: word(name), title, description, kind, filter: filter.to_owned() })
}

fn saved(state: State) -> State {
    after(state, &new("views/nets", ViewKind::Prefixes, "kind = network"), NOW)
}

fn full(state: State) -> State {
    let commands = (0..VIEWS_MAX).map(|n| new(&format!("views/v-{n}"), ViewKind::Prefixes, "kind = network"));
    after(state, &Command::Together(commands.collect()), NOW)
}

/// Every line.
pub(super) fn cases() -> Vec<Case> {
    let change = |what, name: &str, filter: &str, reason, field| {
        let patch = ViewPatch { filter: Some(filter.to_owned()), ..ViewPatch::default() };
        case(what, Command::UpdateView { name: word(name), etag: None, patch }, reason, field)
    };
    let make = |what, kind, filter, reason| case(what, new("views/v", kind, filter), reason, "view.filter");
    let delete = |etag| Command::DeleteView { name: word("views/nets"), etag };
    let cases = vec![
        case("a view twice", new("views/nets", ViewKind::Scopes, "name = x"), Reason::AlreadyExists, "view_id"),
        make("no filter", ViewKind::Prefixes, "", Reason::FieldRequired),
        make("a syntax error", ViewKind::Prefixes, "kind = ", Reason::InvalidFilter),
        make("a field of prefixes", ViewKind::Scopes, "kind = network", Reason::InvalidFilter),
        make("a field of scopes", ViewKind::Addresses, "server = x", Reason::InvalidFilter),
        make("a state that is no address's", ViewKind::Addresses, "state = free", Reason::InvalidFilter),
        make("a field of addresses", ViewKind::Reservations, "owner = x", Reason::InvalidFilter),
        change("a view without a filter", "views/nets", " ", Reason::FieldRequired, "view.filter"),
        change("a filter that is wrong", "views/nets", "kind = x", Reason::InvalidFilter, "view.filter"),
        change("a view that there is not", "views/none", "kind = network", Reason::ViewNotFound, "view.name"),
        case("a stale etag of a view", delete(Some(Revision(1))), Reason::EtagMismatch, "etag"),
    ];
    let too_many = case("too many views", new("views/v", ViewKind::Scopes, "name = x"), Reason::TooMany, "view_id");
    let cases = cases.into_iter().map(|case| Case { prepare: saved, ..case });
    cases.chain([Case { prepare: full, ..too_many }]).collect()
}
