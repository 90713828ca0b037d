//! Import and export.
//!
//! ```text
//! pieces of files ─▶ desk (a thread of its own): lines ─▶ plan on a snapshot ─▶ answer
//!                                                                  │ apply
//!                                              engine: made as it was planned, or planned anew where something changed
//! ```
//!
//! - [`piece`]: what travels, the same for both calls · [`desk`]: pieces into a plan · [`apply`]: the plan into one change
//! - [`export`]: a snapshot as a file
//!
//! A file is never held: what is kept of it is what it changes. The work of an import is done while its answer is read, so it ends
//! when the caller goes away; before the plan is handed to the engine nothing has happened then, after that all of it.

mod apply;
mod desk;
mod export;
mod piece;

use super::Api;
use super::call::{actor, operator, refuse};
use desk::{Desk, Draft};
use freehold_core::access::{Permission, Reach};
use freehold_core::change::Actor;
use freehold_core::name::OperatorName;
use freehold_core::refusal::{Reason, Refusal};
use freehold_proto::v1::exchange_service_server::ExchangeService;
use freehold_proto::v1::{
    ApplyImportRequest, ApplyImportResponse, ExportRequest, ExportResponse, PlanImportRequest, PlanImportResponse,
};
use futures_util::future::ready;
use futures_util::{Stream, StreamExt, stream};
use piece::{End, Part, Piece, Settings};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::mpsc::{self, Sender};
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Extensions, Request, Response, Status, Streaming};

/// Imports that are under way at most: each may keep what a whole change of the ledger needs.
pub const IMPORTS_MAX: usize = 2;
/// How long an import waits for its turn.
const TURN_LIMIT: Duration = Duration::from_secs(30);
/// How long the next piece of a file may take.
const PIECE_LIMIT: Duration = Duration::from_secs(60);
/// Pieces and answers that wait.
const QUEUE: usize = 8;

/// Where the parts of an answer go.
type Answer = Sender<Result<Part, Status>>;
type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// Who imports, through which method.
#[derive(Clone)]
struct Caller {
    api: Api,
    actor: Actor,
    operator: OperatorName,
    method: &'static str,
}

impl Caller {
    fn of(api: &Api, extensions: &Extensions, method: &'static str) -> Result<Self, Status> {
        Ok(Self { api: api.clone(), actor: actor(extensions)?, operator: operator(extensions)?, method })
    }

    /// Where the caller has a permission, which it must have somewhere.
    fn reach(&self, permission: Permission) -> Result<Reach, Refusal> {
        let state = self.api.engine.state();
        let reach = state.operator(&self.operator).map_or(Reach::NOWHERE, |operator| operator.reach(permission));
        if !reach.is_nowhere() {
            return Ok(reach);
        }
        let message = format!("{} may not do that: it needs the permission {permission}", self.operator);
        Err(Refusal::new(Reason::PermissionDenied, message))
    }

    /// The status of a refusal; one for want of a right goes on record.
    async fn refused(&self, refusal: Refusal) -> Status {
        if refusal.reason == Reason::PermissionDenied {
            let (actor, method, message) = (self.actor.clone(), self.method.to_owned(), refusal.message.clone());
            if let Err(error) = self.api.engine.record_denied(actor, method, refusal.reason, message).await {
                return super::status::not_committed(&error);
            }
        }
        refuse(refusal)
    }

    /// Answers with what `work` sends, while it works: when nobody reads the answer any more, the work ends.
    fn answer<A, W>(work: impl FnOnce(Answer) -> W) -> Answers<A>
    where
        A: From<Part> + Send + 'static,
        W: Future<Output = Result<(), Status>> + Send + 'static,
    {
        let (answer, parts) = mpsc::channel(QUEUE);
        let work = work(answer.clone());
        let working = stream::once(async move {
            if let Err(status) = work.await {
                // Whoever asked is gone if nobody takes it.
                drop(answer.send(Err(status)).await);
            }
        });
        let working = working.filter_map(|()| ready(None));
        Box::pin(stream::select(ReceiverStream::new(parts), working).map(|part| part.map(A::from)))
    }

    /// Reads all files, and plans what they come to.
    async fn draft<Q: TryInto<Piece, Error = Refusal>>(
        &self,
        mut pieces: Streaming<Q>,
        answer: &Answer,
    ) -> Result<(Settings, Draft), Status> {
        let first = next(&mut pieces).await?;
        let Some(Piece::Settings(settings)) = first else {
            let message = "an import begins with its settings; send them first, then each file and its bytes";
            return Err(refuse(Refusal::new(Reason::FieldRequired, message).at("settings")));
        };
        let (feed, taken) = mpsc::channel(QUEUE);
        let (caller, answer, chosen) = (self.clone(), answer.clone(), settings.clone());
        let desk = tokio::task::spawn_blocking(move || Desk::new(caller, &chosen, answer).work(taken));
        while let Some(piece) = next(&mut pieces).await? {
            if feed.send(piece).await.is_err() {
                // The desk has ended before the files did: it says why.
                break;
            }
        }
        drop(feed);
        let draft = desk.await.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()));
        match draft {
            Ok(draft) => Ok((settings, draft)),
            Err(refusal) => Err(self.refused(refusal).await),
        }
    }

    /// A place among those who import at once.
    async fn turn(&self) -> Result<OwnedSemaphorePermit, Status> {
        match timeout(TURN_LIMIT, Arc::clone(&self.api.imports).acquire_owned()).await {
            Ok(Ok(turn)) => Ok(turn),
            Ok(Err(_)) | Err(_) => {
                let message = format!("{IMPORTS_MAX} imports are under way already; try again when they are done");
                Err(refuse(Refusal::new(Reason::TooBusy, message)))
            }
        }
    }
}

/// The next piece; `None` at the end.
async fn next<Q: TryInto<Piece, Error = Refusal>>(pieces: &mut Streaming<Q>) -> Result<Option<Piece>, Status> {
    let message = timeout(PIECE_LIMIT, pieces.message()).await.map_err(|_| {
        Status::deadline_exceeded(format!("no piece of the file came for {} s; import it again", PIECE_LIMIT.as_secs()))
    })??;
    message.map(TryInto::try_into).transpose().map_err(refuse)
}

#[tonic::async_trait]
impl ExchangeService for Api {
    type PlanImportStream = Answers<PlanImportResponse>;
    type ApplyImportStream = Answers<ApplyImportResponse>;
    type ExportStream = Answers<ExportResponse>;

    async fn plan_import(
        &self,
        request: Request<Streaming<PlanImportRequest>>,
    ) -> Result<Response<Self::PlanImportStream>, Status> {
        let (_, extensions, pieces) = request.into_parts();
        let caller = Caller::of(self, &extensions, "/freehold.v1.ExchangeService/PlanImport")?;
        Ok(Response::new(Caller::answer(|answer| async move {
            let _turn = caller.turn().await?;
            let (_, draft) = caller.draft(pieces, &answer).await?;
            let plan = Part { end: Some(End::Plan(draft.message())), ..Part::default() };
            drop(answer.send(Ok(plan)).await);
            Ok(())
        })))
    }

    async fn apply_import(
        &self,
        request: Request<Streaming<ApplyImportRequest>>,
    ) -> Result<Response<Self::ApplyImportStream>, Status> {
        let (_, extensions, pieces) = request.into_parts();
        let caller = Caller::of(self, &extensions, "/freehold.v1.ExchangeService/ApplyImport")?;
        Ok(Response::new(Caller::answer(|answer| async move {
            let _turn = caller.turn().await?;
            let (settings, draft) = caller.draft(pieces, &answer).await?;
            let result = caller.apply(&settings, draft, &answer).await?;
            drop(answer.send(Ok(Part { end: Some(End::Result(result)), ..Part::default() })).await);
            Ok(())
        })))
    }

    async fn export(&self, request: Request<ExportRequest>) -> Result<Response<Self::ExportStream>, Status> {
        let caller = Caller::of(self, request.extensions(), "/freehold.v1.ExchangeService/Export")?;
        match export::begin(&caller, request.get_ref()) {
            Ok(chunks) => Ok(Response::new(chunks)),
            Err(refusal) => Err(refuse(refusal)),
        }
    }
}
