//! `freehold operator`: who may call the API, what they may do, and their certificates.

mod certificate;

use super::{Change, Guard, mask};
use crate::Environment;
use crate::connect::Api;
use crate::error::Failure;
use crate::names;
use crate::output::{Screen, Shown, time, yes};
use crate::page::{Limit, all};
use clap::{Args, Subcommand};
use freehold_core::access::{Grant, Role};
use freehold_core::name::OperatorName;
use freehold_proto::v1;
use std::collections::BTreeSet;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Let somebody call the API
    Create(Roles),
    /// List operators
    List(Limit),
    /// Show an operator
    Show {
        /// Who
        #[arg(value_parser = names::operator)]
        operator: OperatorName,
    },
    /// Give these roles, and no others
    Roles(SetRoles),
    /// Shut somebody out
    Disable(Which),
    /// Let somebody in again
    Enable(Which),
    /// Remove somebody
    Delete(Which),
    /// Certificates of operators
    #[command(subcommand)]
    Certificate(certificate::Command),
}

#[derive(Debug, Args)]
pub(crate) struct Roles {
    /// Who
    #[arg(value_parser = names::operator)]
    operator: OperatorName,
    /// What they may do everywhere, such as dhcp-administrator
    #[arg(long, value_delimiter = ',')]
    role: Vec<Role>,
    #[command(flatten)]
    within: Within,
    #[command(flatten)]
    change: Change,
}

/// Roles within places.
#[derive(Debug, Args)]
pub(crate) struct Within {
    /// What they may do within a place alone, such as asm-administrator=10.1.0.0/16 or viewer=spaces/berlin; may be repeated
    #[arg(long = "role-in", value_name = "ROLE=PLACE", value_parser = names::grant)]
    role_in: Vec<Grant>,
}

impl Within {
    /// Each once, in order.
    fn messages(&self) -> Vec<v1::Grant> {
        let message = |grant: &Grant| v1::Grant {
            role: grant.role.to_string(),
            place: grant.place.to_string(),
            permissions: Vec::new(),
        };
        self.role_in.iter().collect::<BTreeSet<_>>().into_iter().map(message).collect()
    }
}

#[derive(Debug, Args)]
pub(crate) struct SetRoles {
    /// Who
    #[arg(value_parser = names::operator)]
    operator: OperatorName,
    /// What they may do everywhere, such as dhcp-administrator; none, and none in a place, takes every right
    roles: Vec<Role>,
    #[command(flatten)]
    within: Within,
    #[command(flatten)]
    guard: Guard,
    #[command(flatten)]
    change: Change,
}

#[derive(Debug, Args)]
pub(crate) struct Which {
    /// Who
    #[arg(value_parser = names::operator)]
    operator: OperatorName,
    #[command(flatten)]
    guard: Guard,
    #[command(flatten)]
    change: Change,
}

pub(crate) async fn run(
    command: Command,
    api: &Api,
    environment: &Environment,
    screen: &mut Screen<'_>,
) -> Result<(), Failure> {
    match command {
        Command::Create(create) => {
            let request = create.request(api.request_id());
            let operator = api.call(request, async |request| api.operators().create_operator(request).await).await?;
            screen.changed(&operator, create.change.validate_only)
        }
        Command::List(limit) => {
            let operators = all(limit, async |page_size, page_token| {
                let request = v1::ListOperatorsRequest { page_size, page_token };
                let page = api.call(request, async |request| api.operators().list_operators(request).await).await?;
                Ok((page.operators, page.next_page_token))
            });
            screen.list(&operators.await?)
        }
        Command::Show { operator } => {
            let request = v1::GetOperatorRequest { name: operator.to_string() };
            screen.one(&api.call(request, async |request| api.operators().get_operator(request).await).await?)
        }
        Command::Roles(set) => update(api, screen, set.request(api.request_id())).await,
        Command::Disable(which) => update(api, screen, which.disabled(true, api.request_id())).await,
        Command::Enable(which) => update(api, screen, which.disabled(false, api.request_id())).await,
        Command::Delete(which) => {
            let request = v1::DeleteOperatorRequest {
                name: which.operator.to_string(),
                etag: which.guard.text(),
                request_id: api.request_id(),
                validate_only: which.change.validate_only,
            };
            api.call(request, async |request| api.operators().delete_operator(request).await).await?;
            screen.deleted(&which.operator.to_string(), which.change.validate_only)
        }
        Command::Certificate(command) => certificate::run(command, api, environment, screen).await,
    }
}

async fn update(api: &Api, screen: &mut Screen<'_>, request: v1::UpdateOperatorRequest) -> Result<(), Failure> {
    let validate_only = request.validate_only;
    let operator = api.call(request, async |request| api.operators().update_operator(request).await).await?;
    screen.changed(&operator, validate_only)
}

/// Ids of roles, each once, in order.
fn ids(roles: &[Role]) -> Vec<String> {
    roles.iter().collect::<BTreeSet<_>>().into_iter().map(|role| role.id().to_owned()).collect()
}

impl Roles {
    fn request(&self, request_id: String) -> v1::CreateOperatorRequest {
        v1::CreateOperatorRequest {
            operator_id: self.operator.id().to_owned(),
            operator: Some(v1::Operator {
                roles: ids(&self.role),
                grants: self.within.messages(),
                ..Default::default()
            }),
            request_id,
            validate_only: self.change.validate_only,
        }
    }
}

impl SetRoles {
    fn request(&self, request_id: String) -> v1::UpdateOperatorRequest {
        v1::UpdateOperatorRequest {
            operator: Some(v1::Operator {
                name: self.operator.to_string(),
                roles: ids(&self.roles),
                grants: self.within.messages(),
                etag: self.guard.text(),
                ..Default::default()
            }),
            update_mask: mask(vec!["roles", "grants"]),
            request_id,
            validate_only: self.change.validate_only,
        }
    }
}

impl Which {
    fn disabled(&self, disabled: bool, request_id: String) -> v1::UpdateOperatorRequest {
        v1::UpdateOperatorRequest {
            operator: Some(v1::Operator {
                name: self.operator.to_string(),
                disabled,
                etag: self.guard.text(),
                ..Default::default()
            }),
            update_mask: mask(vec!["disabled"]),
            request_id,
            validate_only: self.change.validate_only,
        }
    }
}

/// A role within a place, as it is typed.
fn within(grant: &v1::Grant) -> String {
    format!("{}={}", grant.role, grant.place)
}

impl Shown for v1::Operator {
    const MESSAGE: &'static str = "freehold.v1.Operator";
    const COLUMNS: &'static [&'static str] = &["NAME", "ROLES", "DISABLED", "CERTIFICATES"];

    fn row(&self) -> Vec<String> {
        vec![
            names::short(&self.name).to_owned(),
            self.roles.iter().cloned().chain(self.grants.iter().map(within)).collect::<Vec<_>>().join(" "),
            yes(self.disabled),
            self.certificates.len().to_string(),
        ]
    }

    fn details(&self) -> Vec<(&'static str, String)> {
        vec![
            ("name", self.name.clone()),
            ("roles", self.roles.join("\n")),
            ("roles in places", self.grants.iter().map(within).collect::<Vec<_>>().join("\n")),
            ("permissions", self.permissions.join("\n")),
            ("disabled", yes(self.disabled)),
            ("certificates", super::agent::certificates(&self.certificates)),
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
    fn roles_are_a_set_and_replace_what_was() {
        let Noun::Operator(Command::Roles(set)) = testing::parse("operator roles alice viewer auditor viewer") else {
            panic!("another command")
        };
        assert_eq!(
            set.request("id".into()),
            v1::UpdateOperatorRequest {
                operator: Some(v1::Operator {
                    name: "operators/alice".into(),
                    roles: vec!["auditor".into(), "viewer".into()],
                    ..Default::default()
                }),
                update_mask: mask(vec!["roles", "grants"]),
                request_id: "id".into(),
                validate_only: false,
            }
        );
        assert!(testing::refused("operator roles alice king").contains("no role is called \"king\"; there are "));
    }

    #[test]
    fn a_role_within_a_place_is_typed_as_it_is_shown() {
        let typed = "operator create alice --role viewer --role-in asm-administrator=10.1.0.0/16 \
                     --role-in viewer=spaces/berlin --role-in viewer=spaces/berlin/prefixes/2001:db8::-32";
        let Noun::Operator(Command::Create(create)) = testing::parse(typed) else { panic!("another command") };
        let operator = create.request("id".into()).operator.expect("an operator");
        let expected = [
            "viewer",
            "asm-administrator=spaces/default/prefixes/10.1.0.0-16",
            "viewer=spaces/berlin",
            "viewer=spaces/berlin/prefixes/2001:db8::-32",
        ];
        assert_eq!(operator.row()[1], expected.join(" "));
        assert_eq!(operator.details()[2], ("roles in places", expected[1..].join("\n")));
        for (wrong, why) in [
            ("viewer", "is not of the form ROLE=PLACE"),
            ("king=10.0.0.0/8", "no role is called \"king\""),
            ("viewer=10.0.0.1/8", "has bits set behind its length"),
        ] {
            let told = testing::refused(&format!("operator create alice --role-in {wrong}"));
            assert!(told.contains(why), "{wrong}: {told}");
        }
    }

    #[test]
    fn enabling_says_so_by_the_mask() {
        let Noun::Operator(Command::Enable(which)) = testing::parse("operator enable alice") else {
            panic!("another command")
        };
        let request = which.disabled(false, "id".into());
        assert_eq!(request.update_mask, mask(vec!["disabled"]));
        assert_eq!(request.operator.map(|o| (o.name, o.disabled)), Some(("operators/alice".to_owned(), false)));
    }
}
