//! How often each custom field has a value, kept by `put` and `take`.

use super::State;
use crate::change::Record;
use crate::labels::Labels;
use crate::model::{FieldDefinition, LabelledKind};
use crate::name::FieldName;
use imbl::OrdMap;
use std::sync::Arc;

static NO_LABELS: Labels = Labels::NONE;

impl State {
    /// The custom field of this name.
    pub fn field(&self, name: &FieldName) -> Option<&Arc<FieldDefinition>> {
        self.fields.get(name)
    }

    /// Custom fields by name.
    pub fn fields(&self) -> &OrdMap<FieldName, Arc<FieldDefinition>> {
        &self.fields
    }

    /// On how many things a custom field has a value.
    pub fn field_uses(&self, name: &FieldName) -> u64 {
        self.field_uses.get(name).copied().unwrap_or(0)
    }

    /// Everything that has a value of the custom field `name`. Costs a scan of the plan.
    pub fn users_of_field<'a>(&'a self, name: &'a FieldName) -> impl Iterator<Item = (LabelledKind, Record)> + 'a {
        let spaces = self.spaces.values().cloned().map(Record::Space);
        let prefixes = self.prefixes.values().cloned().map(Record::Prefix);
        let scopes = self.scopes.values().cloned().map(Record::Scope);
        let reservations = self.reservations.values().cloned().map(Record::Reservation);
        let labelled = self.described().filter(|described| !described.said().2.is_empty());
        let addresses = labelled.map(|described| Record::Address(Arc::new(described.open())));
        let all = spaces.chain(prefixes).chain(scopes).chain(reservations).chain(addresses);
        all.filter(|record| record.labels().fields().contains_key(name))
            .filter_map(|record| record.labelled_kind().map(|kind| (kind, record)))
    }

    pub(super) fn count_fields_in(&mut self, labels: &Labels) {
        for name in labels.fields().keys() {
            let count = self.field_uses(name) + 1;
            self.field_uses.insert(name.clone(), count);
        }
    }

    pub(super) fn count_fields_out(&mut self, labels: &Labels) {
        for name in labels.fields().keys() {
            match self.field_uses(name).saturating_sub(1) {
                0 => drop(self.field_uses.remove(name)),
                count => drop(self.field_uses.insert(name.clone(), count)),
            }
        }
    }
}

impl Record {
    /// The labels that were put on the record itself; none, if it is of a kind that has none.
    pub fn labels(&self) -> &Labels {
        match self {
            Record::Space(space) => &space.labels,
            Record::Prefix(prefix) => &prefix.labels,
            Record::Scope(scope) => &scope.labels,
            Record::Reservation(reservation) => &reservation.labels,
            Record::Address(assignment) => assignment.labels(),
            _ => &NO_LABELS,
        }
    }

    /// What kind of labelled thing the record is, if it is one.
    pub fn labelled_kind(&self) -> Option<LabelledKind> {
        match self {
            Record::Space(_) => Some(LabelledKind::Space),
            Record::Prefix(_) => Some(LabelledKind::Prefix),
            Record::Scope(_) => Some(LabelledKind::Scope),
            Record::Reservation(_) => Some(LabelledKind::Reservation),
            Record::Address(_) => Some(LabelledKind::Address),
            _ => None,
        }
    }
}
