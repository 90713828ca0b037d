//! A TCP proxy that delays, freezes, half opens and breaks connections.
//!
//! Links ([`crate::link`]) lose packets, which TCP repairs; a proxy makes the faults that need a whole connection, and latency. It runs
//! in the test's own process, listens in one host's network and dials from another's.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::host::Host;

/// How long the server behind the proxy may take to accept.
const DIAL_LIMIT: Duration = Duration::from_secs(5);
/// One chunk is on its way at a time, so a delay also limits the rate to this much per delay.
const CHUNK: usize = 64 * 1024;

/// A proxy; dropping it breaks its connections.
#[derive(Debug)]
pub struct Proxy {
    front: Host,
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the one who dialled.
    ToServer,
    /// To the one who dialled.
    ToClient,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    delay: Duration,
    to_server_frozen: bool,
    to_client_frozen: bool,
    ended: bool,
    connections: Vec<TcpStream>,
    pumps: Vec<JoinHandle<()>>,
}

impl Proxy {
    /// Listens at `listen` on `front`, and dials `to` from `back` for every connection.
    pub fn start(front: &Host, listen: SocketAddr, back: &Host, to: SocketAddr) -> Result<Self> {
        let listener =
            front.enter(move || TcpListener::bind(listen)).with_context(|| format!("cannot listen at {listen}"))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::default());
        let acceptor = Builder::new().name("proxy".into()).spawn({
            let (shared, back) = (Arc::clone(&shared), back.clone());
            move || accept(&listener, &shared, &back, to)
        })?;
        Ok(Self { front: front.clone(), address, shared, acceptor: Some(acceptor) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Delivers everything this much later, each way.
    pub fn delay(&self, delay: Duration) {
        self.shared.change(|state| state.delay = delay);
    }

    /// Delivers nothing more in one direction, which leaves connections half open; what is sent meanwhile waits.
    pub fn freeze(&self, direction: Direction) {
        self.shared.change(|state| *state.frozen(direction) = true);
    }

    /// Delivers again, first what waited.
    pub fn thaw(&self) {
        self.shared.change(|state| {
            state.to_server_frozen = false;
            state.to_client_frozen = false;
        });
    }

    /// Ends all connections; new ones are taken.
    pub fn break_connections(&self) {
        self.shared.change(State::break_connections);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.change(|state| {
            state.ended = true;
            state.break_connections();
        });
        // A connection of our own wakes the acceptor, which then sees the end.
        let address = self.address;
        let woken = self.front.enter(move || TcpStream::connect_timeout(&address, DIAL_LIMIT));
        if let (Err(error), Some(acceptor)) = (woken, self.acceptor.as_ref())
            && !acceptor.is_finished()
        {
            eprintln!("the proxy at {address} cannot be ended: {error}");
            return;
        }
        let pumps = std::mem::take(&mut self.shared.state().pumps);
        for thread in self.acceptor.take().into_iter().chain(pumps) {
            if thread.join().is_err() {
                eprintln!("a thread of the proxy at {address} panicked");
            }
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder of the lock panics")
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state());
        self.changed.notify_all();
    }

    /// Waits until what was read at `read` may be delivered; false when the proxy has ended.
    fn may_deliver(&self, direction: Direction, read: Instant) -> bool {
        let mut state = self.state();
        loop {
            if state.ended {
                return false;
            }
            let left = state.delay.saturating_sub(read.elapsed());
            state = if *state.frozen(direction) {
                self.changed.wait(state).expect("no holder of the lock panics")
            } else if left.is_zero() {
                return true;
            } else {
                self.changed.wait_timeout(state, left).expect("no holder of the lock panics").0
            };
        }
    }
}

impl State {
    fn frozen(&mut self, direction: Direction) -> &mut bool {
        match direction {
            Direction::ToServer => &mut self.to_server_frozen,
            Direction::ToClient => &mut self.to_client_frozen,
        }
    }

    fn break_connections(&mut self) {
        for stream in self.connections.drain(..) {
            hang_up(&stream, Shutdown::Both);
        }
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>, back: &Host, to: SocketAddr) {
    while let Ok((client, _)) = listener.accept() {
        if shared.state().ended {
            return;
        }
        let server = back.enter(move || TcpStream::connect_timeout(&to, DIAL_LIMIT));
        if let Err(error) = server.and_then(|server| join(shared, client, server)) {
            // The client sees its connection end: what it would see of a server that is down.
            eprintln!("the proxy cannot reach {to}: {error}");
        }
    }
}

/// Pumps bytes between the two until both have hung up.
fn join(shared: &Arc<Shared>, client: TcpStream, server: TcpStream) -> std::io::Result<()> {
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let ends = [client.try_clone()?, server.try_clone()?];
    let mut pumps = Vec::new();
    for (from, to, direction) in
        [(client.try_clone()?, server.try_clone()?, Direction::ToServer), (server, client, Direction::ToClient)]
    {
        let shared = Arc::clone(shared);
        pumps.push(Builder::new().name("proxy-pump".into()).spawn(move || pump(&shared, from, to, direction))?);
    }
    shared.change(|state| {
        state.connections.extend(ends);
        state.pumps.extend(pumps);
        if state.ended {
            state.break_connections();
        }
    });
    Ok(())
}

fn pump(shared: &Shared, mut from: TcpStream, mut to: TcpStream, direction: Direction) {
    let mut chunk = vec![0; CHUNK];
    loop {
        let length = from.read(&mut chunk).unwrap_or(0);
        if !shared.may_deliver(direction, Instant::now()) {
            return;
        }
        if length == 0 || to.write_all(&chunk[..length]).is_err() {
            hang_up(&to, Shutdown::Write);
            hang_up(&from, Shutdown::Read);
            return;
        }
    }
}

fn hang_up(stream: &TcpStream, how: Shutdown) {
    if let Err(error) = stream.shutdown(how)
        && error.kind() != std::io::ErrorKind::NotConnected
    {
        eprintln!("the proxy cannot hang up: {error}");
    }
}
