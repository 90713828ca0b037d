//! How long a large controller takes to start, and whether the store keeps up.
//!
//! `cargo run --release -p freehold-controller --example start [folder]`: 40,000 scopes, 200,000 reservations and 1,000,000 leases are put into
//! new ledgers in the folder (default: the temporary one), and the start is timed from the ledgers alone, from checkpoints, and from the store.

use std::error::Error;
use std::io::{self, Write};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use freehold_controller::checkpoint::{self, Checkpoints, Every};
use freehold_controller::engine::Durable;
use freehold_controller::leases::DurableLeases;
use freehold_controller::ledger::{Append, Ledger, SegmentLedger};
use freehold_controller::recover::{self, DataDir, Memory, SEGMENT_BYTES};
use freehold_controller::store::Follower;
use freehold_controller::view::{Part, Point, View};
use freehold_core::change::{Actor, Entry, Outcome, RequestMark};
use freehold_core::client::ClientIdentity;
use freehold_core::command::{Command, NewReservation, NewScope, PrefixDraft};
use freehold_core::labels::Labels;
use freehold_core::lease::{Lease, LeaseBook, LeaseCursor, LeaseEvent, LeaseEventKind, LeaseState};
use freehold_core::model::PrefixKind;
use freehold_core::name::{AgentName, PrefixName, ReservationName, ScopeName, ServerName, SpaceName};
use freehold_core::text::Text;
use freehold_core::{State, Timestamp, decide};
use freehold_journal::RealDisk;
use freehold_proto::convert::stored::{LeaseBatch, encode_frame, encode_leases};
use tokio::sync::mpsc;

const SCOPES: u32 = 40_000;
const RESERVATIONS: u32 = 5;
const SERVERS: u32 = 100;
const LEASES: u32 = 1_000_000;
const NOW: Timestamp = Timestamp(1_790_000_000_000);

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let base = std::env::args_os().nth(1).map_or_else(std::env::temp_dir, PathBuf::from);
    let folder = tempfile::tempdir_in(base)?;
    let data = DataDir::new(folder.path().join("data"));
    RealDisk::create(data.root())?;
    let mut out = io::stdout().lock();

    let mut world = World::make(&data)?;
    let frames = world.ledgers.iter().map(|ledger| ledger.history().head().0.to_string()).collect::<Vec<_>>();
    writeln!(out, "ledgers: {} and {} frames, {} MB", frames[0], frames[1], bytes(data.root())? >> 20)?;
    world.ledgers.clear();

    let memory = timed(&mut out, "start from the ledgers alone", || recover::open(&data))?;
    let begun = Instant::now();
    let (views, followers) = follow(&data, memory, &mut world);
    drop(views);
    join(followers)?;
    writeln!(out, "filling the store: {:.1} s, {} MB", begun.elapsed().as_secs_f64(), bytes(&data.store())? >> 20)?;
    world.ledgers.clear();

    let memory = timed(&mut out, "start from the store", || recover::open(&data))?;
    assert_eq!((memory.state.from, memory.book.from), (memory.state.at, memory.book.at), "nothing is replayed");
    let identity = memory.state.ledger.identity();
    let begun = Instant::now();
    checkpoint::write(&data.checkpoints(), identity, &memory.state.view, memory.state.at)?;
    checkpoint::write(&data.checkpoints(), identity, &memory.book.view, memory.book.at)?;
    let size = bytes(&data.checkpoints())? >> 20;
    writeln!(out, "writing checkpoints: {:.1} s, {size} MB", begun.elapsed().as_secs_f64())?;

    keep_up(&mut out, &data, memory, &mut world)?;
    let memory = timed(&mut out, "start from the store after that", || recover::open(&data))?;
    assert_eq!(memory.state.view.digest(), world.state.digest());
    assert_eq!(memory.book.view.digest(), world.book.digest());
    drop(memory);
    std::fs::remove_dir_all(data.store())?;
    let memory = timed(&mut out, "start from checkpoints and what came after", || recover::open(&data))?;
    assert_eq!(memory.state.view.digest(), world.state.digest());
    assert_eq!(memory.book.view.digest(), world.book.digest());
    Ok(())
}

fn timed<T, E: Error + 'static>(
    out: &mut impl Write,
    what: &str,
    work: impl FnOnce() -> std::result::Result<T, E>,
) -> Result<T> {
    let begun = Instant::now();
    let done = work()?;
    writeln!(out, "{what}: {:.2} s", begun.elapsed().as_secs_f64())?;
    Ok(done)
}

/// Ten seconds of 8,000 changes and 30,000 lease events a second, in frames as the writers make them.
fn keep_up(out: &mut impl Write, data: &DataDir, memory: Memory, world: &mut World) -> Result<()> {
    let (views, followers) = follow(data, memory, world);
    let (frames, changes, events) = (500, 160, 600);
    let (begun, mut slowest) = (Instant::now(), Duration::ZERO);
    for frame in 0..frames {
        let durable = world.change(frame * changes, changes)?;
        let leases = world.renew(frame * events, events, 1)?;
        let before = Instant::now();
        views.0.blocking_send(durable)?;
        views.1.blocking_send(leases)?;
        slowest = slowest.max(before.elapsed());
        let due = Duration::from_millis(20) * (frame + 1);
        std::thread::sleep(due.saturating_sub(begun.elapsed()));
    }
    let sent = begun.elapsed();
    drop(views);
    join(followers)?;
    let rate = |count: u32| f64::from(frames * count) / sent.as_secs_f64();
    writeln!(
        out,
        "{:.0} changes/s and {:.0} lease events/s (both ledgers synced each time) for {:.1} s: the longest wait for the store {:.0} ms, done {:.0} ms after the last",
        rate(changes),
        rate(events),
        sent.as_secs_f64(),
        slowest.as_secs_f64() * 1e3,
        (begun.elapsed() - sent).as_secs_f64() * 1e3,
    )?;
    world.ledgers.clear();
    Ok(())
}

type Views = (mpsc::Sender<Durable>, mpsc::Sender<DurableLeases>);

fn follow(data: &DataDir, memory: Memory, world: &mut World) -> (Views, [Follower; 2]) {
    let identity = memory.state.ledger.identity();
    let never = Every { frames: u64::MAX, ms: i64::MAX };
    let checkpoints = |part| Checkpoints::new(data.checkpoints(), identity, part, never, Arc::new(|| NOW));
    let Memory { state, book, store, .. } = memory;
    let (states, frames) = mpsc::channel(16);
    let kept = (Arc::new(state.view), state.at);
    let first = Follower::start(store.clone(), kept, state.backlog, checkpoints(Part::State), frames);
    let (books, frames) = mpsc::channel(16);
    let kept = (Arc::new(book.view), book.at);
    let second = Follower::start(store, kept, book.backlog, checkpoints(Part::Leases), frames);
    world.ledgers = vec![state.ledger, book.ledger];
    ((states, books), [first, second])
}

fn join(followers: [Follower; 2]) -> Result<()> {
    for follower in followers {
        follower.join()?;
    }
    Ok(())
}

/// Everything, and the ledgers that say so while they are not open elsewhere.
struct World {
    ledgers: Vec<SegmentLedger>,
    state: State,
    book: LeaseBook,
}

impl World {
    fn make(data: &DataDir) -> Result<Self> {
        let ledger = |path: &Path| -> Result<SegmentLedger> {
            Ok(SegmentLedger::create(Arc::new(RealDisk::create(path)?), [1; 16], SEGMENT_BYTES)?)
        };
        let ledgers = vec![ledger(&data.ledger())?, ledger(&data.leases())?];
        let mut world = Self { ledgers, state: State::default(), book: LeaseBook::default() };
        world.commit(vec![Command::CreateSpace {
            name: SpaceName::from_id("default")?,
            title: Text::default(),
            description: Text::default(),
            labels: Labels::NONE,
        }])?;
        for first in (0..SCOPES).step_by(500) {
            let commands = (first..(first + 500).min(SCOPES)).map(scope).collect::<Result<Vec<_>>>()?;
            world.commit(commands.into_iter().flatten().collect())?;
        }
        for first in (0..LEASES).step_by(10_000) {
            world.renew(first, 10_000, 0)?;
        }
        Ok(world)
    }

    fn commit(&mut self, commands: Vec<Command>) -> Result<Durable> {
        let mut entries = Vec::new();
        for command in commands {
            let revision = self.state.revision().next();
            let entry = Entry {
                revision,
                at: NOW,
                actor: Actor { principal: "operators/alice".to_owned(), ..Actor::default() },
                method: "/freehold.v1.ReservationService/CreateReservation".to_owned(),
                request: Some(RequestMark { id: revision.to_string(), fingerprint: [1; 16] }),
                outcome: Outcome::Done(decide(&self.state, &command, NOW)?),
            };
            self.state.apply(&entry);
            entries.push(Arc::new(entry));
        }
        let at = append(&mut self.ledgers[0], &encode_frame(&entries))?;
        Ok(Durable::new(at.seq, at.hash, entries.into(), Arc::new(self.state.clone())))
    }

    /// Gives so many reservations back, from a place on.
    fn change(&mut self, from: u32, count: u32) -> Result<Durable> {
        let gone = |number: u32| -> Result<Command> {
            let name = reservation(number / RESERVATIONS, number % RESERVATIONS)?;
            Ok(Command::DeleteReservation { name, etag: Default::default() })
        };
        let commands = (from..from + count).map(gone).collect::<Result<_>>()?;
        self.commit(commands)
    }

    /// Renews leases, from a number on, spread over all of them; the first time they are granted.
    fn renew(&mut self, from: u32, count: u32, round: i64) -> Result<DurableLeases> {
        let mut batches = Vec::new();
        for server in 0..SERVERS {
            let name = ServerName::new(AgentName::from_id(&format!("host-{server}"))?, "kea4")?;
            let events: Vec<_> = (from..from + count)
                .filter(|number| number % SERVERS == server)
                .map(|number| event(if round == 0 { number } else { number.wrapping_mul(7919) % LEASES }, round))
                .collect();
            let first_seq = self.book.of(&name).and_then(|leases| leases.cursor).map_or(1, |cursor| cursor.next_seq);
            let next_seq = first_seq + events.len() as u64;
            events.iter().for_each(|event| self.book.apply(&name, event));
            self.book.set_cursor(&name, LeaseCursor { epoch: [2; 16], next_seq });
            batches.push(LeaseBatch { server: name, epoch: [2; 16], first_seq, events, next_seq, at: NOW });
        }
        let at = append(&mut self.ledgers[1], &encode_leases(&batches))?;
        Ok(DurableLeases { seq: at.seq, hash: at.hash, batches: batches.into(), book: Arc::new(self.book.clone()) })
    }
}

fn append(ledger: &mut SegmentLedger, payload: &[u8]) -> Result<Point> {
    let seq = ledger.history().head().0 + 1;
    match ledger.append(seq, payload)? {
        Append::Appended { hash } => Ok(Point { seq, hash }),
        other => Err(format!("{other:?}").into()),
    }
}

fn scope(number: u32) -> Result<Vec<Command>> {
    let space = SpaceName::from_id("default")?;
    let prefix = PrefixName { space: space.clone(), cidr: format!("{}/24", host(number, 0)).parse()? };
    let mut commands = vec![
        Command::CreatePrefix { name: prefix.clone(), draft: PrefixDraft::of(PrefixKind::Network) },
        Command::CreateScope(NewScope {
            ranges: vec![format!("{}-{}", host(number, 100), host(number, 200)).parse()?],
            ..NewScope::of(ScopeName::from_id(&format!("scope-{number}"))?, PrefixName { space, cidr: prefix.cidr })
        }),
    ];
    let [a, b, c, d] = number.to_be_bytes();
    for index in 0..RESERVATIONS {
        commands.push(Command::CreateReservation(NewReservation::of(
            reservation(number, index)?,
            ClientIdentity::Hardware(format!("02:{a:02x}:{b:02x}:{c:02x}:{d:02x}:{index:02x}").parse()?),
        )));
    }
    Ok(commands)
}

fn reservation(scope: u32, index: u32) -> Result<ReservationName> {
    let name = ScopeName::from_id(&format!("scope-{scope}"))?;
    Ok(ReservationName { scope: name, address: host(scope, 10 + index).into() })
}

fn host(scope: u32, number: u32) -> Ipv4Addr {
    Ipv4Addr::from(0x0a00_0000 + (scope << 8) + number)
}

fn event(number: u32, round: i64) -> LeaseEvent {
    let lease = Lease {
        address: host(number / 25, 100 + number % 25).into(),
        prefix_len: 32,
        subnet_id: number / 25 + 1,
        hardware: [[2, 0].as_slice(), &number.to_be_bytes()].concat(),
        client_id: [[1, 2, 0].as_slice(), &number.to_be_bytes()].concat(),
        duid: Vec::new(),
        iaid: 0,
        host_name: format!("client-{number}"),
        cltt: NOW.plus_seconds(round * 60),
        valid_seconds: 3600,
        state: LeaseState::Granted,
    };
    let kind = if round == 0 { LeaseEventKind::Granted } else { LeaseEventKind::Renewed };
    LeaseEvent { kind, lease, observed: NOW, folded: 0 }
}

fn bytes(folder: &Path) -> Result<u64> {
    let mut total = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        total += if metadata.is_dir() { bytes(&entry.path())? } else { metadata.len() };
    }
    Ok(total)
}
