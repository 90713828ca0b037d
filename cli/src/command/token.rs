//! `freehold agent token`: the right to enrol one agent, once.

use super::Change;
use crate::connect::Api;
use crate::duration;
use crate::error::Failure;
use crate::names;
use crate::output::{Format, Screen, Shown, time};
use crate::page::{Limit, all};
use clap::{Args, Subcommand};
use freehold_certs::token::Endpoint;
use freehold_core::name::{AgentName, TokenName};
use freehold_proto::v1;
use std::time::Duration;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a token and print it, and nothing else: it is shown this once
    Create(Create),
    /// List tokens, without what is secret of them
    List(Limit),
    /// Take a token back
    Delete {
        /// Which
        #[arg(value_parser = names::token)]
        token: TokenName,
        #[command(flatten)]
        change: Change,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Create {
    /// The agent that it makes
    #[arg(value_parser = names::agent)]
    agent: AgentName,
    /// How long it may be used, such as 1h, at most 7d
    #[arg(long, default_value = "1h", value_name = "DURATION", value_parser = duration::parse)]
    ttl: Duration,
    /// The controller as the agent reaches it, if not as the controller knows itself
    #[arg(long, value_name = "HOST:PORT")]
    agent_endpoint: Option<String>,
    #[command(flatten)]
    change: Change,
}

pub(crate) async fn run(command: Command, api: &Api, screen: &mut Screen<'_>) -> Result<(), Failure> {
    match command {
        Command::Create(create) => {
            let request = create.request()?;
            let token = api.call_once(async { api.agents().create_enrolment_token(request).await }).await?;
            match screen.format {
                Format::Table if !create.change.validate_only => {
                    writeln!(screen.out, "{}", token.token)?;
                    let until = time(token.expire_time.as_ref());
                    screen.note(&format!("for {}, once, until {until}: freehold-agent enrol", token.agent))
                }
                Format::Table | Format::Json => screen.one(&token),
            }
        }
        Command::List(limit) => {
            let tokens = all(limit, async |page_size, page_token| {
                let request = v1::ListEnrolmentTokensRequest { page_size, page_token };
                let page = api.call(request, async |request| api.agents().list_enrolment_tokens(request).await).await?;
                Ok((page.enrolment_tokens, page.next_page_token))
            });
            screen.list(&tokens.await?)
        }
        Command::Delete { token, change } => {
            let validate_only = change.validate_only;
            let request = v1::DeleteEnrolmentTokenRequest { name: token.to_string(), validate_only };
            api.call_once(async { api.agents().delete_enrolment_token(request).await }).await?;
            screen.deleted(&token.to_string(), validate_only)
        }
    }
}

impl Create {
    fn request(&self) -> Result<v1::CreateEnrolmentTokenRequest, Failure> {
        let endpoint = self.agent_endpoint.as_ref().map(|text| text.parse::<Endpoint>()).transpose();
        let endpoint = endpoint.map_err(|error| Failure::Usage(error.to_string()))?;
        let ttl = prost_types::Duration::try_from(self.ttl)
            .map_err(|_| Failure::Usage("a token lives at most 7d".to_owned()))?;
        Ok(v1::CreateEnrolmentTokenRequest {
            agent_id: self.agent.id().to_owned(),
            ttl: Some(ttl),
            endpoint: endpoint.map(|endpoint| endpoint.to_string()).unwrap_or_default(),
            validate_only: self.change.validate_only,
        })
    }
}

impl Shown for v1::EnrolmentToken {
    const MESSAGE: &'static str = "freehold.v1.EnrolmentToken";
    const COLUMNS: &'static [&'static str] = &["NAME", "AGENT", "EXPIRES", "USED", "WRONG SECRETS"];

    fn row(&self) -> Vec<String> {
        vec![
            names::short(&self.name).to_owned(),
            names::short(&self.agent).to_owned(),
            time(self.expire_time.as_ref()),
            time(self.use_time.as_ref()),
            self.wrong_secrets.to_string(),
        ]
    }

    fn details(&self) -> Vec<(&'static str, String)> {
        Self::COLUMNS.iter().copied().zip(self.row()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Command as Noun, agent, testing};
    use super::*;

    fn request(line: &str) -> Result<v1::CreateEnrolmentTokenRequest, Failure> {
        let Noun::Agent(agent::Command::Token(Command::Create(create))) = testing::parse(line) else {
            panic!("another command")
        };
        create.request()
    }

    #[test]
    fn a_token_lives_an_hour_unless_said_otherwise() {
        let want = |seconds, endpoint: &str| v1::CreateEnrolmentTokenRequest {
            agent_id: "berlin-1".into(),
            ttl: Some(prost_types::Duration { seconds, nanos: 0 }),
            endpoint: endpoint.into(),
            validate_only: false,
        };
        assert_eq!(request("agent token create berlin-1").expect("a request"), want(3600, ""));
        assert_eq!(
            request("agent token create agents/berlin-1 --ttl 1d --agent-endpoint c.example:7443").expect("a request"),
            want(86_400, "c.example:7443")
        );
        assert!(matches!(request("agent token create berlin-1 --agent-endpoint c.example"), Err(Failure::Usage(_))));
    }
}
