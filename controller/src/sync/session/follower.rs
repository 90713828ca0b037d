//! One server of a session: what its agent holds, what it should run, and the step from one to the other.

use super::{Alarm, Followed, Output, Rules, push};
use crate::sync::waits::Wait;
use crate::sync::wanted::Wanted;
use freehold_core::bundle::{self, Bundle, Digest, Hash, Resource, ResourceKey, ResourceKind};
use freehold_core::command::Command;
use freehold_core::lease::LeaseCursor;
use freehold_core::model::{Applied, RefusedBundle, Rejection};
use freehold_core::name::ServerName;
use freehold_core::text::Text;
use freehold_core::time::{Now, StorePoint};
use freehold_proto::bundle::{parse_digest, parse_hash, parse_ref};
use freehold_proto::convert::point;
use freehold_proto::sync::{
    ApplyState, Bookmark, ChangeAck, Inventory, InventoryRequest, ReservationResource, ServerHello, change_ack::Phase,
    resource_result::Code, session_response::Message,
};
use prost::Message as _;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// A change set that is not answered for so long ends the session, in milliseconds.
const ANSWER_MS: u64 = 10 * 60 * 1000;
/// First wait after a server was busy, in milliseconds; doubles up to [`BUSY_MS_MAX`].
const BUSY_MS: u64 = 1000;
const BUSY_MS_MAX: u64 = 30_000;
/// First wait before what was proven is proven again, in milliseconds; doubles up to [`PROOF_MS_MAX`]. Each asks the server
/// for its configuration.
const PROOF_MS: u64 = 1000;
const PROOF_MS_MAX: u64 = 60_000;
/// First wait after a change failed without naming a resource, in milliseconds; doubles up to
/// [`FAILED_MS_MAX`]. Every try may close the server's sockets for a moment.
const FAILED_MS: u64 = 5000;
const FAILED_MS_MAX: u64 = 5 * 60 * 1000;

/// Longest form of a resource that is kept because a server runs it instead of another, in bytes.
const INSTEAD_BYTES_MAX: usize = 1 << 20;

/// What all servers of a session share.
#[derive(Debug)]
pub(super) struct Context {
    pub(super) rules: Rules,
    pub(super) out: VecDeque<Output>,
    pub(super) fence: u64,
    /// Where the store is; `None` before the session is open.
    pub(super) point: Option<StorePoint>,
    pub(super) next_change: u64,
    /// The store went backwards: nothing is removed.
    pub(super) regressed: bool,
    /// This agent obeyed this later state than the store has: nothing is sent at all.
    pub(super) behind: Option<StorePoint>,
}

/// What the agent holds of a server, as far as is known.
#[derive(Debug)]
enum Held {
    /// Nothing at all.
    Nothing,
    /// Something; its digest, if the agent said so.
    Something(Option<Digest>),
    /// These resources, by their hashes.
    Hashes(BTreeMap<ResourceKey, Hash>),
    /// This bundle.
    Bundle(Digest, Arc<Bundle>),
}

#[derive(Debug)]
enum Step {
    /// The shell was asked what the server should run.
    Following,
    /// Nothing is under way; a new wish starts something.
    Ready,
    /// An inventory was asked for; what came so far.
    Inventory(BTreeMap<ResourceKey, Hash>),
    /// A slot for a snapshot was asked for.
    AwaitSlot,
    /// A change set was sent.
    InFlight(Flight),
    /// To be tried again at this tick.
    Waiting(u64),
    /// Somebody has to decide first about what would be removed.
    Parked(Vec<ResourceKey>),
}

#[derive(Debug)]
struct Flight {
    change_id: u64,
    wanted: Wanted,
    target: StorePoint,
    sent_at: u64,
    snapshot: bool,
}

/// One server of a session.
#[derive(Debug)]
pub(super) struct Follower {
    name: ServerName,
    obeyed: Option<StorePoint>,
    held: Held,
    observed: Option<Digest>,
    /// How what it runs differs from what it was proven to run, in words; empty if the agent did not say.
    difference: String,
    wanted: Option<Wanted>,
    recorded: Option<Digest>,
    step: Step,
    /// What the agent and the server are; refusals hang on it.
    edition: Hash,
    /// Digests that the server refused in this session: known here before it is on record.
    refused: BTreeSet<Digest>,
    /// Tries since the last success or the last new wish.
    failures: u32,
    /// A difference was answered with "send a snapshot", although it started from an inventory.
    needs_snapshot: bool,
    slot: bool,
    removals_released: bool,
    /// The digest that was bookmarked, and for which point.
    told: Option<(Digest, StorePoint)>,
    /// Its agent is at a change that an earlier session sent. What it holds may be another thing in a moment; it says when.
    busy: bool,
    /// What it holds was applied, and is undone unless its agent hears the confirmation (P14).
    confirming: bool,
    /// The earliest tick for another proof of what was proven already.
    next_proof: u64,
    /// How long to wait after that one, in milliseconds; doubles up to [`PROOF_MS_MAX`].
    proof_pause_ms: u64,
    /// What its agent undid last because nobody confirmed it.
    unconfirmed: Option<Digest>,
}

impl Follower {
    /// A server as the agent's greeting describes it.
    pub(super) fn greeted(name: ServerName, edition: Hash, hello: &ServerHello) -> Self {
        let held = match hello.applied_digest.as_slice() {
            [] => Held::Nothing,
            digest => Held::Something(parse_digest(digest)),
        };
        Self {
            obeyed: hello.obeyed.as_ref().and_then(point::parse),
            observed: parse_digest(&hello.observed_digest),
            busy: hello.state() == ApplyState::Applying,
            unconfirmed: parse_digest(&hello.unconfirmed_digest),
            held,
            ..Self::found(name, edition)
        }
    }

    /// A server that was found during the session; what its agent holds is not known.
    pub(super) fn found(name: ServerName, edition: Hash) -> Self {
        Self {
            name,
            edition,
            obeyed: None,
            held: Held::Something(None),
            observed: None,
            difference: String::new(),
            wanted: None,
            recorded: None,
            step: Step::Following,
            refused: BTreeSet::new(),
            failures: 0,
            needs_snapshot: false,
            slot: false,
            removals_released: false,
            told: None,
            busy: false,
            confirming: false,
            next_proof: 0,
            proof_pause_ms: PROOF_MS,
            unconfirmed: None,
        }
    }

    pub(super) fn name(&self) -> &ServerName {
        &self.name
    }

    pub(super) fn held_digest(&self) -> Option<Digest> {
        match &self.held {
            Held::Nothing => None,
            Held::Something(digest) => *digest,
            Held::Hashes(hashes) => Some(bundle::digest(hashes.iter().map(|(key, hash)| (key, *hash)))),
            Held::Bundle(digest, _) => Some(*digest),
        }
    }

    pub(super) fn held_bundle(&self) -> Option<(Digest, Arc<Bundle>)> {
        match &self.held {
            Held::Bundle(digest, bundle) => Some((*digest, Arc::clone(bundle))),
            _ => None,
        }
    }

    /// Whether the greeting shows that the server runs something else than it was proven to.
    pub(super) fn drifted(&self) -> bool {
        matches!((self.held_digest(), self.observed), (Some(held), Some(observed)) if held != observed)
    }

    /// The agent says how what the server runs differs from what it was proven to run, or that it does no more.
    pub(super) fn observed(&mut self, observed: Option<Digest>, difference: &str) {
        self.observed = observed;
        difference.clone_into(&mut self.difference);
    }

    /// What it runs, if somebody else changed it.
    pub(super) fn drift(&self) -> Option<Digest> {
        self.observed.filter(|_| self.drifted())
    }

    /// What waits for a person.
    pub(super) fn waits(&self, cx: &Context) -> Vec<Wait> {
        let removes = match &self.step {
            Step::Parked(removes) => removes.clone(),
            _ => Vec::new(),
        };
        let drift = self.drift().map(|observed| Wait::Drift { observed, difference: self.difference.clone() });
        let held = match (cx.behind, cx.point) {
            (Some(held), Some(ours)) => Some(Wait::History { held, ours, removes }),
            _ if !removes.is_empty() => Some(Wait::Removals { removes }),
            _ => None,
        };
        held.into_iter().chain(drift).collect()
    }

    pub(super) fn deadline(&self) -> Option<u64> {
        match &self.step {
            Step::Waiting(until) => Some(*until),
            Step::InFlight(flight) => Some(flight.sent_at + ANSWER_MS),
            _ => None,
        }
    }

    pub(super) fn retry(&self) -> Option<u64> {
        match self.step {
            Step::Waiting(until) => Some(until),
            _ => None,
        }
    }

    pub(super) fn overdue(&self, now: Now) -> bool {
        matches!(&self.step, Step::InFlight(flight) if now.ticks >= flight.sent_at + ANSWER_MS)
    }

    pub(super) fn follow(&mut self, cx: &mut Context, now: Now, followed: Followed) {
        let news = followed.wanted.as_ref().filter(|wanted| Some(wanted.digest) == self.unconfirmed && !wanted.refused);
        if let Some(digest) = news.map(|wanted| wanted.digest) {
            self.undone(cx, now, digest);
        }
        self.recorded = followed.recorded;
        self.wanted = followed.wanted;
        if let (Some(ancestor), Held::Something(Some(digest))) = (followed.ancestor, &self.held)
            && ancestor.digest() == *digest
        {
            self.held = Held::Bundle(*digest, ancestor);
        }
        if matches!(self.step, Step::Following) {
            self.step = Step::Ready;
        }
    }

    pub(super) fn want(&mut self, wanted: Option<Wanted>) {
        let same = matches!((&self.wanted, &wanted), (Some(a), Some(b)) if a.digest == b.digest);
        let lifted = matches!((&self.wanted, &wanted), (Some(a), Some(b)) if a.refused && !b.refused);
        self.wanted = wanted;
        if lifted {
            self.refused.clear();
        }
        if same && !lifted {
            return;
        }
        self.failures = 0;
        if matches!(self.step, Step::Waiting(_) | Step::Parked(_)) {
            self.step = Step::Ready;
        }
    }

    /// What answers is another agent or server than before, or the same.
    pub(super) fn is_now(&mut self, edition: Hash) {
        if self.edition != edition {
            self.edition = edition;
            self.refused.clear();
        }
    }

    pub(super) fn grant(&mut self) {
        self.slot = true;
        if matches!(self.step, Step::AwaitSlot) {
            self.step = Step::Ready;
        }
    }

    pub(super) fn unpark(&mut self) {
        if matches!(self.step, Step::Parked(_)) {
            self.step = Step::Ready;
        }
    }

    /// What was refused is sent again.
    pub(super) fn retry_refused(&mut self) {
        self.refused.clear();
        self.failures = 0;
        if matches!(self.step, Step::Waiting(_)) {
            self.step = Step::Ready;
        }
    }

    pub(super) fn release(&mut self) {
        self.removals_released = true;
        self.unpark();
    }

    /// Takes the next step, if it is time for one.
    pub(super) fn advance(&mut self, cx: &mut Context, now: Now) {
        if self.busy {
            return;
        }
        match &self.step {
            Step::Ready => {}
            Step::Waiting(until) if now.ticks >= *until => self.step = Step::Ready,
            Step::InFlight(_) if !cx.rules.one_in_flight => self.step = Step::Ready,
            _ => return,
        }
        let (Some(wanted), Some(point)) = (self.wanted.clone(), cx.point) else { return };
        if cx.behind.is_some() && cx.rules.stop_on_regression {
            return self.cost_of_regression(cx, &wanted);
        }
        let target = StorePoint { revision: point.revision.max(wanted.revision), ..point };
        cx.point = Some(target);
        if self.held_digest() == Some(wanted.digest) {
            return self.settle(cx, now, &wanted, target);
        }
        let refused = (wanted.refused && cx.rules.recall_refusals) || self.refused.contains(&wanted.digest);
        if refused && cx.rules.remember_refusals {
            return self.free_slot(cx);
        }
        match &self.held {
            Held::Something(_) => self.ask_inventory(cx),
            Held::Nothing | Held::Hashes(_) | Held::Bundle(..) => self.push(cx, now, wanted, target),
        }
    }

    fn ask_inventory(&mut self, cx: &mut Context) {
        cx.send(Message::InventoryRequest(InventoryRequest { server_id: self.name.daemon().to_owned() }));
        self.step = Step::Inventory(BTreeMap::new());
    }

    /// P3: nothing is sent; people are told what a repair would remove.
    fn cost_of_regression(&mut self, cx: &mut Context, wanted: &Wanted) {
        if let Held::Something(_) = self.held {
            return self.ask_inventory(cx);
        }
        let removes = self.removes(&wanted.bundle);
        cx.alarm(Alarm::RegressionCost { server: self.name.clone(), removes: removes.clone() });
        self.step = Step::Parked(removes);
    }

    /// P7 (a): nothing but a bookmark.
    fn settle(&mut self, cx: &mut Context, now: Now, wanted: &Wanted, at: StorePoint) {
        self.step = Step::Ready;
        self.free_slot(cx);
        self.needs_snapshot = false;
        self.held = Held::Bundle(wanted.digest, Arc::clone(&wanted.bundle));
        let moved = self.obeyed.is_none_or(|obeyed| obeyed.incarnation != at.incarnation);
        if self.told.is_none_or(|(digest, _)| digest != wanted.digest) || moved {
            self.told = Some((wanted.digest, at));
            self.obeyed = Some(at);
            self.bookmark(cx, wanted.digest, at);
        }
        if self.drifted() {
            return;
        }
        if self.confirming || wanted.awaited {
            self.prove(cx, now, wanted, at);
        } else if self.recorded != Some(wanted.digest) {
            // It was proven in another session, and nobody heard of it; who needs a barrier asks for a proof.
            self.record(cx, now, wanted, None);
        }
    }

    /// Asks to have it proven again that the server runs what it holds, by a change from that to the same, with the leases
    /// that it granted before.
    fn prove(&mut self, cx: &mut Context, now: Now, wanted: &Wanted, target: StorePoint) {
        if now.ticks < self.next_proof {
            self.step = Step::Waiting(self.next_proof);
            return;
        }
        self.next_proof = now.ticks + self.proof_pause_ms;
        self.proof_pause_ms = (self.proof_pause_ms * 2).min(PROOF_MS_MAX);
        self.send(cx, now, wanted.clone(), target, false);
    }

    fn bookmark(&self, cx: &mut Context, digest: Digest, at: StorePoint) {
        cx.send(Message::Bookmark(Bookmark {
            server_id: self.name.daemon().to_owned(),
            at: Some(point::message(&at)),
            digest: digest.0.to_vec(),
        }));
    }

    fn push(&mut self, cx: &mut Context, now: Now, wanted: Wanted, target: StorePoint) {
        let removes = self.removes(&wanted.bundle);
        let restored = self.obeyed.is_some_and(|obeyed| obeyed.incarnation < target.incarnation);
        let held_back = cx.regressed || (restored && !self.removals_released);
        if held_back && !removes.is_empty() && cx.rules.hold_removals {
            cx.alarm(Alarm::RemovalsHeld { server: self.name.clone(), removes: removes.clone() });
            self.free_slot(cx);
            self.step = Step::Parked(removes);
            return;
        }
        let snapshot = self.needs_snapshot || matches!(self.held, Held::Nothing);
        if snapshot && !self.slot {
            cx.out.push_back(Output::AskSnapshot(self.name.clone()));
            self.step = Step::AwaitSlot;
            return;
        }
        self.proof_pause_ms = PROOF_MS;
        self.send(cx, now, wanted, target, snapshot);
    }

    fn send(&mut self, cx: &mut Context, now: Now, wanted: Wanted, target: StorePoint, snapshot: bool) {
        let change_id = cx.next_change;
        cx.next_change += 1;
        let header = push::Header {
            server: &self.name,
            change_id,
            fence: cx.fence,
            target,
            to: wanted.digest,
            confirm_seconds: wanted.confirm_seconds,
        };
        let parts = match &self.held {
            Held::Hashes(hashes) if !snapshot => push::from_inventory(&header, hashes, &wanted.bundle),
            Held::Bundle(from, bundle) if !snapshot => push::from_bundle(&header, *from, bundle, &wanted.bundle),
            _ => push::snapshot(&header, &wanted.bundle),
        };
        for part in parts {
            cx.send(Message::Change(part));
        }
        self.obeyed = Some(target);
        let flight = Flight { change_id, wanted, target, sent_at: now.ticks, snapshot };
        self.step = Step::InFlight(flight);
    }

    /// What the agent holds, as far as is known, and `wanted` does not have.
    fn removes(&self, wanted: &Bundle) -> Vec<ResourceKey> {
        let gone = |key: &&ResourceKey| !wanted.resources().contains_key(*key);
        match &self.held {
            Held::Nothing | Held::Something(_) => Vec::new(),
            Held::Hashes(hashes) => hashes.keys().filter(gone).cloned().collect(),
            Held::Bundle(_, bundle) => bundle.resources().keys().filter(gone).cloned().collect(),
        }
    }

    pub(super) fn inventory(&mut self, cx: &mut Context, inventory: Inventory) {
        let mut hashes = match std::mem::replace(&mut self.step, Step::Ready) {
            Step::Inventory(hashes) => hashes,
            // Nobody asked, or the answer came twice.
            other => {
                self.step = other;
                return;
            }
        };
        for version in inventory.held {
            // What cannot be read cannot be compared with: only a snapshot is sure to replace it.
            match (parse_ref(&version.kind, &version.id), parse_hash(&version.hash)) {
                (Ok(key), Some(hash)) => {
                    hashes.insert(key, hash);
                }
                _ => self.needs_snapshot = true,
            }
        }
        if inventory.last {
            self.held = Held::Hashes(hashes);
        } else {
            self.step = Step::Inventory(hashes);
        }
        self.free_slot(cx);
    }

    pub(super) fn answered(&mut self, cx: &mut Context, now: Now, ack: &ChangeAck) {
        let flight = match std::mem::replace(&mut self.step, Step::Ready) {
            Step::InFlight(flight) if flight.change_id == ack.change_id => flight,
            other => {
                self.step = other;
                return;
            }
        };
        match ack.phase() {
            Phase::Staged => {
                self.free_slot(cx);
                self.step = Step::InFlight(flight);
                return;
            }
            Phase::Applied => self.applied(cx, now, flight, ack),
            Phase::Rejected => self.rejected(cx, now, flight, ack),
            Phase::FailedRolledBack if !ack.results.is_empty() => self.rejected(cx, now, flight, ack),
            Phase::FailedRolledBack => self.failed(cx, now, &ack.server_error),
            Phase::FailedDirty => {
                let alarm = Alarm::Dirty { server: self.name.clone(), error: ack.server_error.clone() };
                cx.alarm(alarm);
                self.failed(cx, now, &ack.server_error);
            }
            Phase::NeedSnapshot => self.step_back(now, flight.snapshot),
            Phase::Busy | Phase::Unspecified => self.wait(now, BUSY_MS, BUSY_MS_MAX),
        }
        self.free_slot(cx);
    }

    fn applied(&mut self, cx: &mut Context, now: Now, flight: Flight, ack: &ChangeAck) {
        if parse_digest(&ack.digest) != Some(flight.wanted.digest) {
            let why = "the server runs something else after the change than it was sent";
            self.held = Held::Something(None);
            return self.failed(cx, now, why);
        }
        self.held = Held::Bundle(flight.wanted.digest, Arc::clone(&flight.wanted.bundle));
        self.observed = Some(flight.wanted.digest);
        self.obeyed = Some(flight.target);
        self.told = Some((flight.wanted.digest, flight.target));
        self.failures = 0;
        self.needs_snapshot = false;
        if flight.wanted.confirm_seconds > 0 && !std::mem::take(&mut self.confirming) {
            // P14: it was heard of over this very line, so the change did not cut it. It counts as proven when the agent has
            // heard this, too: the proof that is asked for next is answered after it.
            self.bookmark(cx, flight.wanted.digest, flight.target);
            (self.confirming, self.next_proof) = (true, now.ticks);
            return;
        }
        let epoch = <[u8; 16]>::try_from(ack.lease_epoch.as_slice()).ok();
        let barrier = epoch.map(|epoch| LeaseCursor { epoch, next_seq: ack.lease_seq.saturating_add(1) });
        self.record(cx, now, &flight.wanted, barrier);
        if barrier.is_some() {
            self.proof_pause_ms = PROOF_MS;
            let paid = |wanted: &&mut Wanted| {
                wanted.digest == flight.wanted.digest && wanted.revision <= flight.wanted.revision
            };
            if let Some(wanted) = self.wanted.as_mut().filter(paid) {
                // What is waited for is on its way into the store; if that does not do, the next wish says so.
                wanted.awaited = false;
            }
        }
    }

    /// What came of something that the agent did without a change set: an overwrite that an operator decided on, which puts back
    /// what was last proven, or an undoing of what nobody confirmed.
    pub(super) fn answered_by_itself(&mut self, cx: &mut Context, now: Now, ack: &ChangeAck) {
        let was_busy = std::mem::take(&mut self.busy);
        match (ack.phase(), parse_digest(&ack.digest)) {
            (Phase::FailedRolledBack, Some(unconfirmed)) => {
                self.undone(cx, now, unconfirmed);
                self.held = Held::Something(None);
                self.recorded = None;
            }
            (Phase::Applied, digest) => {
                if self.held_digest() != digest && !matches!(self.step, Step::InFlight(_)) {
                    (self.held, self.step) = (Held::Something(digest), Step::Ready);
                }
                self.observed(digest, "");
            }
            // It holds what it held; what it refused is sent again, and answered for then.
            _ if was_busy => {}
            (Phase::Busy, _) => {
                self.reject(cx, BTreeMap::new(), "the server cannot be changed now; decide again", None)
            }
            (Phase::Staged, _) => {}
            _ => self.reject(cx, BTreeMap::new(), &ack.server_error, None),
        }
    }

    /// P14: the agent undid a bundle that nobody confirmed: it cut the agent off, and is not sent again by itself.
    fn undone(&mut self, cx: &mut Context, now: Now, digest: Digest) {
        self.refused.insert(digest);
        let message = "with it the agent lost the controller, and undid it when the time to confirm it was over";
        let bundle = RefusedBundle { digest, edition: self.edition, message: message.to_owned(), at: now.wall };
        self.reject(cx, BTreeMap::new(), message, Some(bundle));
    }

    fn record(&mut self, cx: &mut Context, now: Now, wanted: &Wanted, barrier: Option<LeaseCursor>) {
        self.recorded = Some(wanted.digest);
        let applied = Applied {
            revision: wanted.revision,
            digest: wanted.digest,
            at: now.wall,
            took_ms: u64::try_from(now.wall.since(wanted.committed)).unwrap_or(0),
            barrier,
        };
        cx.out.push_back(Output::Submit(Command::RecordApplied { server: self.name.clone(), applied }));
    }

    /// P10: what was refused goes into quarantine; the bundle without it comes back as the next wish. If no resource is
    /// named, the bundle as a whole is remembered, and not sent again until it is another one, or another edition answers.
    fn rejected(&mut self, cx: &mut Context, now: Now, flight: Flight, ack: &ChangeAck) {
        self.refused.insert(flight.wanted.digest);
        let resources = flight.wanted.bundle.resources();
        let rejection = |result: &freehold_proto::sync::ResourceResult| {
            let key = parse_ref(&result.kind, &result.id).ok()?;
            let rejection = Rejection {
                hash: resources.get(&key)?.hash(),
                field: Text::parse(&result.field).unwrap_or_default(),
                message: cut(&result.message),
                at: now.wall,
                lacking: (result.code() == Code::Unsupported).then_some(self.edition),
                instead: instead(&key, resources.get(&key)?, &result.runs),
            };
            Some((key, rejection))
        };
        let rejections: BTreeMap<_, _> = ack.results.iter().filter_map(rejection).collect();
        let whole = rejections.is_empty().then(|| RefusedBundle {
            digest: flight.wanted.digest,
            edition: self.edition,
            message: cut(&ack.server_error),
            at: now.wall,
        });
        self.reject(cx, rejections, &ack.server_error, whole);
    }

    fn failed(&mut self, cx: &mut Context, now: Now, error: &str) {
        let error = if error.is_empty() { "the change failed; the server did not say why" } else { error };
        self.reject(cx, BTreeMap::new(), error, None);
        self.wait(now, FAILED_MS, FAILED_MS_MAX);
    }

    fn reject(
        &self,
        cx: &mut Context,
        rejections: BTreeMap<ResourceKey, Rejection>,
        error: &str,
        bundle: Option<RefusedBundle>,
    ) {
        let command = Command::RecordRejected { server: self.name.clone(), rejections, error: cut(error), bundle };
        cx.out.push_back(Output::Submit(command));
    }

    /// P7: one step further back, and never to the snapshot first.
    fn step_back(&mut self, now: Now, was_snapshot: bool) {
        self.needs_snapshot |= matches!(self.held, Held::Hashes(_));
        if matches!(self.held, Held::Bundle(..)) {
            self.held = Held::Something(None);
        }
        self.failures += 1;
        if was_snapshot || self.failures > 3 {
            self.wait(now, BUSY_MS, BUSY_MS_MAX);
        }
    }

    fn wait(&mut self, now: Now, first_ms: u64, most_ms: u64) {
        let doubled = first_ms.checked_shl(self.failures.min(20)).unwrap_or(most_ms).min(most_ms);
        self.failures += 1;
        self.step = Step::Waiting(now.ticks + doubled);
    }

    fn free_slot(&mut self, cx: &mut Context) {
        if std::mem::take(&mut self.slot) {
            cx.out.push_back(Output::ReleaseSnapshot(self.name.clone()));
        }
    }
}

/// A server's own words, no longer than anybody reads.
fn cut(words: &str) -> String {
    words.chars().take(2000).collect()
}

/// The form of a resource that a server goes on with while it refuses another (P10): the one that it runs. A scope always does,
/// so that no refusal leaves a network without DHCP; a reservation only if it is for the same client, as its address may be
/// meant for another by now.
fn instead(key: &ResourceKey, refused: &Resource, runs: &[u8]) -> Option<Resource> {
    let older = Resource::new(runs.to_vec());
    if runs.is_empty() || runs.len() > INSTEAD_BYTES_MAX || older.hash() == refused.hash() {
        return None;
    }
    let same = match key.kind {
        ResourceKind::Scope => true,
        ResourceKind::Reservation => {
            let client = |resource: &Resource| ReservationResource::decode(resource.body()).ok()?.client;
            client(&older).is_some_and(|before| client(refused) == Some(before))
        }
    };
    same.then_some(older)
}
