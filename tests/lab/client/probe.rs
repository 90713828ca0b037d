//! A client that asks all the time, to show that a server never falls silent.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};

use super::Client;
use super::message::{Kind, Message};

/// How long the last question may be answered after the probe was told to stop.
const LATE: Duration = Duration::from_secs(1);

/// A running probe.
#[derive(Debug)]
pub struct Probe {
    start: Instant,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<Vec<Attempt>>>,
}

/// One exchange: DISCOVER, OFFER, REQUEST, ACK.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// When the DISCOVER was sent, since the probe's start.
    pub asked: Duration,
    /// When it ended, since the probe's start.
    pub ended: Option<(Duration, Answer)>,
}

/// A server's last word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// ACK, with the address.
    Granted(Ipv4Addr),
    /// NAK.
    Refused,
}

impl Client {
    /// Asks from now on, `every` so often, always as the client `hardware_address`; no question waits for the one before.
    pub fn probe(&self, hardware_address: [u8; 6], every: Duration) -> Result<Probe> {
        let socket = self.host.enter(|| {
            let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 68))?;
            socket.set_broadcast(true)?;
            Ok::<_, std::io::Error>(socket)
        });
        let socket = socket.context("the probe has no socket")?;
        let stop = Arc::new(AtomicBool::new(false));
        let start = Instant::now();
        let asking = Asking { socket, hardware_address, every, start, attempts: Vec::new() };
        let thread = std::thread::Builder::new().name("probe".into()).spawn({
            let stop = Arc::clone(&stop);
            move || asking.run(&stop)
        })?;
        Ok(Probe { start, stop, thread })
    }
}

impl Probe {
    /// What the times of its attempts count from.
    pub fn started(&self) -> Instant {
        self.start
    }

    /// Stops asking, and hands back what was answered.
    pub fn stop(self) -> Result<Vec<Attempt>> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| anyhow!("the probe panicked"))?
    }
}

/// The longest time in which no question ended with an ACK, from the first question on.
pub fn longest_silence(attempts: &[Attempt]) -> Duration {
    let granted = |attempt: &Attempt| match attempt.ended {
        Some((at, Answer::Granted(_))) => Some(at),
        _ => None,
    };
    let mut ends: Vec<Duration> = attempts.iter().filter_map(granted).collect();
    ends.sort_unstable();
    // A question after the last grant was met with silence, at least until it was asked.
    let unanswered =
        attempts.last().map(|attempt| attempt.asked).filter(|asked| ends.last().is_none_or(|end| end < asked));
    ends.extend(unanswered);
    let starts = [Duration::ZERO].into_iter().chain(ends.iter().copied());
    starts.zip(&ends).map(|(start, &end)| end - start).max().unwrap_or_default()
}

struct Asking {
    socket: UdpSocket,
    hardware_address: [u8; 6],
    every: Duration,
    start: Instant,
    /// The transaction id of an attempt is its index.
    attempts: Vec<Attempt>,
}

impl Asking {
    fn run(mut self, stop: &AtomicBool) -> Result<Vec<Attempt>> {
        let mut next = self.start;
        while !stop.load(Ordering::Relaxed) {
            let xid = u32::try_from(self.attempts.len())?;
            self.attempts.push(Attempt { asked: self.start.elapsed(), ended: None });
            self.send(&Message::discover(xid, self.hardware_address))?;
            next += self.every;
            self.listen_until(next)?;
        }
        let last = Instant::now() + LATE;
        while self.attempts.last().is_some_and(|attempt| attempt.ended.is_none()) && Instant::now() < last {
            self.listen_until(Instant::now() + self.every.min(LATE))?;
        }
        Ok(self.attempts)
    }

    fn listen_until(&mut self, deadline: Instant) -> Result<()> {
        let mut buffer = [0; 1500];
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            self.socket.set_read_timeout(Some(left))?;
            match self.socket.recv(&mut buffer) {
                Ok(length) => self.hear(&buffer[..length])?,
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    return Ok(());
                }
                Err(error) => return Err(error).context("the probe cannot receive"),
            }
        }
    }

    fn hear(&mut self, bytes: &[u8]) -> Result<()> {
        let Some(message) = Message::decode(bytes).filter(|message| message.hardware_address == self.hardware_address)
        else {
            return Ok(());
        };
        let now = self.start.elapsed();
        let Some(attempt) = usize::try_from(message.xid).ok().and_then(|index| self.attempts.get_mut(index)) else {
            return Ok(());
        };
        match message.kind {
            Kind::Offer => {
                if let Some(request) = message.request() {
                    self.send(&request)?;
                }
            }
            Kind::Ack => attempt.ended = Some((now, Answer::Granted(message.yours))),
            Kind::Nak => attempt.ended = Some((now, Answer::Refused)),
            Kind::Discover | Kind::Request => {}
        }
        Ok(())
    }

    fn send(&self, message: &Message) -> Result<()> {
        self.socket.send_to(&message.encode(), (Ipv4Addr::BROADCAST, 67)).map(drop).context("the probe cannot send")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_measured_between_grants_and_to_the_last_question() {
        let at = Duration::from_millis;
        let granted =
            |asked, ended| Attempt { asked: at(asked), ended: Some((at(ended), Answer::Granted(Ipv4Addr::LOCALHOST))) };
        let refused = Attempt { asked: at(300), ended: Some((at(310), Answer::Refused)) };
        let unheard = Attempt { asked: at(900), ended: None };

        assert_eq!(longest_silence(&[]), at(0));
        assert_eq!(longest_silence(&[granted(0, 40), granted(100, 110)]), at(70));
        assert_eq!(longest_silence(&[granted(0, 10), refused, granted(400, 410)]), at(400));
        assert_eq!(longest_silence(&[granted(0, 10), unheard]), at(890));
    }
}
