//! What an operator may ask for and what may come of it, decided where the change is decided.
//!
//! A call passes twice. Before its command is decided, everything that it names must lie where the caller has the permission, or a part
//! of what it only asks for something in ([`Right::may_ask`]): who may not is told nothing of what is there. Afterwards every record that it makes, changes or removes, as it
//! was and as it becomes, must lie where the caller has the permission ([`Right::may_make`]): whatever the command, nothing else is ever
//! changed. Both cost nothing where the caller's roles hold everywhere.

use super::named::{Named, named};
use super::{Permission, Reach, Spot};
use crate::change::{Change, Record};
use crate::command::Command;
use crate::model::{Operator, Scope};
use crate::name::ScopeName;
use crate::refusal::Refusal;
use crate::state::State;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The permission that a method needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// This, for everything that it changes; a reservation that is made of an address, or an address of a reservation, needs its own.
    One(Permission),
    /// For each kind of record the permission to change that kind.
    OfEachKind,
}

/// An operator who calls a method.
#[derive(Debug, Clone)]
pub struct Right {
    operator: Arc<Operator>,
    needs: Needs,
}

impl Right {
    /// Of this operator, in a method that needs that.
    pub fn new(operator: Arc<Operator>, needs: Needs) -> Self {
        Self { operator, needs }
    }

    /// Whether what the command names lies where the caller may do something.
    ///
    /// # Errors
    /// [`Reason::PermissionDenied`](crate::Reason::PermissionDenied), in the same words whether or not it is there.
    pub fn may_ask(&self, state: &State, command: &Command) -> Result<(), Refusal> {
        let Needs::One(permission) = self.needs else { return Ok(()) };
        let reach = self.operator.reach(permission);
        if reach.is_everywhere() {
            return Ok(());
        }
        let lies_inside =
            |named: &Named| if named.part { reach.touches(&named.spot) } else { reach.takes(&named.spot) };
        match named(state, command).into_iter().find(|named| !lies_inside(named)) {
            Some(outside) => Err(reach.refuse(&self.operator.name, permission, outside.what)),
            None => Ok(()),
        }
    }

    /// Whether all that becomes different lies where the caller has the permission.
    ///
    /// # Errors
    /// [`Reason::PermissionDenied`](crate::Reason::PermissionDenied), naming the first record that does not.
    pub fn may_make(&self, state: &State, changes: &[Change]) -> Result<(), Refusal> {
        let mut reaches: Vec<(Permission, Reach)> = Vec::new();
        let mut made: Option<BTreeMap<ScopeName, &Arc<Scope>>> = None;
        let of_scopes =
            changes.iter().any(|change| matches!(change.after().or(change.before()), Some(Record::Scope(_))));
        for change in changes {
            let record = change.after().or(change.before()).expect("a change has a side: every constructor gives one");
            let Some(permission) = self.needs.of(record, of_scopes) else { continue };
            let known = reaches.iter().position(|(of, _)| *of == permission);
            let at = known.unwrap_or_else(|| {
                reaches.push((permission, self.operator.reach(permission)));
                reaches.len() - 1
            });
            let reach = &reaches[at].1;
            if reach.is_everywhere() {
                continue;
            }
            let made = made.get_or_insert_with(|| scopes_after(changes));
            let was = change.before().map(|record| Spot::of(record, |name| state.scope(name)));
            let is = change
                .after()
                .map(|record| Spot::of(record, |name| made.get(name).copied().or_else(|| state.scope(name))));
            if ![was, is].iter().flatten().all(|spot| reach.takes(spot)) {
                return Err(reach.refuse(&self.operator.name, permission, change.key()));
            }
        }
        Ok(())
    }
}

impl Needs {
    /// The permission to change a record; `None` for what Freehold keeps beside scopes, which follows `of_scopes` that change with it.
    fn of(self, record: &Record, of_scopes: bool) -> Option<Permission> {
        use Permission::{
            AddressesWrite, AgentsWrite, FieldsWrite, OperatorsWrite, PrefixesWrite, ReservationsWrite, ScopesWrite,
            ServersWrite, SpacesWrite, ViewsWrite,
        };
        let of_kind = match record {
            Record::Space(_) => SpacesWrite,
            Record::Prefix(_) => PrefixesWrite,
            Record::Scope(_) => ScopesWrite,
            Record::Reservation(_) => ReservationsWrite,
            Record::Address(_) | Record::Sighting(_) => AddressesWrite,
            Record::Server(_) => ServersWrite,
            // The number of the next scope, and what a server is taken off.
            Record::NextSubnetId(_) | Record::ServerStatus(_) if of_scopes => return None,
            Record::ServerStatus(_) => ServersWrite,
            Record::NextSubnetId(_) => ScopesWrite,
            Record::Agent(_) | Record::Token(_) => AgentsWrite,
            Record::Operator(_) => OperatorsWrite,
            Record::Field(_) => FieldsWrite,
            Record::View(_) => ViewsWrite,
        };
        match self {
            Self::OfEachKind => Some(of_kind),
            Self::One(AddressesWrite | ReservationsWrite) if matches!(of_kind, AddressesWrite | ReservationsWrite) => {
                Some(of_kind)
            }
            Self::One(permission) => Some(permission),
        }
    }
}

/// The scopes that are made or changed, as they become.
fn scopes_after(changes: &[Change]) -> BTreeMap<ScopeName, &Arc<Scope>> {
    let mut made = BTreeMap::new();
    for change in changes {
        if let Some(Record::Scope(scope)) = change.after() {
            made.insert(scope.name.clone(), scope);
        }
    }
    made
}
