//! From an empty directory to a running controller, and again after a stop.

use crate::whole::{Answer, Running, answer_of, first_operator, plan};
use freehold_controller::init::{InitError, Plan, init};
use std::fs;
use std::path::Path;
use tonic::Code;

const CALLER: &str = "/freehold.v1.OperatorService/GetCaller";

/// What `GetCaller` answers to the first operator.
async fn caller(folder: &Path, running: &Running) -> Answer {
    let (credentials, roots) = first_operator(folder);
    answer_of(&running.channel(Some(&credentials), &roots).await, CALLER).await
}

#[tokio::test]
async fn a_new_controller_knows_its_operator_also_after_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    init(&plan(folder.path())).expect("made");
    for _ in 0..2 {
        let running = Running::start(folder.path()).await;
        let answer = caller(folder.path(), &running).await;
        assert_eq!(answer.0, Code::Ok, "{answer:?}");
        running.stop().await;
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
    let running = Running::start(folder.path()).await;
    let answer = caller(folder.path(), &running).await;
    assert_eq!(answer.0, Code::Ok, "{answer:?}");
    running.stop().await;
}
