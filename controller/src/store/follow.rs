//! The thread that keeps a part of the store, and its checkpoints, behind its ledger.

use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::sync::mpsc;
use tracing::error;

use super::meta::{self, Meta};
use super::open::{guarded, words};
use super::{Store, Unusable};
use crate::checkpoint::Checkpoints;
use crate::view::{Digest, Point, RowChange, View};

/// Frames with so many changes are written together.
const CHANGES_AT_ONCE: usize = 10_000;

/// What the store already has of a view.
#[derive(Debug)]
pub enum Backlog<V: View> {
    /// Everything up to an earlier frame, since which this may have been touched.
    Since(Arc<V>, Point, V::Touched),
    /// Nothing.
    Everything,
}

/// Why a part is not kept any more. The controller goes on without it.
#[derive(Debug, thiserror::Error)]
#[error("the store's {part} are not kept any more; they are brought up to date at the next start")]
pub struct FollowerError {
    /// Which part.
    part: &'static str,
    /// Why.
    #[source]
    source: Unusable,
}

/// The running thread; joined at shutdown.
#[derive(Debug)]
pub struct Follower {
    thread: JoinHandle<Result<(), FollowerError>>,
}

impl Follower {
    /// Keeps `store` behind `frames`, which begin right after `at`, where the ledger made `view`.
    ///
    /// It ends when the sender of the frames is gone, or when the store fails; then it takes no more frames.
    pub fn start<V: View>(
        store: Store,
        (view, at): (Arc<V>, Point),
        backlog: Backlog<V>,
        checkpoints: Checkpoints,
        frames: mpsc::Receiver<V::Frame>,
    ) -> Self {
        let part = V::PART.word();
        let run = move || {
            let kept = guarded(|| keep(store, (view, at), backlog, checkpoints, frames));
            kept.map_err(|source| FollowerError { part, source }).inspect_err(|failure| {
                let source: &dyn std::error::Error = &failure.source;
                error!(source, "{failure}");
            })
        };
        let thread = std::thread::Builder::new().name(format!("store {part}")).spawn(run);
        Self { thread: thread.expect("a thread can be started at start-up") }
    }

    /// Waits until it has written everything and ended.
    ///
    /// # Errors
    /// Why it ended earlier.
    pub fn join(self) -> Result<(), FollowerError> {
        self.thread
            .join()
            .unwrap_or_else(|panic| Err(FollowerError { part: "rows", source: Unusable::Panicked(words(&*panic)) }))
    }
}

fn keep<V: View>(
    store: Store,
    (view, at): (Arc<V>, Point),
    backlog: Backlog<V>,
    mut checkpoints: Checkpoints,
    mut frames: mpsc::Receiver<V::Frame>,
) -> Result<(), Unusable> {
    let (mut writer, at) = match backlog {
        // To write what is there would open the tree, which nobody may need for long.
        Backlog::Since(stored, stored_at, touched) => {
            let mut writer = Writer { store, view: stored };
            if stored_at != at {
                writer.write(Arc::clone(&view), at, touched)?;
            }
            (writer, at)
        }
        Backlog::Everything => Writer::fill(store, Arc::clone(&view), at, &mut frames)?,
    };
    checkpoints.note(writer.view.as_ref(), at);
    while let Some(frame) = frames.blocking_recv() {
        let mut touched = V::Touched::default();
        let mut weight = V::weight(&frame);
        let (mut at, mut view) = V::follow(frame, &mut touched);
        while weight < CHANGES_AT_ONCE {
            let Ok(frame) = frames.try_recv() else { break };
            weight += V::weight(&frame).max(1);
            (at, view) = V::follow(frame, &mut touched);
        }
        writer.write(view, at, touched)?;
        checkpoints.note(writer.view.as_ref(), at);
    }
    checkpoints.join();
    writer.store.tree.flush()
}

/// What the tree has.
struct Writer<V> {
    store: Store,
    view: Arc<V>,
}

impl<V: View> Writer<V> {
    /// Fills an empty tree, while frames go on coming in. Says where it stands then.
    fn fill(
        store: Store,
        view: Arc<V>,
        at: Point,
        frames: &mut mpsc::Receiver<V::Frame>,
    ) -> Result<(Self, Point), Unusable> {
        let mut meta =
            Meta { identity: store.identity, at, revision: view.revision(), rows: 0, digest: Digest::default() };
        let (mut touched, mut newest) = (V::Touched::default(), None);
        let mut rows = view.rows().peekable();
        while rows.peek().is_some() {
            let mut part = Vec::new();
            for (key, value) in rows.by_ref().take(CHANGES_AT_ONCE) {
                meta.digest.add(&key, &value);
                meta.rows += 1;
                part.push((key, Some(value)));
            }
            store.write(part)?;
            while let Ok(frame) = frames.try_recv() {
                newest = Some(V::follow(frame, &mut touched));
            }
        }
        drop(rows);
        store.write(vec![(meta::key(V::PART), Some(meta.encode()))])?;
        let mut writer = Self { store, view };
        let Some((newer, view)) = newest else { return Ok((writer, at)) };
        writer.write(view, newer, touched)?;
        Ok((writer, newer))
    }

    /// Brings the tree to `view`.
    fn write(&mut self, view: Arc<V>, at: Point, touched: V::Touched) -> Result<(), Unusable> {
        let mut meta = self.store.meta(V::PART)?;
        let mut rows = Vec::new();
        for RowChange { key, before, after } in V::changes(&self.view, &view, touched) {
            if let Some(before) = before {
                meta.digest.remove(&key, &before);
                meta.rows -= 1;
            }
            if let Some(after) = &after {
                meta.digest.add(&key, after);
                meta.rows += 1;
            }
            rows.push((key, after));
        }
        (meta.at, meta.revision) = (at, view.revision());
        self.view = view;
        self.store.replace(V::PART, rows, &meta)
    }
}
