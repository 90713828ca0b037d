//! From Kea's lease file into the spool: every change once, in order, whatever crashes.
//!
//! The place in the lease file up to which was read is stored in the spool together with the events read, in one
//! durable step. So after a crash reading resumes exactly behind the last event that is durable. Where it cannot be proven
//! that nothing was missed (the file was replaced behind the agent's back), the spool begins a new epoch before reading goes
//! on, and with every epoch the controller is owed a full listing.

use std::path::{Path, PathBuf};
use std::time::Duration;

use freehold_core::lease::{LeaseCursor, LeaseEvent};
use freehold_proto::convert::lease::wire;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::keeper::chain;
use crate::clock;
use crate::driver::kea::follow::{self, FollowError, Follower, Lost, Position, Watch, WatchError};
use crate::driver::kea::leases::{KnownLeases, seen};
use crate::spool::{Spool, SpoolError, Status};

/// Bytes of the lease file read at a time.
const LOOK_BYTES: u64 = 1 << 20;
/// After a failure the feed begins anew after this.
const RETRY: Duration = Duration::from_secs(2);
/// How long an apply waits for the feed to have caught up, at most.
const BARRIER_LIMIT: Duration = Duration::from_secs(10);

/// Where a spool stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SpoolPosition {
    /// The spool.
    pub epoch: [u8; 16],
    /// The first event that it still has.
    pub first_seq: u64,
    /// The last event that is durable in it; 0 if there is none.
    pub last_seq: u64,
    /// The last event that the controller has acknowledged.
    pub acked_seq: u64,
}

impl SpoolPosition {
    fn of(status: &Status) -> Self {
        Self {
            epoch: status.epoch,
            first_seq: status.first_seq,
            last_seq: status.last_seq,
            acked_seq: status.acked_seq,
        }
    }
}

/// What others ask of the feed.
#[derive(Debug)]
enum Ask {
    /// Read the lease file to its end; answer with where the spool stands then, or nothing if the file is not followed.
    Barrier(oneshot::Sender<Option<LeaseCursor>>),
    /// Say all leases that there are, as of the end of the lease file; nothing if they cannot all be read.
    List(oneshot::Sender<Option<Vec<LeaseEvent>>>),
    /// The controller has every event up to this one durably.
    Acknowledge(u64),
    /// Begin a new epoch: the numbers of this one cannot be trusted. Answered when it is durable.
    BeginEpoch(oneshot::Sender<()>),
}

/// A handle on the feed.
#[derive(Debug, Clone)]
pub struct Feed {
    asks: mpsc::Sender<Ask>,
    position: watch::Receiver<SpoolPosition>,
}

/// The feed's own things.
#[derive(Debug)]
pub struct Follow {
    spool: Spool,
    lease_file: oneshot::Receiver<PathBuf>,
    asks: mpsc::Receiver<Ask>,
    position: watch::Sender<SpoolPosition>,
}

/// Why the feed began anew.
#[derive(Debug, thiserror::Error)]
enum FeedError {
    #[error(transparent)]
    Watch(#[from] WatchError),
    #[error(transparent)]
    Follow(#[from] FollowError),
    #[error(transparent)]
    Spool(#[from] SpoolError),
    #[error("it is not certain that every line of the lease file was seen ({0:?}); all leases are read anew")]
    Lost(Lost),
}

impl Feed {
    /// A feed into `spool`, and the handle on it. The lease file is told later, when the server was found.
    pub fn new(spool: Spool, lease_file: oneshot::Receiver<PathBuf>) -> (Self, Follow) {
        let (asks, asked) = mpsc::channel(16);
        let (says, position) = watch::channel(SpoolPosition::of(&spool.status()));
        (Self { asks, position }, Follow { spool, lease_file, asks: asked, position: says })
    }

    /// Where the spool stands now.
    pub fn position(&self) -> SpoolPosition {
        *self.position.borrow()
    }

    /// Follows where the spool stands.
    pub fn positions(&self) -> watch::Receiver<SpoolPosition> {
        self.position.clone()
    }

    /// Where the spool stands once everything that is in the lease file now is in it (P16); nothing if the feed does not
    /// get there in time, or the server keeps no lease file.
    pub async fn barrier(&self) -> Option<LeaseCursor> {
        let (answer, wait) = oneshot::channel();
        let barrier = async {
            self.asks.send(Ask::Barrier(answer)).await.ok()?;
            wait.await.ok().flatten()
        };
        tokio::time::timeout(BARRIER_LIMIT, barrier).await.ok().flatten()
    }

    /// All leases that there are, or nothing if they cannot all be read now.
    pub async fn list(&self) -> Option<Vec<LeaseEvent>> {
        let (answer, wait) = oneshot::channel();
        self.asks.send(Ask::List(answer)).await.ok()?;
        wait.await.ok().flatten()
    }

    /// The controller has every event up to this one durably.
    pub async fn acknowledge(&self, seq: u64) {
        // A feed that has ended needs to know nothing more.
        drop(self.asks.send(Ask::Acknowledge(seq)).await);
    }

    /// Begins a new epoch of the spool, because the numbers of this one cannot be trusted; returns when it is durable.
    pub async fn begin_epoch(&self) {
        let (answer, wait) = oneshot::channel();
        if self.asks.send(Ask::BeginEpoch(answer)).await.is_ok() {
            // A feed that has ended begins none; the next start of the agent asks again.
            drop(wait.await);
        }
    }
}

impl Follow {
    /// Works until `stop`.
    pub async fn run(mut self, stop: CancellationToken) {
        let lease_file = tokio::select! {
            () = stop.cancelled() => return,
            file = &mut self.lease_file => match file {
                Ok(file) => file,
                // The server keeps no lease file: there is nothing to follow.
                Err(_) => return self.answer_without_leases(&stop).await,
            },
        };
        while !stop.is_cancelled() {
            let failure = match self.follow(&lease_file, &stop).await {
                Ok(()) => return,
                Err(failure) => failure,
            };
            match &failure {
                FeedError::Lost(_) => warn!("{failure}"),
                FeedError::Spool(spool) if spool.is_fatal() => {
                    error!(failure = %chain(&failure), "the spool takes no more events; restart the agent when its disk is well");
                    return self.answer_without_leases(&stop).await;
                }
                _ => warn!(failure = %chain(&failure), "leases cannot be followed; beginning anew"),
            }
            if !matches!(failure, FeedError::Lost(_)) {
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep(RETRY) => {}
                }
            }
        }
    }

    async fn answer_without_leases(&mut self, stop: &CancellationToken) {
        loop {
            let ask = tokio::select! {
                () = stop.cancelled() => return,
                ask = self.asks.recv() => ask,
            };
            match ask {
                None => return,
                // Whoever asked may be gone.
                Some(Ask::List(answer)) => drop(answer.send(None)),
                Some(other) => {
                    if let Err(failure) = self.answer(other, None) {
                        warn!(failure = %chain(&failure), "the spool cannot be changed");
                    }
                }
            }
        }
    }

    async fn follow(&mut self, lease_file: &Path, stop: &CancellationToken) -> Result<(), FeedError> {
        let watch = Watch::begin(lease_file)?;
        let Some((mut follower, mut known)) = self.begin(lease_file, &watch, stop).await? else { return Ok(()) };
        let mut waiting: Vec<Ask> = Vec::new();
        loop {
            let more = self.drain(&mut follower, &mut known, &watch)?;
            if more {
                continue;
            }
            for ask in waiting.drain(..) {
                self.answer(ask, Some((lease_file, &follower)))?;
            }
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = watch.changed() => {}
                ask = self.asks.recv() => match ask {
                    // Answered after another look at the file.
                    Some(ask) => waiting.push(ask),
                    None => return Ok(()),
                },
            }
        }
    }

    /// Where to begin: behind the last durable event, or, where that is unknown, with all leases owed to the controller.
    async fn begin(
        &mut self,
        lease_file: &Path,
        watch: &Watch,
        stop: &CancellationToken,
    ) -> Result<Option<(Follower, KnownLeases)>, FeedError> {
        let stored = self.stored_position();
        if stored.is_none() && !self.spool.status().position.is_empty() {
            warn!("where the lease file was read up to is not known any more; all leases are listed anew");
            self.begin_epoch()?;
        }
        if let Some(position) = stored {
            let known = KnownLeases::of(&follow::leases_at(lease_file, &position)?);
            let settled = watch.settled(lease_file).await;
            match Follower::resume(lease_file, &position, settled)? {
                Ok(follower) => return Ok(Some((follower, known))),
                Err(lost) => {
                    warn!(?lost, "the lease file was replaced while the agent was away; all leases are listed anew");
                    self.begin_epoch()?;
                }
            }
        }
        loop {
            let settled = watch.settled(lease_file).await;
            if let Some((snapshot, follower)) = follow::start(lease_file, settled)? {
                snapshot.bad.iter().for_each(|row| warn!(%row, "a line of the lease file does not read"));
                self.append(&[], follower.position())?;
                info!(leases = snapshot.leases.len(), file = %lease_file.display(), "following leases");
                return Ok(Some((follower, KnownLeases::of(&snapshot.leases))));
            }
            tokio::select! {
                () = stop.cancelled() => return Ok(None),
                () = watch.changed() => {}
            }
        }
    }

    /// Reads what is new, once; whether there is more.
    fn drain(&mut self, follower: &mut Follower, known: &mut KnownLeases, watch: &Watch) -> Result<bool, FeedError> {
        let look = match follower.look(watch.creations(), LOOK_BYTES)? {
            Ok(look) => look,
            Err(lost) => {
                self.begin_epoch()?;
                return Err(FeedError::Lost(lost));
            }
        };
        look.bad.iter().for_each(|row| warn!(%row, "a line of the lease file does not read; its lease may be unknown"));
        if !look.rows.is_empty() {
            let observed = clock::wall();
            let events: Vec<_> = look.rows.iter().filter_map(|row| known.learn(row, observed)).collect();
            self.append(&events, follower.position())?;
        }
        Ok(look.more)
    }

    fn append(&mut self, events: &[LeaseEvent], position: Position) -> Result<(), FeedError> {
        let position = serde_json::to_vec(&position).expect("numbers make JSON");
        let events: Vec<_> = events.iter().map(wire).collect();
        let appended = self.spool.append(&events, &position, clock::wall().0);
        self.tell_position();
        appended?;
        Ok(())
    }

    /// What was missed has no number, so the numbers begin anew: the controller asks for a listing with every new epoch.
    fn begin_epoch(&mut self) -> Result<(), FeedError> {
        self.spool.begin_epoch(clock::wall().0)?;
        self.tell_position();
        Ok(())
    }

    fn tell_position(&self) {
        let at = SpoolPosition::of(&self.spool.status());
        self.position.send_if_modified(|before| std::mem::replace(before, at) != at);
    }

    /// The place in the lease file behind the last durable event; none if the spool is new, or of another form.
    fn stored_position(&self) -> Option<Position> {
        serde_json::from_slice(&self.spool.status().position).ok()
    }

    /// Answers what was asked before the last look at the lease file. Whoever asked may be gone.
    fn answer(&mut self, ask: Ask, following: Option<(&Path, &Follower)>) -> Result<(), FeedError> {
        match ask {
            Ask::Barrier(answer) => {
                let spool = self.spool.status();
                let here = LeaseCursor { epoch: spool.epoch, next_seq: spool.last_seq + 1 };
                answer.send(following.map(|_| here)).unwrap_or_default();
            }
            Ask::Acknowledge(seq) => {
                self.spool.acknowledge(seq);
                self.tell_position();
            }
            Ask::BeginEpoch(answer) => {
                self.begin_epoch()?;
                // Whoever asked may be gone.
                answer.send(()).unwrap_or_default();
            }
            Ask::List(answer) => {
                let leases = following.map(|(file, follower)| follow::leases_at(file, &follower.position()));
                let observed = clock::wall();
                let listed = match leases.transpose() {
                    Ok(leases) => leases.map(|all| all.values().filter_map(|row| seen(row, observed)).collect()),
                    Err(failure) => {
                        warn!(failure = %chain(&failure), "the leases cannot be listed now");
                        None
                    }
                };
                drop(answer.send(listed));
            }
        }
        Ok(())
    }
}
