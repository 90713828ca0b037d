//! Commands that name what is not there, or read it too long ago.

use super::{Case, case};
use crate::world::{hall, prefix, reservation, scope, server, word};
use freehold_core::command::{
    Command, OperatorPatch, PrefixPatch, ReservationPatch, ScopePatch, ServerPatch, SpacePatch,
};
use freehold_core::model::PrefixKind;
use freehold_core::{Reason, Revision};
use std::collections::BTreeMap;

/// Every line.
pub(super) fn cases() -> Vec<Case> {
    [etags(), absent()].into_iter().flatten().collect()
}

const STALE: Option<Revision> = Some(Revision(1));

fn etags() -> Vec<Case> {
    let stale = |what, command, field| case(what, command, Reason::EtagMismatch, field);
    let (space, network) = (word("spaces/other"), word("spaces/default/prefixes/10.0.0.0-24"));
    let (kea4, a, bob) = (word("servers/a/kea4"), word("agents/a"), word("operators/bob"));
    vec![
        stale(
            "a stale etag of a space",
            Command::UpdateSpace { name: word("spaces/other"), etag: STALE, patch: SpacePatch::default() },
            "space.etag",
        ),
        stale("the same, to delete it", Command::DeleteSpace { name: space, etag: STALE }, "etag"),
        stale(
            "a stale etag of a prefix",
            Command::UpdatePrefix {
                name: word("spaces/default/prefixes/10.0.0.0-24"),
                etag: STALE,
                patch: PrefixPatch::default(),
            },
            "prefix.etag",
        ),
        stale("the same, to delete it", Command::DeletePrefix { name: network, etag: STALE }, "etag"),
        stale(
            "a stale etag of a scope",
            Command::UpdateScope { name: word("scopes/hall"), etag: STALE, patch: ScopePatch::default() },
            "scope.etag",
        ),
        stale(
            "the same, to delete it",
            Command::DeleteScope { name: word("scopes/hall"), etag: STALE, force: true },
            "etag",
        ),
        stale(
            "a stale etag of a reservation",
            Command::UpdateReservation {
                name: word("scopes/hall/reservations/10.0.0.50"),
                etag: STALE,
                patch: ReservationPatch::default(),
            },
            "reservation.etag",
        ),
        stale(
            "the same, to delete it",
            Command::DeleteReservation { name: word("scopes/hall/reservations/10.0.0.50"), etag: STALE },
            "etag",
        ),
        stale(
            "a stale etag of a server",
            Command::UpdateServer { name: word("servers/a/kea4"), etag: STALE, patch: ServerPatch::default() },
            "server.etag",
        ),
        stale("the same, to delete it", Command::DeleteServer { name: kea4, etag: STALE }, "etag"),
        stale("a stale etag of an agent", Command::RevokeAgent { name: word("agents/a"), etag: STALE }, "etag"),
        stale("the same, to delete it", Command::DeleteAgent { name: a, etag: STALE }, "etag"),
        stale(
            "a stale etag of an operator",
            Command::UpdateOperator { name: word("operators/bob"), etag: STALE, patch: OperatorPatch::default() },
            "operator.etag",
        ),
        stale("the same, to delete it", Command::DeleteOperator { name: bob, etag: STALE }, "etag"),
    ]
}

fn absent() -> Vec<Case> {
    let nowhere = "spaces/none/prefixes/10.9.0.0-24";
    vec![
        case(
            "a space that is not there",
            Command::UpdateSpace { name: word("spaces/none"), etag: None, patch: SpacePatch::default() },
            Reason::SpaceNotFound,
            "space.name",
        ),
        case(
            "the same, to delete it",
            Command::DeleteSpace { name: word("spaces/none"), etag: None },
            Reason::SpaceNotFound,
            "name",
        ),
        case("a prefix in no space", prefix(nowhere, PrefixKind::Network), Reason::SpaceNotFound, "parent"),
        case(
            "a prefix that is not there",
            Command::DeletePrefix { name: word(nowhere), etag: None },
            Reason::PrefixNotFound,
            "name",
        ),
        case(
            "a scope of no network",
            Command::CreateScope(scope("scopes/new", "10.0.9.0/24", "10.0.9.10-10.0.9.99")),
            Reason::PrefixNotFound,
            "scope.network",
        ),
        case(
            "a scope that is not there",
            Command::UpdateScope { name: word("scopes/none"), etag: None, patch: ScopePatch::default() },
            Reason::ScopeNotFound,
            "scope.name",
        ),
        case(
            "a reservation in no scope",
            reservation("scopes/none/reservations/10.0.0.60", "02:00:00:00:00:09"),
            Reason::ScopeNotFound,
            "parent",
        ),
        case(
            "a reservation that is not there",
            Command::DeleteReservation { name: word("scopes/hall/reservations/10.0.0.60"), etag: None },
            Reason::ReservationNotFound,
            "name",
        ),
        case(
            "a scope for a server that is not there",
            hall(ScopePatch { server: Some(Some(word("servers/a/none"))), ..ScopePatch::default() }),
            Reason::ServerNotFound,
            "scope.server",
        ),
        case("a server of no agent", server("servers/none/kea4", &[]), Reason::AgentNotFound, "name"),
        case(
            "a decision about a server that is not there",
            Command::NoteDecision { server: word("servers/a/none"), what: "x".into() },
            Reason::ServerNotFound,
            "name",
        ),
        case(
            "what a server that is not there was taken off",
            Command::ForgetLeft { server: word("servers/a/none"), up_to: freehold_core::Revision(9) },
            Reason::ServerNotFound,
            "name",
        ),
        case(
            "refusals of a server that is not there",
            Command::LiftRefusals { server: word("servers/a/none"), edition: None },
            Reason::ServerNotFound,
            "name",
        ),
        case(
            "a proof of a server that is not there",
            Command::RecordRejected {
                server: word("servers/a/none"),
                rejections: BTreeMap::new(),
                error: "x".into(),
                bundle: None,
            },
            Reason::ServerNotFound,
            "name",
        ),
        case(
            "a token that is not there",
            Command::DeleteToken { name: word("enrolmentTokens/none") },
            Reason::TokenNotFound,
            "name",
        ),
        case(
            "an operator that is not there",
            Command::DeleteOperator { name: word("operators/none"), etag: None },
            Reason::OperatorNotFound,
            "name",
        ),
        case(
            "a certificate that is not there",
            Command::RevokeOperatorCertificate { name: word("operators/bob"), serial: "ff".into() },
            Reason::CertificateNotFound,
            "serial",
        ),
    ]
}
