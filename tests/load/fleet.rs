//! Many simulated agents, enrolled as real ones are: a token each, a key each, a certificate each.

use anyhow::{Context, Result};
use freehold_certs::credentials::{Credentials, Roots};
use freehold_certs::dial::Dial;
use freehold_certs::request::KeyAndRequest;
use freehold_certs::token::EnrolmentToken;
use freehold_certs::{CertificateDer, tls};
use freehold_lab::Loopback;
use freehold_proto::sync::EnrolRequest;
use freehold_proto::sync::enrolment_service_client::EnrolmentServiceClient;
use freehold_proto::v1::CreateEnrolmentTokenRequest;
use freehold_proto::v1::agent_service_client::AgentServiceClient;
use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tonic::transport::Channel;

use crate::agent::{Applied, SERVER, Session};

/// Agents that enrol over one connection: a stranger's lasts a minute.
const ENROL_TOGETHER: usize = 500;
/// Calls, or connections in the making, at once.
const AT_ONCE: usize = 64;
/// Applied bundles that wait to be looked at: more than any fleet here has agents.
const APPLIED: usize = 1 << 16;

/// Agents with identities that are not connected.
#[derive(Debug)]
pub(crate) struct Fleet {
    dials: Vec<Dial>,
}

/// Their open sessions; dropping this breaks them off.
#[derive(Debug)]
pub(crate) struct Connected {
    /// The connection of each, for other calls.
    pub(crate) channels: Vec<Channel>,
    /// What they applied.
    pub(crate) applied: mpsc::Receiver<Applied>,
    sessions: JoinSet<Result<()>>,
}

/// The id of the agent with this number.
pub(crate) fn agent_id(number: usize) -> String {
    format!("agent-{number:05}")
}

/// The name of its server.
pub(crate) fn server_name(number: usize) -> String {
    format!("servers/{}/{SERVER}", agent_id(number))
}

impl Fleet {
    /// Enrols so many agents with a running controller.
    pub(crate) async fn enrol(controller: &Loopback, count: usize) -> Result<Self> {
        let operator = AgentServiceClient::new(controller.channel().await?);
        let mut dials = Vec::with_capacity(count);
        let numbers: Vec<usize> = (0..count).collect();
        for together in numbers.chunks(ENROL_TOGETHER) {
            let tokens: Vec<EnrolmentToken> = stream::iter(together)
                .map(|number| token(operator.clone(), *number))
                .buffered(AT_ONCE)
                .try_collect()
                .await?;
            let root = tokens.first().context("chunks are not empty")?.root;
            let stranger =
                Dial::new(controller.address()?.to_string().parse()?, tls::pinned_client(root, tls::system_clock())?);
            let channel = stranger.channel(stranger.connect().await?).await?;
            let made: Vec<Dial> = stream::iter(&tokens)
                .map(|token| enrol(EnrolmentServiceClient::new(channel.clone()), token, &stranger))
                .buffered(AT_ONCE)
                .try_collect()
                .await?;
            dials.extend(made);
        }
        Ok(Self { dials })
    }

    /// Connects all of them, and returns when each was welcomed.
    pub(crate) async fn connect(&self) -> Result<Connected> {
        let (tell, applied) = mpsc::channel(APPLIED);
        let dial = |dial: &Dial| {
            let dial = dial.clone();
            async move { anyhow::Ok(dial.channel(dial.connect().await?).await?) }
        };
        let channels: Vec<Channel> = stream::iter(&self.dials).map(dial).buffered(AT_ONCE).try_collect().await?;
        let (mut sessions, mut welcomes) = (JoinSet::new(), Vec::new());
        for (number, channel) in channels.iter().enumerate() {
            let (up, welcomed) = oneshot::channel();
            sessions.spawn(Session::new(number, tell.clone()).run(channel.clone(), up));
            welcomes.push(welcomed);
        }
        let mut connected = Connected { channels, applied, sessions };
        for welcomed in welcomes {
            if welcomed.await.is_err() {
                connected.broken().await?;
            }
        }
        Ok(connected)
    }
}

impl Connected {
    /// Waits for a session to end, which none should, and says why it did.
    pub(crate) async fn broken(&mut self) -> Result<()> {
        self.sessions.join_next().await.context("no session is left")??
    }

    /// The next applied bundle; an error if a session breaks off before.
    pub(crate) async fn next_applied(&mut self) -> Result<Applied> {
        tokio::select! {
            applied = self.applied.recv() => applied.context("no session is left"),
            ended = self.sessions.join_next() => {
                ended.context("no session is left")???;
                anyhow::bail!("a session ended")
            }
        }
    }
}

async fn token(mut operator: AgentServiceClient<Channel>, number: usize) -> Result<EnrolmentToken> {
    let request = CreateEnrolmentTokenRequest { agent_id: agent_id(number), ..CreateEnrolmentTokenRequest::default() };
    Ok(operator.create_enrolment_token(request).await?.into_inner().token.parse()?)
}

/// Uses a token; how the new agent dials.
async fn enrol(mut client: EnrolmentServiceClient<Channel>, token: &EnrolmentToken, stranger: &Dial) -> Result<Dial> {
    let asked = KeyAndRequest::generate()?;
    let request = EnrolRequest {
        token_id: token.id.to_string(),
        token_secret: token.secret.as_bytes().to_vec(),
        csr_der: asked.request.to_vec(),
    };
    let answer = client.enrol(request).await?.into_inner();
    let certificates = |list: Vec<Vec<u8>>| list.into_iter().map(CertificateDer::from).collect::<Vec<_>>();
    let credentials = Credentials::new(asked.key, certificates(answer.chain_der))?;
    let roots = Roots::pinned(&token.root, &certificates(answer.roots_der))?;
    let domain = &credentials.leaf().trust_domain;
    let tls = tls::client(Some(&credentials), &roots, domain, tls::system_clock())?;
    Ok(Dial::new(stranger.endpoint().clone(), tls))
}
