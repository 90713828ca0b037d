//! From an empty directory to a running controller, and again after a stop.

use super::house::{Answer, call, refused};
use freehold_certs::dial::Dial;
use freehold_certs::folder::IdentityFolder;
use freehold_certs::tls;
use freehold_controller::config::{Overrides, Settings};
use freehold_controller::init::{InitError, Plan, init};
use freehold_controller::run::run;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::Code;

const CALLER: &str = "/freehold.v1.OperatorService/GetCaller";

fn plan(folder: &Path) -> Plan {
    Plan {
        data: folder.join("data"),
        trust_domain: "example.test".to_owned(),
        names: vec!["localhost".to_owned()],
        endpoint: None,
        operator: "admin".to_owned(),
        identity_out: folder.join("admin"),
    }
}

struct Running {
    address: SocketAddr,
    stop: CancellationToken,
    ended: JoinHandle<()>,
}

async fn start(folder: &Path) -> Running {
    let overrides = Overrides { listen: Some("127.0.0.1:0".to_owned()), ..Overrides::default() };
    let settings = Settings::load(&folder.join("data"), &overrides).expect("settings");
    let stop = CancellationToken::new();
    let (tell, address) = oneshot::channel();
    let ended = tokio::spawn({
        let stop = stop.clone();
        async move { run(settings, stop, |address| tell.send(address).expect("awaited")).await.expect("a clean end") }
    });
    Running { address: address.await.expect("serving"), stop, ended }
}

/// What `GetCaller` answers to the identity in the folder.
async fn caller(folder: &Path, address: SocketAddr) -> Answer {
    let identity = IdentityFolder::open(&folder.join("admin")).expect("the folder");
    let credentials = identity.credentials().expect("readable").expect("there");
    let roots = identity.roots().expect("readable").expect("there");
    let trust_domain = &credentials.leaf().trust_domain;
    let config = tls::client(Some(&credentials), &roots, trust_domain, tls::system_clock()).expect("TLS settings");
    let dial = Dial::new(address.to_string().parse().expect("an endpoint"), config);
    let channel = dial.channel(dial.connect().await.expect("connected")).await.expect("a channel");
    call(&channel, CALLER).await
}

fn is_known(answer: &Answer) -> bool {
    // Past the authorisation: answered, or no service stands there.
    *answer == refused(Code::Unimplemented, "") || answer.0 == Code::Ok
}

#[tokio::test]
async fn a_new_controller_knows_its_operator_also_after_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    init(&plan(folder.path())).expect("made");
    for _ in 0..2 {
        let running = start(folder.path()).await;
        let answer = caller(folder.path(), running.address).await;
        assert!(is_known(&answer), "{answer:?}");
        running.stop.cancel();
        running.ended.await.expect("joined");
    }
}

#[test]
fn a_controller_is_never_made_over_another() {
    let folder = tempfile::tempdir().expect("a folder");
    let plan = plan(folder.path());
    init(&plan).expect("made");
    let before = fs::read(plan.identity_out.join("identity.pem")).expect("readable");
    assert!(matches!(init(&plan), Err(InitError::Exists(_))));
    let other = Plan { data: folder.path().join("other"), ..plan.clone() };
    assert!(matches!(init(&other), Err(InitError::OtherIdentity(_))));
    assert_eq!(fs::read(plan.identity_out.join("identity.pem")).expect("readable"), before);
}

#[tokio::test]
async fn what_a_crash_left_is_taken_up_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let plan = plan(folder.path());
    init(&plan).expect("made");
    // The crash came before the ledger had its first frame, the last thing that is made.
    fs::remove_dir_all(plan.data.join("ledger")).expect("removed");
    let otherwise = Plan { trust_domain: "other.test".to_owned(), ..plan.clone() };
    assert!(matches!(init(&otherwise), Err(InitError::OtherTrustDomain { .. })));
    init(&plan).expect("made on the second try");
    let running = start(folder.path()).await;
    let answer = caller(folder.path(), running.address).await;
    assert!(is_known(&answer), "{answer:?}");
    running.stop.cancel();
    running.ended.await.expect("joined");
}
