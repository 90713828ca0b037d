use super::call::{named, refuse};
use super::page::{self, Page};
use super::{Api, status};
use crate::history::{Happened, Held, Holding, Noted, Past, Place, Proven};
use crate::trail::{Position, TrailError};
use freehold_core::access::Reach;
use freehold_core::name::{AddressName, ServerName};
use freehold_core::refusal::{Reason, Refusal};
use freehold_core::{Record, State, Timestamp};
use freehold_proto::convert::stored::LeaseBatch;
use freehold_proto::convert::{assignment, client, event, lease, plan, scope, time};
use freehold_proto::v1::history_service_server::HistoryService;
use freehold_proto::v1::{
    AddressHistoryRow, AppliedChange, LeaseTenure, ListAddressHistoryRequest, ListAddressHistoryResponse,
    WhoHadRequest, WhoHadResponse,
};
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl HistoryService for Api {
    async fn list_address_history(
        &self,
        request: Request<ListAddressHistoryRequest>,
    ) -> Result<Response<ListAddressHistoryResponse>, Status> {
        let sight = self.sight(request.extensions())?;
        let request = request.into_inner();
        let name: AddressName = named(&request.name)?;
        sight.must(sight.reach.covers_address(&name.space, name.address), &name)?;
        let bound = |message: Option<&prost_types::Timestamp>, absent: i64| match message {
            Some(message) => time::parse(Some(message)),
            None => Timestamp(absent),
        };
        let times = (bound(request.start_time.as_ref(), i64::MIN), bound(request.end_time.as_ref(), i64::MAX));
        if times.0 >= times.1 {
            let refusal = Refusal::new(Reason::InvalidValue, "the end of the time lies before its start, or at it");
            return Err(refuse(refusal.at("end_time")));
        }
        let list = format!("history of {name} from {} to {}", times.0.0, times.1.0);
        let page = Page::parse(request.page_size, &request.page_token, &list)?;
        let from = page.after.as_deref().map(parse_place).transpose()?.unwrap_or(Place::NEWEST);
        self.reach().await?;
        let (trail, size) = (self.trail.clone(), page.size);
        let past = sight.reach.clone();
        let read = move || Past::of(&trail, name, past)?.page(from, times, size);
        let found = blocking(read).await?;
        let state = self.engine.state();
        let rows = found.rows.iter().map(|row| shown(&state, row)).collect();
        let next = found.next.map(|next| page.token(&format!("{}.{}", next.entries.0, next.leases.0)));
        Ok(Response::new(ListAddressHistoryResponse { rows, next_page_token: next.unwrap_or_default() }))
    }

    async fn who_had(&self, request: Request<WhoHadRequest>) -> Result<Response<WhoHadResponse>, Status> {
        let sight = self.sight(request.extensions())?;
        let request = request.into_inner();
        let name: AddressName = named(&request.name)?;
        sight.must(sight.reach.covers_address(&name.space, name.address), &name)?;
        let now = self.engine.now();
        let at = request.time.as_ref().map_or(now, |at| time::parse(Some(at)));
        if at > now {
            let refusal =
                Refusal::new(Reason::InvalidValue, "nobody knows who will have an address: the time lies ahead");
            return Err(refuse(refusal.at("time")));
        }
        self.reach().await?;
        let (trail, presence, of) = (self.trail.clone(), self.presence.clone(), name.clone());
        let read = move || {
            Past::of(&trail, of, sight.reach)?.holding(at, &|server: &ServerName| presence.connected(server.agent()))
        };
        let holding = blocking(read).await?;
        Ok(Response::new(answer(&name, at, &holding)))
    }
}

impl Api {
    /// Waits until the trails have everything that is durable now.
    pub(super) async fn reach(&self) -> Result<(), Status> {
        self.trail.entries.reach().await.map_err(|error| status::untold(&error))?;
        self.trail.leases.reach().await.map_err(|error| status::untold(&error))
    }
}

/// Reads trails where it may block.
pub(super) async fn blocking<T: Send + 'static>(
    read: impl FnOnce() -> Result<T, TrailError> + Send + 'static,
) -> Result<T, Status> {
    let read = tokio::task::spawn_blocking(read).await;
    read.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic())).map_err(|error| status::untold(&error))
}

fn parse_place(text: &str) -> Result<Place, Status> {
    let (entries, leases) = text.split_once('.').ok_or_else(page::invalid)?;
    let numbers = entries.parse().ok().zip(leases.parse().ok());
    numbers
        .map(|(entries, leases)| Place { entries: Position(entries), leases: Position(leases) })
        .ok_or_else(page::invalid)
}

fn shown(state: &State, row: &Happened) -> AddressHistoryRow {
    match row {
        Happened::Changed(noted, proven) => changed(noted, proven.as_ref()),
        Happened::Leased(batch) => leased(state, batch),
    }
}

fn changed(noted: &Noted, proven: Option<&Proven>) -> AddressHistoryRow {
    let entry = &noted.entry;
    AddressHistoryRow {
        time: Some(time::message(entry.at)),
        what: what(noted),
        principal: entry.actor.principal.clone(),
        method: entry.method.clone(),
        request_id: entry.request.as_ref().map(|request| request.id.clone()).unwrap_or_default(),
        revision: entry.revision.0,
        change: noted.change().map(event::change_message),
        lease_event: None,
        applied: proven.map(|proven| AppliedChange {
            server: proven.server.to_string(),
            time: Some(time::message(proven.at)),
            revision: proven.revision.0,
        }),
    }
}

/// A record in a word or two, as far as an address' history tells of it.
fn state_of(record: Option<&Record>) -> String {
    match record {
        None => "nothing".to_owned(),
        Some(Record::Address(found)) => {
            let kind = if found.is_hold() { "held" } else { "claimed" };
            let phase = format!("{:?}", found.phase).to_lowercase();
            let whom = found.client.as_ref().map(|client| format!(" for {client}")).unwrap_or_default();
            let called = found.host_name.as_ref().map(|name| format!(" ({name})")).unwrap_or_default();
            format!("{kind} by {}{whom}{called}, {phase}", found.holder)
        }
        Some(Record::Reservation(found)) => {
            let called = found.host_name.as_ref().map(|name| format!(" ({name})")).unwrap_or_default();
            format!("reserved for {}{called}", found.client)
        }
        Some(_) => String::new(),
    }
}

fn what(noted: &Noted) -> String {
    let Some(change) = noted.change() else { return String::new() };
    match change.key() {
        freehold_core::RecordKey::Address(_) | freehold_core::RecordKey::Reservation(_) => {
            format!("{} → {}", state_of(change.before()), state_of(change.after()))
        }
        key => {
            let verb = match (change.before(), change.after()) {
                (None, _) => "made",
                (_, None) => "removed",
                _ => "changed",
            };
            format!("{key} {verb}")
        }
    }
}

fn leased(state: &State, batch: &LeaseBatch) -> AddressHistoryRow {
    let events = super::leases::shown_events(state, &Reach::Everywhere, batch);
    let happened = batch.events.first();
    AddressHistoryRow {
        time: happened.map(|event| time::message(crate::trail::effective(event))),
        what: happened.map(told).unwrap_or_default(),
        principal: batch.server.to_string(),
        lease_event: events.into_iter().next(),
        ..AddressHistoryRow::default()
    }
}

fn told(event: &freehold_core::lease::LeaseEvent) -> String {
    use freehold_core::lease::LeaseEventKind::{Declined, Expired, Granted, Released, Removed, Renewed, Seen};
    let verb = match event.kind {
        Seen => "found leased to",
        Granted => "leased to",
        Renewed => "renewed by",
        Released => "given back by",
        Expired => "ended for",
        Declined => "declined by",
        Removed => "taken from",
    };
    format!("{verb} {}", client_of(&event.lease))
}

/// A lease's client in words.
fn client_of(lease: &freehold_core::lease::Lease) -> String {
    let shown = lease::client(lease);
    if lease.host_name.is_empty() { shown } else { format!("{shown} ({})", lease.host_name) }
}

fn answer(name: &AddressName, at: Timestamp, holding: &Holding) -> WhoHadResponse {
    let leases = holding.leases.iter().map(|tenure| {
        let of_scope = holding.scope.as_deref().filter(|scope| scope.subnet_id.number() == tenure.lease.subnet_id);
        LeaseTenure {
            lease: Some(lease::message(&tenure.server, of_scope.map(|scope| &scope.name), &tenure.lease, at)),
            from_time: Some(time::message(tenure.from)),
            from_earlier: tenure.from_earlier,
            until_time: Some(time::message(tenure.until)),
            ended_by: tenure.ended_by.map(|kind| lease::kind(kind).into()).unwrap_or_default(),
        }
    });
    WhoHadResponse {
        name: name.to_string(),
        time: Some(time::message(at)),
        answer: sentence(name, holding),
        leases: leases.collect(),
        assignment: holding.assignment.as_deref().map(assignment::message),
        reservation: holding.reservation.as_deref().map(client::message),
        scope: holding.scope.as_deref().map(scope::message),
        network: holding.network.as_deref().map(plan::prefix_message),
        last_change: holding.last_change.as_ref().map(|(noted, proven)| changed(noted, proven.as_ref())),
        unknown: holding.unknown.iter().map(not_known).collect(),
    }
}

fn sentence(name: &AddressName, holding: &Holding) -> String {
    let address = name.address;
    let mut parts: Vec<String> = holding
        .leases
        .iter()
        .map(|tenure| format!("{} leased {address} to {}", tenure.server, client_of(&tenure.lease)))
        .collect();
    if let Some(found) = &holding.assignment {
        let found = Record::Address(std::sync::Arc::clone(found));
        parts.push(format!("{address} was {}", state_of(Some(&found))));
    }
    if let Some(found) = &holding.reservation {
        let found = Record::Reservation(std::sync::Arc::clone(found));
        parts.push(format!("{address} was {}", state_of(Some(&found))));
    }
    match (parts.is_empty(), holding.unknown.is_empty()) {
        (true, true) => format!("nobody had {address}"),
        (true, false) => format!("nobody is known to have had {address}"),
        (false, _) => parts.join("; "),
    }
}

fn not_known(held: &Held) -> String {
    let at = |time: &Timestamp| time::message(*time).to_string();
    match held {
        Held::BeforeTheStore { began: None } => "nothing was recorded yet".to_owned(),
        Held::BeforeTheStore { began: Some(began) } => {
            format!("the moment lies before {}, when records begin", at(began))
        }
        Held::BeforeTheStream { server, began } => {
            format!("what {server} leased before {} was never told", at(began))
        }
        Held::Gap { server, from, until, lost: Some(lost) } => {
            format!("{lost} lease events of {server} between {} and {} were lost", at(from), at(until))
        }
        Held::Gap { server, from, until, lost: None } => format!(
            "the lease events of {server} were begun anew between {} and {}; what it leased only in between may be missing",
            at(from),
            at(until)
        ),
        Held::Silent { server, since: Some(since) } => {
            format!("{server} is not connected; its last lease event came at {}", at(since))
        }
        Held::Silent { server, since: None } => format!("{server} is not connected, and never told of a lease"),
    }
}
