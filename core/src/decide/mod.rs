//! From a command to changes, or to a refusal. All rules live below this function and nowhere else.
//!
//! `decide` changes nothing: the caller makes the changes durable first and applies them then. An
//! empty list of changes means that everything is as asked already.

mod access;
mod agent;
mod allocate;
mod assignment;
mod convert;
mod delegation;
mod field;
mod labels;
mod lookup;
mod obstacles;
mod prefix;
mod reservation;
mod scope;
mod server;
mod sighting;
mod space;
mod subnet;
pub(crate) mod together;
mod view;

pub use agent::{LATE_RENEWALS_MAX, LATE_SECONDS_MAX, token_refused};
pub use allocate::{ALLOCATE_MAX, HOLD_SECONDS_MAX};
pub use delegation::{PREFIX_POOLS_MAX, PREFIXES_MAX};
pub use field::{ALLOWED_MAX, DEFINITIONS_MAX};
pub use scope::{EXCLUSIONS_MAX, OPTIONS_MAX, RANGES_MAX};
pub use subnet::PARTS_MAX;
pub use view::VIEWS_MAX;

use crate::change::Change;
use crate::command::Command;
use crate::model::Stamp;
use crate::name::PrefixName;
use crate::net::Cidr;
use crate::refusal::Refusal;
use crate::state::State;
use crate::time::{Revision, Timestamp};

/// When and where in the ledger a command is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    /// The time, for stamps and deadlines.
    pub(crate) now: Timestamp,
    /// The number that the entry gets if it is committed.
    pub(crate) revision: Revision,
}

impl Moment {
    fn made(self) -> Stamp {
        Stamp::made(self.now, self.revision)
    }

    fn changed(self, stamp: Stamp) -> Stamp {
        stamp.changed(self.now, self.revision)
    }
}

/// Decides on `command` in `state` at time `now`: the changes that carry it out, the record that it is
/// about first, or why it cannot be. A refusal names its field as the request's message has it.
pub fn decide(state: &State, command: &Command, now: Timestamp) -> Result<Vec<Change>, Refusal> {
    let at = Moment { now, revision: state.revision().next() };
    match command {
        Command::CreateSpace { name, title, description, labels } => {
            space::create(state, at, name, title, description, labels)
        }
        Command::UpdateSpace { name, etag, patch } => {
            space::update(state, at, name, *etag, patch).map_err(|refusal| refusal.under("space"))
        }
        Command::DeleteSpace { name, etag } => space::delete(state, name, *etag),
        Command::CreatePrefix { name, draft } => prefix::create(state, at, name, draft),
        Command::UpdatePrefix { name, etag, patch } => {
            prefix::update(state, at, name, *etag, patch).map_err(|refusal| refusal.under("prefix"))
        }
        Command::DeletePrefix { name, etag } => prefix::delete(state, name, *etag),
        Command::CarvePrefixes { parent, length, count, draft } => {
            subnet::carve(state, at, parent, *length, *count, draft)
        }
        Command::SplitPrefix { name, etag, length, remove_original } => {
            subnet::split(state, at, name, *etag, *length, *remove_original)
        }
        Command::JoinPrefixes { pieces } => subnet::join(state, at, pieces),
        Command::ResizePrefix { name, etag, cidr } => subnet::resize(state, at, name, *etag, *cidr),
        Command::CreateField(new) => field::create(state, at, new),
        Command::UpdateField { name, etag, patch } => {
            field::update(state, at, name, *etag, patch).map_err(|refusal| refusal.under("field_definition"))
        }
        Command::DeleteField { name, etag } => field::delete(state, name, *etag),
        Command::CreateView(new) => view::create(state, at, new),
        Command::UpdateView { name, etag, patch } => {
            view::update(state, at, name, *etag, patch).map_err(|refusal| refusal.under("view"))
        }
        Command::DeleteView { name, etag } => view::delete(state, name, *etag),
        Command::CreateScope(new) => scope::create(state, at, new),
        Command::UpdateScope { name, etag, patch } => {
            scope::update(state, at, name, *etag, patch).map_err(|refusal| refusal.under("scope"))
        }
        Command::DeleteScope { name, etag, force } => scope::delete(state, at, name, *etag, *force),
        Command::CreateReservation(new) => reservation::create(state, at, new),
        Command::UpdateReservation { name, etag, patch } => {
            reservation::update(state, at, name, *etag, patch).map_err(|refusal| refusal.under("reservation"))
        }
        Command::DeleteReservation { name, etag } => reservation::delete(state, name, *etag),
        Command::Allocate(order) => allocate::allocate(state, at, order),
        Command::ExtendHold { name, etag, until } => assignment::extend(state, at, name, *etag, *until),
        Command::UpdateAssignment { name, etag, patch } => assignment::update(state, at, name, *etag, patch),
        Command::ClaimHold { name, etag, patch } => assignment::claim(state, at, name, *etag, patch),
        Command::ConvertLease(order) => convert::lease(state, at, order),
        Command::ConvertToReservation { name, etag, client } => {
            convert::to_reservation(state, at, name, *etag, client.as_ref())
        }
        Command::ConvertToClaim { name, etag, expires, holder } => {
            convert::to_claim(state, at, name, *etag, *expires, holder)
        }
        Command::MoveReservation { name, etag, to } => convert::move_reservation(state, at, name, *etag, *to),
        Command::Release { name, etag } => assignment::release(state, name, *etag),
        Command::Settle { name, revision, outcome } => Ok(assignment::settle(state, at, name, *revision, outcome)),
        Command::RecordSighting { name, hardware, agent } => {
            sighting::record(state, at, name, hardware.as_ref(), agent)
        }
        Command::ClearSighting { name, etag } => sighting::clear(state, name, *etag),
        Command::Expire { most } => {
            let mut over = assignment::expire(state, at, *most);
            over.extend(sighting::expire(state, at, (*most as usize).saturating_sub(over.len())));
            Ok(over)
        }
        Command::ReportServer { name, report } => server::report(state, at, name, report),
        Command::UpdateServer { name, etag, patch } => {
            server::update(state, at, name, *etag, patch).map_err(|refusal| refusal.under("server"))
        }
        Command::DeleteServer { name, etag } => server::delete(state, name, *etag),
        Command::RecordApplied { server, applied } => server::record_applied(state, at, server, applied),
        Command::RecordRejected { server, rejections, error, bundle } => {
            server::record_rejected(state, at, server, rejections, error, bundle.as_ref())
        }
        Command::LiftRefusals { server, edition } => server::lift_refusals(state, at, server, *edition),
        Command::ForgetLeft { server, up_to } => server::forget_left(state, at, server, *up_to),
        Command::NoteDecision { server, what } => server::note_decision(state, at, server, what),
        Command::CreateToken { name, agent, secret, expires } => {
            agent::create_token(state, at, name, agent, *secret, *expires)
        }
        Command::DeleteToken { name } => agent::delete_token(state, name),
        Command::EnrolAgent { token, secret, id, certificate } => {
            agent::enrol(state, at, token, *secret, *id, certificate)
        }
        Command::CountWrongSecret { token, secret } => Ok(agent::count_wrong_secret(state, at, token, *secret)),
        Command::RenewAgent { name, shown, certificate } => agent::renew(state, at, name, shown, certificate),
        Command::OpenSession { agent, seen } => agent::open_session(state, at, agent, *seen),
        Command::RevokeAgent { name, etag } => agent::revoke(state, at, name, *etag),
        Command::DeleteAgent { name, etag } => agent::delete(state, name, *etag),
        Command::CreateOperator { name, roles, grants, certificate } => {
            access::create(state, at, name, roles, grants, certificate.as_ref())
        }
        Command::UpdateOperator { name, etag, patch } => {
            access::update(state, at, name, *etag, patch).map_err(|refusal| refusal.under("operator"))
        }
        Command::AddOperatorCertificate { name, certificate } => access::add_certificate(state, at, name, certificate),
        Command::RevokeOperatorCertificate { name, serial } => access::revoke_certificate(state, at, name, serial),
        Command::DeleteOperator { name, etag } => access::delete(state, name, *etag),
        Command::Together(commands) => together::decide_all(state, commands, now),
    }
}

/// The first free blocks of `length` bits in the container `parent`, at most `most`: what [`Command::CarvePrefixes`] would take
/// at this moment. Costs what lies before them in the container.
pub fn find_free_subnets(state: &State, parent: &PrefixName, length: u8, most: usize) -> Result<Vec<Cidr>, Refusal> {
    subnet::find_free(state, parent, length, most)
}
