use super::Api;
use super::call::{named, not_found, operator, refuse};
use super::history::blocking;
use super::page::{self, Page};
use super::sight::Sight;
use super::status;
use crate::trail::{Part, Position, TrailError};
use freehold_core::access::{Permission, Reach, Spot};
use freehold_core::lease::Lease as CoreLease;
use freehold_core::model::SubnetId;
use freehold_core::name::{OperatorName, ScopeName, ServerName};
use freehold_core::net::parse_address;
use freehold_core::refusal::{Reason, Refusal};
use freehold_core::{State, Timestamp, text};
use freehold_proto::convert::lease::{event_message, message};
use freehold_proto::convert::stored::{LeaseBatch, decode_leases};
use freehold_proto::v1::lease_service_server::LeaseService;
use freehold_proto::v1::{
    GetLeaseRequest, Lease, LeaseEvent, ListLeaseEventsRequest, ListLeaseEventsResponse, ListLeasesRequest,
    ListLeasesResponse, WatchLeasesRequest, WatchLeasesResponse,
};
use futures_util::Stream;
use std::net::IpAddr;
use std::ops::Bound;
use std::pin::Pin;
use std::sync::Arc;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tonic::{Request, Response, Status};

/// The name of a lease, or where a list of them ended.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct LeaseName {
    server: ServerName,
    address: IpAddr,
}

impl std::str::FromStr for LeaseName {
    type Err = Refusal;

    fn from_str(name: &str) -> Result<Self, Refusal> {
        let (server, address) = name.split_once("/leases/").ok_or_else(|| {
            Refusal::new(
                Reason::InvalidName,
                format!("{} is not of the form servers/AGENT/SERVER/leases/ADDRESS", text::shown(name)),
            )
        })?;
        Ok(Self { server: server.parse()?, address: parse_address(address)? })
    }
}

fn scope_of<'a>(state: &'a State, server: &ServerName, lease: &CoreLease) -> Option<&'a ScopeName> {
    let scope = state.scope_of_subnet_id(SubnetId::new(lease.subnet_id)?)?;
    (scope.server.as_ref() == Some(server)).then_some(&scope.name)
}

fn shown(state: &State, server: &ServerName, lease: &CoreLease, now: Timestamp) -> Lease {
    message(server, scope_of(state, server, lease), lease, now)
}

/// The server of a request's parent; `None` for all of them.
fn parent(text: &str) -> Result<Option<ServerName>, Status> {
    match text {
        "servers/-" => Ok(None),
        name => name.parse().map(Some).map_err(|refusal: Refusal| refuse(refusal.at("parent"))),
    }
}

fn numbered(batch: &LeaseBatch) -> bool {
    batch.next_seq > batch.first_seq
}

/// The events of a batch that are seen.
pub(super) fn shown_events(state: &State, reach: &Reach, batch: &LeaseBatch) -> Vec<LeaseEvent> {
    // Events that a full listing found are not of the stream and have no number.
    let number = |i: usize| if numbered(batch) { batch.first_seq + i as u64 } else { 0 };
    let shown = |(i, event): (usize, &freehold_core::lease::LeaseEvent)| {
        event_message(&batch.server, scope_of(state, &batch.server, &event.lease), &batch.epoch, number(i), event)
    };
    let seen = batch.events.iter().enumerate().filter(|(_, event)| reach.takes_lease(state, &event.lease));
    seen.map(shown).collect()
}

#[tonic::async_trait]
impl LeaseService for Api {
    async fn get_lease(&self, request: Request<GetLeaseRequest>) -> Result<Response<Lease>, Status> {
        let name: LeaseName = named(&request.get_ref().name)?;
        let (state, book) = (self.engine.state(), self.leases.book());
        let sight = Sight::of(request.extensions(), &state)?;
        let found = book.of(&name.server).and_then(|leases| leases.leases.get(&name.address));
        let seen = found.map_or(sight.reach.is_everywhere(), |lease| sight.reach.takes_lease(&state, lease));
        sight.must(seen, &request.get_ref().name)?;
        let lease = found.ok_or_else(|| not_found(Reason::LeaseNotFound, &request.get_ref().name))?;
        Ok(Response::new(shown(&state, &name.server, lease, self.engine.now())))
    }

    async fn list_leases(&self, request: Request<ListLeasesRequest>) -> Result<Response<ListLeasesResponse>, Status> {
        let state = self.engine.state();
        let sight = Sight::of(request.extensions(), &state)?;
        let request = request.into_inner();
        let server = parent(&request.parent)?;
        let list = format!("leases of {} in {}", request.parent, request.scope);
        let page = Page::parse(request.page_size, &request.page_token, &list)?;
        let after = page.after::<LeaseName>()?;
        let scope: Option<ScopeName> = match request.scope.as_str() {
            "" => None,
            name => Some(name.parse().map_err(|refusal: Refusal| refuse(refusal.at("scope")))?),
        };
        if let Some(scope) = &scope {
            sight.part_of(&Spot::scope(state.scope(scope)), scope)?;
        }
        let (book, now) = (self.leases.book(), self.engine.now());
        let wanted = |name: &ServerName| {
            server.as_ref().is_none_or(|server| server == name)
                && after.as_ref().is_none_or(|after| *name >= after.server)
        };
        let rows = book.servers().filter(|(name, _)| wanted(name)).flat_map(|(name, leases)| {
            let from = match &after {
                Some(after) if after.server == *name => Bound::Excluded(after.address),
                _ => Bound::Unbounded,
            };
            leases.leases.range((from, Bound::Unbounded)).map(move |(_, lease)| (name, lease))
        });
        let rows = rows
            .filter(|(name, lease)| scope.is_none() || scope_of(&state, name, lease) == scope.as_ref())
            .filter(|(_, lease)| sight.reach.takes_lease(&state, lease))
            .take(page.size + 1)
            .map(|(name, lease)| shown(&state, name, lease, now));
        let (leases, next_page_token) = page.cut(rows.collect(), |lease| lease.name.clone());
        Ok(Response::new(ListLeasesResponse { leases, next_page_token }))
    }

    async fn list_lease_events(
        &self,
        request: Request<ListLeaseEventsRequest>,
    ) -> Result<Response<ListLeaseEventsResponse>, Status> {
        let sight = self.sight(request.extensions())?;
        let request = request.into_inner();
        let server: ServerName = request.parent.parse().map_err(|refusal: Refusal| refuse(refusal.at("parent")))?;
        let page = Page::parse(request.page_size, &request.page_token, &format!("lease events of {server}"))?;
        let from = page.after.as_deref().map(Place::parse).transpose()?.unwrap_or(Place { frame: 1, skip: 0 });
        self.trail.leases.reach().await.map_err(|error| status::untold(&error))?;
        let (trail, size) = (self.trail.clone(), page.size);
        let (batches, next) = blocking(move || read_events(&trail.leases, &server, from, size)).await?;
        let state = self.engine.state();
        let events = batches.iter().flat_map(|batch| shown_events(&state, &sight.reach, batch)).collect();
        let next_page_token = next.map(|next| page.token(&next.to_string())).unwrap_or_default();
        Ok(Response::new(ListLeaseEventsResponse { events, next_page_token }))
    }

    type WatchLeasesStream = Pin<Box<dyn Stream<Item = Result<WatchLeasesResponse, Status>> + Send>>;

    async fn watch_leases(
        &self,
        request: Request<WatchLeasesRequest>,
    ) -> Result<Response<Self::WatchLeasesStream>, Status> {
        let server = parent(&request.get_ref().parent)?;
        let follower = Follower {
            operator: operator(request.extensions())?,
            followers: self.leases.followers(),
            api: self.clone(),
            server,
        };
        let begun = WatchLeasesResponse { events: Vec::new() };
        let rest = futures_util::stream::unfold(follower, |mut follower| async move {
            follower.next().await.map(|answer| (answer, follower))
        });
        let stream = futures_util::StreamExt::chain(futures_util::stream::iter([Ok(begun)]), rest);
        Ok(Response::new(Box::pin(stream)))
    }
}

/// Somebody who follows what happens to leases.
struct Follower {
    api: Api,
    operator: OperatorName,
    followers: Receiver<Arc<[LeaseBatch]>>,
    server: Option<ServerName>,
}

impl Follower {
    /// The next answer; `None` when the controller stops.
    async fn next(&mut self) -> Option<Result<WatchLeasesResponse, Status>> {
        loop {
            let batches = match self.followers.recv().await {
                Ok(batches) => batches,
                Err(RecvError::Closed) => return None,
                Err(RecvError::Lagged(_)) => {
                    let slow = "the watch was too slow and missed events; list them and watch again";
                    return Some(Err(Status::resource_exhausted(slow)));
                }
            };
            if let Err(lost) = self.api.still_may(&self.operator, Permission::LeasesRead) {
                return Some(Err(lost));
            }
            let state = self.api.engine.state();
            let sight = Sight::with(self.operator.clone(), Permission::LeasesRead, &state);
            let wanted = |batch: &&LeaseBatch| self.server.as_ref().is_none_or(|server| batch.server == *server);
            let events = batches.iter().filter(wanted).flat_map(|batch| shown_events(&state, &sight.reach, batch));
            let events: Vec<_> = events.collect();
            if !events.is_empty() {
                return Some(Ok(WatchLeasesResponse { events }));
            }
        }
    }
}

/// A place in the lease ledger: a frame, and events of the server in it to leave out.
#[derive(Debug, Clone, Copy)]
struct Place {
    frame: u64,
    skip: usize,
}

impl Place {
    fn parse(text: &str) -> Result<Self, Status> {
        let (frame, skip) = text.split_once('+').ok_or_else(page::invalid)?;
        let numbers = frame.parse().ok().zip(skip.parse().ok());
        numbers.map(|(frame, skip)| Self { frame, skip }).ok_or_else(page::invalid)
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}+{}", self.frame, self.skip)
    }
}

/// Up to `size` events of `server` from `from` on, in their batches, and where the next page begins if there is more.
fn read_events(
    trail: &Part,
    server: &ServerName,
    from: Place,
    size: usize,
) -> Result<(Vec<LeaseBatch>, Option<Place>), TrailError> {
    /// Frames found at a time.
    const STRIDE: usize = 64;
    let (mut batches, mut count, mut above) = (Vec::new(), 0, Position::new(from.frame, 0));
    // The row that names a frame may be its first.
    above.0 = above.0.saturating_sub(1);
    loop {
        let rows = trail.oldest(crate::trail::server(server), above, STRIDE)?;
        for row in &rows {
            let seq = row.position.frame();
            let Some(frame) = trail.history().read(seq)?.next().transpose()? else { continue };
            let mut position = 0;
            for mut batch in decode_leases(&frame.payload)?.into_iter().filter(|batch| batch.server == *server) {
                let skip = if seq == from.frame { from.skip.saturating_sub(position) } else { 0 };
                let known = skip.min(batch.events.len());
                position += batch.events.len();
                batch.events.drain(..known);
                let over = batch.events.len().saturating_sub(size - count);
                batch.events.truncate(size - count);
                if numbered(&batch) {
                    batch.first_seq += known as u64;
                }
                count += batch.events.len();
                batches.push(batch);
                if over > 0 {
                    return Ok((batches, Some(Place { frame: seq, skip: position - over })));
                }
            }
            if count == size {
                let next = Place { frame: seq + 1, skip: 0 };
                let more = seq < trail.history().head().0;
                return Ok((batches, more.then_some(next)));
            }
        }
        match rows.last() {
            Some(last) if rows.len() == STRIDE => above = last.position,
            _ => return Ok((batches, None)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{Identity, Ledger, MemoryLedger};
    use freehold_core::lease::{Lease, LeaseEvent, LeaseEventKind, LeaseState};
    use freehold_core::name::AgentName;
    use freehold_proto::convert::stored::encode_leases;

    fn batch(daemon: &str, first_seq: u64, count: u32) -> LeaseBatch {
        let event = |n: u64| LeaseEvent {
            kind: LeaseEventKind::Granted,
            lease: Lease {
                address: std::net::Ipv4Addr::from(u32::try_from(n).expect("small")).into(),
                prefix_len: 32,
                subnet_id: 1,
                hardware: vec![],
                client_id: vec![],
                duid: vec![],
                iaid: 0,
                host_name: String::new(),
                cltt: Timestamp(0),
                valid_seconds: 1,
                state: LeaseState::Granted,
            },
            observed: Timestamp(0),
            folded: 0,
        };
        let server = ServerName::new(AgentName::from_id("a").expect("a name"), daemon).expect("a name");
        let events = (first_seq..first_seq + u64::from(count)).map(event).collect();
        LeaseBatch {
            server,
            epoch: [1; 16],
            first_seq,
            events,
            next_seq: first_seq + u64::from(count),
            at: Timestamp(0),
        }
    }

    #[tokio::test]
    async fn pages_of_any_size_show_every_event_of_the_server_once_and_in_order() {
        let mut ledger = MemoryLedger::new(Identity { store_id: [1; 16], incarnation: 1 });
        let frames = [
            vec![batch("x", 1, 3), batch("y", 1, 2), batch("x", 4, 4)],
            vec![batch("y", 3, 1)],
            vec![batch("x", 8, 3)],
        ];
        for (i, frame) in frames.iter().enumerate() {
            ledger.append(i as u64 + 1, &encode_leases(frame)).expect("appended");
        }
        let server = batch("x", 1, 0).server;
        let folder = tempfile::tempdir().expect("a folder");
        let (trail, followers) =
            crate::trail::Trail::start(folder.path(), MemoryLedger::new(ledger.identity()).history(), ledger.history())
                .expect("started");
        trail.leases.reach().await.expect("reached");
        for size in 1..12 {
            let (mut seen, mut from) = (Vec::new(), Some(Place { frame: 1, skip: 0 }));
            while let Some(place) = from {
                let (batches, next) = read_events(&trail.leases, &server, place, size).expect("read");
                let rows: Vec<_> =
                    batches.iter().flat_map(|b| (0..b.events.len()).map(move |i| b.first_seq + i as u64)).collect();
                assert!(rows.len() <= size);
                seen.extend(rows);
                from = next;
            }
            assert_eq!(seen, (1..=10).collect::<Vec<u64>>(), "pages of {size}");
        }
        drop(ledger);
        followers.join().await;
    }
}
