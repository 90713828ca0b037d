//! Files to the controller, a piece at a time, and what it answers meanwhile.

use super::Import;
use crate::call::request_pause;
use crate::connect::Api;
use crate::error::Failure;
use freehold_proto::v1::{self, apply_import_request, plan_import_request};
use indicatif::ProgressBar;
use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::time::timeout;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status, Streaming};

/// Bytes in a piece.
const PIECE: usize = 256 << 10;
/// How long the controller may be silent.
const SILENCE_LIMIT: Duration = Duration::from_secs(120);
/// How often an apply is tried.
const TRIES: u32 = 3;

/// An answer: the lines that were told, and the last word.
pub(super) struct Sent<E> {
    pub(super) lines: Vec<v1::ImportLine>,
    pub(super) end: E,
}

/// A part of an answer, of either call.
struct Part<E> {
    progress: Option<v1::ImportProgress>,
    lines: Vec<v1::ImportLine>,
    end: Option<E>,
}

impl From<v1::PlanImportResponse> for Part<v1::ImportPlan> {
    fn from(answer: v1::PlanImportResponse) -> Self {
        Self { progress: answer.progress, lines: answer.lines, end: answer.plan }
    }
}

impl From<v1::ApplyImportResponse> for Part<v1::ImportResult> {
    fn from(answer: v1::ApplyImportResponse) -> Self {
        Self { progress: answer.progress, lines: answer.lines, end: answer.result }
    }
}

/// A piece of a file.
enum Piece {
    File(v1::ImportFile),
    Data(Vec<u8>),
}

/// What would come of an import.
pub(super) async fn plan(import: &Import, api: &Api, bar: &ProgressBar) -> Result<Sent<v1::ImportPlan>, Failure> {
    use plan_import_request::Part as Wire;
    let (pieces, reading) = read(import, bar)?;
    let settings = plan_import_request::Settings { ..import.plan_settings() };
    let first = tokio_stream::once(Wire::Settings(settings));
    let pieces = first.chain(ReceiverStream::new(pieces).map(|piece| match piece {
        Piece::File(file) => Wire::File(file),
        Piece::Data(data) => Wire::Data(data),
    }));
    let requests = pieces.map(|part| v1::PlanImportRequest { part: Some(part) });
    let call = async {
        let answers = api.exchange().plan_import(requests).await?;
        Ok(answers.into_inner())
    };
    answered(api, bar, reading, call).await.map_err(|(_, failure)| failure)
}

/// Carries an import out; once, however often it is tried. What was told of lines comes back with a failure, too.
pub(super) async fn apply(
    import: &Import,
    api: &Api,
    bar: &ProgressBar,
    settings: &apply_import_request::Settings,
) -> Result<Sent<v1::ImportResult>, (Vec<v1::ImportLine>, Failure)> {
    let mut tries = 1;
    loop {
        match apply_once(import, api, bar, settings).await {
            Err((_, failure)) if tries < TRIES && may_pass(&failure) => {
                request_pause(tries).await;
                tries += 1;
            }
            done => return done,
        }
    }
}

/// Whether the next try may meet a controller that answers.
fn may_pass(failure: &Failure) -> bool {
    match failure {
        Failure::Broken { .. } => true,
        Failure::Call { status, .. } => status.code() == Code::Unavailable,
        _ => false,
    }
}

async fn apply_once(
    import: &Import,
    api: &Api,
    bar: &ProgressBar,
    settings: &apply_import_request::Settings,
) -> Result<Sent<v1::ImportResult>, (Vec<v1::ImportLine>, Failure)> {
    use apply_import_request::Part as Wire;
    let (pieces, reading) = read(import, bar).map_err(|failure| (Vec::new(), failure))?;
    let first = tokio_stream::once(Wire::Settings(settings.clone()));
    let pieces = first.chain(ReceiverStream::new(pieces).map(|piece| match piece {
        Piece::File(file) => Wire::File(file),
        Piece::Data(data) => Wire::Data(data),
    }));
    let requests = pieces.map(|part| v1::ApplyImportRequest { part: Some(part) });
    let call = async {
        let answers = api.exchange().apply_import(requests).await?;
        Ok(answers.into_inner())
    };
    answered(api, bar, reading, call).await
}

/// A file that cannot be read any further; with the sending end, for a file must not look as if it ended there.
type Unread = (PathBuf, io::Error, Sender<Piece>);
type Reading = tokio::task::JoinHandle<Result<(), Unread>>;

/// Opens all files, and begins to read them.
fn read(import: &Import, bar: &ProgressBar) -> Result<(Receiver<Piece>, Reading), Failure> {
    let mut files = Vec::new();
    let mut bytes = 0;
    for path in &import.files {
        let unreadable = |source| Failure::File { path: path.clone(), source };
        let file = File::open(path).map_err(unreadable)?;
        bytes += file.metadata().map_err(unreadable)?.len();
        files.push((path.clone(), file));
    }
    bar.set_length(bytes);
    bar.set_position(0);
    let (send, pieces) = mpsc::channel(4);
    let header = import.file();
    let reading = tokio::task::spawn_blocking(move || {
        for (path, mut file) in files {
            if send.blocking_send(Piece::File(header.clone())).is_err() {
                return Ok(());
            }
            loop {
                let mut piece = Vec::with_capacity(PIECE);
                match file.by_ref().take(PIECE as u64).read_to_end(&mut piece) {
                    Ok(0) => break,
                    Ok(_) if send.blocking_send(Piece::Data(piece)).is_err() => return Ok(()),
                    Ok(_) => {}
                    Err(error) => return Err((path, error, send)),
                }
            }
        }
        Ok(())
    });
    Ok((pieces, reading))
}

/// Everything that is answered, until the last word; given up if a file cannot be read to its end.
async fn answered<A: Into<Part<E>>, E>(
    api: &Api,
    bar: &ProgressBar,
    reading: Reading,
    call: impl Future<Output = Result<Streaming<A>, Status>>,
) -> Result<Sent<E>, (Vec<v1::ImportLine>, Failure)> {
    let mut lines = Vec::new();
    let unread = async {
        match reading.await.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic())) {
            // What is still sent is no business of this.
            Ok(()) => std::future::pending().await,
            Err(unread) => unread,
        }
    };
    let answers = listen(api, bar, call, &mut lines);
    let done = tokio::select! {
        done = answers => done,
        (path, source, _open) = unread => Err(Failure::File { path, source }),
    };
    lines.sort_by_key(|line| (line.file, line.line, line.column));
    match done {
        Ok(end) => Ok(Sent { lines, end }),
        Err(failure) => Err((lines, failure)),
    }
}

async fn listen<A: Into<Part<E>>, E>(
    api: &Api,
    bar: &ProgressBar,
    call: impl Future<Output = Result<Streaming<A>, Status>>,
    lines: &mut Vec<v1::ImportLine>,
) -> Result<E, Failure> {
    let endpoint = || api.target().endpoint.clone();
    let late = |_| Failure::Late { endpoint: endpoint(), limit: SILENCE_LIMIT };
    let mut answers = match timeout(SILENCE_LIMIT, call).await.map_err(late)? {
        Ok(answers) => answers,
        Err(status) => return Err(api.failure(status, 1).await),
    };
    loop {
        let part = match timeout(SILENCE_LIMIT, answers.message()).await.map_err(late)? {
            Ok(Some(answer)) => answer.into(),
            Ok(None) => return Err(Failure::Ended { endpoint: endpoint() }),
            Err(status) => return Err(api.failure(status, 1).await),
        };
        lines.extend(part.lines);
        if let Some(progress) = part.progress {
            show(bar, &progress);
        }
        if let Some(end) = part.end {
            return Ok(end);
        }
    }
}

fn show(bar: &ProgressBar, progress: &v1::ImportProgress) {
    use v1::import_progress::Stage;
    match progress.stage() {
        Stage::Applying => bar.set_message(format!("applying {} lines", progress.lines)),
        Stage::Planning | Stage::Unspecified => {
            bar.set_position(progress.bytes);
            bar.set_message(format!("{} lines planned", progress.lines));
        }
    }
}
