//! Tags and custom fields on the command line, the same for whatever has some.

use crate::error::Failure;
use clap::Args;
use freehold_core::labels::Tag;
use freehold_core::name::FieldName;
use freehold_proto::v1::{EffectiveField, EffectiveTag};
use std::collections::BTreeMap;

/// `cost-center=4711`
fn field(text: &str) -> Result<(String, String), String> {
    let (id, value) = text.split_once('=').ok_or_else(|| format!("{text:?} is not of the form FIELD=VALUE"))?;
    let name = FieldName::from_id(id).map_err(|refusal| refusal.message)?;
    Ok((name.id().to_owned(), value.to_owned()))
}

/// The labels of something new.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct NewLabels {
    /// A tag, such as voice; may be given several times
    #[arg(long, value_name = "TAG", value_delimiter = ',')]
    tag: Vec<Tag>,
    /// A custom field, such as site=berlin; may be given several times
    #[arg(long, value_name = "FIELD=VALUE", value_parser = field)]
    field: Vec<(String, String)>,
}

impl NewLabels {
    pub(super) fn tags(&self) -> Vec<String> {
        self.tag.iter().map(ToString::to_string).collect()
    }

    pub(super) fn fields(&self) -> BTreeMap<String, String> {
        self.field.iter().cloned().collect()
    }
}

/// Labels to put on and to take off.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct EditLabels {
    #[command(flatten)]
    new: NewLabels,
    /// Take a tag off
    #[arg(long, value_name = "TAG", value_delimiter = ',')]
    untag: Vec<Tag>,
    /// Take a custom field's value away
    #[arg(long, value_name = "FIELD", value_delimiter = ',')]
    unset_field: Vec<String>,
}

impl EditLabels {
    /// Whether nothing is to be changed.
    pub(super) fn is_empty(&self) -> bool {
        self.paths().is_empty()
    }

    /// The paths of a mask.
    pub(super) fn paths(&self) -> Vec<&'static str> {
        let mut paths = Vec::new();
        paths.extend((!self.new.tag.is_empty() || !self.untag.is_empty()).then_some("tags"));
        paths.extend((!self.new.field.is_empty() || !self.unset_field.is_empty()).then_some("fields"));
        paths
    }

    /// What `tags` and `fields` become. What is to be taken off must be there.
    pub(super) fn apply(
        &self,
        tags: &[String],
        fields: &BTreeMap<String, String>,
    ) -> Result<(Vec<String>, BTreeMap<String, String>), Failure> {
        let (mut tags, mut fields) = (tags.to_vec(), fields.clone());
        for gone in &self.untag {
            let at = tags.iter().position(|tag| tag == gone.as_str());
            tags.remove(at.ok_or_else(|| Failure::Usage(format!("it has no tag {gone} of its own")))?);
        }
        for gone in &self.unset_field {
            let had = fields.remove(gone);
            had.ok_or_else(|| Failure::Usage(format!("it has no value of its own in the field {gone}")))?;
        }
        tags.extend(self.new.tags().into_iter().filter(|tag| !tags.contains(tag)).collect::<Vec<_>>());
        fields.extend(self.new.fields());
        Ok((tags, fields))
    }
}

/// Tags that hold, a line each, with where they come from if that is not `name` itself.
pub(super) fn tag_lines(tags: &[EffectiveTag], name: &str) -> String {
    lines(tags.iter().map(|tag| (tag.tag.clone(), tag.source.as_str())), name)
}

/// Fields that hold, in the same way.
pub(super) fn field_lines(fields: &[EffectiveField], name: &str) -> String {
    lines(fields.iter().map(|field| (format!("{}={}", field.id, field.value), field.source.as_str())), name)
}

fn lines<'a>(all: impl Iterator<Item = (String, &'a str)>, name: &str) -> String {
    let line = |(what, source): (String, &str)| match source == name {
        true => what,
        false => format!("{what} (from {})", crate::names::short_prefix(source)),
    };
    all.map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_put_on_and_taken_off() {
        let edit = EditLabels {
            new: NewLabels { tag: vec!["voice".parse().expect("a tag")], field: vec![("site".into(), "rome".into())] },
            untag: vec!["old".parse().expect("a tag")],
            unset_field: vec!["rack".into()],
        };
        let before = [("site".to_owned(), "berlin".to_owned()), ("rack".to_owned(), "7".to_owned())].into();
        let (tags, fields) = edit.apply(&["old".into(), "pci".into()], &before).expect("fits");
        assert_eq!((tags, fields), (vec!["pci".into(), "voice".into()], [("site".into(), "rome".into())].into()));
        assert_eq!(edit.paths(), ["tags", "fields"]);
        let missing = edit.apply(&["pci".into()], &before).expect_err("no such tag");
        assert_eq!(missing.report(), "error: it has no tag old of its own\n");
    }

    #[test]
    fn a_field_is_an_id_and_a_value() {
        assert_eq!(field("site=a=b"), Ok(("site".into(), "a=b".into())));
        assert!(field("site").is_err() && field("Site=x").is_err());
    }
}
