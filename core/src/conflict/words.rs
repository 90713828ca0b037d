use super::clash::{Clash, Firm};
use crate::change::RecordKey;
use crate::client::{ClientId, Duid, HardwareAddress};
use crate::lease::{Lease, LeaseState};
use crate::name::ServerName;
use crate::time::Timestamp;

/// Who has a lease. What a client calls itself is left out: it can be anything.
pub(super) fn lessee(lease: &Lease) -> String {
    let hardware = HardwareAddress::from_bytes(&lease.hardware).map(|address| address.to_string());
    let id = || ClientId::from_bytes(&lease.client_id).map(|id| format!("client identifier {id}"));
    let duid = || Duid::from_bytes(&lease.duid).map(|duid| format!("DUID {duid}"));
    let found = hardware.or_else(|_| id()).or_else(|_| duid());
    found.unwrap_or_else(|_| "a client that it does not name".to_owned())
}

/// What a server leases, and to whom.
fn leases(server: &ServerName, lease: &Lease, now: Timestamp) -> String {
    match lease.state {
        LeaseState::Declined => format!("{server} put it aside, because a client found it in use"),
        LeaseState::Granted if lease.live(now) => format!("{server} leases it to {}", lessee(lease)),
        LeaseState::Granted => {
            let over = "by its own time the lease is over, but the server has not said so";
            format!("{server} leases it to {}; {over}", lessee(lease))
        }
    }
}

fn firm(firm: &Firm) -> String {
    let client = firm.client().map(|client| format!(" for {client}")).unwrap_or_default();
    match firm {
        Firm::Assigned(hold) if hold.is_hold() => format!("{} is held by {}{client}", hold.name.address, hold.holder),
        Firm::Assigned(claim) => format!("{} is claimed by {}{client}", claim.name.address, claim.holder),
        Firm::Reserved(_, reservation) => {
            format!("{} is reserved in {}{client}", reservation.name.address, reservation.name.scope)
        }
    }
}

impl Clash {
    /// It in words, as it is at `now`.
    pub fn words(&self, now: Timestamp) -> String {
        match self {
            Self::LeaseAgainst { firm: given, server, lease } => {
                let risk = match given {
                    Firm::Assigned(found) if found.risk_accepted => " (whoever asked for it accepted the risk)",
                    _ => "",
                };
                format!("{}{risk}, and {}", firm(given), leases(server, lease, now))
            }
            Self::LeasedTwice { name, one, other } => format!(
                "{} of {} is leased twice: {}, and {}",
                name.address,
                name.space,
                leases(&one.0, &one.1, now),
                leases(&other.0, &other.1, now)
            ),
            Self::ClientElsewhere { firm: given, server, lease } => {
                format!("{}, which uses {} of the same network instead: {server} leases it", firm(given), lease.address)
            }
            Self::Answers(sighting) => {
                let who = sighting.hardware.as_ref().map_or_else(|| "somebody".to_owned(), ToString::to_string);
                format!("{} is free, and {who} answered on it when {} asked", sighting.name.address, sighting.agent)
            }
            Self::ScopesOverlap { server, one, other } => format!(
                "{server} is to serve {} ({} of {}) and {} ({} of {}), which share addresses",
                one.name, one.network, one.space, other.name, other.network, other.space
            ),
            Self::ForeignSubnet { server, foreign, scope } => {
                let by = scope.server.as_ref().filter(|by| *by != server);
                let by = by.map(|by| format!(", which {by} serves")).unwrap_or_default();
                let why = match foreign.network.overlaps(&scope.network) {
                    true => "it shares addresses with",
                    false => "it has the subnet id of",
                };
                format!(
                    "{server} serves {} (subnet id {}) by its own configuration; {why} {} ({}){by}",
                    foreign.network, foreign.subnet_id, scope.name, scope.network
                )
            }
            Self::Refused { server, record, rejection, .. } => {
                let what = match record {
                    RecordKey::Address(_) => "the claim",
                    RecordKey::Reservation(_) => "the reservation",
                    _ => "the scope",
                };
                let served = match rejection.instead {
                    Some(_) => "and goes on with an older form of it",
                    None => "so it is not served",
                };
                format!("{server} refused {what} {record}, {served}: {}", rejection.message)
            }
        }
    }
}
