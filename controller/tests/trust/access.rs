//! Who may call what.

use super::house::*;
use freehold_certs::authority::Authority;
use freehold_certs::tls;
use freehold_core::Command;
use freehold_core::access::Role;
use freehold_core::command::OperatorPatch;
use freehold_core::name::{AgentName, OperatorName};
use std::time::{Duration, SystemTime};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tonic::Code;

const HOUR: Duration = Duration::from_secs(60 * 60);
const HEALTH: &str = "/grpc.health.v1.Health/Check";
const REFLECTION: &str = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";

#[tokio::test]
async fn without_a_certificate_only_what_anybody_may_call_is_open() {
    let house = House::open().await;
    let channel = house.channel(None).await;
    let required = refused(Code::Unauthenticated, "CERTIFICATE_REQUIRED");
    for path in [READ, WRITE, RENEW, REFLECTION, "/freehold.v1.OperatorService/GetCaller"] {
        assert_eq!(call(&channel, path).await, required, "{path}");
    }
    assert_eq!(call(&channel, HEALTH).await.0, Code::Ok);
    let enrol = call(&channel, "/freehold.sync.v1.EnrolmentService/Enrol").await;
    assert_eq!(enrol, refused(Code::InvalidArgument, "INVALID_CERTIFICATE_REQUEST"));
}

#[tokio::test]
async fn an_operator_may_what_its_roles_hold() {
    let house = House::open().await;
    let admin = house.operator("admin", Role::IpamAdministrator, HOUR).await;
    let viewer = house.operator("vera", Role::Viewer, HOUR).await;
    let auditor = house.operator("otto", Role::Auditor, HOUR).await;
    let denied = refused(Code::PermissionDenied, "PERMISSION_DENIED");
    assert_eq!(house.call(Some(&admin), READ).await, reached("operators/admin"));
    assert_eq!(house.call(Some(&admin), WRITE).await, reached("operators/admin"));
    assert_eq!(house.call(Some(&viewer), READ).await, reached("operators/vera"));
    assert_eq!(house.call(Some(&viewer), WRITE).await, denied);
    assert_eq!(house.call(Some(&auditor), READ).await, denied);
    assert_eq!(house.call(Some(&admin), RENEW).await, denied);
    // It is let through to where no service stands in this test.
    assert_eq!(house.call(Some(&auditor), REFLECTION).await, refused(Code::Unimplemented, ""));
    assert_eq!(
        house.call(Some(&auditor), "/freehold.v1.OperatorService/GetCaller").await,
        refused(Code::Unimplemented, "")
    );
}

#[tokio::test]
async fn an_agent_may_only_what_agents_may() {
    let house = House::open().await;
    let agent = house.agent("berlin-1", SystemTime::now()).await;
    let denied = refused(Code::PermissionDenied, "PERMISSION_DENIED");
    assert_eq!(house.call(Some(&agent), READ).await, denied);
    assert_eq!(house.call(Some(&agent), "/freehold.v1.OperatorService/GetCaller").await, denied);
    let renew = house.call(Some(&agent), RENEW).await;
    assert_eq!(renew, refused(Code::InvalidArgument, "INVALID_CERTIFICATE_REQUEST"));
}

#[tokio::test]
async fn what_does_not_exist_is_unimplemented_whoever_asks() {
    let house = House::open().await;
    let admin = house.operator("admin", Role::IpamAdministrator, HOUR).await;
    for caller in [None, Some(&admin)] {
        let channel = house.channel(caller).await;
        for path in [
            "/freehold.v1.SpaceService/DropEverything",
            "/freehold.v1.SpaceService/ListSpaces/",
            "/freehold.v1.SpaceService//ListSpaces",
            "//freehold.v1.SpaceService/ListSpaces",
            "/freehold.v1.SpaceService/listspaces",
            "/freehold.v1.SpaceService/%4cistSpaces",
            "/",
        ] {
            let (code, message) = call(&channel, path).await;
            assert_eq!(
                (code, message.starts_with("there is no method /")),
                (Code::Unimplemented, true),
                "{path}: {message}"
            );
        }
    }
}

#[tokio::test]
async fn a_certificate_that_is_not_on_the_list_is_nobodys() {
    let house = House::open().await;
    let admin = house.operator("admin", Role::IpamAdministrator, HOUR).await;
    let (key, requested) = key();
    let name = "admin".parse().expect("a name");
    let issued = house.context.authority.issue_operator(&requested, name, HOUR, SystemTime::now()).expect("issued");
    let unlisted = credentials(key, issued);
    let revoked = refused(Code::Unauthenticated, "IDENTITY_REVOKED");
    assert_eq!(house.call(Some(&unlisted), READ).await, revoked);
    assert_eq!(house.call(Some(&admin), READ).await, reached("operators/admin"));
}

#[tokio::test]
async fn the_disabled_and_the_revoked_are_refused_on_new_connections_too() {
    let house = House::open().await;
    house.operator("admin", Role::IpamAdministrator, HOUR).await;
    let vera = house.operator("vera", Role::Viewer, HOUR).await;
    let agent = house.agent("berlin-1", SystemTime::now()).await;
    let disabled = OperatorPatch { disabled: Some(true), ..OperatorPatch::default() };
    let name = OperatorName::from_id("vera").expect("a name");
    house.commit(Command::UpdateOperator { name: name.clone(), etag: None, patch: disabled }).await;
    house.commit(Command::RevokeAgent { name: AgentName::from_id("berlin-1").expect("a name"), etag: None }).await;
    let revoked = refused(Code::Unauthenticated, "IDENTITY_REVOKED");
    assert_eq!(house.call(Some(&vera), READ).await, revoked);
    assert_eq!(house.call(Some(&agent), RENEW).await, revoked);
    assert_eq!(house.call(Some(&agent), REFLECTION).await, revoked);
    house.commit(Command::DeleteOperator { name, etag: None }).await;
    assert_eq!(house.call(Some(&vera), READ).await, revoked);
}

#[tokio::test]
async fn a_certificate_counts_only_until_its_end_by_the_controllers_clock() {
    let house = House::open().await;
    let agent = house.agent("berlin-1", SystemTime::now()).await;
    let channel = house.channel(Some(&agent)).await;
    assert_eq!(call(&channel, RENEW).await.0, Code::InvalidArgument);
    house.set_ahead(30 * DAY + HOUR);
    assert_eq!(call(&channel, RENEW).await, refused(Code::Unauthenticated, "CERTIFICATE_EXPIRED"));
}

/// What a caller sees whose handshake the server breaks off after the client is done with it.
async fn is_shut_out(house: &House, caller: &Identified) {
    let before = house.context.engine.state().revision();
    let authority = &house.context.authority;
    let config = tls::client(Some(caller), &authority.roots(), authority.trust_domain(), tls::system_clock());
    let dial = freehold_certs::dial::Dial::new(house.context.endpoint.clone(), config.expect("TLS settings"));
    let connection = dial.connect().await.expect("the client's half of the handshake");
    let status = match dial.channel(connection).await {
        Ok(channel) => call(&channel, READ).await,
        Err(_) => refused(Code::Unavailable, ""),
    };
    let broken = [Code::Unavailable, Code::Unknown, Code::Cancelled, Code::Internal];
    assert!(broken.contains(&status.0), "{status:?}");
    assert_eq!(house.context.engine.state().revision(), before, "nothing is on record of a call that never was");
}

#[tokio::test]
async fn a_foreign_authority_and_a_certificate_that_is_over_do_not_pass_the_handshake() {
    let house = House::open().await;
    let admin = house.operator("admin", Role::IpamAdministrator, HOUR).await;

    let folder = tempfile::tempdir().expect("a folder");
    let foreign =
        Authority::create(&folder.path().join("ca"), "example.test".parse().expect("a name"), SystemTime::now());
    let (key_of_foreign, requested) = key();
    let issued = foreign.expect("an authority").issue_operator(
        &requested,
        "admin".parse().expect("a name"),
        HOUR,
        SystemTime::now(),
    );
    is_shut_out(&house, &credentials(key_of_foreign, issued.expect("issued"))).await;

    let over = house.agent("berlin-1", SystemTime::now() - 31 * DAY).await;
    is_shut_out(&house, &over).await;

    assert_eq!(house.call(Some(&admin), READ).await, reached("operators/admin"));
}

#[tokio::test]
async fn tls_1_2_is_refused_with_an_alert() {
    let house = House::open().await;
    // A ClientHello of TLS 1.2 (RFC 5246, section 7.4.1.2): one suite, signature_algorithms, no supported_versions.
    let mut hello = vec![0x03, 0x03];
    hello.extend([7; 32]);
    hello.extend([0, 0, 2, 0xc0, 0x2b, 1, 0, 0, 8, 0, 13, 0, 4, 0, 2, 4, 3]);
    let length = u8::try_from(hello.len()).expect("short");
    let mut record = vec![22, 3, 1, 0, length + 4, 1, 0, 0, length];
    record.extend(hello);
    let mut tcp = TcpStream::connect(house.address).await.expect("connected");
    tcp.write_all(&record).await.expect("sent");
    let mut answer = Vec::new();
    tcp.read_to_end(&mut answer).await.expect("closed");
    // alert(21), fatal(2), protocol_version(70)
    assert_eq!((answer[0], &answer[5..]), (21, &[2, 70][..]));
}

#[tokio::test]
async fn refused_attempts_are_on_record_and_a_flood_of_them_is_not() {
    let house = House::open().await;
    let viewer = house.operator("vera", Role::Viewer, HOUR).await;
    let channel = house.channel(Some(&viewer)).await;
    for _ in 0..40 {
        assert_eq!(call(&channel, WRITE).await.0, Code::PermissionDenied);
    }
    let stranger = house.channel(None).await;
    for _ in 0..40 {
        assert_eq!(call(&stranger, READ).await.0, Code::Unauthenticated);
    }
    let entry = |who: &str, path: &str, reason: &str| (who.to_owned(), path.to_owned(), reason.to_owned());
    let mut expected = vec![entry("operators/vera", WRITE, "PERMISSION_DENIED"); 10];
    expected.extend(vec![entry("", READ, "CERTIFICATE_REQUIRED"); 10]);
    assert_eq!(house.denials().await, expected);
    let recorded = house.entries().await.into_iter().find(|entry| entry.method == WRITE).expect("on record");
    assert_eq!(recorded.actor.certificate_serial, viewer.leaf().serial.to_string());
}

#[tokio::test]
async fn browsers_are_spoken_to_in_their_language_where_they_call() {
    let house = House::open().await;
    for (path, content) in [(READ, "application/grpc-web+proto"), (RENEW, "application/grpc")] {
        let authority = &house.context.authority;
        let mut config =
            tls::client(None, &authority.roots(), authority.trust_domain(), tls::system_clock()).expect("TLS settings");
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let dial = freehold_certs::dial::Dial::new(house.context.endpoint.clone(), config);
        let mut tls = dial.connect().await.expect("connected");
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/grpc-web+proto\r\ncontent-length: 5\r\nconnection: close\r\n\r\n"
        );
        tls.write_all(head.as_bytes()).await.expect("sent");
        tls.write_all(&[0; 5]).await.expect("sent");
        let mut text = Vec::new();
        tls.read_to_end(&mut text).await.expect("answered");
        let text = String::from_utf8_lossy(&text);
        assert!(text.contains(&format!("content-type: {content}\r\n")), "{text}");
        assert!(text.contains("grpc-status: 16"), "{text}");
    }
}
