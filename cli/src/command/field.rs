//! `freehold field`: custom fields, defined once for everybody.

use super::{Change, Guard, mask, some_change};
use crate::connect::Api;
use crate::error::Failure;
use crate::names;
use crate::output::{Screen, Shown, time, word, yes};
use crate::page::{Limit, all};
use clap::{Args, Subcommand, ValueEnum};
use freehold_core::name::FieldName;
use freehold_proto::v1;
use freehold_proto::v1::field_definition as wire;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Define a custom field
    Create(Create),
    /// List custom fields
    List(Limit),
    /// Show a custom field
    Show {
        /// Which
        #[arg(value_parser = names::field)]
        field: FieldName,
    },
    /// Change a custom field; every value that is there must fit
    Update(Update),
    /// Delete a custom field that has no value anywhere
    Delete(Delete),
}

/// What values are.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Type {
    Text,
    Number,
    Bool,
    Enum,
    Date,
    Address,
    Url,
}

/// What a field can be put on.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    Space,
    Prefix,
    Scope,
    Reservation,
    Address,
}

#[derive(Debug, Args)]
pub(crate) struct Create {
    /// Its name, under which values are written
    #[arg(value_parser = names::field)]
    field: FieldName,
    /// What its values are
    #[arg(long = "type", value_name = "TYPE")]
    value_type: Type,
    /// What it can be put on
    #[arg(long = "on", value_name = "KIND", value_delimiter = ',', default_value = "prefix")]
    kinds: Vec<Kind>,
    /// A value of an enum; may be given several times, in order
    #[arg(long, value_name = "VALUE", value_delimiter = ',')]
    allow: Vec<String>,
    /// Everything that it can be put on must have a value
    #[arg(long)]
    required: bool,
    /// A value holds for everything inside, too
    #[arg(long)]
    inherited: bool,
    /// A heading for people
    #[arg(long, default_value = "")]
    title: String,
    /// What it is for
    #[arg(long, default_value = "")]
    description: String,
    #[command(flatten)]
    change: Change,
}

#[derive(Debug, Args)]
pub(crate) struct Update {
    /// Which
    #[arg(value_parser = names::field)]
    field: FieldName,
    /// What its values are
    #[arg(long = "type", value_name = "TYPE")]
    value_type: Option<Type>,
    /// What it can be put on, all of it
    #[arg(long = "on", value_name = "KIND", value_delimiter = ',')]
    kinds: Vec<Kind>,
    /// The values of an enum, all of them
    #[arg(long, value_name = "VALUE", value_delimiter = ',')]
    allow: Vec<String>,
    /// Whether everything that it can be put on must have a value
    #[arg(long, value_name = "YES")]
    required: Option<bool>,
    /// Whether a value holds for everything inside, too
    #[arg(long, value_name = "YES")]
    inherited: Option<bool>,
    /// A heading for people
    #[arg(long)]
    title: Option<String>,
    /// What it is for
    #[arg(long)]
    description: Option<String>,
    #[command(flatten)]
    guard: Guard,
    #[command(flatten)]
    change: Change,
}

#[derive(Debug, Args)]
pub(crate) struct Delete {
    /// Which
    #[arg(value_parser = names::field)]
    field: FieldName,
    #[command(flatten)]
    guard: Guard,
    #[command(flatten)]
    change: Change,
}

pub(crate) async fn run(command: Command, api: &Api, screen: &mut Screen<'_>) -> Result<(), Failure> {
    match command {
        Command::Create(create) => {
            let request = create.request(api.request_id());
            let item = api.call(request, async |request| api.fields().create_field_definition(request).await).await?;
            screen.changed(&item, create.change.validate_only)
        }
        Command::List(limit) => {
            let fields = all(limit, async |page_size, page_token| {
                let request = v1::ListFieldDefinitionsRequest { page_size, page_token };
                let page =
                    api.call(request, async |request| api.fields().list_field_definitions(request).await).await?;
                Ok((page.field_definitions, page.next_page_token))
            });
            screen.list(&fields.await?)
        }
        Command::Show { field } => {
            let request = v1::GetFieldDefinitionRequest { name: field.to_string() };
            screen.one(&api.call(request, async |request| api.fields().get_field_definition(request).await).await?)
        }
        Command::Update(update) => {
            let request = update.request(api.request_id())?;
            let item = api.call(request, async |request| api.fields().update_field_definition(request).await).await?;
            screen.changed(&item, update.change.validate_only)
        }
        Command::Delete(delete) => {
            let request = v1::DeleteFieldDefinitionRequest {
                name: delete.field.to_string(),
                etag: delete.guard.text(),
                request_id: api.request_id(),
                validate_only: delete.change.validate_only,
            };
            api.call(request, async |request| api.fields().delete_field_definition(request).await).await?;
            screen.deleted(&delete.field.to_string(), delete.change.validate_only)
        }
    }
}

fn value_type(value_type: Type) -> i32 {
    match value_type {
        Type::Text => wire::ValueType::Text,
        Type::Number => wire::ValueType::Number,
        Type::Bool => wire::ValueType::Bool,
        Type::Enum => wire::ValueType::Enum,
        Type::Date => wire::ValueType::Date,
        Type::Address => wire::ValueType::Address,
        Type::Url => wire::ValueType::Url,
    }
    .into()
}

fn kinds(kinds: &[Kind]) -> Vec<i32> {
    let kind = |kind: &Kind| match kind {
        Kind::Space => wire::Kind::Space.into(),
        Kind::Prefix => wire::Kind::Prefix.into(),
        Kind::Scope => wire::Kind::Scope.into(),
        Kind::Reservation => wire::Kind::Reservation.into(),
        Kind::Address => wire::Kind::Address.into(),
    };
    kinds.iter().map(kind).collect()
}

impl Create {
    fn request(&self, request_id: String) -> v1::CreateFieldDefinitionRequest {
        v1::CreateFieldDefinitionRequest {
            field_definition_id: self.field.id().to_owned(),
            field_definition: Some(v1::FieldDefinition {
                title: self.title.clone(),
                description: self.description.clone(),
                value_type: value_type(self.value_type),
                allowed_values: self.allow.clone(),
                required: self.required,
                applies_to: kinds(&self.kinds),
                inherited: self.inherited,
                ..Default::default()
            }),
            request_id,
            validate_only: self.change.validate_only,
        }
    }
}

impl Update {
    fn request(&self, request_id: String) -> Result<v1::UpdateFieldDefinitionRequest, Failure> {
        let mut paths = Vec::new();
        paths.extend(self.value_type.is_some().then_some("value_type"));
        paths.extend((!self.kinds.is_empty()).then_some("applies_to"));
        paths.extend((!self.allow.is_empty()).then_some("allowed_values"));
        paths.extend(self.required.is_some().then_some("required"));
        paths.extend(self.inherited.is_some().then_some("inherited"));
        paths.extend(self.title.is_some().then_some("title"));
        paths.extend(self.description.is_some().then_some("description"));
        some_change(&paths)?;
        Ok(v1::UpdateFieldDefinitionRequest {
            field_definition: Some(v1::FieldDefinition {
                name: self.field.to_string(),
                title: self.title.clone().unwrap_or_default(),
                description: self.description.clone().unwrap_or_default(),
                value_type: self.value_type.map(value_type).unwrap_or_default(),
                allowed_values: self.allow.clone(),
                required: self.required.unwrap_or_default(),
                applies_to: kinds(&self.kinds),
                inherited: self.inherited.unwrap_or_default(),
                etag: self.guard.text(),
                ..Default::default()
            }),
            update_mask: mask(paths),
            request_id,
            validate_only: self.change.validate_only,
        })
    }
}

fn kind_words(field: &v1::FieldDefinition) -> String {
    field.applies_to().map(|kind| word(kind.as_str_name(), "KIND_")).collect::<Vec<_>>().join(", ")
}

impl Shown for v1::FieldDefinition {
    const MESSAGE: &'static str = "freehold.v1.FieldDefinition";
    const COLUMNS: &'static [&'static str] = &["FIELD", "TYPE", "ON", "REQUIRED", "INHERITED", "USES", "TITLE"];

    fn row(&self) -> Vec<String> {
        vec![
            names::short(&self.name).to_owned(),
            word(self.value_type().as_str_name(), "VALUE_TYPE_"),
            kind_words(self),
            yes(self.required),
            yes(self.inherited),
            self.use_count.to_string(),
            self.title.clone(),
        ]
    }

    fn details(&self) -> Vec<(&'static str, String)> {
        vec![
            ("name", self.name.clone()),
            ("type", word(self.value_type().as_str_name(), "VALUE_TYPE_")),
            ("values", self.allowed_values.join("\n")),
            ("on", kind_words(self)),
            ("required", yes(self.required)),
            ("inherited", yes(self.inherited)),
            ("uses", self.use_count.to_string()),
            ("title", self.title.clone()),
            ("description", self.description.clone()),
            ("created", time(self.create_time.as_ref())),
            ("changed", time(self.update_time.as_ref())),
            ("etag", self.etag.clone()),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Command as Noun, testing};
    use super::*;

    #[test]
    fn a_field_is_defined_and_changed() {
        let Noun::Field(Command::Create(create)) =
            testing::parse("field create tier --type enum --allow gold,silver --on prefix,scope --inherited")
        else {
            panic!("another command")
        };
        let wanted = v1::CreateFieldDefinitionRequest {
            field_definition_id: "tier".into(),
            field_definition: Some(v1::FieldDefinition {
                value_type: wire::ValueType::Enum.into(),
                allowed_values: vec!["gold".into(), "silver".into()],
                applies_to: vec![wire::Kind::Prefix.into(), wire::Kind::Scope.into()],
                inherited: true,
                ..Default::default()
            }),
            request_id: "id".into(),
            validate_only: false,
        };
        assert_eq!(create.request("id".into()), wanted);
        let Noun::Field(Command::Update(update)) = testing::parse("field update tier --required false --etag 3") else {
            panic!("another command")
        };
        let request = update.request("id".into()).expect("a request");
        assert_eq!(request.update_mask, mask(vec!["required"]));
        assert_eq!(request.field_definition.map(|field| (field.required, field.etag)), Some((false, "3".into())));
    }
}
