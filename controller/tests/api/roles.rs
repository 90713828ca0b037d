//! Every method, called by everybody there is: each built-in role, an agent, and nobody.
//!
//! The methods are those that the .proto files declare, and each is called with an empty message, so a method that is
//! added is covered from then on. It counts as allowed if it answers anything but a refusal for want of a right.

use crate::house::House;
use crate::whole::{Answer, answer_of, refused};
use freehold_core::access::Role;
use freehold_proto::access::{Caller, METHODS};
use tonic::Code;
use tonic::transport::Channel;

/// Who calls.
#[derive(Debug, Clone, Copy)]
enum Who {
    Nobody,
    Agent,
    Operator(Role),
}

/// What a caller must be told; `None` if it may call.
fn refusal(who: Who, declared: Caller) -> Option<Answer> {
    let may = match (declared, who) {
        (Caller::Anyone, _) | (Caller::Agent, Who::Agent) | (Caller::AnyOperator, Who::Operator(_)) => true,
        (Caller::With(permission), Who::Operator(role)) => role.holds(permission),
        _ => false,
    };
    let told = match who {
        Who::Nobody => refused(Code::Unauthenticated, "CERTIFICATE_REQUIRED"),
        Who::Agent | Who::Operator(_) => refused(Code::PermissionDenied, "PERMISSION_DENIED"),
    };
    (!may).then_some(told)
}

/// Whether an answer is one that only who may call is given.
fn is_let_through((code, reason): &Answer) -> bool {
    let barred = ["CERTIFICATE_REQUIRED", "CERTIFICATE_EXPIRED", "IDENTITY_REVOKED", "PERMISSION_DENIED"];
    *code != Code::Unimplemented && *code != Code::Unauthenticated && !barred.contains(&reason.as_str())
}

#[tokio::test]
async fn every_method_is_open_to_exactly_those_whom_it_declares() {
    let house = House::furnished().await;
    let mut callers: Vec<(Who, Channel)> = vec![(Who::Nobody, house.channel(None).await)];
    let agent = house.agent("berlin-1").await;
    callers.push((Who::Agent, house.channel(Some(&agent)).await));
    for role in Role::ALL {
        let operator = house.operator(role.id(), *role).await;
        callers.push((Who::Operator(*role), house.channel(Some(&operator)).await));
    }
    let mut wrong = Vec::new();
    for (who, channel) in &callers {
        for (path, declared) in METHODS {
            let answer = answer_of(channel, path).await;
            let right = match refusal(*who, *declared) {
                Some(told) => answer == told,
                None => is_let_through(&answer),
            };
            if !right {
                wrong.push(format!("{who:?} {path} ({declared:?}): {answer:?}"));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    assert!(METHODS.len() > 40, "the table has {} methods", METHODS.len());
}
