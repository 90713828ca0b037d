//! A whole controller in a folder: founded, started, stopped, started again; and calls to it.

use freehold_certs::credentials::{Credentials, Roots};
use freehold_certs::dial::Dial;
use freehold_certs::folder::IdentityFolder;
use freehold_certs::tls;
use freehold_controller::config::{Overrides, Settings};
use freehold_controller::init::Plan;
use freehold_controller::run::run;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;

/// How long any one answer may take.
const LIMIT: Duration = Duration::from_secs(20);

/// What came of a call: its code, and its reason or else its message.
pub(crate) type Answer = (Code, String);

/// A controller for the data in `folder/data`, whose first operator's identity is in `folder/admin`.
pub(crate) fn plan(folder: &Path) -> Plan {
    Plan {
        data: folder.join("data"),
        trust_domain: "example.test".to_owned(),
        names: vec!["localhost".to_owned()],
        endpoint: None,
        operator: "admin".to_owned(),
        identity_out: folder.join("admin"),
    }
}

/// A controller that serves.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    stop: CancellationToken,
    ended: JoinHandle<()>,
}

impl Running {
    /// Starts the controller of a folder.
    pub(crate) async fn start(folder: &Path) -> Self {
        let overrides = Overrides { listen: Some("127.0.0.1:0".to_owned()), ..Overrides::default() };
        let settings = Settings::load(&folder.join("data"), &overrides).expect("settings");
        let stop = CancellationToken::new();
        let (tell, address) = oneshot::channel();
        let ended = tokio::spawn({
            let stop = stop.clone();
            async move {
                run(settings, stop, |address| tell.send(address).expect("awaited")).await.expect("a clean end");
            }
        });
        Self { address: address.await.expect("serving"), stop, ended }
    }

    /// Stops it, and waits until it has ended.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        timeout(LIMIT, self.ended).await.expect("ended in time").expect("joined");
    }

    /// A channel of this caller, or of nobody.
    pub(crate) async fn channel(&self, caller: Option<&Credentials>, roots: &Roots) -> Channel {
        let trust_domain = "example.test".parse().expect("a trust domain");
        let config = tls::client(caller, roots, &trust_domain, tls::system_clock()).expect("TLS settings");
        let dial = Dial::new(self.address.to_string().parse().expect("an endpoint"), config);
        dial.channel(dial.connect().await.expect("connected")).await.expect("a channel")
    }
}

/// The first operator of a folder's controller, and whom it trusts.
pub(crate) fn first_operator(folder: &Path) -> (Credentials, Roots) {
    let identity = IdentityFolder::open(&folder.join("admin")).expect("the folder");
    let credentials = identity.credentials().expect("readable").expect("there");
    (credentials, identity.roots().expect("readable").expect("there"))
}

/// Calls any method with these bytes as its one message. Of what it answers only the first message is awaited, and given as bytes.
pub(crate) async fn call(channel: &Channel, path: &'static str, message: Vec<u8>) -> Result<Vec<u8>, Status> {
    let answered = async {
        let mut client = tonic::client::Grpc::new(channel.clone());
        client.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
        let answers = client.server_streaming(Request::new(message), PathAndQuery::from_static(path), Bytes).await?;
        answers.into_inner().message().await.map(Option::unwrap_or_default)
    };
    timeout(LIMIT, answered).await.unwrap_or_else(|_| panic!("{path} did not answer within {LIMIT:?}"))
}

/// What came of a call with an empty message.
pub(crate) async fn answer_of(channel: &Channel, path: &'static str) -> Answer {
    match call(channel, path, Vec::new()).await {
        Ok(_) => (Code::Ok, String::new()),
        Err(status) => answer(&status),
    }
}

/// A status' code, and its reason or else its message.
pub(crate) fn answer(status: &Status) -> Answer {
    let reason = status.get_details_error_info().map(|info| info.reason);
    (status.code(), reason.unwrap_or_else(|| status.message().to_owned()))
}

pub(crate) fn refused(code: Code, reason: &str) -> Answer {
    (code, reason.to_owned())
}

/// Messages as the bytes they are.
struct Bytes;

impl Codec for Bytes {
    type Encode = Vec<u8>;
    type Decode = Vec<u8>;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Bytes {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, message: Vec<u8>, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        prost::bytes::BufMut::put_slice(to, &message);
        Ok(())
    }
}

impl Decoder for Bytes {
    type Item = Vec<u8>;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Vec<u8>>, Status> {
        let mut message = vec![0; prost::bytes::Buf::remaining(from)];
        prost::bytes::Buf::copy_to_slice(from, &mut message);
        Ok(Some(message))
    }
}
