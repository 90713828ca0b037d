//! Every reason that core can refuse for, with what was asked and the field that the refusal names.

use crate::{world, wrong_commands, wrong_words};
use freehold_core::Reason;
use std::collections::BTreeSet;

/// Reasons that core names and others give: those of the API, of files, of certificates, of leases and of the ledger.
const OF_OTHERS: &[Reason] = &[
    Reason::FieldRequired,
    Reason::UnknownMaskPath,
    Reason::InvalidPageToken,
    Reason::InvalidEtag,
    Reason::InvalidRequestId,
    Reason::InvalidFilter,
    Reason::MalformedFile,
    Reason::UnknownColumn,
    Reason::FileTooLarge,
    Reason::ImportRefused,
    Reason::NotImportable,
    Reason::PlanChanged,
    Reason::TooBusy,
    Reason::MessageTooLarge,
    Reason::MalformedMessage,
    Reason::ResourceGone,
    Reason::InvalidCertificateRequest,
    Reason::EventNotFound,
    Reason::PreviewNotFound,
    Reason::ConflictNotFound,
    Reason::AddressSeen,
    Reason::RequestIdReused,
    Reason::RevisionOutOfRange,
    Reason::NothingToDecide,
    Reason::StoreWentBackwards,
    Reason::AgentNotConnected,
    Reason::ProbeImpossible,
    Reason::NotImplemented,
    Reason::PermissionDenied,
    Reason::CertificateRequired,
    Reason::ProofRefused,
];

#[test]
fn every_command_that_is_wrong_is_refused_for_its_reason() {
    let state = world::state();
    for case in wrong_commands::cases() {
        let decided = freehold_core::decide(&case.before(&state), &case.command, world::NOW);
        let got = decided.map_err(|refusal| (refusal.reason, refusal.field));
        assert_eq!(got, Err((case.reason, case.field.to_owned())), "{}", case.what);
    }
}

#[test]
fn every_word_that_is_wrong_is_refused_for_its_reason() {
    for (what, parsed, reason, field) in wrong_words::cases() {
        let got = parsed.map_err(|refusal| (refusal.reason, refusal.field));
        assert_eq!(got, Err((reason, field.to_owned())), "{what}");
    }
}

/// A message is for people: it must not repeat megabytes that somebody sent.
#[test]
fn no_message_repeats_all_that_was_sent() {
    let long = "é".repeat(1 << 20);
    for refusal in wrong_words::refusals_of(&long) {
        assert!(refusal.message.len() < 1000, "{} bytes for {}", refusal.message.len(), refusal.reason);
    }
}

#[test]
fn the_tables_have_every_reason() {
    let commands = wrong_commands::cases().into_iter().map(|case| case.reason);
    let words = wrong_words::cases().into_iter().map(|(_, _, reason, _)| reason);
    let shown: BTreeSet<_> = commands.chain(words).chain(OF_OTHERS.iter().copied()).collect();
    let missing: Vec<_> = Reason::ALL.iter().filter(|reason| !shown.contains(reason)).collect();
    assert_eq!(missing, Vec::<&Reason>::new());
}
