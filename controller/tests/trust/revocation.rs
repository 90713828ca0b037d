//! What is open ends when its caller is cut off, and when the controller stops.

use super::house::*;
use freehold_certs::CertificateDer;
use freehold_core::Command;
use freehold_core::access::Role;
use freehold_core::command::OperatorPatch;
use freehold_core::name::{AgentName, OperatorName};
use std::time::{Duration, Instant, SystemTime};
use tokio::time::timeout;
use tonic::transport::Channel;
use tonic::{Code, Streaming};
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

const HOUR: Duration = Duration::from_secs(60 * 60);
const SECOND: Duration = Duration::from_secs(1);

/// A stream that stays open as long as it is let.
async fn stream(channel: &Channel) -> Streaming<HealthCheckResponse> {
    let mut client = HealthClient::new(channel.clone());
    let mut stream = client.watch(HealthCheckRequest::default()).await.expect("opened").into_inner();
    assert!(stream.message().await.expect("open").is_some());
    stream
}

/// How the stream ends, within this time.
async fn end(mut stream: Streaming<HealthCheckResponse>, limit: Duration) -> Answer {
    let ended = timeout(limit, stream.message()).await.expect("ended in time");
    answer(&ended.expect_err("ended with a status"))
}

#[tokio::test]
async fn a_revoked_agents_streams_end_within_a_second_and_it_stays_out() {
    let house = House::open().await;
    let (agent, other) =
        (house.agent("berlin-1", SystemTime::now()).await, house.agent("berlin-2", SystemTime::now()).await);
    let (channel, others) = (house.channel(Some(&agent)).await, house.channel(Some(&other)).await);
    let (open, untouched) = (stream(&channel).await, stream(&others).await);

    let begun = Instant::now();
    let name = AgentName::from_id("berlin-1").expect("a name");
    house.commit(Command::RevokeAgent { name, etag: None }).await;
    let revoked = refused(Code::Unauthenticated, "IDENTITY_REVOKED");
    assert_eq!(end(open, SECOND).await, revoked);
    assert!(begun.elapsed() < SECOND);

    let (kept, _) = call(&channel, RENEW).await;
    assert!([Code::Unauthenticated, Code::Unavailable, Code::Unknown, Code::Cancelled].contains(&kept), "{kept:?}");
    assert_eq!(house.call(Some(&agent), RENEW).await, revoked);
    assert_eq!(call(&others, RENEW).await.0, Code::InvalidArgument);
    drop(untouched);
}

#[tokio::test]
async fn a_disabled_or_delisted_operators_streams_end() {
    let house = House::open().await;
    house.operator("admin", Role::IpamAdministrator, HOUR).await;
    let revoked = refused(Code::Unauthenticated, "IDENTITY_REVOKED");
    for id in ["disabled", "delisted", "deleted"] {
        let operator = house.operator(id, Role::Viewer, HOUR).await;
        let open = stream(&house.channel(Some(&operator)).await).await;
        let name = OperatorName::from_id(id).expect("a name");
        let command = match id {
            "disabled" => {
                let patch = OperatorPatch { disabled: Some(true), ..OperatorPatch::default() };
                Command::UpdateOperator { name, etag: None, patch }
            }
            "delisted" => Command::RevokeOperatorCertificate { name, serial: operator.leaf().serial.to_string() },
            _ => Command::DeleteOperator { name, etag: None },
        };
        house.commit(command).await;
        assert_eq!(end(open, SECOND).await, revoked, "{id}");
    }
}

#[tokio::test]
async fn another_role_cuts_nobody_off() {
    let house = House::open().await;
    house.operator("admin", Role::IpamAdministrator, HOUR).await;
    let vera = house.operator("vera", Role::Viewer, HOUR).await;
    let channel = house.channel(Some(&vera)).await;
    let mut open = stream(&channel).await;
    let patch = OperatorPatch { roles: Some([Role::Auditor].into()), ..OperatorPatch::default() };
    let name = OperatorName::from_id("vera").expect("a name");
    house.commit(Command::UpdateOperator { name, etag: None, patch }).await;
    assert_eq!(call(&channel, READ).await, refused(Code::PermissionDenied, "PERMISSION_DENIED"));
    assert!(timeout(Duration::from_millis(300), open.message()).await.is_err(), "still open");
}

#[tokio::test]
async fn a_stream_ends_with_its_certificate() {
    let house = House::open().await;
    let operator = house.operator("admin", Role::IpamAdministrator, 2 * SECOND).await;
    let open = stream(&house.channel(Some(&operator)).await).await;
    assert_eq!(end(open, 4 * SECOND).await, refused(Code::Unauthenticated, "CERTIFICATE_EXPIRED"));
}

#[tokio::test]
async fn streams_end_when_the_controller_stops_and_nothing_is_left() {
    let house = House::open().await;
    let agent = house.agent("berlin-1", SystemTime::now()).await;
    let open = stream(&house.channel(Some(&agent)).await).await;
    house.stop.cancel();
    assert_eq!(end(open, SECOND).await.0, Code::Unavailable);
    timeout(5 * SECOND, house.serving).await.expect("stopped in time").expect("without a panic");
    assert!(tokio::net::TcpStream::connect(house.address).await.is_err());
}

/// The certificate that the controller shows to a new connection.
async fn shown(house: &House) -> CertificateDer<'static> {
    let (_, connection) = house.dial(None).await;
    connection.get_ref().1.peer_certificates().expect("shown")[0].clone().into_owned()
}

#[tokio::test]
async fn the_controllers_certificate_renews_itself_and_cuts_nobody_off() {
    let house = House::open().await;
    let agent = house.agent("berlin-1", SystemTime::now()).await;
    let channel = house.channel(Some(&agent)).await;
    let (open, before) = (stream(&channel).await, shown(&house).await);

    let (_, old) = house.certificate.issue(SystemTime::now() - 40 * DAY).expect("issued");
    let keeping = house.certificate.keep(house.tls.clone(), old, house.stop.clone());
    let renewed = async { while shown(&house).await == before {} };
    timeout(5 * SECOND, async {
        tokio::select! { () = keeping => (), () = renewed => () }
    })
    .await
    .expect("renewed");
    assert_eq!(call(&channel, RENEW).await.0, Code::InvalidArgument);
    drop(open);
}
