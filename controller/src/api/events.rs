use super::Api;
use super::call::{named, not_found};
use super::history::blocking;
use super::page::{self, Page};
use super::status::unreadable;
use crate::history::ANY_TIME;
use crate::trail::{self, Part, Position, TrailError};
use freehold_core::refusal::{Reason, Refusal};
use freehold_core::text::shown;
use freehold_core::{Entry, Revision};
use freehold_proto::convert::event::message;
use freehold_proto::convert::stored::decode_frame;
use freehold_proto::v1::event_service_server::EventService;
use freehold_proto::v1::{Event, GetEventRequest, ListEventsRequest, ListEventsResponse};
use std::sync::Arc;
use tonic::{Request, Response, Status};

/// Entries read at a time, going back.
const STRIDE: u64 = 512;
/// Rows of a trail read at a time.
const FOUND_STRIDE: usize = 256;
/// Entries looked at for one page at most; a page may be short, even empty, and still have a next one.
const LOOKED_AT_MAX: u64 = 100_000;

/// The name of an event.
struct EventName(Revision);

impl std::str::FromStr for EventName {
    type Err = Refusal;

    fn from_str(name: &str) -> Result<Self, Refusal> {
        let number = name.strip_prefix("events/").and_then(|number| number.parse().ok());
        number.map(|number| Self(Revision(number))).ok_or_else(|| {
            Refusal::new(Reason::InvalidName, format!("{} is not of the form events/REVISION", shown(name)))
        })
    }
}

fn wanted(entry: &Entry, request: &ListEventsRequest) -> bool {
    let touches = || entry.changes().iter().any(|change| change.key().to_string() == request.resource);
    (request.resource.is_empty() || touches())
        && (request.principal.is_empty() || entry.actor.principal == request.principal)
}

impl Api {
    /// A page of the events of one resource, or of one caller, by their trail.
    async fn found_events(
        &self,
        request: ListEventsRequest,
        page: Page,
    ) -> Result<Response<ListEventsResponse>, Status> {
        let below = match page.after.as_deref() {
            Some(last) => Position(last.parse().map_err(|_| page::invalid())?),
            None => Position::END,
        };
        self.reach().await?;
        let (trail, size) = (self.trail.clone(), page.size);
        let (entries, last) = blocking(move || find(&trail.entries, &request, below, size)).await?;
        let events = entries.iter().map(message).collect();
        let next_page_token = last.map(|last| page.token(&last.0.to_string())).unwrap_or_default();
        Ok(Response::new(ListEventsResponse { events, next_page_token }))
    }

    /// Entries from after `low` up to `high`, both exclusive of nothing else.
    async fn entries(&self, low: u64, high: u64) -> Result<Vec<Arc<Entry>>, Status> {
        let mut entries = self.engine.entries_after(Revision(low));
        let mut read = Vec::new();
        while entries.position() < Revision(high) {
            let some =
                entries.ready(usize::try_from(STRIDE).expect("small")).await.map_err(|error| unreadable(&error))?;
            if some.is_empty() {
                break;
            }
            read.extend(some.into_iter().filter(|entry| entry.revision.0 <= high));
        }
        Ok(read)
    }
}

/// Up to `size` entries that are wanted, from below a position, the newest first; and where the page ended if there may be more.
fn find(
    trail: &Part,
    request: &ListEventsRequest,
    mut below: Position,
    size: usize,
) -> Result<(Vec<Entry>, Option<Position>), TrailError> {
    let topic = match request.resource.as_str() {
        "" => trail::principal(&request.principal),
        name => trail::resource(name),
    };
    let (mut entries, mut looked_at) = (Vec::<Entry>::new(), 0);
    let mut open: Option<(u64, Vec<Entry>)> = None;
    loop {
        let rows = trail.newest(topic, below, ANY_TIME, size.min(FOUND_STRIDE))?;
        for row in &rows {
            let (frame, revision) = (row.position.frame(), trail::revision(row));
            if open.as_ref().is_none_or(|(seq, _)| *seq != frame) {
                let read = trail.history().read(frame)?.next().transpose()?;
                let read = read.map(|frame| decode_frame(&frame.payload)).transpose()?;
                open = Some((frame, read.unwrap_or_default()));
            }
            let of_frame = open.iter().flat_map(|(_, entries)| entries);
            let told = |entry: &Entry| entries.last().is_some_and(|last: &Entry| last.revision == entry.revision);
            let mut found = of_frame.filter(|entry| Some(entry.revision) == revision && wanted(entry, request));
            let found = found.find(|entry| !told(entry)).cloned();
            entries.extend(found);
            (below, looked_at) = (row.position, looked_at + 1);
            if entries.len() == size || looked_at == LOOKED_AT_MAX {
                return Ok((entries, Some(below)));
            }
        }
        if rows.len() < size.min(FOUND_STRIDE) {
            return Ok((entries, None));
        }
    }
}

#[tonic::async_trait]
impl EventService for Api {
    async fn get_event(&self, request: Request<GetEventRequest>) -> Result<Response<Event>, Status> {
        let EventName(revision) = named(&request.get_ref().name)?;
        let missing = || not_found(Reason::EventNotFound, &request.get_ref().name);
        let before = revision.0.checked_sub(1).ok_or_else(missing)?;
        let entries = self.entries(before, revision.0).await?;
        entries.first().map(|entry| Response::new(message(entry))).ok_or_else(missing)
    }

    async fn list_events(&self, request: Request<ListEventsRequest>) -> Result<Response<ListEventsResponse>, Status> {
        let request = request.into_inner();
        let list = format!("events of {} by {}", request.resource, request.principal);
        let page = Page::parse(request.page_size, &request.page_token, &list)?;
        if !request.resource.is_empty() || !request.principal.is_empty() {
            return self.found_events(request, page).await;
        }
        let newest = self.engine.state().revision().0;
        let mut high = match page.after.as_deref() {
            Some(last) => last.parse::<u64>().map_err(|_| page::invalid())?.saturating_sub(1).min(newest),
            None => newest,
        };
        let floor = high.saturating_sub(LOOKED_AT_MAX);
        let mut events = Vec::new();
        while high > floor && events.len() < page.size {
            let low = high.saturating_sub(STRIDE).max(floor);
            for entry in self.entries(low, high).await?.iter().rev().filter(|entry| wanted(entry, &request)) {
                if events.len() < page.size {
                    events.push(message(entry));
                }
            }
            high = if events.len() < page.size { low } else { events.last().map_or(low, |last| last.revision - 1) };
        }
        let next_page_token = if high > 0 { page.token(&(high + 1).to_string()) } else { String::new() };
        Ok(Response::new(ListEventsResponse { events, next_page_token }))
    }
}
