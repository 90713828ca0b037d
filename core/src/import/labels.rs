//! Tags and custom fields of a line, as the plan has them.
//!
//! In files a tag may have a text and a custom field may have any; in the plan a tag is a plain word, and a field is defined and
//! short. In Freehold's own files what does not fit is refused. Of files of other programs tags are put into words that fit, and
//! texts are shortened; that is remarked on.

use super::{Context, Planner};
use crate::command::{Command, FieldPatch, NewField};
use crate::exchange::{FieldId, Labels as Said, shortened, slug};
use crate::labels::{Labels, LabelsPatch, Tag, Tags};
use crate::model::{FieldType, LabelledKind};
use crate::name::FieldName;
use crate::refusal::{Reason, Refusal};
use crate::text::{Text, shown};
use std::collections::BTreeSet;

/// What a line says of labels.
pub(super) struct Labelling {
    /// What is needed first: definitions that are missing.
    pub(super) commands: Vec<Command>,
    /// What changes; in something new, all that is there.
    pub(super) patch: LabelsPatch,
    /// In which columns.
    pub(super) columns: Vec<String>,
}

impl Planner {
    /// What a line says of the labels of something of this kind that has these.
    pub(super) fn labels(
        &mut self,
        context: Context<'_>,
        line: u64,
        kind: LabelledKind,
        said: &Said,
        there: &Labels,
    ) -> Result<Labelling, Refusal> {
        let mut labelling = Labelling { commands: Vec::new(), patch: LabelsPatch::default(), columns: Vec::new() };
        if context.sheet.has("tags") {
            let tags = self.tags(context, line, said)?;
            if tags != *there.tags() {
                labelling.columns.push("tags".to_owned());
                labelling.patch.tags = Some(tags);
            }
        }
        let mut fields = there.fields().clone();
        for id in context.sheet.fields().filter(|id| !said.fields().contains_key(*id)) {
            if fields.remove(&field_name(id)?).is_some() {
                labelling.columns.push(format!("field:{id}"));
            }
        }
        for (id, text) in said.fields() {
            let (name, text) = (field_name(id)?, self.field_text(context, line, id, text)?);
            labelling.commands.extend(self.missing_field(&name, kind));
            let text = self.state.field(&name).and_then(|field| field.value(&text).ok()).unwrap_or(text);
            if fields.get(&name) != Some(&text) {
                labelling.columns.push(format!("field:{id}"));
                fields.insert(name, text);
            }
        }
        if fields != *there.fields() {
            labelling.patch.fields = Some(fields);
        }
        Ok(labelling)
    }

    /// Labels of something that has no place for any: of our own files refused, of others left out.
    pub(super) fn no_labels(
        &mut self,
        context: Context<'_>,
        line: u64,
        what: &str,
        said: &Said,
    ) -> Result<(), Refusal> {
        let refuse = |message: String, field: String| {
            Err(Refusal::new(Reason::FieldNotApplicable, format!("{message}; leave the cell empty")).at(field))
        };
        if !said.tags().is_empty() {
            if context.own() {
                return refuse(format!("{what} have no tags"), "tags".to_owned());
            }
            self.remark(line, format!("{what} have no tags: left out"));
        }
        for id in said.fields().keys() {
            if context.own() {
                return refuse(format!("{what} have no custom fields"), format!("fields.{id}"));
            }
            self.remark(line, format!("{what} have no custom fields: {id} is left out"));
        }
        Ok(())
    }

    fn tags(&mut self, context: Context<'_>, line: u64, said: &Said) -> Result<Tags, Refusal> {
        let mut tags = Tags::new();
        for (key, value) in said.tags() {
            if !value.as_str().is_empty() {
                let message = format!(
                    "the tag {} has a text, and a tag of the plan is a plain word; what has a value is a custom field: write it into \
                     a column field:{}",
                    shown(key.as_str()),
                    slug(key.as_str())
                );
                return Err(Refusal::new(Reason::InvalidTag, message).at("tags"));
            }
            tags.insert(self.tag(context, line, key)?);
        }
        Ok(tags)
    }

    fn tag(&mut self, context: Context<'_>, line: u64, key: &Text) -> Result<Tag, Refusal> {
        match key.as_str().parse::<Tag>() {
            Err(_) if !context.own() && !slug(key.as_str()).is_empty() => {
                let tag = slug(key.as_str()).parse().map_err(|refusal: Refusal| refusal.at("tags"))?;
                self.remark(line, format!("the tag {} becomes {tag}", shown(key.as_str())));
                Ok(tag)
            }
            tag => tag.map_err(|refusal| refusal.at("tags")),
        }
    }

    fn field_text(&mut self, context: Context<'_>, line: u64, id: &FieldId, text: &str) -> Result<Text, Refusal> {
        match Text::parse(text) {
            Err(_) if !context.own() => {
                self.remark(
                    line,
                    format!("custom field {id}: texts with line breaks or more than 256 characters are shortened"),
                );
                Ok(shortened(text))
            }
            parsed => parsed.map_err(|refusal| refusal.at(format!("fields.{id}"))),
        }
    }

    /// What defines a field that is missing, or lets it be put on this kind too, if it is this import's own.
    fn missing_field(&self, name: &FieldName, kind: LabelledKind) -> Option<Command> {
        if !self.order.create_missing {
            return None;
        }
        let Some(there) = self.state.field(name) else {
            return Some(Command::CreateField(NewField {
                name: name.clone(),
                title: Text::default(),
                description: Text::default(),
                value_type: FieldType::Text,
                allowed: Vec::new(),
                required: false,
                applies_to: BTreeSet::from([kind]),
                inherited: false,
            }));
        };
        let widen = self.fields_made.contains(name) && !there.applies_to.contains(&kind);
        widen.then(|| {
            let applies_to = there.applies_to.iter().copied().chain([kind]).collect();
            let patch = FieldPatch { applies_to: Some(applies_to), ..FieldPatch::default() };
            Command::UpdateField { name: name.clone(), etag: None, patch }
        })
    }
}

fn field_name(id: &FieldId) -> Result<FieldName, Refusal> {
    FieldName::from_id(id.as_str()).map_err(|refusal| refusal.at(format!("fields.{id}")))
}

/// The labels of something new.
pub(super) fn whole(patch: &LabelsPatch) -> Labels {
    patch.apply(&Labels::NONE)
}

/// What of a label in the patch there was an order for, under the patch's own names.
pub(super) fn with(mut columns: Vec<String>, labelling: &Labelling) -> Vec<String> {
    columns.extend(labelling.columns.iter().cloned());
    columns
}
