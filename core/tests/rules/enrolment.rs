//! Tokens, certificates and fences of agents.

use crate::world::{NOW, after, certificate, enrol, state, token, word};
use freehold_core::command::Command;
use freehold_core::model::{Agent, AgentState, EnrolmentToken, SecretHash};
use freehold_core::{Reason, State, Timestamp, decide};
use std::sync::Arc;

fn agent(state: &State, name: &str) -> Arc<Agent> {
    state.agent(&word(name)).cloned().expect("the agent")
}

fn certificates(state: &State, name: &str) -> Vec<String> {
    agent(state, name).certificates.iter().map(|certificate| certificate.serial.clone()).collect()
}

fn renew(name: &str, shown: &str, serial: &str, key: u8) -> Command {
    Command::RenewAgent { name: word(name), shown: shown.to_owned(), certificate: certificate(serial, key, 86_400) }
}

fn refused(state: &State, command: &Command, now: Timestamp) -> Option<Reason> {
    decide(state, command, now).err().map(|refusal| refusal.reason)
}

#[test]
fn a_token_makes_its_agent_and_is_used_up() {
    let state = after(state(), &enrol("fresh", 1, 9, certificate("f1", 8, 86_400)), NOW);
    let made = agent(&state, "agents/new");
    assert_eq!((made.id, made.state, made.fence), ([9; 16], AgentState::Active, 0));
    assert_eq!(certificates(&state, "agents/new"), ["f1"]);
    let other_key = enrol("fresh", 1, 9, certificate("f2", 7, 86_400));
    assert_eq!(refused(&state, &other_key, NOW), Some(Reason::TokenRefused));
}

#[test]
fn a_lost_answer_is_given_again_to_the_same_key_for_ten_minutes() {
    let state = after(state(), &enrol("fresh", 1, 9, certificate("f1", 8, 86_400)), NOW);
    let again = enrol("fresh", 1, 10, certificate("f2", 8, 86_400));
    let repeated = after(state.clone(), &again, NOW.plus_seconds(EnrolmentToken::REPEAT_SECONDS - 1));
    assert_eq!(agent(&repeated, "agents/new").id, [9; 16]);
    assert_eq!(certificates(&repeated, "agents/new"), ["f2"]);
    let late = NOW.plus_seconds(EnrolmentToken::REPEAT_SECONDS);
    assert_eq!(refused(&state, &again, late), Some(Reason::TokenRefused));
}

#[test]
fn an_agent_that_lost_its_disk_keeps_its_identity_and_none_of_its_keys() {
    let state = after(state(), &token("anew", "agents/late", 3600), NOW);
    let state = after(state, &enrol("anew", 1, 9, certificate("f1", 8, 86_400)), NOW);
    assert_eq!((agent(&state, "agents/late").id, agent(&state, "agents/late").late_renewals), ([3; 16], 0));
    assert_eq!(certificates(&state, "agents/late"), ["f1"]);
}

#[test]
fn the_fifth_wrong_secret_burns_a_token_and_no_other_is_counted() {
    let wrong =
        |secret| Command::CountWrongSecret { token: word("enrolmentTokens/fresh"), secret: SecretHash([secret; 32]) };
    let mut state = after(state(), &wrong(1), NOW);
    let counted = |state: &State| state.token(&word("enrolmentTokens/fresh")).map(|token| token.wrong_secrets);
    assert_eq!(counted(&state), Some(0), "the right secret");
    for n in 1..=7u32 {
        let use_it = enrol("fresh", 1, 9, certificate("f1", 8, 86_400));
        assert_eq!(decide(&state, &use_it, NOW).is_ok(), n <= 5, "before wrong secret {n}");
        state = after(state, &wrong(2), NOW);
        assert_eq!(counted(&state), Some(n.min(5)));
    }
    let unknown = Command::CountWrongSecret { token: word("enrolmentTokens/none"), secret: SecretHash([2; 32]) };
    assert_eq!(decide(&state, &unknown, NOW), Ok(Vec::new()));
    assert_eq!(decide(&state, &wrong(2), NOW.plus_seconds(3600)), Ok(Vec::new()));
}

/// Answers get lost: whatever the agent got hold of is good for another try.
#[test]
fn a_renewal_keeps_the_certificate_that_was_shown() {
    let once = after(state(), &renew("agents/a", "a1", "f1", 11), NOW);
    assert_eq!(certificates(&once, "agents/a"), ["a1", "f1"]);
    let lost = after(once.clone(), &renew("agents/a", "a1", "f2", 12), NOW);
    assert_eq!(certificates(&lost, "agents/a"), ["a1", "f2"]);
    let got = after(once, &renew("agents/a", "f1", "f3", 13), NOW);
    assert_eq!(certificates(&got, "agents/a"), ["f1", "f3"]);
    assert_eq!(refused(&got, &renew("agents/a", "a1", "f4", 14), NOW), Some(Reason::IdentityRevoked));
}

#[test]
fn a_late_renewal_is_counted_once_however_often_its_answer_is_lost() {
    // The certificate a1 of agents/a ends 30 days after NOW.
    let at = |days: i64| NOW.plus_seconds(days * 86_400);
    let late = |state: &State| agent(state, "agents/a").late_renewals;
    let early = after(state(), &renew("agents/a", "a1", "f1", 11), at(29));
    assert_eq!(late(&early), 0);
    let once = after(state(), &renew("agents/a", "a1", "f1", 11), at(30));
    assert_eq!(late(&once), 1);
    let again = after(once.clone(), &renew("agents/a", "a1", "f2", 11), at(31));
    assert_eq!((late(&again), certificates(&again, "agents/a")), (1, vec!["a1".to_owned(), "f2".to_owned()]));
    let anew = after(once, &renew("agents/a", "a1", "f2", 12), at(31));
    assert_eq!(late(&anew), 2);
    assert_eq!(refused(&state(), &renew("agents/a", "a1", "f1", 11), at(210)), None);
    assert_eq!(refused(&state(), &renew("agents/a", "a1", "f1", 11), at(211)), Some(Reason::CertificateExpired));
}

#[test]
fn a_fence_is_higher_than_any_given_or_seen() {
    let session = |seen| Command::OpenSession { agent: word("agents/a"), seen };
    let mut state = state();
    for (seen, fence) in [(0, 1), (0, 2), (40, 41), (7, 42), (u64::MAX - 1, u64::MAX)] {
        state = after(state, &session(seen), NOW);
        assert_eq!(agent(&state, "agents/a").fence, fence);
    }
    assert_eq!(refused(&state, &session(0), NOW), Some(Reason::AgentRefused));
}

#[test]
fn a_deleted_agent_takes_its_servers_and_tokens_along() {
    let state = after(state(), &Command::DeleteAgent { name: word("agents/revoked"), etag: None }, NOW);
    assert_eq!(state.servers_of(&word("agents/revoked")).count(), 0);
    assert_eq!(state.tokens().values().filter(|token| token.agent == word("agents/revoked")).count(), 0);
    assert_eq!(
        refused(&state, &enrol("revoked-again", 1, 9, certificate("f1", 8, 86_400)), NOW),
        Some(Reason::TokenRefused)
    );
}

#[test]
fn secrets_are_not_printed() {
    let token = state().token(&word("enrolmentTokens/fresh")).cloned().expect("the token");
    assert!(!format!("{token:?}").contains("1, 1"), "{token:?}");
}
