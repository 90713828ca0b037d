//! `freehold agent`: the processes beside the servers.

use super::{Change, Guard, token};
use crate::connect::Api;
use crate::error::Failure;
use crate::names;
use crate::output::{Screen, Shown, time, word, yes};
use crate::page::{Limit, all};
use clap::{Args, Subcommand};
use freehold_core::name::AgentName;
use freehold_proto::v1;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List agents
    List(Limit),
    /// Show an agent
    Show {
        /// Which
        #[arg(value_parser = names::agent)]
        agent: AgentName,
    },
    /// Shut an agent out for good; its connection ends at once
    Revoke(Which),
    /// Forget a revoked agent and its servers
    Delete(Which),
    /// Tokens that enrol agents
    #[command(subcommand)]
    Token(token::Command),
}

#[derive(Debug, Args)]
pub(crate) struct Which {
    /// Which
    #[arg(value_parser = names::agent)]
    agent: AgentName,
    #[command(flatten)]
    guard: Guard,
    #[command(flatten)]
    change: Change,
}

pub(crate) async fn run(command: Command, api: &Api, screen: &mut Screen<'_>) -> Result<(), Failure> {
    match command {
        Command::List(limit) => {
            let agents = all(limit, async |page_size, page_token| {
                let request = v1::ListAgentsRequest { page_size, page_token };
                let page = api.call(request, async |request| api.agents().list_agents(request).await).await?;
                Ok((page.agents, page.next_page_token))
            });
            screen.list(&agents.await?)
        }
        Command::Show { agent } => {
            let request = v1::GetAgentRequest { name: agent.to_string() };
            screen.one(&api.call(request, async |request| api.agents().get_agent(request).await).await?)
        }
        Command::Revoke(which) => {
            let request = v1::RevokeAgentRequest {
                name: which.agent.to_string(),
                etag: which.guard.text(),
                request_id: api.request_id(),
                validate_only: which.change.validate_only,
            };
            let agent = api.call(request, async |request| api.agents().revoke_agent(request).await).await?;
            screen.changed(&agent, which.change.validate_only)
        }
        Command::Delete(which) => {
            let request = v1::DeleteAgentRequest {
                name: which.agent.to_string(),
                etag: which.guard.text(),
                request_id: api.request_id(),
                validate_only: which.change.validate_only,
            };
            api.call(request, async |request| api.agents().delete_agent(request).await).await?;
            screen.deleted(&which.agent.to_string(), which.change.validate_only)
        }
        Command::Token(command) => token::run(command, api, screen).await,
    }
}

/// Certificates, a line each.
pub(super) fn certificates(certificates: &[v1::Certificate]) -> String {
    let line = |c: &v1::Certificate| format!("{} until {}", c.serial, time(c.expire_time.as_ref()));
    certificates.iter().map(line).collect::<Vec<_>>().join("\n")
}

impl Shown for v1::Agent {
    const MESSAGE: &'static str = "freehold.v1.Agent";
    const COLUMNS: &'static [&'static str] = &["NAME", "STATE", "CONNECTED", "SEEN", "CERTIFIED UNTIL"];

    fn row(&self) -> Vec<String> {
        let until = self.certificates.iter().filter_map(|c| c.expire_time.as_ref()).max_by_key(|at| at.seconds);
        vec![
            names::short(&self.name).to_owned(),
            word(self.state().as_str_name(), "STATE_"),
            yes(self.connected),
            time(self.seen_time.as_ref()),
            time(until),
        ]
    }

    fn details(&self) -> Vec<(&'static str, String)> {
        vec![
            ("name", self.name.clone()),
            ("uid", self.uid.clone()),
            ("state", word(self.state().as_str_name(), "STATE_")),
            ("connected", yes(self.connected)),
            ("seen", time(self.seen_time.as_ref())),
            ("certificates", certificates(&self.certificates)),
            ("created", time(self.create_time.as_ref())),
            ("changed", time(self.update_time.as_ref())),
            ("etag", self.etag.clone()),
        ]
    }
}
