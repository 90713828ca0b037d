//! Servers, agents, tokens and operators that may not.

use super::{Case, case};
use crate::world::{NOW, after, certificate, enrol, server, token, with_drift, word};
use freehold_core::access::Role;
use freehold_core::bundle::Digest;
use freehold_core::command::{Command, OperatorPatch, ServerPatch};
use freehold_core::model::{Applied, Management};
use freehold_core::{Reason, Revision, State};
use std::collections::BTreeMap;

/// Every line.
pub(super) fn cases() -> Vec<Case> {
    [servers(), agents(), operators()].into_iter().flatten().collect()
}

fn servers() -> Vec<Case> {
    let applied = Applied { revision: Revision(1), digest: Digest([0; 32]), at: NOW, took_ms: 1, barrier: None };
    vec![
        Case {
            prepare: with_drift,
            ..case(
                "a server managed where a scope meets a subnet of its own",
                Command::UpdateServer {
                    name: word("servers/a/kea4"),
                    etag: None,
                    patch: ServerPatch {
                        management: Some(Management::Managed),
                        description: None,
                        confirm_seconds: None,
                    },
                },
                Reason::ServedByServerItself,
                "server.management",
            )
        },
        case(
            "a confirmation that nobody could give in time",
            Command::UpdateServer {
                name: word("servers/a/kea4"),
                etag: None,
                patch: ServerPatch { confirm_seconds: Some(Some(9)), ..ServerPatch::default() },
            },
            Reason::InvalidValue,
            "server.confirm_seconds",
        ),
        case(
            "a server that serves, to delete it",
            Command::DeleteServer { name: word("servers/a/kea4"), etag: None },
            Reason::InUse,
            "name",
        ),
        case("a report of a revoked agent", server("servers/revoked/kea4", &[]), Reason::IdentityRevoked, "name"),
        case(
            "a proof of a revoked agent",
            Command::RecordApplied { server: word("servers/revoked/kea4"), applied },
            Reason::IdentityRevoked,
            "name",
        ),
        case(
            "a rejection of a revoked agent",
            Command::RecordRejected {
                server: word("servers/revoked/kea4"),
                rejections: BTreeMap::new(),
                error: "x".into(),
                bundle: None,
            },
            Reason::IdentityRevoked,
            "name",
        ),
    ]
}

fn agents() -> Vec<Case> {
    let next = || certificate("ff", 7, 86_400);
    let refused = |what, command| case(what, command, Reason::TokenRefused, "");
    let renew =
        |agent, shown: &str| Command::RenewAgent { name: word(agent), shown: shown.to_owned(), certificate: next() };
    let session = |agent, seen| Command::OpenSession { agent: word(agent), seen };
    vec![
        case("a token twice", token("fresh", "agents/new", 3600), Reason::AlreadyExists, "name"),
        case("a token that has ended", token("new", "agents/new", 0), Reason::InvalidValue, "ttl"),
        case("a token for too long", token("new", "agents/new", 7 * 86_400 + 1), Reason::InvalidValue, "ttl"),
        case("a token for a revoked agent", token("new", "agents/revoked", 3600), Reason::IdentityRevoked, "agent_id"),
        refused("an unknown token", enrol("none", 1, 9, next())),
        refused("a wrong secret", enrol("fresh", 2, 9, next())),
        refused("an expired token", enrol("expired", 1, 9, next())),
        refused("a burnt token and the right secret", enrol("burnt", 1, 9, next())),
        refused("a used token and another key", enrol("a", 1, 9, next())),
        refused("a token of a revoked agent", enrol("revoked-again", 1, 9, next())),
        refused("a token used by a revoked agent", enrol("revoked", 1, 9, certificate("ff", 4, 86_400))),
        Case {
            prepare: |state| {
                let state = after(state, &token("anew", "agents/a", 3600), NOW);
                after(state, &enrol("anew", 1, 9, certificate("a9", 9, 86_400)), NOW)
            },
            ..refused(
                "a used token and its key, which another token replaced",
                enrol("a", 1, 9, certificate("ff", 1, 86_400)),
            )
        },
        Case {
            prepare: |state| {
                let moved = |state: State, command: Command, seconds| after(state, &command, NOW.plus_seconds(seconds));
                let state = moved(state, token("slow", "agents/slow", 3600), -700);
                moved(state, enrol("slow", 1, 9, certificate("a9", 7, 86_400)), -601)
            },
            ..refused("a used token and its key, too late", enrol("slow", 1, 9, next()))
        },
        case("an identity that another agent has", enrol("fresh", 1, 1, next()), Reason::AlreadyExists, ""),
        case("a renewal of a revoked agent", renew("agents/revoked", "a4"), Reason::IdentityRevoked, "name"),
        case("a renewal of no agent", renew("agents/none", "a1"), Reason::AgentNotFound, "name"),
        case("a renewal by a certificate that is not its", renew("agents/a", "a2"), Reason::IdentityRevoked, ""),
        case("a renewal 200 days late", renew("agents/old", "a2"), Reason::CertificateExpired, ""),
        case("a fourth late renewal", renew("agents/late", "0c"), Reason::CertificateExpired, ""),
        case("a session of a revoked agent", session("agents/revoked", 0), Reason::IdentityRevoked, "name"),
        case("a fence that has none after it", session("agents/a", u64::MAX), Reason::AgentRefused, "max_fence_seen"),
        case(
            "an active agent, to delete it",
            Command::DeleteAgent { name: word("agents/a"), etag: None },
            Reason::InUse,
            "name",
        ),
        Case {
            prepare: |state| after(state, &Command::RevokeAgent { name: word("agents/a"), etag: None }, NOW),
            ..case(
                "a revoked agent whose servers serve, to delete it",
                Command::DeleteAgent { name: word("agents/a"), etag: None },
                Reason::InUse,
                "name",
            )
        },
    ]
}

fn operators() -> Vec<Case> {
    let change = |patch| Command::UpdateOperator { name: word("operators/alice"), etag: None, patch };
    vec![
        case(
            "an operator twice",
            Command::CreateOperator {
                name: word("operators/bob"),
                roles: [].into(),
                grants: [].into(),
                certificate: None,
            },
            Reason::AlreadyExists,
            "operator_id",
        ),
        case(
            "the last administrator without the role",
            change(OperatorPatch { roles: Some([Role::Viewer].into()), ..OperatorPatch::default() }),
            Reason::LastAdministrator,
            "operator",
        ),
        case(
            "the last administrator disabled",
            change(OperatorPatch { disabled: Some(true), ..OperatorPatch::default() }),
            Reason::LastAdministrator,
            "operator",
        ),
        case(
            "the last administrator, to delete it",
            Command::DeleteOperator { name: word("operators/alice"), etag: None },
            Reason::LastAdministrator,
            "",
        ),
    ]
}
