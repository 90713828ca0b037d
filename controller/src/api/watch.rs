use super::Api;
use super::call::{at_most, operator, refuse};
use super::sight::Sight;
use super::status::unreadable;
use crate::engine::Entries;
use freehold_core::access::{Permission, Spot};
use freehold_core::name::OperatorName;
use freehold_core::refusal::{Reason, Refusal};
use freehold_core::text::shown;
use freehold_core::{Change, Entry, Record, RecordKey, Revision, State};
use freehold_proto::convert::event::change_message;
use freehold_proto::convert::time;
use freehold_proto::v1::watch_service_server::WatchService;
use freehold_proto::v1::{WatchRequest, WatchResponse};
use futures_util::Stream;
use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tonic::{Request, Response, Status};

/// Silence after which a bookmark is sent.
const BOOKMARK: Duration = Duration::from_secs(10);
/// Changes in one answer at most: an import is one entry, and may have a hundred thousand.
const CHANGES_MAX: usize = 1_000;
/// Entries read at a time.
const STRIDE: usize = 256;

/// The permission without which a watcher does not see a kind of record.
fn needed(key: &RecordKey) -> Permission {
    match key {
        RecordKey::Space(_) => Permission::SpacesRead,
        RecordKey::Prefix(_) => Permission::PrefixesRead,
        RecordKey::Field(_) => Permission::FieldsRead,
        RecordKey::View(_) => Permission::ViewsRead,
        RecordKey::Scope(_) | RecordKey::NextSubnetId => Permission::ScopesRead,
        RecordKey::Address(_) | RecordKey::Sighting(_) => Permission::AddressesRead,
        RecordKey::Reservation(_) => Permission::ReservationsRead,
        RecordKey::Server(_) | RecordKey::ServerStatus(_) => Permission::ServersRead,
        RecordKey::Agent(_) | RecordKey::Token(_) => Permission::AgentsRead,
        RecordKey::Operator(_) => Permission::OperatorsRead,
    }
}

/// Whether an operator, with the rights of this state, sees all of a change; each side of it lies where its state has it.
pub(super) fn sees(rights: &State, operator: &OperatorName, change: &Change, [before, after]: [&State; 2]) -> bool {
    let key = change.key();
    let reach = Sight::with(operator.clone(), needed(&key), rights).reach;
    // Fields and views are everybody's who may read any.
    let common = matches!(key, RecordKey::Field(_) | RecordKey::View(_)) && !reach.is_nowhere();
    let takes =
        |state: &State, record: Option<&Record>| record.is_none_or(|record| reach.takes(&Spot::of_past(state, record)));
    common || reach.is_everywhere() || (takes(before, change.before()) && takes(after, change.after()))
}

/// Refuses kinds that there are not: a watch of them would be silent for ever.
fn known(kinds: &[String]) -> Result<(), Refusal> {
    at_most(kinds.len(), RecordKey::KINDS.len(), "kinds")?;
    match kinds.iter().position(|kind| !RecordKey::KINDS.contains(&kind.as_str())) {
        Some(i) => {
            let message = format!("no kind is called {}; there are {}", shown(&kinds[i]), RecordKey::KINDS.join(", "));
            Err(Refusal::new(Reason::InvalidFilter, message).at(format!("kinds[{i}]")))
        }
        None => Ok(()),
    }
}

/// One watcher.
struct Watcher {
    api: Api,
    operator: OperatorName,
    kinds: Vec<String>,
    entries: Entries,
    ready: VecDeque<Arc<Entry>>,
    /// The entry of which not all was told, and the place of the change that comes next.
    begun_with: Option<(Arc<Entry>, usize)>,
    begun: bool,
}

impl Watcher {
    fn sees(&self, change: &Change) -> bool {
        let key = change.key();
        let chosen = self.kinds.is_empty() || self.kinds.iter().any(|kind| kind == key.kind());
        chosen && {
            let state = self.api.engine.state();
            sees(&state, &self.operator, change, [&state, &state])
        }
    }

    fn bookmark(&self) -> WatchResponse {
        WatchResponse { revision: self.entries.position().0, time: None, changes: Vec::new() }
    }

    /// The changes of an entry from a place on, as many as one answer has; `None` if nothing of that is seen.
    fn part(&mut self, entry: Arc<Entry>, from: usize) -> Option<WatchResponse> {
        let left = &entry.changes()[from..];
        let seen = left.iter().enumerate().filter(|(_, change)| self.sees(change)).take(CHANGES_MAX + 1);
        let mut seen: Vec<_> = seen.collect();
        let next = if seen.len() > CHANGES_MAX { seen.pop().map(|(place, _)| from + place) } else { None };
        let changes: Vec<_> = seen.into_iter().map(|(_, change)| change_message(change)).collect();
        // Who goes on from the middle of an entry begins it again.
        let revision = if next.is_some() { entry.revision.0 - 1 } else { entry.revision.0 };
        let time = Some(time::message(entry.at));
        self.begun_with = next.map(|next| (entry, next));
        (!changes.is_empty()).then_some(WatchResponse { revision, time, changes })
    }

    /// The next answer; `None` when the controller stops.
    async fn next(&mut self) -> Option<Result<WatchResponse, Status>> {
        if !self.begun {
            self.begun = true;
            return Some(Ok(self.bookmark()));
        }
        loop {
            while let Some((entry, from)) = self.begun_with.take().or_else(|| Some((self.ready.pop_front()?, 0))) {
                if let Err(lost) = self.api.still_may(&self.operator, Permission::Watch) {
                    return Some(Err(lost));
                }
                if let Some(answer) = self.part(entry, from) {
                    return Some(Ok(answer));
                }
            }
            match tokio::time::timeout(BOOKMARK, self.entries.next(STRIDE)).await {
                Err(_) => return Some(Ok(self.bookmark())),
                Ok(Ok(Some(entries))) => self.ready.extend(entries),
                Ok(Ok(None)) => return None,
                Ok(Err(error)) => return Some(Err(unreadable(&error))),
            }
        }
    }
}

#[tonic::async_trait]
impl WatchService for Api {
    type WatchStream = Pin<Box<dyn Stream<Item = Result<WatchResponse, Status>> + Send>>;

    async fn watch(&self, request: Request<WatchRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let operator = operator(request.extensions())?;
        let request = request.into_inner();
        known(&request.kinds).map_err(refuse)?;
        let newest = self.engine.state().revision();
        let from = if request.from_now { newest } else { Revision(request.from_revision) };
        if from > newest {
            return Err(refuse(
                Refusal::new(
                    Reason::RevisionOutOfRange,
                    format!("revision {from} is not there yet; the newest is {newest}: is this another store, or one restored from a backup?"),
                )
                .at("from_revision"),
            ));
        }
        let entries = self.engine.entries_after(from);
        let watcher = Watcher {
            api: self.clone(),
            operator,
            kinds: request.kinds,
            entries,
            ready: VecDeque::new(),
            begun_with: None,
            begun: false,
        };
        let stream = futures_util::stream::unfold(watcher, |mut watcher| async move {
            watcher.next().await.map(|answer| (answer, watcher))
        });
        Ok(Response::new(Box::pin(stream)))
    }
}
