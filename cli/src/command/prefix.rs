//! `freehold prefix`: the plan of an address space.

use super::labels::{EditLabels, NewLabels, field_lines, tag_lines};
use super::{Change, Guard, Only, mask, net, some_change};
use crate::connect::Api;
use crate::error::Failure;
use crate::names::{self, Prefix};
use crate::output::{Screen, Shown, time, word};
use crate::page::{Limit, all};
use clap::{Args, Subcommand, ValueEnum};
use freehold_core::name::SpaceName;
use freehold_proto::v1;
use freehold_proto::v1::prefix::Kind;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Put a prefix into the plan
    Create(Create),
    /// List prefixes
    List(List),
    /// Show a prefix
    Show(Which),
    /// Change a prefix
    Update(Update),
    /// Take a prefix out of the plan; it must hold nothing
    Delete(Delete),
    #[command(flatten)]
    Plan(net::Command),
}

#[derive(Debug, Args)]
pub(crate) struct Which {
    /// The prefix, such as 10.1.0.0/16
    #[arg(value_parser = names::prefix, value_name = "CIDR")]
    prefix: Prefix,
    /// Its space; the default space if not given
    #[arg(long, value_parser = names::space)]
    space: Option<SpaceName>,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct NewKind {
    /// It holds addresses, and at most one scope
    #[arg(long)]
    pub(super) network: bool,
    /// It holds other prefixes
    #[arg(long)]
    container: bool,
}

#[derive(Debug, Args)]
#[group(required = false, multiple = false)]
pub(crate) struct OtherKind {
    /// From now on it holds addresses
    #[arg(long)]
    network: bool,
    /// From now on it holds other prefixes
    #[arg(long)]
    container: bool,
}

/// How far a prefix has come.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Status {
    Planned,
    Active,
    Deprecated,
    Reserved,
}

impl Status {
    fn message(self) -> v1::prefix::Status {
        match self {
            Self::Planned => v1::prefix::Status::Planned,
            Self::Active => v1::prefix::Status::Active,
            Self::Deprecated => v1::prefix::Status::Deprecated,
            Self::Reserved => v1::prefix::Status::Reserved,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Create {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    kind: NewKind,
    /// How far it has come
    #[arg(long, value_enum)]
    status: Option<Status>,
    #[command(flatten)]
    labels: NewLabels,
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
pub(crate) struct List {
    /// Only those of this space; all if not given
    #[arg(long, value_parser = names::space)]
    space: Option<SpaceName>,
    #[command(flatten)]
    only: Only,
    #[command(flatten)]
    limit: Limit,
}

#[derive(Debug, Args)]
pub(crate) struct Update {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    kind: OtherKind,
    /// How far it has come
    #[arg(long, value_enum)]
    status: Option<Status>,
    #[command(flatten)]
    labels: EditLabels,
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
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    guard: Guard,
    #[command(flatten)]
    change: Change,
}

pub(crate) async fn run(command: Command, api: &Api, screen: &mut Screen<'_>) -> Result<(), Failure> {
    match command {
        Command::Create(create) => {
            let request = create.request(api.request_id())?;
            let item = api.call(request, async |request| api.prefixes().create_prefix(request).await).await?;
            screen.changed(&item, create.change.validate_only)
        }
        Command::List(list) => {
            let prefixes = all(list.limit, async |page_size, page_token| {
                let request = v1::ListPrefixesRequest {
                    parent: list.parent(),
                    page_size,
                    page_token,
                    filter: list.only.filter.clone(),
                    view: list.only.view(),
                };
                let page = api.call(request, async |request| api.prefixes().list_prefixes(request).await).await?;
                Ok((page.prefixes, page.next_page_token))
            });
            screen.list(&prefixes.await?)
        }
        Command::Show(which) => {
            let request = v1::GetPrefixRequest { name: which.name()? };
            screen.one(&api.call(request, async |request| api.prefixes().get_prefix(request).await).await?)
        }
        Command::Update(update) => {
            let item = send(&update, api).await?;
            screen.changed(&item, update.change.validate_only)
        }
        Command::Plan(command) => net::run(command, api, screen).await,
        Command::Delete(delete) => {
            let request = delete.request(api.request_id())?;
            let name = request.name.clone();
            api.call(request, async |request| api.prefixes().delete_prefix(request).await).await?;
            screen.deleted(&name, delete.change.validate_only)
        }
    }
}

/// How often a change of labels is made again because the prefix changed between reading and writing.
const REWRITES: u32 = 5;

/// Sends an update. Labels are put on and taken off what is there, so that is read first and guarded by its etag.
async fn send(update: &Update, api: &Api) -> Result<v1::Prefix, Failure> {
    let write = async |request| api.call(request, async |request| api.prefixes().update_prefix(request).await).await;
    if update.labels.is_empty() {
        return write(update.request(None, api.request_id())?).await;
    }
    let mut left = if update.guard.etag.is_some() { 1 } else { REWRITES };
    loop {
        let read = v1::GetPrefixRequest { name: update.which.name()? };
        let present = api.call(read, async |request| api.prefixes().get_prefix(request).await).await?;
        left -= 1;
        match write(update.request(Some(&present), api.request_id())?).await {
            Err(failure) if failure.is_etag_mismatch() && left > 0 => {}
            done => return done,
        }
    }
}

impl Which {
    pub(super) fn name(&self) -> Result<String, Failure> {
        Ok(self.prefix.name(self.space.as_ref())?.to_string())
    }
}

impl List {
    fn parent(&self) -> String {
        self.space.as_ref().map_or_else(|| "spaces/-".to_owned(), ToString::to_string)
    }
}

impl Create {
    fn request(&self, request_id: String) -> Result<v1::CreatePrefixRequest, Failure> {
        let name = self.which.prefix.name(self.which.space.as_ref())?;
        let kind = if self.kind.network { Kind::Network } else { Kind::Container };
        Ok(v1::CreatePrefixRequest {
            parent: name.space.to_string(),
            prefix: Some(v1::Prefix {
                cidr: name.cidr.to_string(),
                kind: kind.into(),
                title: self.title.clone(),
                description: self.description.clone(),
                status: self.status.map(Status::message).unwrap_or_default().into(),
                tags: self.labels.tags(),
                fields: self.labels.fields(),
                ..Default::default()
            }),
            request_id,
            validate_only: self.change.validate_only,
        })
    }
}

impl Update {
    /// The request; `present` is the prefix as it is, if its labels are to change.
    fn request(&self, present: Option<&v1::Prefix>, request_id: String) -> Result<v1::UpdatePrefixRequest, Failure> {
        let kind = match &self.kind {
            OtherKind { network: true, .. } => Some(Kind::Network),
            OtherKind { container: true, .. } => Some(Kind::Container),
            OtherKind { .. } => None,
        };
        let mut paths = Vec::new();
        paths.extend(kind.is_some().then_some("kind"));
        paths.extend(self.status.is_some().then_some("status"));
        paths.extend(self.title.is_some().then_some("title"));
        paths.extend(self.description.is_some().then_some("description"));
        paths.extend(self.labels.paths());
        some_change(&paths)?;
        let nothing = v1::Prefix::default();
        let before = present.unwrap_or(&nothing);
        let (tags, fields) = self.labels.apply(&before.tags, &before.fields)?;
        Ok(v1::UpdatePrefixRequest {
            prefix: Some(v1::Prefix {
                name: self.which.name()?,
                kind: kind.unwrap_or_default().into(),
                title: self.title.clone().unwrap_or_default(),
                description: self.description.clone().unwrap_or_default(),
                etag: self.guard.etag.clone().unwrap_or_else(|| before.etag.clone()),
                status: self.status.map(Status::message).unwrap_or_default().into(),
                tags,
                fields,
                ..Default::default()
            }),
            update_mask: mask(paths),
            request_id,
            validate_only: self.change.validate_only,
        })
    }
}

impl Delete {
    fn request(&self, request_id: String) -> Result<v1::DeletePrefixRequest, Failure> {
        Ok(v1::DeletePrefixRequest {
            name: self.which.name()?,
            etag: self.guard.text(),
            request_id,
            validate_only: self.change.validate_only,
        })
    }
}

impl Shown for v1::Prefix {
    const MESSAGE: &'static str = "freehold.v1.Prefix";
    const COLUMNS: &'static [&'static str] = &["PREFIX", "KIND", "STATUS", "SPACE", "INSIDE", "TITLE"];

    fn row(&self) -> Vec<String> {
        let space = self.name.split('/').nth(1).unwrap_or_default();
        let kind = word(self.kind().as_str_name(), "KIND_");
        let status = word(self.status().as_str_name(), "STATUS_");
        let inside = if self.child_count > 0 { self.child_count.to_string() } else { String::new() };
        vec![self.cidr.clone(), kind, status, space.to_owned(), inside, self.title.clone()]
    }

    fn details(&self) -> Vec<(&'static str, String)> {
        vec![
            ("name", self.name.clone()),
            ("prefix", self.cidr.clone()),
            ("kind", word(self.kind().as_str_name(), "KIND_")),
            ("status", word(self.status().as_str_name(), "STATUS_")),
            ("title", self.title.clone()),
            ("description", self.description.clone()),
            ("parent", names::short_prefix(&self.parent)),
            ("directly inside", if self.child_count > 0 { self.child_count.to_string() } else { String::new() }),
            ("tags", tag_lines(&self.effective_tags, &self.name)),
            ("fields", field_lines(&self.effective_fields, &self.name)),
            ("made from", self.made_from.iter().map(|name| names::short_prefix(name)).collect::<Vec<_>>().join("\n")),
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
    fn a_prefix_is_created_in_the_space_that_was_said() {
        let Noun::Prefix(Command::Create(create)) =
            testing::parse("prefix create 10.1.2.0/24 --network --title Voice --space lab")
        else {
            panic!("another command")
        };
        assert_eq!(
            create.request("id".into()).expect("a request"),
            v1::CreatePrefixRequest {
                parent: "spaces/lab".into(),
                prefix: Some(v1::Prefix {
                    cidr: "10.1.2.0/24".into(),
                    kind: Kind::Network.into(),
                    title: "Voice".into(),
                    ..Default::default()
                }),
                request_id: "id".into(),
                validate_only: false,
            }
        );
    }

    #[test]
    fn an_update_converts_and_guards() {
        let Noun::Prefix(Command::Update(update)) =
            testing::parse("prefix update spaces/lab/prefixes/10.1.2.0-24 --container --etag 9")
        else {
            panic!("another command")
        };
        assert_eq!(
            update.request(None, "id".into()).expect("a request"),
            v1::UpdatePrefixRequest {
                prefix: Some(v1::Prefix {
                    name: "spaces/lab/prefixes/10.1.2.0-24".into(),
                    kind: Kind::Container.into(),
                    etag: "9".into(),
                    ..Default::default()
                }),
                update_mask: mask(vec!["kind"]),
                request_id: "id".into(),
                validate_only: false,
            }
        );
    }

    #[test]
    fn what_cannot_be_meant_is_refused_here() {
        assert_eq!(
            testing::refused("prefix create 10.1.2.3/16 --network"),
            "error: invalid value '10.1.2.3/16' for '<CIDR>': 10.1.2.3/16 has bits set behind its length; did you mean 10.1.0.0/16?"
        );
        assert_eq!(
            testing::refused("prefix create 10.1.0.0/16"),
            "error: the following required arguments were not provided:"
        );
        assert_eq!(
            testing::refused("prefix create 10.1.0.0/16 --network --container"),
            "error: the argument '--network' cannot be used with '--container'"
        );
    }
}
