//! `freehold space`: realms in which every address is unique.

use super::{Change, Guard, mask, some_change};
use crate::connect::Api;
use crate::error::Failure;
use crate::names;
use crate::output::{Screen, Shown, time};
use crate::page::{Limit, all};
use clap::{Args, Subcommand};
use freehold_core::name::SpaceName;
use freehold_proto::v1;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a space
    Create(Create),
    /// List spaces
    List(Limit),
    /// Show a space
    Show {
        /// Which
        #[arg(value_parser = names::space)]
        space: SpaceName,
    },
    /// Change a space's title or description
    Update(Update),
    /// Delete an empty space
    Delete(Delete),
}

#[derive(Debug, Args)]
pub(crate) struct Create {
    /// Its name
    #[arg(value_parser = names::space)]
    space: SpaceName,
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
    #[arg(value_parser = names::space)]
    space: SpaceName,
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
    #[arg(value_parser = names::space)]
    space: SpaceName,
    #[command(flatten)]
    guard: Guard,
    #[command(flatten)]
    change: Change,
}

pub(crate) async fn run(command: Command, api: &Api, screen: &mut Screen<'_>) -> Result<(), Failure> {
    match command {
        Command::Create(create) => {
            let request = create.request(api.request_id());
            let item = api.call(request, async |request| api.spaces().create_space(request).await).await?;
            screen.changed(&item, create.change.validate_only)
        }
        Command::List(limit) => {
            let spaces = all(limit, async |page_size, page_token| {
                let request = v1::ListSpacesRequest { page_size, page_token };
                let page = api.call(request, async |request| api.spaces().list_spaces(request).await).await?;
                Ok((page.spaces, page.next_page_token))
            });
            screen.list(&spaces.await?)
        }
        Command::Show { space } => {
            let request = v1::GetSpaceRequest { name: space.to_string() };
            screen.one(&api.call(request, async |request| api.spaces().get_space(request).await).await?)
        }
        Command::Update(update) => {
            let request = update.request(api.request_id())?;
            let item = api.call(request, async |request| api.spaces().update_space(request).await).await?;
            screen.changed(&item, update.change.validate_only)
        }
        Command::Delete(delete) => {
            let request = delete.request(api.request_id());
            api.call(request, async |request| api.spaces().delete_space(request).await).await?;
            screen.deleted(&delete.space.to_string(), delete.change.validate_only)
        }
    }
}

impl Create {
    fn request(&self, request_id: String) -> v1::CreateSpaceRequest {
        v1::CreateSpaceRequest {
            space_id: self.space.id().to_owned(),
            space: Some(v1::Space {
                title: self.title.clone(),
                description: self.description.clone(),
                ..Default::default()
            }),
            request_id,
            validate_only: self.change.validate_only,
        }
    }
}

impl Update {
    fn request(&self, request_id: String) -> Result<v1::UpdateSpaceRequest, Failure> {
        let mut paths = Vec::new();
        paths.extend(self.title.is_some().then_some("title"));
        paths.extend(self.description.is_some().then_some("description"));
        some_change(&paths)?;
        Ok(v1::UpdateSpaceRequest {
            space: Some(v1::Space {
                name: self.space.to_string(),
                title: self.title.clone().unwrap_or_default(),
                description: self.description.clone().unwrap_or_default(),
                etag: self.guard.text(),
                ..Default::default()
            }),
            update_mask: mask(paths),
            request_id,
            validate_only: self.change.validate_only,
        })
    }
}

impl Delete {
    fn request(&self, request_id: String) -> v1::DeleteSpaceRequest {
        v1::DeleteSpaceRequest {
            name: self.space.to_string(),
            etag: self.guard.text(),
            request_id,
            validate_only: self.change.validate_only,
        }
    }
}

impl Shown for v1::Space {
    const MESSAGE: &'static str = "freehold.v1.Space";
    const COLUMNS: &'static [&'static str] = &["NAME", "TITLE", "DESCRIPTION"];

    fn row(&self) -> Vec<String> {
        vec![names::short(&self.name).to_owned(), self.title.clone(), self.description.clone()]
    }

    fn details(&self) -> Vec<(&'static str, String)> {
        vec![
            ("name", self.name.clone()),
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
    fn an_update_names_only_what_was_given() {
        let Noun::Space(Command::Update(update)) =
            testing::parse("space update lab --title Lab --etag 7 --validate-only")
        else {
            panic!("another command")
        };
        assert_eq!(
            update.request("id".into()).expect("a request"),
            v1::UpdateSpaceRequest {
                space: Some(v1::Space {
                    name: "spaces/lab".into(),
                    title: "Lab".into(),
                    etag: "7".into(),
                    ..Default::default()
                }),
                update_mask: mask(vec!["title"]),
                request_id: "id".into(),
                validate_only: true,
            }
        );
    }

    #[test]
    fn an_update_of_nothing_is_refused() {
        let Noun::Space(Command::Update(update)) = testing::parse("space update lab") else {
            panic!("another command")
        };
        assert!(matches!(update.request("id".into()), Err(Failure::Usage(_))));
    }

    #[test]
    fn bad_names_are_refused_here_with_the_words_of_the_rules() {
        assert_eq!(
            testing::refused("space create Berlin"),
            "error: invalid value 'Berlin' for '<SPACE>': \"Berlin\" is not a name: use 1 to 63 characters of a-z, 0-9 and inner hyphens"
        );
    }
}
