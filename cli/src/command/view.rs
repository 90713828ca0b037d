//! `freehold view`: groups of things by what they have in common.

use super::{Change, Guard, mask, some_change};
use crate::connect::Api;
use crate::error::Failure;
use crate::names;
use crate::output::{Screen, Shown, time, word};
use crate::page::{Limit, all};
use clap::{Args, Subcommand, ValueEnum};
use freehold_core::name::ViewName;
use freehold_proto::v1;
use freehold_proto::v1::view::Kind;
use freehold_proto::v1::view_member::Member;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Save a view
    Create(Create),
    /// List views
    List(Limit),
    /// Show the members of a view
    Show(Show),
    /// Show a view itself: its filter, and what it is for
    Describe {
        /// Which
        #[arg(value_parser = names::view)]
        view: ViewName,
    },
    /// Change a view
    Update(Update),
    /// Delete a view; its members stay
    Delete(Delete),
}

/// What the members are.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Of {
    Prefixes,
    Scopes,
    Addresses,
    Reservations,
}

#[derive(Debug, Args)]
pub(crate) struct Create {
    /// Its name
    #[arg(value_parser = names::view)]
    view: ViewName,
    /// What its members are
    #[arg(long, value_name = "KIND")]
    of: Of,
    /// What its members match, such as 'tags:voice AND fields.site="berlin"'
    #[arg(long)]
    filter: String,
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
pub(crate) struct Show {
    /// Which
    #[arg(value_parser = names::view)]
    view: ViewName,
    #[command(flatten)]
    limit: Limit,
}

#[derive(Debug, Args)]
pub(crate) struct Update {
    /// Which
    #[arg(value_parser = names::view)]
    view: ViewName,
    /// What its members match
    #[arg(long)]
    filter: Option<String>,
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
    #[arg(value_parser = names::view)]
    view: ViewName,
    #[command(flatten)]
    guard: Guard,
    #[command(flatten)]
    change: Change,
}

pub(crate) async fn run(command: Command, api: &Api, screen: &mut Screen<'_>) -> Result<(), Failure> {
    match command {
        Command::Create(create) => {
            let request = create.request(api.request_id());
            let item = api.call(request, async |request| api.views().create_view(request).await).await?;
            screen.changed(&item, create.change.validate_only)
        }
        Command::List(limit) => {
            let views = all(limit, async |page_size, page_token| {
                let request = v1::ListViewsRequest { page_size, page_token };
                let page = api.call(request, async |request| api.views().list_views(request).await).await?;
                Ok((page.views, page.next_page_token))
            });
            screen.list(&views.await?)
        }
        Command::Show(show) => {
            let members = all(show.limit, async |page_size, page_token| {
                let request = v1::ListViewMembersRequest { parent: show.view.to_string(), page_size, page_token };
                let page = api.call(request, async |request| api.views().list_view_members(request).await).await?;
                Ok((page.members, page.next_page_token))
            });
            list_members(members.await?, screen)
        }
        Command::Describe { view } => {
            let request = v1::GetViewRequest { name: view.to_string() };
            screen.one(&api.call(request, async |request| api.views().get_view(request).await).await?)
        }
        Command::Update(update) => {
            let request = update.request(api.request_id())?;
            let item = api.call(request, async |request| api.views().update_view(request).await).await?;
            screen.changed(&item, update.change.validate_only)
        }
        Command::Delete(delete) => {
            let request = v1::DeleteViewRequest {
                name: delete.view.to_string(),
                etag: delete.guard.text(),
                request_id: api.request_id(),
                validate_only: delete.change.validate_only,
            };
            api.call(request, async |request| api.views().delete_view(request).await).await?;
            screen.deleted(&delete.view.to_string(), delete.change.validate_only)
        }
    }
}

/// Members as the list of what they are; all of a view are of one kind.
fn list_members(members: Vec<v1::ViewMember>, screen: &mut Screen<'_>) -> Result<(), Failure> {
    let (mut prefixes, mut scopes, mut addresses, mut reservations) = (vec![], vec![], vec![], vec![]);
    for member in members.into_iter().filter_map(|member| member.member) {
        match member {
            Member::Prefix(prefix) => prefixes.push(prefix),
            Member::Scope(scope) => scopes.push(scope),
            Member::Address(address) => addresses.push(address),
            Member::Reservation(reservation) => reservations.push(reservation),
        }
    }
    match (prefixes.is_empty(), scopes.is_empty(), addresses.is_empty()) {
        (_, false, _) => screen.list(&scopes),
        (_, _, false) => screen.list(&addresses),
        (true, true, true) => screen.list(&reservations),
        (false, ..) => screen.list(&prefixes),
    }
}

impl Create {
    fn request(&self, request_id: String) -> v1::CreateViewRequest {
        let kind = match self.of {
            Of::Prefixes => Kind::Prefixes,
            Of::Scopes => Kind::Scopes,
            Of::Addresses => Kind::Addresses,
            Of::Reservations => Kind::Reservations,
        };
        v1::CreateViewRequest {
            view_id: self.view.id().to_owned(),
            view: Some(v1::View {
                title: self.title.clone(),
                description: self.description.clone(),
                kind: kind.into(),
                filter: self.filter.clone(),
                ..Default::default()
            }),
            request_id,
            validate_only: self.change.validate_only,
        }
    }
}

impl Update {
    fn request(&self, request_id: String) -> Result<v1::UpdateViewRequest, Failure> {
        let mut paths = Vec::new();
        paths.extend(self.filter.is_some().then_some("filter"));
        paths.extend(self.title.is_some().then_some("title"));
        paths.extend(self.description.is_some().then_some("description"));
        some_change(&paths)?;
        Ok(v1::UpdateViewRequest {
            view: Some(v1::View {
                name: self.view.to_string(),
                title: self.title.clone().unwrap_or_default(),
                description: self.description.clone().unwrap_or_default(),
                filter: self.filter.clone().unwrap_or_default(),
                etag: self.guard.text(),
                ..Default::default()
            }),
            update_mask: mask(paths),
            request_id,
            validate_only: self.change.validate_only,
        })
    }
}

impl Shown for v1::View {
    const MESSAGE: &'static str = "freehold.v1.View";
    const COLUMNS: &'static [&'static str] = &["VIEW", "OF", "FILTER", "TITLE"];

    fn row(&self) -> Vec<String> {
        let kind = word(self.kind().as_str_name(), "KIND_");
        vec![names::short(&self.name).to_owned(), kind, self.filter.clone(), self.title.clone()]
    }

    fn details(&self) -> Vec<(&'static str, String)> {
        vec![
            ("name", self.name.clone()),
            ("of", word(self.kind().as_str_name(), "KIND_")),
            ("filter", self.filter.clone()),
            ("title", self.title.clone()),
            ("description", self.description.clone()),
            ("created", time(self.create_time.as_ref())),
            ("changed", time(self.update_time.as_ref())),
            ("etag", self.etag.clone()),
        ]
    }
}

impl Shown for v1::Assignment {
    const MESSAGE: &'static str = "freehold.v1.Assignment";
    const COLUMNS: &'static [&'static str] = &["ADDRESS", "IS", "PHASE", "HOST NAME", "OWNER", "COMMENT", "UNTIL"];

    fn row(&self) -> Vec<String> {
        let address = self.name.rsplit('/').next().unwrap_or_default();
        vec![
            address.to_owned(),
            word(self.kind().as_str_name(), "KIND_"),
            word(self.phase().as_str_name(), "PHASE_"),
            self.host_name.clone(),
            self.owner.clone(),
            self.comment.clone(),
            time(self.end_time.as_ref()),
        ]
    }

    fn details(&self) -> Vec<(&'static str, String)> {
        let labels = ["address", "is", "phase", "host name", "owner", "comment", "until"];
        labels.into_iter().zip(self.row()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Command as Noun, testing};
    use super::*;

    #[test]
    fn a_view_is_saved_and_changed() {
        let Noun::View(Command::Create(create)) =
            testing::parse("view create voice-berlin --of prefixes --filter tags:voice --title Voice")
        else {
            panic!("another command")
        };
        let wanted = v1::CreateViewRequest {
            view_id: "voice-berlin".into(),
            view: Some(v1::View {
                title: "Voice".into(),
                kind: Kind::Prefixes.into(),
                filter: "tags:voice".into(),
                ..Default::default()
            }),
            request_id: "id".into(),
            validate_only: false,
        };
        assert_eq!(create.request("id".into()), wanted);
        let Noun::View(Command::Update(update)) =
            testing::parse("view update voice-berlin --filter tags:phone --etag 3")
        else {
            panic!("another command")
        };
        let request = update.request("id".into()).expect("a request");
        assert_eq!(request.update_mask, mask(vec!["filter"]));
        assert_eq!(request.view.map(|view| (view.filter, view.etag)), Some(("tags:phone".into(), "3".into())));
    }
}
