//! A plan into one change.
//!
//! The plan was decided on a snapshot. If nothing was committed since, its changes are made as they are, and nobody waits but for the
//! disk. If something was, the commands are decided once more on the newest snapshot, off the writer's thread; on a controller that is
//! never quiet for that long, after some tries on the writer's thread, where nothing can come between.

use super::desk::Draft;
use super::piece::{Part, Settings};
use super::{Answer, Caller};
use crate::api::call::{self, refuse};
use crate::api::status;
use crate::engine::{Ahead, Call, CommitError, Committed};
use freehold_core::change::RequestMark;
use freehold_core::import::Step;
use freehold_core::refusal::{Reason, Refusal};
use freehold_core::{Change, Command, Revision, decide};
use freehold_proto::v1::{ImportProgress, ImportResult, import_progress::Stage};
use sha2::{Digest, Sha256};
use tonic::Status;

/// How often a plan is decided off the writer's thread.
const TRIES: usize = 3;

impl Caller {
    /// Carries a plan out, unless a line cannot be, or the plan is not the one that was shown.
    pub(super) async fn apply(
        &self,
        settings: &Settings,
        draft: Draft,
        answer: &Answer,
    ) -> Result<ImportResult, Status> {
        let mark = self.mark(settings, &draft).map_err(refuse)?;
        if let Some(revision) = self.before(mark.as_ref()) {
            return self.told(revision).await;
        }
        if let Err(refusal) = may_be_applied(settings, &draft) {
            return Err(self.refused(refusal).await);
        }
        let progress = ImportProgress { stage: Stage::Applying.into(), bytes: 0, lines: lines(&draft) };
        drop(answer.send(Ok(Part { progress: Some(progress), ..Part::default() })).await);

        let Draft { plan, .. } = draft;
        let places: Vec<_> = plan.steps.iter().map(|Step { file, line, .. }| (*file, *line)).collect();
        let commands = plan.steps.into_iter().map(|step| step.command).collect();
        let ahead = Ahead { base: plan.base, changes: plan.changes };
        let committed = match self.commit(mark, commands, ahead).await {
            Ok(committed) => committed,
            Err(CommitError::Refused(refusal)) if refusal.reason == Reason::PermissionDenied => {
                return Err(self.refused(refusal).await);
            }
            Err(error) => return Err(not_committed(&error, &places)),
        };
        if committed.changes.is_empty() && committed.about.is_some() {
            return self.told(committed.revision).await;
        }
        Ok(result(committed.revision, &committed.changes))
    }

    async fn commit(
        &self,
        request: Option<RequestMark>,
        commands: Vec<Command>,
        mut ahead: Ahead,
    ) -> Result<Committed, CommitError> {
        let engine = &self.api.engine;
        let call = |command, ahead| Call {
            actor: self.actor.clone(),
            method: self.method.to_owned(),
            request: request.clone(),
            command,
            ahead,
            reincarnate_above: None,
        };
        let mut command = Command::Together(commands);
        for _ in 0..TRIES {
            match engine.commit(call(Command::Together(Vec::new()), Some(ahead))).await {
                Err(CommitError::Refused(refusal)) if refusal.reason == Reason::PlanChanged => {}
                done => return done,
            }
            let (state, now) = (engine.state(), engine.now());
            let again = tokio::task::spawn_blocking(move || {
                let changes = decide(&state, &command, now);
                (command, changes.map(|changes| Ahead { base: state.revision(), changes }))
            });
            let (same, decided) = again.await.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()));
            (command, ahead) = (same, decided?);
        }
        engine.commit(call(command, None)).await
    }

    /// The mark of an import that may be repeated: the same files, read the same way.
    fn mark(&self, settings: &Settings, draft: &Draft) -> Result<Option<RequestMark>, Refusal> {
        let fingerprint = Sha256::new().chain_update(self.method).chain_update(draft.content).finalize();
        call::mark_of(&settings.request_id, &fingerprint)
    }

    /// The revision that this import became before, if it did.
    fn before(&self, mark: Option<&RequestMark>) -> Option<Revision> {
        let mark = mark?;
        let state = self.api.engine.state();
        let before = state.request(&self.actor.principal, &mark.id)?;
        (before.fingerprint == mark.fingerprint).then_some(before.revision)
    }

    async fn told(&self, revision: Revision) -> Result<ImportResult, Status> {
        Ok(result(revision, &self.api.changes_of(revision).await?))
    }
}

fn lines(draft: &Draft) -> u64 {
    draft.plan.counts.created + draft.plan.counts.changed
}

fn may_be_applied(settings: &Settings, draft: &Draft) -> Result<(), Refusal> {
    if let Some((line, words)) = &draft.first_refused {
        let count = match draft.refused {
            1 => "a line".to_owned(),
            many => format!("{many} lines"),
        };
        let message = format!("{count} cannot be imported, so nothing was; file {}, {words}", line.file + 1);
        let reason = match line.reason == Reason::PermissionDenied.as_str() {
            true => Reason::PermissionDenied,
            false => Reason::ImportRefused,
        };
        return Err(Refusal::new(reason, message).at("data"));
    }
    if !settings.digest.is_empty() && settings.digest != draft.digest() {
        let message = "the import would do something else now than what was shown, for something was changed since; plan it again";
        return Err(Refusal::new(Reason::PlanChanged, message).at("settings.digest"));
    }
    Ok(())
}

fn result(revision: Revision, changes: &[Change]) -> ImportResult {
    let shown = changes.iter().filter(|change| change.key() != freehold_core::RecordKey::NextSubnetId);
    let (created, changed): (Vec<_>, Vec<_>) = shown.partition(|change| change.before().is_none());
    ImportResult { revision: revision.0, created: created.len() as u64, changed: changed.len() as u64 }
}

/// The status of an import that was planned, and then was not possible any more.
fn not_committed(error: &CommitError, places: &[(u32, u64)]) -> Status {
    let CommitError::Refused(refusal) = error else { return status::not_committed(error) };
    let number = refusal.field.strip_prefix("requests[").and_then(|rest| rest.split(']').next()?.parse::<usize>().ok());
    match number.and_then(|number| places.get(number)) {
        Some((file, line)) => {
            let message = format!(
                "something was changed since the import was planned, and nothing was imported; file {}, line {line}: {}",
                file + 1,
                refusal.message
            );
            refuse(Refusal::new(Reason::PlanChanged, message).at("data"))
        }
        None => status::not_committed(error),
    }
}
